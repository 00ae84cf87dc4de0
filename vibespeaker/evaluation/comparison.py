"""Paired comparison of systems on the same utterances: bootstrap interval, permutation test, Holm's correction.

The permutation test asks how often systems that were the same would differ as much: it swaps the two systems' answers,
speaker by speaker, at random (all swaps where they are few enough). Swapping speakers, not utterances, keeps the
dependence within a speaker. Both p-values are two-sided and never 0: the observed arrangement counts as one.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from vibespeaker.evaluation.bootstrap import percentiles
from vibespeaker.evaluation.scores import Comparison
from vibespeaker.evaluation.statistics import Floats, Layout, scores
from vibespeaker.evaluation.uncertainty import Interval

#: Scores by which systems are compared, where both have them.
COMPARED = ("macro_f1", "uar", "balanced_macro_f1", "ccc_arousal", "ccc_valence", "ccc_dominance", "ccc_mean")
_CHUNK = 500
_ROUNDING = 1e-12


def compare(
    names: Sequence[str],
    tables: Sequence[Floats],
    layouts: Sequence[Layout],
    drawn: Sequence[Mapping[str, Floats]],
    permutations: int,
    level: float,
    seed: int,
) -> tuple[Comparison, ...]:
    """Compare every pair of systems by every score that both have.

    Args:
        names: of the systems.
        tables: one `(speakers, width)` per system, the same speakers in the same order.
        layouts: one per table.
        drawn: one mapping per system: score → `(draws,)` from the same bootstrap draws.
        permutations: random swaps; all of them where there are fewer.
        level: coverage of the intervals.
        seed: of the swaps.

    Returns:
        Comparisons by score, then by pair; Holm's correction runs over the pairs of each score.
    """
    found: dict[str, list[Comparison]] = {name: [] for name in COMPARED}
    for first, second in combinations(range(len(names)), 2):
        differences = permuted_differences(
            (tables[first], tables[second]), (layouts[first], layouts[second]), permutations, seed
        )
        for score, (observed, null) in differences.items():
            apart = drawn[first][score] - drawn[second][score]
            difference = Interval(observed, *percentiles([apart], level)[0])
            p_permutation = permutation_p(observed, null, exact=len(null) < permutations)
            one = Comparison(score, names[first], names[second], difference, bootstrap_p(apart), p_permutation, np.nan)
            found[score].append(one)
    return tuple(one for family in found.values() for one in corrected(family))


def permuted_differences(
    tables: tuple[Floats, Floats], layouts: tuple[Layout, Layout], permutations: int, seed: int
) -> dict[str, tuple[float, Floats]]:
    """Return score → observed difference and the differences after swapping speakers at random.

    A system's head that the other lacks is not compared. Where all 2^speakers swaps are no more than `permutations`,
    each is made once.

    Args:
        tables: two `(speakers, width)`.
        layouts: of the two.
        permutations: number of random swaps.
        seed: of the swaps.
    """
    attributes = tuple(name for name in layouts[0].attributes if name in layouts[1].attributes)
    classes = layouts[0].classes if layouts[0].classes == layouts[1].classes else ()
    shared = Layout(classes, 0, attributes)
    if not shared.width:
        return {}
    first, second = (_restricted(t, la, shared) for t, la in zip(tables, layouts, strict=True))
    total, apart = np.stack([first.sum(0), second.sum(0)]), second - first
    observed = scores(shared, total, full=False)
    chunks = [
        scores(shared, np.stack([total[0] + moved, total[1] - moved]), full=False)
        for moved in (swaps @ apart for swaps in swaps(len(first), permutations, seed))
    ]
    return {
        name: (float(value[0] - value[1]), np.concatenate([chunk[name][0] - chunk[name][1] for chunk in chunks]))
        for name, value in observed.items()
        if name in COMPARED
    }


def bootstrap_p(apart: Floats) -> float:
    """Return twice the smaller share of draws on one side of no difference; NaN where no draw is defined."""
    defined = apart[~np.isnan(apart)]
    if not len(defined):
        return float("nan")
    side = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (side + 1) / (len(defined) + 1)))


def permutation_p(observed: float, null: Floats, exact: bool) -> float:
    """Return the share of swaps that differ at least as much as observed.

    Args:
        observed: the difference.
        null: `(P,)` differences after swaps.
        exact: True when `null` holds every swap once, the observed arrangement among them.
    """
    if np.isnan(observed):
        return float("nan")
    beyond = int((np.abs(null) >= abs(observed) - _ROUNDING).sum())
    return beyond / len(null) if exact else (beyond + 1) / (len(null) + 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's step-down method (1979), in the order given; NaN stays NaN and is not counted.

    Args:
        p_values: of one family of tests.
    """
    order = [i for i in np.argsort(p_values, kind="stable") if not np.isnan(p_values[i])]
    adjusted, highest = [float("nan")] * len(p_values), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def corrected(family: Sequence[Comparison]) -> Iterator[Comparison]:
    """Yield the comparisons of one family with `p_holm` after Holm's correction over all of them."""
    for one, p_holm in zip(family, holm([one.p_permutation for one in family]), strict=True):
        yield Comparison(one.score, one.first, one.second, one.difference, one.p_bootstrap, one.p_permutation, p_holm)


def swaps(speakers: int, permutations: int, seed: int) -> Iterator[Floats]:
    """Yield `(chunk, speakers)` of 0 and 1: every combination once, or `permutations` random ones."""
    if speakers < np.log2(permutations):
        codes = np.arange(2**speakers)
        yield ((codes[:, None] >> np.arange(speakers)) & 1).astype(np.float64)
        return
    generator = np.random.default_rng(seed)
    for start in range(0, permutations, _CHUNK):
        yield generator.integers(0, 2, (min(_CHUNK, permutations - start), speakers)).astype(np.float64)


def _restricted(table: Floats, layout: Layout, shared: Layout) -> Floats:
    """Keep the statistics that `shared` has, moments summed over strata."""
    columns = [layout.attributes.index(name) for name in shared.attributes]
    moments = layout.moments(table)[:, columns].sum(axis=2).reshape(len(table), -1)
    confusion = layout.confusion(table).reshape(len(table), -1) if shared.classes else np.zeros((len(table), 0))
    return np.concatenate([confusion, moments], axis=1)
