"""Measure encoders: clips per second of each, and what their faster ways gain and change.

Whisper fed the clip's own length is compared with Whisper fed 30 s, WavLM's fused attention with transformers' own, and
either with compiled layers. Noise stands in for speech and random weights for trained ones: the arithmetic is the same,
while differences between frames only say that a way is another one; how far trained weights would go apart is another
matter. Example:

    OMP_NUM_THREADS=1 python scripts/bench_encoders.py --size base --compile
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from extraction.checkpoints import WHISPER, write_wavlm, write_whisper
from extraction.machine import median_seconds
from rich.console import Console
from rich.table import Table
from torch import Tensor

from vibespeaker.encoders import AcousticDescriptors, HashedText, SpeechEncoder, WhisperEncoder
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.pretrained import PretrainedEncoder
from vibespeaker.utterance import SAMPLE_RATE

TEXT = "so I told him that I would never, ever do that again"
MARGINS = (0.2, 1.0, 5.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.8, help="length of a clip; MSP-Podcast's mean is 5.8")
    parser.add_argument("--clips", type=int, default=64, help="clips for the embedded encoders")
    parser.add_argument("--batch", type=int, default=4, help="clips for the pretrained encoders")
    parser.add_argument("--size", choices=list(WHISPER), default="tiny", help="size of Whisper and WavLM")
    parser.add_argument("--compile", action="store_true", help="also measure compiled layers")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    waveforms = [torch.randn(int(arguments.seconds * SAMPLE_RATE)) * 0.1 for _ in range(arguments.clips)]
    title = f"{torch.get_num_threads()} threads, clips of {arguments.seconds} s, {arguments.size}"
    table = Table("encoder", "clips/s", "ratio", "relative RMS difference", "cosine", title=title)
    for rate in (100, 50):
        encoder = AcousticDescriptors(frames_per_second=rate)
        table.add_row(f"AcousticDescriptors, {rate} frames/s", f"{clips_a_second(encoder, waveforms, device):.1f}")
    rate = clips_a_second(HashedText(), [TEXT] * arguments.clips, device)
    table.add_row(f"HashedText, {len(TEXT.split())} words", f"{rate:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        for ways in pretrained(Path(folder), arguments.size, arguments.compile):
            for row in compared(ways, waveforms[: arguments.batch], device):
                table.add_row(*row)
    Console(width=120).print(table)


def pretrained(folder: Path, size: str, compiled: bool) -> Iterator[dict[str, PretrainedEncoder]]:
    """Yield Whisper and then WavLM, each in its ways, the plain one first."""
    checkpoint = str(write_whisper(folder / "whisper", size))
    ways: dict[str, PretrainedEncoder] = {"Whisper, fed 30 s": WhisperEncoder(checkpoint)}
    for margin in MARGINS:
        short = WhisperEncoder(checkpoint, pad_to_window=False, margin_seconds=margin)
        ways[f"Whisper, fed the clip and {margin} s"] = short
    if compiled:
        ways["Whisper, fed 30 s, compiled"] = WhisperEncoder(checkpoint)
        ways["Whisper, fed 30 s, compiled"].compile_layers()
    yield ways
    checkpoint = str(write_wavlm(folder / "wavlm", size))
    ways = {
        "WavLM, original attention": SpeechEncoder(checkpoint, fused_attention=False),
        "WavLM, fused attention": SpeechEncoder(checkpoint),
    }
    if compiled:
        ways["WavLM, fused attention, compiled"] = SpeechEncoder(checkpoint)
        ways["WavLM, fused attention, compiled"].compile_layers()
    yield ways


def compared(ways: dict[str, PretrainedEncoder], waveforms: list[Tensor], device: torch.device) -> Iterator[list[str]]:
    """Yield a row for each way, its ratio and differences against the first."""
    plain_rate, plain = 0.0, torch.empty(0)
    for name, encoder in ways.items():
        rate = clips_a_second(encoder.to(device), waveforms, device)
        with torch.inference_mode():
            frames = encoder(waveforms).values.float().flatten(0, 1)
        if not plain_rate:
            plain_rate, plain = rate, frames
        difference = (frames - plain).square().mean().sqrt() / plain.square().mean().sqrt()
        cosine = torch.nn.functional.cosine_similarity(frames, plain, dim=1).mean()
        yield [name, f"{rate:.2f}", f"{rate / plain_rate:.2f}×", f"{difference:.1e}", f"{cosine:.4f}"]


def clips_a_second(encoder: Encoder, inputs: list[Tensor] | list[str], device: torch.device) -> float:
    """Return the median rate of a few runs."""
    with torch.inference_mode():
        return len(inputs) / median_seconds(lambda: encoder(inputs), device)


if __name__ == "__main__":
    main()
