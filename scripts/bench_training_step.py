"""One training step of the published head on cached frames: ours against the straightforward way, in one run.

    python scripts/bench_training_step.py [--clips 384] [--batch 128] [--threads 2] [--device cuda]

Both sides train the published head, with the pooling that SpeechBrain has (ECAPA's, 67 million parameters), with both
of its losses and AdamW on the same clips: frames of three encoders at their true sizes in bfloat16, lengths log-normal
as in MSP-Podcast. Ours reads a cache through the data module of `fit`: batches of similar length, pooling over real
frames. The straightforward way saves one file per clip and encoder, draws clips in random order, pads them with
zeros, and has SpeechBrain's pooling. Values are random. Ours steps with the configs' AdamW, one pass over the weights;
the straightforward way with torch's own default.

First both train on the same batches from the same weights, batch norm in eval mode (in training SpeechBrain's sees
padding), and must arrive at the same losses and gradients. Then each trains one epoch of its own.
"""

import itertools
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from extraction.machine import copy_bandwidth
from jsonargparse import auto_cli
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

from vibespeaker.batch import EmotionBatch, Frames
from vibespeaker.cache import CacheRecipe, EncoderRecord
from vibespeaker.cache.keys import text_contents
from vibespeaker.cache.merge import merge_index
from vibespeaker.cache.records import write_recipe, write_record
from vibespeaker.cache.shards import Entry, write_shard
from vibespeaker.labels import label_set
from vibespeaker.losses import AttributeMSE, CrossEntropy, InverseFrequency, MultiTaskLoss
from vibespeaker.manifest import ManifestMetadata, build
from vibespeaker.models import MultiEncoderModel
from vibespeaker.models.pooling import Pooling
from vibespeaker.models.speechbrain_pooling import SpeechBrainPooling, own_weights
from vibespeaker.provenance import Fingerprint
from vibespeaker.tasks import EmotionDataModule

#: Widths of Whisper-large-v3, WavLM-large and RoBERTa-large.
ENCODERS = {"whisper": 1280, "wavlm": 1024, "roberta": 1024}
FRAMES_PER_SECOND, SHARD = 50, 128
CLASSES = label_set("challenge").classes
PARTS = ("read", "pooling", "rest of the head", "optimiser")


class FilePart(Dataset[tuple[dict[str, Tensor], int]]):
    """One file per clip and encoder, as `torch.save` wrote it."""

    def __init__(self, folder: Path, clips: int) -> None:
        self.folder, self.clips = folder, clips

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, clip: int) -> tuple[dict[str, Tensor], int]:
        """Return the clip's frames by encoder, and its number."""
        return {name: torch.load(self.folder / name / f"{clip}.pt") for name in ENCODERS}, clip


class Side:
    """A head in training, and how long the parts of its steps took.

    Poolings are timed within the step: their forward passes, and the backward pass from the first gradient of a pooled
    embedding on. As frames are frozen, nothing but the poolings and two small projections is left at that point.
    """

    def __init__(self, model: MultiEncoderModel, loss: MultiTaskLoss, device: torch.device, **optimizer: Any) -> None:
        self.model, self.loss, self.device = model.to(device), loss.to(device), device
        self.optimizer = torch.optim.AdamW(model.parameters(), 2e-5, **optimizer)
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._began = 0.0
        for pooling in model.poolings:
            pooling.register_forward_pre_hook(lambda *_: self._begin())
            pooling.register_forward_hook(lambda _module, _frames, pooled: self._pooled(pooled))

    def train(self, batches: Iterator[EmotionBatch], steps: int) -> list[float]:
        """Take steps, note how long their parts took, and return the losses."""
        self.seconds = dict.fromkeys(PARTS, 0.0)
        losses = []
        for _ in range(steps):
            start = self._now()
            batch = next(batches).to(self.device, non_blocking=True)
            read, pooled = self._now(), self.seconds["pooling"]
            self.optimizer.zero_grad()
            loss = self.loss.total(self.loss(self.model(batch.frames), batch))
            self._began = 0.0
            loss.backward()
            computed = self._now()
            self.seconds["pooling"] += computed - self._began
            self.optimizer.step()
            losses.append(loss.item())
            self.seconds["read"] += read - start
            self.seconds["rest of the head"] += computed - read - (self.seconds["pooling"] - pooled)
            self.seconds["optimiser"] += self._now() - computed
        return losses

    def _begin(self) -> None:
        self._began = self._now()

    def _pooled(self, pooled: Tensor) -> None:
        self.seconds["pooling"] += self._now() - self._began
        pooled.register_hook(lambda _gradient: self._begin() if self._began == 0.0 else None)

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()


