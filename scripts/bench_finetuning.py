"""One fine-tuning step of WavLM-base-plus and RoBERTa-base: ours against a plain loop over transformers, in one run.

    OMP_NUM_THREADS=1 python scripts/bench_finetuning.py [--batch 8] [--precision bf16] [--device cuda] [--memory true]

Weights are random and of the published sizes, so that the arithmetic is the same. Both sides hold the same modules with
the same weights and train all but the convolutions: mean over real frames of each encoder, concatenated, a linear map
to eight classes, cross-entropy, AdamW. Dropout is off, so that the losses can be compared.

Clips have mixed lengths. The plain loop pads them, which is what most code does, and is wrong for base models: their
group norm takes the padding for speech (see `encoders.group_norm`). Run clip by clip it is right, and has the loss that
ours has. Frames of eight such clips, without training, are compared in the same way.

Each way of a step runs in a process of its own. On a CPU with one thread seconds are those of the processor, which
depend little on what else the machine does; with several they are those of the clock, and the machine should be idle.
With `--memory` a step's peak beyond the loaded weights is told instead.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jsonargparse import auto_cli
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from vibespeaker.batch import EmotionBatch
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.models.live import LiveEncoders
from vibespeaker.models.pooling import MeanPooling
from vibespeaker.utterance import SAMPLE_RATE

CLASSES, WIDTH = 8, 768
SENTENCE = "so I told him that I would never, ever do that again "
WAYS: dict[str, dict[str, Any]] = {
    "all": {"train": "all"},
    "transformer": {"train": "transformer"},
    "transformer, recomputed": {"train": "transformer", "gradient_checkpointing": True},
    "top 6": {"train": {"top": 6}},
    "lora, rank 8": {"train": {"lora": {"rank": 8}}},
    "lora, rank 8, recomputed": {"train": {"lora": {"rank": 8}}, "gradient_checkpointing": True},
}
STEPS = ("ours", "transformers, clip by clip", "transformers, padded (other frames)")
FRAMES = ("together", "clip by clip")


def write_checkpoints(folder: Path) -> None:
    """Write a WavLM-base-plus and a RoBERTa-base with random weights and without dropout."""
    import transformers
    from tokenizers.pre_tokenizers import ByteLevel

    torch.manual_seed(0)
    off = dict.fromkeys(("hidden_dropout", "attention_dropout", "activation_dropout", "feat_proj_dropout"), 0.0)
    config = transformers.WavLMConfig(**off, layerdrop=0.0, apply_spec_augment=False)  # base-plus's own sizes
    transformers.WavLMModel(config).save_pretrained(folder / "wavlm")
    extractor = transformers.Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=False)
    extractor.save_pretrained(folder / "wavlm")
    off = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), 0.0)
    roberta = transformers.RobertaConfig(**off, vocab_size=50265, max_position_embeddings=514, type_vocab_size=1)
    transformers.RobertaModel(roberta, add_pooling_layer=False).save_pretrained(folder / "roberta")
    symbols = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(ByteLevel.alphabet())]
    vocab = {symbol: index for index, symbol in enumerate(symbols)}
    transformers.RobertaTokenizer(vocab=vocab, merges=[], model_max_length=512).save_pretrained(folder / "roberta")


def specs(folder: Path, training: dict[str, Any]) -> dict[str, dict[str, Any]]:
    kinds = {"wavlm": "SpeechEncoder", "roberta": "TextEncoder"}
    return {
        name: {"class_path": kind, "init_args": {"checkpoint": str(folder / name)}, **training}
        for name, kind in kinds.items()
    }


class Ours(nn.Module):
    """The encoders as `fit` runs them."""

    def __init__(self, folder: Path, training: dict[str, Any]) -> None:
        super().__init__()
        self.live, self.pooling, self.head = LiveEncoders(specs(folder, training)), MeanPooling(WIDTH), _head()

    def forward(self, clips: list[Tensor], texts: list[str]) -> Tensor:
        """Return logits, `(batch, CLASSES)`."""
        frames = self.live(EmotionBatch.of_inputs(tuple(clips), tuple(texts)))
        return self.head(torch.cat([self.pooling(one) for one in frames.values()], dim=1))


class Plain(nn.Module):
    """The same modules in a loop as one writes it with transformers."""

    def __init__(self, folder: Path, apart: bool) -> None:
        super().__init__()
        from transformers import AutoModel, AutoTokenizer

        self.wavlm = AutoModel.from_pretrained(folder / "wavlm")
        self.roberta = AutoModel.from_pretrained(folder / "roberta", add_pooling_layer=False)
        self.wavlm.feature_extractor._freeze_parameters()
        self.roberta.embeddings.requires_grad_(False)
        self.wavlm.masked_spec_embed.requires_grad_(False)
        self.tokenizer, self.head, self.apart = AutoTokenizer.from_pretrained(folder / "roberta"), _head(), apart
        self.train()

    def hear(self, clips: list[Tensor]) -> Tensor:
        """Return the mean of each clip's frames, `(batch, WIDTH)`."""
        if self.apart:
            return torch.cat([self.wavlm(clip[None]).last_hidden_state.mean(1) for clip in clips])
        padded = nn.utils.rnn.pad_sequence(clips, batch_first=True)
        samples = torch.tensor([len(clip) for clip in clips], device=padded.device)
        mask = torch.arange(padded.shape[1], device=padded.device) < samples[:, None]
        hidden = self.wavlm(padded, attention_mask=mask.long()).last_hidden_state
        return _mean(hidden, self.wavlm._get_feature_vector_attention_mask(hidden.shape[1], mask.long()))

    def forward(self, clips: list[Tensor], texts: list[str]) -> Tensor:
        """Return logits, `(batch, CLASSES)`."""
        tokens = self.tokenizer(texts, padding=True, return_tensors="pt").to(clips[0].device)
        read = _mean(self.roberta(**tokens).last_hidden_state, tokens.attention_mask)
        return self.head(torch.cat((self.hear(clips), read), dim=1))


