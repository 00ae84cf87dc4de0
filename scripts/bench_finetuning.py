"""One fine-tuning step of WavLM-base-plus and RoBERTa-base: ours against a plain loop over transformers, in one run.

    OMP_NUM_THREADS=2 python scripts/bench_finetuning.py [--batch 8] [--precision bf16] [--device cuda] [--memory true]

Weights are random and of the published sizes, so that the arithmetic is the same. Both sides hold the same modules with
the same weights and train all but the convolutions: mean over real frames of each encoder, concatenated, a linear map
to eight classes, cross-entropy, AdamW. Dropout is off, so that the losses can be compared.

Clips have mixed lengths. The plain loop pads them, which is what most code does, and is wrong for base models: their
group norm takes the padding for speech (see `encoders.group_norm`). Run clip by clip it is right, and has the loss that
ours has. Frames of eight such clips, without training, are compared in the same way.

With `--memory` each way of training takes one step in a process of its own; its peak beyond the loaded weights is told.
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
    "none": {},
}


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


def _measured(ways: dict[str, Callable[[], float]], repeats: int, title: str, what: str) -> None:
    """Run the ways in turn, so that a busy machine slows all alike, and print medians and ratios."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    values: dict[str, float] = {}
    for turn in range(repeats + 1):
        for name, run in ways.items():
            start = time.perf_counter()
            value = run()
            if turn:
                seconds[name].append(time.perf_counter() - start)
            values.setdefault(name, value)
    table = Table("way", "seconds", "of ours", what, title=title)
    ours = float(np.median(next(iter(seconds.values()))))
    for name, taken in seconds.items():
        median = float(np.median(taken))
        table.add_row(name, f"{median:.2f}", f"{median / ours:.2f} ×", f"{values[name]:.6f}")
    Console(width=110).print(table)


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
    folder: Path | None = None,
    way: str | None = None,
) -> None:
    """Measure one step, and with `memory` what each way of training takes.

    Args:
        batch: clips in a batch.
        longest: seconds of the longest clip; the shortest has a third.
        repeats: measured runs, after one to warm up.
        precision: fp32, or bf16 for mixed precision.
        device: cpu or cuda.
        memory: measure memory instead of time.
        folder: where the checkpoints lie; written there by default.
        way: one way of training, in this process; for `memory`'s own use.
    """
    if way is not None:
        assert folder is not None
        _peak(folder, way, batch, longest, precision, device)
        return
    with tempfile.TemporaryDirectory() as place:
        path = Path(place)
        write_checkpoints(path)
        if memory:
            _compare_memory(path, batch, longest, precision, device)
        else:
            _compare_time(path, batch, longest, repeats, precision, device)


def _compare_memory(folder: Path, batch: int, longest: float, precision: str, device: str) -> None:
    table = Table("train", "trained weights", "MB beyond weights", title=f"{batch} clips to {longest} s, {precision}")
    for way in WAYS:
        if way == "none":
            continue
        words = f"--folder={folder} --batch={batch} --longest={longest} --precision={precision} --device={device}"
        command = [sys.executable, __file__, *words.split(), "--way", way]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])
        table.add_row(way, f"{found['trained'] / 1e6:.2f} M", f"{found['megabytes']:.0f}")
    Console(width=110).print(table)


def _compare_time(folder: Path, batch: int, longest: float, repeats: int, precision: str, device: str) -> None:
    inputs, autocast = _inputs(batch, longest, device), precision == "bf16"
    models = {
        "ours": Ours(folder, WAYS["transformer"]),
        "transformers, clip by clip": Plain(folder, apart=True),
        "transformers, padded (other frames)": Plain(folder, apart=False),
    }
    steps = {}
    for name, model in models.items():
        optimizer = _optimizer(model.to(device))
        steps[name] = lambda model=model, optimizer=optimizer: _step(model, optimizer, inputs, autocast)
    title = f"{torch.get_num_threads()} threads, {device}, {batch} clips to {longest} s, {precision}"
    _measured(steps, repeats, f"one training step, {title}", "first loss")
    encoder = build_encoders({"wavlm": specs(folder, {})["wavlm"]})["wavlm"].to(device)

    def together() -> float:
        with torch.no_grad():
            return float(encoder(inputs[0]).values.sum())

    def apart() -> float:
        with torch.no_grad():
            return float(sum(encoder([clip]).values.sum() for clip in inputs[0]))

    _measured({"together": together, "clip by clip": apart}, repeats, f"frames, {title}", "sum")


if __name__ == "__main__":
    auto_cli(main, as_positional=False)
