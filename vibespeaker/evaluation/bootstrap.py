"""Speaker-clustered bootstrap intervals, and simulated tests with equally many utterances per class.

A draw takes as many speakers as there are, with replacement, and all utterances of each: utterances of one speaker
are not independent, so drawing utterances would give intervals that are too narrow. Intervals are percentiles of the
draws. All systems share the draws, so their differences are paired. With few speakers (below about 20) percentile
intervals are themselves too narrow; where there is only one speaker, utterances are drawn instead.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from vibespeaker.evaluation.statistics import Floats, Integers, Layout, System, scores, sums
from vibespeaker.evaluation.targets import Targets
from vibespeaker.evaluation.uncertainty import Interval, Spread

#: Draws whose speaker counts are held in memory at once.
_CHUNK = 500
#: Simulated balanced tests.
TESTS = 1000
#: The scores of simulated tests.
_BALANCED = ("macro_f1", "accuracy", "ccc_arousal", "ccc_valence", "ccc_dominance", "ccc_mean")
_UNKNOWN = (float("nan"), float("nan"))


def clusters_of(targets: Targets) -> tuple[Integers, int]:
    """Return `(N,)` cluster of each utterance and their number: speakers, or utterances where there is one speaker."""
    speakers, codes = np.unique(targets.speakers, return_inverse=True)
    if len(speakers) > 1:
        return codes.astype(np.int64), len(speakers)
    return np.arange(len(targets)), len(targets)


def draw_counts(clusters: int, draws: int, seed: int) -> Iterator[Floats]:
    """Return how often each cluster is in each draw, `(chunk, clusters)` at a time, `draws` rows in all."""
    return _counts(np.random.default_rng(seed), clusters, clusters, draws)


def _counts(generator: np.random.Generator, items: int, drawn: int, draws: int) -> Iterator[Floats]:
    """Yield how often each of `items` is drawn, with replacement: `(chunk, items)` at a time, `draws` rows in all."""
    for start in range(0, draws, _CHUNK):
        size = min(_CHUNK, draws - start)
        # the draws of a chunk are counted at once, each in a range of numbers of its own
        numbers = generator.integers(0, items, (size, drawn)) + np.arange(size)[:, None] * items
        counts = np.bincount(numbers.ravel(), minlength=size * items)
        yield counts.reshape(size, items).astype(np.float64)


def bootstrap(
    tables: Sequence[Floats], layouts: Sequence[Layout], draws: int, seed: int, full: bool
) -> list[dict[str, Floats]]:
    """Return the scores of every draw.

    Args:
        tables: one `(clusters, width)` per system, see `statistics.sums`.
        layouts: one per table.
        draws: number of draws.
        seed: the same seed gives the same draws.
        full: see `statistics.scores`.

    Returns:
        One mapping per system: score → `(draws,)`.
    """
    joined = np.concatenate(tables, axis=1)
    edges = np.cumsum([0, *(table.shape[1] for table in tables)])
    chunks: list[list[dict[str, Floats]]] = [[] for _ in tables]
    for counts in draw_counts(len(joined), draws, seed):
        drawn = counts @ joined
        for system, layout in enumerate(layouts):
            chunks[system].append(scores(layout, drawn[:, edges[system] : edges[system + 1]], full))
    return [{name: np.concatenate([chunk[name] for chunk in one]) for name in one[0]} if one else {} for one in chunks]


def intervals(values: Mapping[str, Floats], drawn: Mapping[str, Floats], level: float) -> dict[str, Interval]:
    """Return each score with the percentiles of its draws; draws in which it is undefined are left out.

    Args:
        values: score → its value on all utterances.
        drawn: score → `(draws,)`; a score without draws gets no interval.
        level: coverage, e.g. 0.95.
    """
    names = [name for name in values if name in drawn]
    ends = dict(zip(names, percentiles([drawn[name] for name in names], level), strict=True))
    return {name: Interval(float(value), *ends.get(name, _UNKNOWN)) for name, value in values.items()}


def percentiles(rows: Sequence[Floats], level: float) -> list[tuple[float, float]]:
    """Return the ends of the middle `level` of the defined draws of each row; NaN where there are none.

    Args:
        rows: one `(draws,)` per score.
        level: coverage, e.g. 0.95.
    """
    points = [(1 - level) / 2, (1 + level) / 2]
    ends = [_UNKNOWN] * len(rows)
    whole = [i for i, row in enumerate(rows) if len(row) and not np.isnan(row).any()]
    if whole:
        low, high = np.quantile(np.stack([rows[i] for i in whole]), points, axis=1)
        for i, *pair in zip(whole, low, high, strict=True):
            ends[i] = (float(pair[0]), float(pair[1]))
    for i in sorted({*range(len(rows))} - {*whole}):
        defined = rows[i][~np.isnan(rows[i])]
        if len(defined):
            low, high = np.quantile(defined, points)
            ends[i] = (float(low), float(high))
    return ends


def balanced_tests(
    systems: Sequence[System],
    targets: Targets,
    layouts: Sequence[Layout],
    per_class: int,
    seed: int,
    tests: int = TESTS,
) -> list[dict[str, Spread]]:
    """Score simulated tests that have `per_class` utterances of every class that occurs, drawn with replacement.

    The challenge's test has 400 utterances of each of eight classes; how far a score moves from one such test to
    another is what this shows. It knows nothing of new speakers, which the intervals of the `balanced_` scores do.

    Args:
        systems: the systems; all get the same draws.
        targets: the truth.
        layouts: one per system.
        per_class: utterances per class.
        seed: of the draws.
        tests: simulated tests.

    Returns:
        One mapping per system: score (`macro_f1`, `accuracy`, `ccc_…`) → spread; empty without a labelled utterance.
    """
    labelled = np.unique(targets.categories[targets.categories >= 0])
    if not len(labelled):
        return [{} for _ in systems]
    # every utterance is a cluster of its own: its sums, of all systems side by side, so that draws are shared
    layouts = [replace(layout, strata=0) for layout in layouts]
    alone, utterances = np.arange(len(targets)), len(targets)
    own = [sums(s, targets, layout, alone, utterances) for s, layout in zip(systems, layouts, strict=True)]
    joined = np.concatenate(own, axis=1)
    generator = np.random.default_rng(seed)
    tested = np.zeros((tests, joined.shape[1]))
    for index in labelled:
        rows = np.flatnonzero(targets.categories == index)
        drawn = [counts @ joined[rows] for counts in _counts(generator, len(rows), per_class, tests)]
        tested += np.concatenate(drawn)
    edges = np.cumsum([layout.width for layout in layouts])[:-1]
    found = [
        scores(layout, part, full=False) for layout, part in zip(layouts, np.split(tested, edges, axis=1), strict=True)
    ]
    return [{name: _spread(one[name]) for name in _BALANCED if name in one} for one in found]


def _spread(values: npt.NDArray[np.float64]) -> Spread:
    low, high = np.quantile(values, [0.025, 0.975])
    return Spread(float(values.mean()), float(values.std(ddof=1)), float(low), float(high), len(values))