def _head() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(2 * WIDTH, CLASSES)


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    mask = mask[:, :, None].to(hidden.dtype)
    return (hidden * mask).sum(1) / mask.sum(1)


def _inputs(batch: int, longest: float, device: str) -> tuple[list[Tensor], list[str], Tensor]:
    """Return noise of mixed lengths, a third to all of the longest, texts and classes."""
    generator = torch.Generator().manual_seed(2)
    lengths = np.linspace(longest / 3, longest, batch) * SAMPLE_RATE
    clips = [(torch.randn(int(length), generator=generator) * 0.1).to(device) for length in lengths]
    texts = [SENTENCE * (1 + i % 2) for i in range(batch)]
    return clips, texts, torch.arange(batch, device=device) % CLASSES


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, inputs: Any, autocast: bool) -> float:
    clips, texts, classes = inputs
    with torch.autocast(clips[0].device.type, torch.bfloat16, enabled=autocast):
        logits = model(clips, texts)
    loss = nn.functional.cross_entropy(logits.float(), classes)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return float(loss.detach())


def _optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-5)


def _timed(runs: dict[str, Callable[[], float]], repeats: int, device: str) -> dict[str, dict[str, float]]:
    """Return the first value of each, and the median seconds of those after it, in turn: a machine's pace changes."""
    clock = time.perf_counter if device == "cuda" or torch.get_num_threads() > 1 else time.process_time
    first = {name: run() for name, run in runs.items()}
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            start = clock()
            run()
            taken[name].append(clock() - start)
    return {name: {"value": first[name], "seconds": float(np.median(taken[name]))} for name in runs}


def _step_of(model: nn.Module, inputs: Any, precision: str) -> Callable[[], float]:
    optimizer = _optimizer(model)
    return lambda: _step(model, optimizer, inputs, precision == "bf16")


def _frames_of(folder: Path, inputs: Any, device: str) -> dict[str, Callable[[], float]]:
    encoder = build_encoders({"wavlm": specs(folder, {})["wavlm"]})["wavlm"].to(device)

    def run(batches: list[list[Tensor]]) -> float:
        with torch.no_grad():
            return float(sum(encoder(batch).values.abs().sum() for batch in batches))

    return {FRAMES[0]: lambda: run([inputs[0]]), FRAMES[1]: lambda: run([[clip] for clip in inputs[0]])}


