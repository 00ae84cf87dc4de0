"""Measure extraction on one device: clips per second, FLOP utilisation, and what a whole corpus would take.

Whisper and WavLM have random weights (the arithmetic is that of the published ones) and read noise of log-normal
lengths, mean 5.8 s. Each is measured twice: the encoder alone on a batch that lies ready, and the full path of
`vibespeaker extract`: files decoded by workers, batches sorted by length, shards written, once between batches and once
beside them. Utilisation is given of the device's peak and of a large matrix product in the same run.

    python scripts/bench_extraction.py                                       one GPU, Whisper-large-v3 and WavLM-large
    python scripts/bench_extraction.py --device cpu --size tiny --clips 48   to see that it runs
    python scripts/bench_extraction.py --device cpu --encoders stand-in      all around a device that only waits
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from extraction.checkpoints import WHISPER, write_wavlm, write_whisper
from extraction.flops import wavlm_flops, whisper_flops
from extraction.machine import Machine, measure_machine, median_seconds
from extraction.sample import make_sample
from extraction.stand_in import StandIn
from rich.console import Console
from rich.table import Table

from vibespeaker.cache.keys import AUDIO
from vibespeaker.cache.records import EncoderRecord, declare_encoder
from vibespeaker.encoders import AcousticDescriptors, SpeechEncoder, WhisperEncoder
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.transfer import resolve_device
from vibespeaker.extract.clips import ClipReader
from vibespeaker.extract.command import LOCK_FILE
from vibespeaker.extract.plan import Plan, make_plan
from vibespeaker.extract.reading import ReadingConfig
from vibespeaker.extract.target import Target
from vibespeaker.extract.work import Extraction
from vibespeaker.manifest import Manifest
from vibespeaker.processes.claims import Claims
from vibespeaker.utterance import SAMPLE_RATE

CORPUS_CLIPS = 119_421
ENCODERS = ("whisper", "wavlm", "descriptors", "stand-in")


@dataclass(frozen=True)
class Subject:
    """An encoder to measure.

    Args:
        name: one of `ENCODERS`.
        encoder: on its device.
        flops: operations of a clip by its number of samples; 0 where they are not counted.
    """

    name: str
    encoder: Encoder
    flops: Callable[[int], int]


def main(words: Sequence[str] | None = None) -> None:
    options = _parse(words)
    device = resolve_device(options.device)
    console = Console(width=120)
    dtype = getattr(torch, options.precision)
    machine = measure_machine(device, dtype, options.peak * 1e12, options.matrix, options.copy_mb << 20)
    console.print(f"{machine.name}, {torch.get_num_threads()} threads, {options.precision}")
    console.print(
        f"matrix product of {options.matrix}: {machine.product / 1e12:.2f} TFLOP/s, "
        f"{machine.product / machine.peak:.1%} of peak ({machine.peak / 1e12:.0f}); copy {machine.copy / 1e9:.1f} GB/s"
    )
    with tempfile.TemporaryDirectory() as folder:
        manifest = make_sample(Path(folder), options.clips, options.mean_seconds)
        for name in options.encoders:
            console.print(measure(load(name, Path(folder), options), manifest, Path(folder), machine, options))


def _parse(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--size", choices=list(WHISPER), default="large")
    parser.add_argument("--encoders", nargs="+", choices=ENCODERS, default=ENCODERS[:2])
    parser.add_argument("--clips", type=int, default=2048, help="clips of the sample")
    parser.add_argument("--mean-seconds", type=float, default=5.8)
    parser.add_argument("--precision", choices=["bfloat16", "float16", "float32"], help="bfloat16, float32 on a CPU")
    parser.add_argument("--compile", action="store_true", help="compile the encoders' layers")
    parser.add_argument("--short", action="store_true", help="feed Whisper the clip's own length and a second")
    parser.add_argument("--batch-seconds", type=float, default=320.0)
    parser.add_argument("--batch-clips", type=int, default=64)
    parser.add_argument("--shard-size", type=int, default=256)
    parser.add_argument("--workers", type=int, help="decoding processes; as extract chooses by default")
    parser.add_argument("--peak", type=float, default=989.0, help="dense TFLOP/s; 989 is an H100's or H200's bfloat16")
    parser.add_argument("--repeats", type=int, default=1, help="extractions of each kind; the fastest counts")
    parser.add_argument("--matrix", type=int, default=8192, help="size of the matrix product")
    parser.add_argument("--copy-mb", type=int, default=1024)
    options = parser.parse_args(words)
    options.precision = options.precision or ("float32" if resolve_device(options.device).type == "cpu" else "bfloat16")
    return options


def load(name: str, folder: Path, options: argparse.Namespace) -> Subject:
    """Make an encoder on its device, of random weights where it has any."""
    if name == "descriptors":
        return Subject(name, AcousticDescriptors(), lambda samples: 0)
    if name == "stand-in":
        return Subject(name, StandIn(), lambda samples: 0)
    device, precision = resolve_device(options.device), options.precision
    encoder: WhisperEncoder | SpeechEncoder
    if name == "whisper":
        checkpoint = write_whisper(folder / name, options.size)
        encoder = WhisperEncoder(str(checkpoint), precision=precision, pad_to_window=not options.short)
        config, margin = encoder.network.config, encoder.margin

        def flops(samples: int) -> int:
            fed = min(3000, 2 * -(-(-(-samples // 160) + margin) // 2))
            return whisper_flops(config, fed if options.short else 3000)
    else:
        checkpoint = write_wavlm(folder / name, options.size)
        encoder = SpeechEncoder(str(checkpoint), precision=precision)
        config = encoder.network.config

        def flops(samples: int) -> int:
            return wavlm_flops(config, samples)

    encoder = encoder.to(device).eval()
    if options.compile:
        encoder.compile_layers()
    return Subject(name, encoder, flops)


def measure(subject: Subject, manifest: Manifest, folder: Path, machine: Machine, options: argparse.Namespace) -> Table:
    """Return the rows of one encoder."""
    record = EncoderRecord.of(subject.encoder, subject.name, {}, "bfloat16")
    plan = make_plan(manifest, [record], [], options.shard_size)
    reader = ClipReader(manifest, plan, AUDIO)
    feeding = ReadingConfig.on(machine.device, options.workers, options.batch_seconds, options.batch_clips)
    flops = np.array([subject.flops(round(seconds * SAMPLE_RATE)) for seconds in plan.sizes], np.float64)
    weights = sum(weight.numel() for weight in subject.encoder.parameters()) / 1e6
    title = f"{subject.name} {options.size}, {weights:.0f} M parameters, {len(plan)} clips of {plan.sizes.mean():.1f} s"
    table = Table("", "clips/s", "TFLOP/s", "of peak", "of the product", f"{CORPUS_CLIPS:,} clips", title=title)

    def add(what: str, clips: Sequence[int], seconds: float) -> None:
        rate = flops[clips].sum() / seconds
        counted = [f"{rate / 1e12:.2f}", f"{rate / machine.peak:.1%}", f"{rate / machine.product:.1%}"]
        hours = CORPUS_CLIPS / len(clips) * seconds / 3600
        table.add_row(what, f"{len(clips) / seconds:.1f}", *(counted if rate else "–––"), f"{hours:.2f} h")

    batches = feeding.batches(np.arange(len(plan)), plan.sizes)
    batch = batches[len(batches) // 2]
    add(f"encoder alone, batch of {len(batch)}", batch, encoder_seconds(subject, reader, batch, machine))
    ways = {"between": replace(feeding, shards_behind=0), "beside": feeding}
    runs = [(turn, how) for turn in range(options.repeats) for how in ways]
    every = {
        (turn, how): extraction_seconds(folder / f"{how}{turn}", subject, record, plan, reader, ways[how])
        for turn, how in runs
    }
    taken = {how: min(every[turn, how] for turn in range(options.repeats)) for how in ways}
    for how, seconds in taken.items():
        add(f"shards written {how}", range(len(plan)), seconds)
    written = sum(path.stat().st_size for path in (folder / "beside0" / subject.name).rglob("*.safetensors"))
    ratio = taken["between"] / taken["beside"]
    table.caption = f"between / beside: {ratio:.2f}×; {written / taken['beside'] / 1e6:.1f} MB/s of frames written"
    return table


def encoder_seconds(subject: Subject, reader: ClipReader, batch: Sequence[int], machine: Machine) -> float:
    """Return the seconds of the encoder on a batch that lies ready in main memory."""
    waveforms = [torch.from_numpy(reader[number].content) for number in batch]
    with torch.inference_mode():
        return median_seconds(lambda: subject.encoder(waveforms), machine.device)


def extraction_seconds(
    folder: Path, subject: Subject, record: EncoderRecord, plan: Plan, reader: ClipReader, feeding: ReadingConfig
) -> float:
    """Extract the sample as `vibespeaker extract` does and return the seconds, loading of the encoder left out."""
    own = folder / subject.name
    with Claims(own / LOCK_FILE) as claims:
        declare_encoder(own, record)
        target = Target(own, record, subject.encoder, plan, claims)
        start = time.perf_counter()
        Extraction([target], plan, reader, feeding).run()
        seconds = time.perf_counter() - start
    assert not target.problems, target.problems
    return seconds


if __name__ == "__main__":
    main()
