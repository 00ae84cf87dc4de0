"""Measure the embedded default: extraction per clip, and a training step, beside the plain versions of what is fast.

    python scripts/bench_embedded.py
    python scripts/bench_embedded.py --audio ../shared/data/ravdess/Actor_02 --opensmile

Processor time on one thread; both sides take turns, clip by clip and step by step, and the median counts. Plain means:
every encoder computes its own descriptors and random convolutions are convolutions; in training, the linear members
learn step by step, too, sums go over the utterances one by one, real frames are picked out for batch norm, and dropout
is torch's.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from vibespeaker.audio.files import read_audio
from vibespeaker.batch import Frames
from vibespeaker.encoders import AcousticContours, AcousticDescriptors, AcousticFunctionals, Rocket
from vibespeaker.encoders import rocket as rocket_module
from vibespeaker.encoders.sharing import shared_results
from vibespeaker.models import (
    FisherVectors,
    FrameMasking,
    LateFusion,
    MeanPooling,
    NormedPooling,
    Ridge,
    VoiceEmbedding,
    packed,
)
from vibespeaker.models import dropout as dropout_module
from vibespeaker.models import voice_embedding as voice_module
from vibespeaker.models.masked_norm import gathered_norm_relu, norm_relu

Work = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, default=None, help="folder of clips; noise of 3 s by default")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--opensmile", action="store_true", help="measure ComParE 2016 on the same clips, too")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    clips = _clips(arguments.audio, arguments.clips)
    table = Table("what", "plain, ms", "now, ms", "ratio")
    for name, (plain, now) in {
        "four audio encoders, a clip": _extraction(clips),
        "a training step of 32": _training(arguments.steps),
    }.items():
        table.add_row(name, f"{plain:.2f}", f"{now:.2f}", f"{plain / now:.2f}")
    if arguments.opensmile:
        smile, now = _beside_opensmile(clips)
        table.add_row("the same beside openSMILE ComParE 2016", f"{smile:.2f}", f"{now:.2f}", f"{smile / now:.2f}")
    Console().print(table)


def _clips(folder: Path | None, count: int) -> list[Tensor]:
    if folder is None:
        draw = np.random.default_rng(0)
        return [torch.from_numpy(draw.normal(0, 0.1, 48_000).astype(np.float32)) for _ in range(count)]
    return [torch.from_numpy(read_audio(path)) for path in sorted(folder.iterdir())[:count]]


def _extraction(clips: list[Tensor]) -> tuple[float, float]:
    encoders = _encoders()

    def now(clip: Tensor) -> None:
        with torch.inference_mode(), shared_results():
            for encoder in encoders:
                encoder([clip])

    def plain(clip: Tensor) -> None:
        fast, rocket_module._positive_sums = rocket_module._positive_sums, _convolved(encoders[1])
        try:
            with torch.inference_mode():
                for encoder in encoders:
                    encoder([clip])
        finally:
            rocket_module._positive_sums = fast

    return _alternated([(lambda clip=clip: plain(clip), lambda clip=clip: now(clip)) for clip in clips])


def _encoders() -> list[nn.Module]:
    descriptors = AcousticDescriptors(64, 0, True, frames_per_second=50, trim_db=40)
    return [descriptors, Rocket(), AcousticFunctionals(), AcousticContours()]


def _convolved(encoder: nn.Module) -> Callable[..., tuple[Tensor, Tensor]]:
    """Return the plain version of `rocket._positive_sums`."""
    by_dilation = {bank.dilation[0]: bank for bank in encoder.banks}

    def sums(contours: Tensor, matrix: Tensor, biases: Tensor, dilation: int) -> tuple[Tensor, Tensor]:
        responses = torch.relu_(by_dilation[dilation](contours.T[None])[0])
        return (responses > 0).float().sum(1), responses.sum(1)

    return sums


def _training(steps: int) -> tuple[float, float]:
    torch.manual_seed(0)
    whole = {"functionals": AcousticFunctionals().dim, "convolutions": Rocket().dim}
    heard = {"contours": AcousticContours().dim, "descriptors": 73}
    dims, lengths = {**whole, **heard}, torch.randint(100, 131, (32,))
    frames = {
        name: Frames(torch.randn(32, 1, dim).bfloat16(), torch.ones(32, dtype=torch.int64))
        for name, dim in whole.items()
    }
    frames |= {
        name: Frames(torch.randn(32, int(lengths.max()), dim).bfloat16(), lengths) for name, dim in heard.items()
    }

    def voice(dim: int) -> VoiceEmbedding:
        return VoiceEmbedding(dim, dropout=0.2, masking=lambda width: FrameMasking(width, 2, 0.1, 2, 0.15))

    def stepping(ridge: dict[str, Ridge]) -> Work:
        network = LateFusion(
            dims,
            8,
            pooling=lambda dim: NormedPooling(dim, MeanPooling, 0.5, 5.0),
            poolings={
                **({"contours": FisherVectors} if ridge else {}),
                "descriptors": lambda dim: NormedPooling(dim, voice, 0.4),
            },
            heads=["categories"],
            ridge=ridge,
        ).train()
        optimizer = torch.optim.AdamW([weight for weight in network.parameters() if weight.requires_grad])
        category = torch.randint(0, 8, (32,))

        def step() -> None:
            optimizer.zero_grad()
            losses = [nn.functional.cross_entropy(member.logits, category) for member in network(frames).members]
            torch.stack(losses).mean().backward()
            optimizer.step()

        return step

    every, now = stepping({}), stepping({name: Ridge() for name in ("functionals", "convolutions", "contours")})
    fewest, draw = packed.FEWEST_VALUES, dropout_module.Dropout.forward

    def plain() -> None:
        packed.FEWEST_VALUES, voice_module.norm_relu = 0, gathered_norm_relu
        dropout_module.Dropout.forward = nn.Dropout.forward
        try:
            every()
        finally:
            packed.FEWEST_VALUES, voice_module.norm_relu = fewest, norm_relu
            dropout_module.Dropout.forward = draw

    return _alternated([(plain, now)] * steps)


def _beside_opensmile(clips: list[Tensor]) -> tuple[float, float]:
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.ComParE_2016, opensmile.FeatureLevel.Functionals)
    encoders = _encoders()

    def now(clip: Tensor) -> None:
        with torch.inference_mode(), shared_results():
            for encoder in encoders:
                encoder([clip])

    return _alternated(
        [(lambda clip=clip: smile.process_signal(clip.numpy(), 16_000), lambda clip=clip: now(clip)) for clip in clips]
    )


def _alternated(pairs: list[tuple[Work, Work]]) -> tuple[float, float]:
    """Return the median processor time of both sides, ms; the first turn only warms up."""
    for work in pairs[0]:
        work()
    taken: tuple[list[float], list[float]] = ([], [])
    for pair in pairs:
        for side, work in zip(taken, pair, strict=True):
            begun = time.process_time()
            work()
            side.append(1e3 * (time.process_time() - begun))
    return statistics.median(taken[0]), statistics.median(taken[1])


if __name__ == "__main__":
    main()
