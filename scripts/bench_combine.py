"""Measures combining, splitting and checking a large corpus on tables alone: `bench_combine.py [--rows 1000000]`."""

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from vibespeaker.audio.fingerprint import BANDS, SLICES
from vibespeaker.manifest import SCHEMA, Manifest, ManifestMetadata
from vibespeaker.prepare.combine import combine_files
from vibespeaker.prepare.label_map import read_label_map
from vibespeaker.prepare.leaks import COLUMNS, find_leaks, rows_by_split
from vibespeaker.prepare.split.strategies import DEFAULT_FRACTIONS, split_by_group

#: Combining and splitting a million rows may take so many seconds.
LIMIT = 60.0
_CORPORA = ("alpha", "beta", "gamma", "delta")
_EMOTIONS = ("anger", "sadness", "happiness", "excitement", "fear", "calm", "neutral", "surprise")
_CLIPS_A_SPEAKER = 20


def corpus(name: str, rows: int, seed: int) -> Manifest:
    """Return a made-up corpus with speakers, categories, one vote each, hashes, and fingerprints."""
    random = np.random.default_rng(seed)
    ids = [f"{name}/part{row % 97:02d}/{row:07d}" for row in range(rows)]
    emotions = np.array(_EMOTIONS, dtype=object)[random.integers(0, len(_EMOTIONS), rows)]
    speakers = random.integers(0, max(3, rows // _CLIPS_A_SPEAKER), rows)
    # cells vary together, as those of speech do
    patterns = random.normal(0, 40, (24, SLICES * BANDS)).astype(np.float32)
    cells = 90 + random.normal(0, 0.4, (rows, 24)).astype(np.float32) @ patterns
    pictures = np.clip(cells, 0, 255).astype(np.uint8)
    known = {
        "utterance_id": ids,
        "corpus": [name] * rows,
        "audio": [f"{one}.wav" for one in ids],
        "file_name": [f"{one[-7:]}.wav" for one in ids],
        "speaker": [f"{name}/{speaker}" for speaker in speakers],
        "language": ["en"] * rows,
        "category": emotions,
        "votes": [[{"rater": "r", "primary": emotion}] for emotion in emotions],
        "duration": random.lognormal(1.5, 0.5, rows),
        "audio_sha256": [f"{number:064x}" for number in range(seed * rows, (seed + 1) * rows)],
        "fingerprint": [row.tobytes() for row in pictures],
    }
    arrays = [pa.array(known.get(field.name, [None] * rows), field.type) for field in SCHEMA]
    metadata = ManifestMetadata(root=f"/corpora/{name}", label_set="seven+neutral", corpora=(name,), synthetic=True)
    return Manifest(pa.Table.from_arrays(arrays, schema=SCHEMA), metadata)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--check", action="store_true", help="look for leaks, near-identical recordings included, too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{name}.parquet" for name in _CORPORA]
        for seed, path in enumerate(paths):
            corpus(path.stem, arguments.rows // len(paths), seed).write(path)
        out = Path(folder) / "combined.parquet"
        started = time.perf_counter()
        combined = combine_files(paths, read_label_map("corpora/seven-neutral")).manifest
        combined_after = time.perf_counter() - started
        split = split_by_group(combined, "speaker", DEFAULT_FRACTIONS)
        split.write(out)
        total = time.perf_counter() - started
        sys.stdout.write(
            f"{arguments.rows:,} rows of {len(paths)} corpora combined into {len(split):,} in {combined_after:.1f} s, "
            f"split and written after {total:.1f} s; limit {LIMIT:g} s a million rows\n"
        )
        if arguments.check:
            started = time.perf_counter()
            table = Manifest.read(out, COLUMNS)
            report = find_leaks(table, rows_by_split(table.column("split")))
            seconds = time.perf_counter() - started
            sys.stdout.write(f"checked in {seconds:.1f} s: {len(report.leaks)} kinds of leaks between two splits\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sys.stdout.write(f"peak memory {peak:.1f} GiB, the made-up corpora included\n")
    return int(total > LIMIT * max(1.0, arguments.rows / 1e6))


if __name__ == "__main__":
    sys.exit(main())
