"""Compares the time to prepare a corpus with the time to decode its audio once: `bench_prepare.py FORMAT=FOLDER …`."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import soundfile

from vibespeaker.corpora import adapter
from vibespeaker.prepare.prepare import prepare_corpus

#: Preparing may take this many times as long as decoding.
LIMIT = 1.9


def decode_all(paths: list[Path]) -> float:
    """Decode every file once, one after the other, and return the seconds it took."""
    started = time.perf_counter()
    for path in paths:
        soundfile.read(path, dtype="float32")
    return time.perf_counter() - started


def prepare_all(corpora: dict[str, Path], folder: Path) -> float:
    """Prepare every corpus, manifests written, and return the seconds it took."""
    started = time.perf_counter()
    for name, root in corpora.items():
        prepared = prepare_corpus(adapter(name), root, folder / f"{name}.examined")
        prepared.manifest.write(folder / f"{name}.parquet")
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", nargs="+", metavar="FORMAT=FOLDER", help="e.g. emodb=../shared/data/emodb")
    parser.add_argument("--repeats", type=int, default=5, help="the smallest ratio's pair of each kind is printed")
    arguments = parser.parse_args()
    corpora = {name: Path(folder) for name, _, folder in (pair.partition("=") for pair in arguments.corpora)}
    paths = [root / row.audio for name, root in corpora.items() for row in adapter(name).read(root).utterances]
    decode_all(paths)
    decoding, preparing = [], []
    for _ in range(arguments.repeats):
        # in turn, so that a busy machine slows both; the files are in the page cache for both
        decoding.append(decode_all(paths))
        with tempfile.TemporaryDirectory() as folder:
            preparing.append(prepare_all(corpora, Path(folder)))
    ratio = min(preparing) / min(decoding)
    sys.stdout.write(
        f"{len(paths)} clips: decoded once in {min(decoding):.3f} s, prepared in {min(preparing):.3f} s "
        f"(best of {arguments.repeats}): ratio {ratio:.2f}, limit {LIMIT:g}\n"
    )
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