def draw_lengths(clips: int) -> dict[str, np.ndarray]:
    """Return frames of each clip by encoder: log-normal with a mean of 5.8 s, and about three tokens a second."""
    generator = np.random.default_rng(0)
    # mean exp(mu + sigma²/2) = 5.8 s, standard deviation about half of it; the corpus cuts its clips to 2.75 to 11 s
    seconds = np.clip(generator.lognormal(np.log(5.8) - 0.5 * 0.45**2, 0.45, clips), 2.75, 11)
    frames, tokens = (seconds * FRAMES_PER_SECOND).astype(np.int64), (seconds * 3).astype(np.int64) + 2
    return {name: tokens if name == "roberta" else frames for name in ENCODERS}


def write_data(folder: Path, lengths: dict[str, np.ndarray]) -> None:
    """Write the same frames as a cache with its manifest, and as one file per clip and encoder."""
    clips = len(lengths["whisper"])
    generator = np.random.default_rng(1)
    names = [f"random/{clip:06d}" for clip in range(clips)]
    columns = {
        **dict.fromkeys(("utterance_id", "audio", "file_name", "text"), names),
        **{column: [value] * clips for column, value in (("corpus", "random"), ("language", "en"), ("split", "train"))},
        "speaker": [f"random/{clip}" for clip in range(clips)],
        "category": [CLASSES[number] for number in generator.integers(0, len(CLASSES), clips)],
        **{name: generator.uniform(1, 7, clips).tolist() for name in ("arousal", "valence", "dominance")},
        "duration": (lengths["whisper"] / FRAMES_PER_SECOND).tolist(),
    }
    manifest = build(columns, ManifestMetadata("/", "challenge"))
    contents = [row.tobytes() for row in text_contents(manifest)]
    manifest = manifest.with_columns({"audio_sha256": [content.hex() for content in contents]})
    manifest.write(folder / "manifest.parquet")
    write_recipe(folder / "cache", CacheRecipe())
    torch.manual_seed(0)
    for name, dim in ENCODERS.items():
        record = EncoderRecord(name, "audio", dim, FRAMES_PER_SECOND, "bfloat16", Fingerprint({"kind": "random"}), {})
        write_record(folder / "cache" / name, record)
        noise = torch.randn(int(lengths[name].max()), dim).bfloat16()
        (folder / "files" / name).mkdir(parents=True)
        for start in range(0, clips, SHARD):
            numbers = range(start, min(clips, start + SHARD))
            frames = {clip: noise[: lengths[name][clip]].roll(clip, dims=1) for clip in numbers}
            entries = [Entry(contents[clip], 0, frames[clip]) for clip in numbers]
            write_shard(folder / "cache" / name, f"{start:024x}", entries, "bfloat16", record.identity)
            for clip in numbers:
                torch.save(frames[clip], folder / "files" / name / f"{clip}.pt")
        merge_index(folder / "cache" / name, record.identity)


def straightforward_batches(folder: Path, data: EmotionDataModule, batch: int) -> Iterable[EmotionBatch]:
    """Return a loader that reads files in random order and pads them with zeros."""

    def collate(samples: list[tuple[dict[str, Tensor], int]]) -> EmotionBatch:
        rows = np.array([clip for _, clip in samples])
        targets = data.targets.select(rows)
        frames = {
            name: Frames(
                pad_sequence([sample[name] for sample, _ in samples], batch_first=True),
                torch.tensor([len(sample[name]) for sample, _ in samples]),
            )
            for name in ENCODERS
        }
        tensors = (torch.from_numpy(values) for values in (rows, targets.category, targets.votes, targets.attributes))
        return EmotionBatch(*tensors, frames)

    part = FilePart(folder / "files", len(data.manifest))
    return DataLoader(part, batch, shuffle=True, drop_last=True, collate_fn=collate)


def make_side(pooling: type[Pooling] | None, data: EmotionDataModule, device: torch.device, **optimizer: Any) -> Side:
    """Return the published head with its losses, on weights that depend on nothing but its pooling."""
    torch.manual_seed(0)
    options = {} if pooling is None else {"pooling": pooling}
    model = MultiEncoderModel(ENCODERS, len(CLASSES), **options)
    terms = {"attributes": AttributeMSE(), "categories": CrossEntropy(InverseFrequency())}
    loss = MultiTaskLoss(terms, {"attributes": 0.5, "categories": 0.5})
    loss.set_class_counts(torch.from_numpy(data.class_counts()))
    return Side(model, loss, device, **optimizer)


