"""Measure encoders here: clips a second of the embedded ones, Whisper fed 30 s against the clip's own length.

Random noise stands in for speech and random weights for trained ones: the arithmetic is the same. Example:

    OMP_NUM_THREADS=1 python scripts/bench_encoders.py --seconds 5.8 --clips 64 --size base
"""

import argparse
import tempfile
import time
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table

from vibespeaker.encoders import AcousticDescriptors, HashedText, WavLMEncoder, WhisperEncoder
from vibespeaker.encoders.base import Encoder

#: d_model, layers, heads of Whisper's encoder by size.
WHISPER = {"tiny": (384, 4, 6), "base": (512, 6, 8), "small": (768, 12, 12), "large": (1280, 32, 20)}
REPEATS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.8, help="length of a clip; MSP-Podcast's mean is 5.8")
    parser.add_argument("--clips", type=int, default=64, help="clips for the embedded encoders")
    parser.add_argument("--batch", type=int, default=4, help="clips for the pretrained encoders")
    parser.add_argument("--size", choices=list(WHISPER), default="tiny", help="size of Whisper")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    waveforms = [torch.randn(int(arguments.seconds * 16_000)) * 0.1 for _ in range(arguments.clips)]
    texts = ["so I told him that I would never, ever do that again"] * arguments.clips
    table = Table("encoder", "clips/s", title=f"{torch.get_num_threads()} threads, {arguments.seconds} s a clip")
    for rate in (100, 50):
        encoder = AcousticDescriptors(frames_per_second=rate)
        table.add_row(f"AcousticDescriptors, {rate} frames/s", clips_a_second(encoder, waveforms))
    table.add_row("HashedText, 13 tokens", clips_a_second(HashedText(), texts))
    with tempfile.TemporaryDirectory() as folder:
        for name, encoder in pretrained(folder, arguments.size):
            table.add_row(name, clips_a_second(encoder.to(arguments.device), waveforms[: arguments.batch]))
    Console().print(table)


def pretrained(folder: str, size: str) -> list[tuple[str, Encoder]]:
    """Make Whisper fed in both ways, and WavLM with both attentions, of random weights."""
    from transformers import (
        Wav2Vec2FeatureExtractor,
        WavLMConfig,
        WavLMModel,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperModel,
    )

    width, layers, heads = WHISPER[size]
    config = WhisperConfig(
        d_model=width, encoder_layers=layers, encoder_attention_heads=heads, encoder_ffn_dim=4 * width, decoder_layers=1
    )
    WhisperModel(config).save_pretrained(f"{folder}/whisper")
    WhisperFeatureExtractor().save_pretrained(f"{folder}/whisper")
    speech = WavLMConfig(num_hidden_layers=4, feat_extract_norm="layer", do_stable_layer_norm=True)
    WavLMModel(speech).save_pretrained(f"{folder}/wavlm")
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(f"{folder}/wavlm")
    return [
        (f"Whisper {size}, fed 30 s", WhisperEncoder(f"{folder}/whisper")),
        (f"Whisper {size}, fed the clip + 1 s", WhisperEncoder(f"{folder}/whisper", pad_to_window=False)),
        ("WavLM of 4 layers, fused attention", WavLMEncoder(f"{folder}/wavlm")),
        ("WavLM of 4 layers, original attention", WavLMEncoder(f"{folder}/wavlm", fused_attention=False)),
    ]


def clips_a_second(encoder: Encoder, inputs: list[torch.Tensor] | list[str]) -> str:
    """Return the median rate of a few runs, after one to warm up."""
    encoder(inputs)
    seconds = sorted(timed(lambda: encoder(inputs)) for _ in range(REPEATS))[REPEATS // 2]
    return f"{len(inputs) / seconds:.1f}"


def timed(run: Callable[[], object]) -> float:
    """Return the seconds that `run` takes."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
