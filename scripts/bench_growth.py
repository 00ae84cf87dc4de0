"""Measure how the start of training grows with the corpus: manifest and cache index, samplers, reading processes.

Each size is measured in a process of its own, on a manifest with five votes per utterance and an index without shards;
memory is that beyond the imports. `open` makes the targets, reads the other columns that training needs and the index,
and finds all frames; `train` is the data module's full path to its training batches. Of reading processes it shows the
memory that each has for itself and shares with none, once it has run. Example:

    OMP_NUM_THREADS=1 python scripts/bench_growth.py --rows 10000 100000 1000000
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from bench_cache import declare, speech_lengths
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

from vibespeaker.cache.index import Index
from vibespeaker.data.sampler import BatchSize, Draw, EvaluationBatches, TrainingBatches
from vibespeaker.manifest import SCHEMA, Manifest, ManifestMetadata, build
from vibespeaker.tasks import EmotionDataModule

VOTES = 5
EMOTIONS = ("neutral", "happiness", "anger", "sadness")
ENCODER = "encoder"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[10**4, 10**5, 10**6])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure is not None:
        print(json.dumps(measure(arguments.measure)))
        return
    table = Table("", *(f"{rows:,}" for rows in arguments.rows), title="utterances")
    columns = []
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            write_rows(Path(folder), rows)
            command = [sys.executable, __file__, "--measure", folder]
            columns.append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
    for name in columns[0]:
        table.add_row(name, *(f"{column[name]:.2f}" if ", s" in name else f"{column[name]:.0f}" for column in columns))
    Console().print(table)


def measure(folder: Path) -> dict[str, float]:
    """Return what is measured of one size, in this process: seconds and MB."""
    data = EmotionDataModule(folder / "manifest.parquet", folder / "cache")
    before, start = resident(), time.perf_counter()
    rows = len(data.targets.category)
    assert len(data.manifest) == rows
    assert data.cache is not None
    entries = data.cache.find(ENCODER, data.contents[ENCODER], np.zeros(rows, np.int64), lambda at: list(map(str, at)))
    lengths = data.cache.lengths(ENCODER, entries)
    found = {"open, s": time.perf_counter() - start, "held, MB": (resident() - before) / 1e6}
    found["peak, MB"] = (peak() - before) / 1e6
    del entries
    categories = data.targets.category
    for name, size in (("batches of 128", BatchSize(128)), ("frame budget", BatchSize(512, 37_000))):
        start = time.perf_counter()
        next(iter(TrainingBatches(lengths, categories, size, Draw(balance=0.5), views=2)))
        found[f"sampler, {name}, s"] = time.perf_counter() - start
    start = time.perf_counter()
    next(iter(EvaluationBatches(lengths, BatchSize(512, 37_000))))
    found["sampler, evaluation, s"] = time.perf_counter() - start
    start = time.perf_counter()
    reader = data.train_dataloader().reader
    found["train, s"] = time.perf_counter() - start
    found["train held, MB"] = (resident() - before) / 1e6
    found["train peak, MB"] = (peak() - before) / 1e6
    found["a worker's own, MB"] = worker_memory(reader)
    return found


def worker_memory(reader: Dataset) -> float:
    """Return the MB that a reading process shares with nobody, after a thousand utterances' targets and entries."""
    loader = DataLoader(_Looking(reader), batch_size=None, num_workers=2)
    return max(float(own) for own in loader)


class _Looking(Dataset):
    """What a reading process does but for the frames, which lie in the files' shared pages."""

    def __init__(self, reader: Dataset) -> None:
        self.reader = reader

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> float:
        at = np.random.default_rng(number).integers(0, len(self.reader), 1000)
        for position in at.tolist():
            self.reader.targets.select(self.reader.rows[[position]])
            entry = int(self.reader.entries[ENCODER][0, position])
            self.reader.cache.lengths(ENCODER, np.array([entry]))
        fields = Path("/proc/self/smaps_rollup").read_text()
        return sum(int(fields.split(f"{kind}:")[1].split()[0]) for kind in ("Private_Clean", "Private_Dirty")) / 1e3


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def peak() -> int:
    return 1024 * int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])


def write_rows(folder: Path, rows: int) -> None:
    """Write a manifest and an index of that many utterances, without audio and without shards."""
    generator = np.random.default_rng(0)
    contents = generator.integers(0, 256, (rows, 32), np.uint8)
    lengths = speech_lengths(rows)
    declare(folder / "cache", 1280)
    order = np.argsort(contents.view("S32").reshape(-1))
    Index(
        contents=contents[order],
        views=np.zeros(rows, np.int16),
        shards=(np.arange(rows) // 512).astype(np.int32),
        offsets=(np.arange(rows) % 512) * 290,
        frames=lengths[order].astype(np.int32),
        shard_names=tuple(f"{number:024x}" for number in range(-(-rows // 512))),
    ).write(folder / "cache" / ENCODER / "index.parquet")
    names = [f"msp-podcast/MSP-PODCAST_{number:07d}" for number in range(rows)]
    columns = {
        "utterance_id": names,
        "corpus": ["msp-podcast"] * rows,
        "audio": names,
        "file_name": names,
        "speaker": [f"msp-podcast/{number % 3000}" for number in range(rows)],
        "language": ["en"] * rows,
        "split": ["train"] * rows,
        "text": ["so I told him that I would never do that again"] * rows,
        "category": [EMOTIONS[number % len(EMOTIONS)] for number in range(rows)],
        "arousal": generator.uniform(1, 7, rows),
        "valence": generator.uniform(1, 7, rows),
        "dominance": generator.uniform(1, 7, rows),
        "duration": lengths / 50,
        "audio_sha256": [content.tobytes().hex() for content in contents],
    }
    manifest = build(columns, ManifestMetadata("/", "challenge"))
    place = SCHEMA.get_field_index("votes")
    table = manifest.table.set_column(place, SCHEMA.field("votes"), votes(rows))
    Manifest(table, manifest.metadata).write(folder / "manifest.parquet")


def votes(rows: int) -> pa.Array:
    """Return five raters' votes per utterance, built as columns; as objects a million rows would take minutes."""
    numbers = np.arange(rows * VOTES, dtype=np.int32)
    fields = SCHEMA.field("votes").type.value_type
    values = {
        "rater": pa.array([f"rater{number}" for number in range(500)]).take(pa.array(numbers % 500)),
        "primary": pa.array(EMOTIONS).take(pa.array(numbers % len(EMOTIONS))),
        "secondary": pa.nulls(len(numbers), fields.field("secondary").type),
        **{name: pa.array(numbers % 7 + 1, pa.float32()) for name in ("arousal", "valence", "dominance")},
    }
    structs = pa.StructArray.from_arrays([values[field.name] for field in fields], fields=list(fields))
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int32) * VOTES), structs)


if __name__ == "__main__":
    main()