def in_our_names(theirs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Translate weights, or their gradients, of the head with SpeechBrain's pooling into those of ours."""
    ours = {name: values for name, values in theirs.items() if not name.startswith("poolings.")}
    for number in range(len(ENCODERS)):
        prefix = f"poolings.{number}.pooling."
        pooling = {name.removeprefix(prefix): values for name, values in theirs.items() if name.startswith(prefix)}
        ours |= {f"poolings.{number}.{name}": values for name, values in own_weights(pooling).items()}
    return ours


def gradients(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


def batch_norms(training: bool, *models: nn.Module) -> None:
    for module in itertools.chain(*(model.modules() for model in models)):
        if isinstance(module, nn.BatchNorm1d):
            module.train(training)


def main(
    clips: int = 384,
    batch: int = 128,
    threads: int = 2,
    device: str = "cpu",
    checked: int = 2,
    fused: bool = True,
    tolerance: float = 1e-4,
) -> None:
    """Compare losses, then print samples per second, their ratio, and where the time goes.

    Args:
        clips: clips of an epoch.
        batch: clips of a batch.
        threads: threads of the tensor library.
        device: where the head is trained, `cpu` or `cuda`.
        checked: steps on which both sides' losses are compared.
        fused: whether our optimiser goes over the weights in one pass, as the configs have it.
        tolerance: by how much the sides' gradients may differ, of the largest of each tensor.
    """
    torch.set_num_threads(threads)
    where = torch.device(device)
    with tempfile.TemporaryDirectory() as name:
        folder, lengths = Path(name), draw_lengths(clips)
        write_data(folder, lengths)
        data = EmotionDataModule(folder / "manifest.parquet", folder / "cache", list(ENCODERS), batch_size=batch)
        theirs = make_side(SpeechBrainPooling, data, where)
        ours = make_side(None, data, where, fused=fused)
        ours.model.load_state_dict(in_our_names(theirs.model.state_dict()))
        loader = data.train_dataloader()
        sides = {"straightforward": (theirs, straightforward_batches(folder, data, batch)), "ours": (ours, loader)}
        compare(theirs, ours, list(itertools.islice(loader, checked)), tolerance)
        print_speed(sides, clips // batch, batch)
        bytes_read = sum(2 * dim * int(lengths[name].sum()) for name, dim in ENCODERS.items())
        Console(width=120).print(
            f"ours: {bytes_read / sum(ours.seconds.values()) / 1e9:.2f} GB/s of frames, copying alone reaches "
            f"{copy_bandwidth(where) / 1e9:.1f} GB/s; peak memory of all "
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB"
        )


def compare(theirs: Side, ours: Side, batches: list[EmotionBatch], tolerance: float) -> None:
    """Train both sides on the same batches; require the same losses, and on the first the same gradients.

    The losses of a head that has learnt nothing hardly depend on what was pooled (without any attention they change by
    3e-6), so that their agreement alone would show little. Gradients are compared with the largest of their tensor.
    """
    batch_norms(False, theirs.model, ours.model)
    losses, worst = ([], []), 0.0
    for number, batch in enumerate(batches):
        for side, values in zip((theirs, ours), losses, strict=True):
            values += side.train(iter([batch]), 1)
        if number == 0:
            expected, found = in_our_names(gradients(theirs.model)), gradients(ours.model)
            assert expected.keys() == found.keys()
            errors = {
                name: float((found[name] - expected[name]).abs().max() / expected[name].abs().max()) for name in found
            }
            worst = max(errors.values())
            assert worst < tolerance, errors
    batch_norms(True, theirs.model, ours.model)
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-4, atol=0)
    difference = max(abs(mine / their - 1) for their, mine in zip(*losses, strict=True))
    Console().print(
        f"same batches: losses differ by {difference:.1e}, gradients by {worst:.1e} of each tensor's largest"
    )


def print_speed(sides: dict[str, tuple[Side, Iterable[EmotionBatch]]], steps: int, batch: int) -> None:
    """Train every side for an epoch and print how fast it was and where the time of a step went."""
    slowest = 0.0  # the first side's speed
    table = Table("side", "samples/s", "ratio", *PARTS, title="milliseconds per step")
    for name, (side, batches) in sides.items():
        side.train(iter(batches), steps)
        speed = steps * batch / sum(side.seconds.values())
        slowest = slowest or speed
        parts = (f"{1000 * seconds / steps:.0f}" for seconds in side.seconds.values())
        table.add_row(name, f"{speed:.1f}", f"{speed / slowest:.1f}×", *parts)
    Console(width=120).print(table)


if __name__ == "__main__":
    auto_cli(main)
