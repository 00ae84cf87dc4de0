"""How long the bootstrap and a whole evaluation take, on random tables of the size of a challenge's development split.

python scripts/bench_evaluate.py --utterances 32000 --speakers 1000 --draws 10000 --systems 3
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from vibespeaker.evaluation.bootstrap import bootstrap, clusters_of, intervals
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.statistics import System, layout_of, scores, sums
from vibespeaker.evaluation.targets import Truth
from vibespeaker.labels import ATTRIBUTES, CHALLENGE
from vibespeaker.manifest import ManifestMetadata, build
from vibespeaker.predictions import Predictions, PredictionsMetadata


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("utterances", 32_000), ("speakers", 1000), ("draws", 10_000), ("systems", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths, truth = _write(Path(folder), options.utterances, options.speakers, options.systems)
        _time_bootstrap(paths[0], truth, options.draws)
        start = time.perf_counter()
        evaluate_tables(paths, truth, Options(draws=options.draws, by=[]))
        print(f"evaluate {options.systems} systems, without slices: {time.perf_counter() - start:.1f} s")
        start = time.perf_counter()
        evaluate_tables(paths, truth, Options(draws=options.draws))
        print(
            f"evaluate {options.systems} systems, every slice, speakers among them: {time.perf_counter() - start:.1f} s"
        )


def _time_bootstrap(path: Path, truth: Truth, draws: int) -> None:
    predictions = Predictions.read(path)
    start = time.perf_counter()
    targets = truth.targets(list(predictions.frame["utterance_id"]), path)
    system = System.of("random", predictions, truth.class_logits(predictions, path))
    layout = layout_of(system, truth.labels.classes)
    clusters, count = clusters_of(targets)
    table = sums(system, targets, layout, clusters, count)
    drawn = bootstrap([table], [layout], draws, seed=0, full=True)[0]
    found = intervals(scores(layout, table.sum(0)), drawn, 0.95)
    seconds = time.perf_counter() - start
    print(f"{draws:,} draws of {len(found)} scores, {len(targets):,} utterances, {count:,} speakers: {seconds:.1f} s")
    print(f"  macro-F1 {found['macro_f1']}, CCC mean {found['ccc_mean']}")


def _write(folder: Path, utterances: int, speakers: int, systems: int) -> tuple[list[Path], Truth]:
    generator = np.random.default_rng(0)
    ids = [f"bench/{number:06d}" for number in range(utterances)]
    category = generator.integers(0, len(CHALLENGE), utterances)
    attributes = generator.uniform(1, 7, (utterances, 3))
    columns = {
        "utterance_id": ids,
        "corpus": ["bench"] * utterances,
        "audio": ids,
        "file_name": ids,
        "speaker": [f"bench/{speaker}" for speaker in generator.integers(0, speakers, utterances)],
        "language": ["en"] * utterances,
        "gender": [("female", "male")[one] for one in generator.integers(0, 2, utterances)],
        "split": ["development"] * utterances,
        "category": [CHALLENGE.classes[one] for one in category],
        "duration": generator.uniform(1, 12, utterances).tolist(),
    } | {name: attributes[:, i].tolist() for i, name in enumerate(ATTRIBUTES)}
    build(columns, ManifestMetadata(".", "challenge", ("bench",), synthetic=True)).write(folder / "manifest.parquet")
    paths = []
    for number in range(systems):
        logits = np.eye(len(CHALLENGE))[category] + generator.normal(size=(utterances, len(CHALLENGE)))
        values = np.clip(attributes + generator.normal(size=attributes.shape), 1, 7)
        metadata = PredictionsMetadata("challenge", CHALLENGE.classes, system=f"random {number}", synthetic=True)
        paths.append(folder / f"{number}.parquet")
        Predictions.build(ids, ids, columns["split"], logits, values, metadata).write(paths[-1])
    return paths, Truth.read(folder / "manifest.parquet")


if __name__ == "__main__":
    main()
