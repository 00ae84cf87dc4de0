"""Measure `vibespeaker check` on manifests of many different recordings: processor time and peak memory.

    python scripts/bench_check.py --audio ../shared/data/emodb/wav --rows 100000 1000000

A recording's fingerprint is a random mixture of two real ones, each moved in time, with noise: as far from the others
as other takes are. Speakers, files and takes are in one split each, so that nothing leaks.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from vibespeaker.audio.files import read_audio
from vibespeaker.audio.fingerprint import BANDS, SLICES, fingerprint
from vibespeaker.manifest import SCHEMA, Manifest, ManifestMetadata
from vibespeaker.utterance import SAMPLE_RATE

SPLITS = ("train", "development", "test")
_AT_ONCE = 50_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True, help="folder of real recordings")
    parser.add_argument("--rows", type=int, nargs="*", default=[10**5, 10**6])
    arguments = parser.parse_args()
    paths = sorted(arguments.audio.iterdir())[:300]
    real = np.stack(
        [np.frombuffer(fingerprint(read_audio(path), SAMPLE_RATE), np.uint8).reshape(SLICES, BANDS) for path in paths]
    )
    table = Table("rows", "status", "processor time, s", "wall, s", "peak memory, MB")
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            manifest = Path(folder) / "manifest.parquet"
            write_rows(manifest, rows, real)
            table.add_row(f"{rows:,}", *checked(manifest))
    Console().print(table)


def write_rows(path: Path, count: int, real: np.ndarray) -> None:
    """Write a manifest of `count` different recordings."""
    draw = np.random.default_rng(0)
    cells = np.concatenate([_mixed(real, min(_AT_ONCE, count - at), draw) for at in range(0, count, _AT_ONCE)])
    speakers = draw.integers(0, max(3, count // 100), count)
    offsets = np.arange(count + 1, dtype=np.int32) * SLICES * BANDS
    columns = {name: pa.nulls(count, SCHEMA.field(name).type) for name in SCHEMA.names}
    columns["fingerprint"] = pa.Array.from_buffers(
        pa.binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(cells.tobytes())]
    )
    numbers = [f"{number:064x}" for number in range(count)]
    columns |= {
        "utterance_id": pa.array([f"c/{number}" for number in range(count)]),
        "corpus": pa.array(["c"] * count),
        "language": pa.array(["de"] * count),
        "audio": pa.array([f"{number}.wav" for number in range(count)]),
        "file_name": pa.array([f"{number}.wav" for number in range(count)]),
        "duration": pa.array(np.clip(draw.lognormal(1.6, 0.45, count), 1.0, 20.0), SCHEMA.field("duration").type),
        "audio_sha256": pa.array(numbers),
        "recording_sha256": pa.array(numbers),
        "speaker": pa.array([f"c/{number}" for number in speakers]),
        "split": pa.array([SPLITS[(0, 0, 0, 0, 0, 0, 0, 1, 1, 2)[number % 10]] for number in speakers]),
    }
    table = pa.table({name: columns[name].cast(SCHEMA.field(name).type) for name in SCHEMA.names}, schema=SCHEMA)
    Manifest(table, ManifestMetadata(root=".", corpora=("c",), label_set="challenge")).write(path)


def _mixed(real: np.ndarray, count: int, draw: np.random.Generator) -> np.ndarray:
    total = np.zeros((count, SLICES, BANDS))
    share = draw.uniform(0.2, 0.8, count)
    for weight in (share, 1 - share):
        moved = (np.arange(SLICES) + draw.integers(0, SLICES, count)[:, None]) % SLICES
        total += weight[:, None, None] * real[draw.integers(0, len(real), count)[:, None], moved]
    return np.clip(total + draw.normal(0, 15, total.shape), 0, 255).astype(np.uint8).reshape(count, -1)


def checked(manifest: Path) -> tuple[str, str, str, str]:
    """Run the command and return its status, processor time, wall time and peak memory."""
    command = [sys.executable, "-m", "vibespeaker", "check", str(manifest)]
    begun = os.times().elapsed
    process = os.posix_spawn(sys.executable, command, dict(os.environ))
    _, status, usage = os.wait4(process, 0)
    return (
        str(os.waitstatus_to_exitcode(status)),
        f"{usage.ru_utime + usage.ru_stime:.1f}",
        f"{os.times().elapsed - begun:.1f}",
        f"{usage.ru_maxrss / 1024:.0f}",
    )


if __name__ == "__main__":
    main()