def _measure(folder: Path, way: str, batch: int, longest: float, repeats: int, precision: str, device: str) -> None:
    """Time one way of a step, or both ways to frames, and print it."""
    inputs = _inputs(batch, longest, device)
    if way == "frames":
        runs = _frames_of(folder, inputs, device)
    elif way == STEPS[0]:
        runs = {way: _step_of(Ours(folder, WAYS["transformer"]).train().to(device), inputs, precision)}
    else:
        runs = {way: _step_of(Plain(folder, apart=way == STEPS[1]).to(device), inputs, precision)}
    print(json.dumps(_timed(runs, repeats, device)))


def _peak(folder: Path, way: str, batch: int, longest: float, precision: str, device: str) -> None:
    """Take one step and print its peak memory beyond what was there before, in MB."""
    model = Ours(folder, WAYS[way]).train().to(device)
    inputs = _inputs(batch, longest, device)
    rss = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    before = torch.cuda.memory_allocated() if device == "cuda" else rss
    _step(model, _optimizer(model), inputs, precision == "bf16")
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else _peak_rss()
    weights = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    print(json.dumps({"way": way, "trained": weights, "megabytes": (peak - before) / 2**20}))


def _peak_rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(
    batch: int = 8,
    longest: float = 4.0,
    repeats: int = 3,
    precision: str = "fp32",
    device: str = "cpu",
    memory: bool = False,
    frames: bool = False,
    folder: Path | None = None,
    way: str | None = None,
) -> None:
    """Measure one step, and with `memory` what each way of training takes.

    Args:
        batch: clips in a batch.
        longest: seconds of the longest clip; the shortest has a third.
        repeats: measured runs, after a first one.
        precision: fp32, or bf16 for mixed precision.
        device: cpu or cuda.
        memory: measure memory instead of time.
        frames: compare frames alone, without the steps.
        folder: where the checkpoints lie; written there by default.
        way: one way of training, in this process; for `memory`'s own use.
    """
    if way is not None:
        assert folder is not None
        if memory:
            _peak(folder, way, batch, longest, precision, device)
        else:
            _measure(folder, way, batch, longest, repeats, precision, device)
        return
    with tempfile.TemporaryDirectory() as place:
        path = Path(place)
        write_checkpoints(path)
        words = f"--folder={path} --batch={batch} --longest={longest} --precision={precision} --device={device}"
        words += f" --repeats={repeats} --memory={str(memory).lower()}"
        threads = torch.get_num_threads()
        clock = "wall clock" if device == "cuda" or threads > 1 else "processor time"
        title = f"{threads} threads, {clock}, {device}, {batch} clips to {longest} s, {precision}"
        if memory:
            _compare_memory(words.split(), title)
        else:
            if not frames:
                steps = {way: _run(words.split(), way)[way] for way in STEPS}
                _compare_time(steps, f"one training step, {title}", "first loss")
            _compare_time(_run(words.split(), "frames"), f"frames without training, {title}", "sum")


def _run(words: list[str], way: str) -> dict[str, Any]:
    """Measure one way in a process of its own, whose memory is all its own, too."""
    command = [sys.executable, __file__, *words, "--way", way]
    found: dict[str, Any] = json.loads(
        subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1]
    )
    return found


def _compare_memory(words: list[str], title: str) -> None:
    table = Table("train", "trained weights", "MB beyond weights", title=title)
    for way in WAYS:
        found = _run(words, way)
        table.add_row(way, f"{found['trained'] / 1e6:.2f} M", f"{found['megabytes']:.0f}")
    Console(width=110).print(table)


def _compare_time(found: dict[str, dict[str, float]], title: str, value: str) -> None:
    table = Table("way", "seconds", "of the first", value, title=title)
    first = next(iter(found.values()))["seconds"]
    for way, one in found.items():
        table.add_row(way, f"{one['seconds']:.2f}", f"{one['seconds'] / first:.2f} ×", f"{one['value']:.6f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    auto_cli(main, as_positional=False)
