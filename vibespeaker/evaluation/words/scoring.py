"""Error rates of recognisers with intervals, their comparison on the same utterances, and the worst utterances."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vibespeaker.evaluation.bootstrap import draw_counts, percentiles
from vibespeaker.evaluation.comparison import bootstrap_p, corrected, permutation_p, swaps
from vibespeaker.evaluation.scores import Comparison, nan_to_none
from vibespeaker.evaluation.uncertainty import Interval
from vibespeaker.evaluation.words.counting import COLUMNS, Counts, Normalisation, count_errors, rates
from vibespeaker.evaluation.words.texts import Heard, clusters
from vibespeaker.files import write_text

Floats = npt.NDArray[np.float64]
#: Rates by which recognisers are compared.
COMPARED = ("wer", "cer")


@dataclass(frozen=True)
class Utterance:
    """An utterance with the errors that a recogniser made in it.

    Args:
        utterance_id: which.
        errors: words substituted, left out and put in.
        words: of the reference.
        reference: what was said.
        heard: what the recogniser heard.
    """

    utterance_id: str
    errors: int
    words: int
    reference: str
    heard: str


@dataclass(frozen=True)
class Recogniser:
    """Error rates of one recogniser.

    Args:
        name: of its texts.
        origins: `text_origin` of its texts.
        rates: `wer`, `cer`, `substitutions`, `deletions`, `insertions` → share with its interval.
        counts: name of `counting.COLUMNS` → sum over utterances.
        worst: utterances with most errors, in falling order.
    """

    name: str
    origins: tuple[str, ...]
    rates: dict[str, Interval]
    counts: dict[str, int]
    worst: tuple[Utterance, ...]


@dataclass(frozen=True)
class WordErrors:
    """What recognisers made of the same utterances.

    Args:
        utterances: how many.
        speakers: how many.
        normalisation: of references and texts, see `counting.normalised`.
        recognisers: in the order that was asked for.
        comparisons: of every two, by rate; below 0 the first makes fewer errors.
    """

    utterances: int
    speakers: int
    normalisation: str
    recognisers: tuple[Recogniser, ...]
    comparisons: tuple[Comparison, ...]


def score_heard(
    heard: Heard, normalisation: Normalisation, draws: int, level: float, seed: int, worst: int
) -> WordErrors:
    """Score recognisers; a bootstrap draws speakers, all recognisers the same ones.

    Args:
        heard: references and texts.
        normalisation: of both.
        draws: bootstrap draws and random swaps of the permutation test; 0 for rates alone.
        level: coverage of the intervals, e.g. 0.95.
        seed: of the draws.
        worst: how many utterances of each to keep.
    """
    counted = {name: count_errors(heard.references, texts, normalisation) for name, texts in heard.texts.items()}
    groups = clusters(heard)
    sums = {name: _sums(counts, groups) for name, counts in counted.items()}
    drawn = {name: _drawn(table, draws, seed) for name, table in sums.items()}
    recognisers = tuple(
        Recogniser(
            name=name,
            origins=heard.origins[name],
            rates=_intervals(counts, drawn[name], level),
            counts=dict(zip(COLUMNS, counts.sum(0).tolist(), strict=True)),
            worst=_worst(heard, name, counts, worst),
        )
        for name, counts in counted.items()
    )
    comparisons = _compare(sums, drawn, draws, level, seed) if draws else ()
    return WordErrors(len(groups), len(set(heard.speakers)), normalisation, recognisers, comparisons)


def write_errors(errors: WordErrors, path: Path) -> None:
    """Write everything as JSON, undefined numbers as null."""
    write_text(path, json.dumps(nan_to_none(asdict(errors)), indent=2, ensure_ascii=False) + "\n")


def worst_rows(counts: Counts, wanted: int) -> list[int]:
    """Return the rows of `count_errors` with most errors of words, in falling order; rows without errors are left out.

    Args:
        counts: `(N, 8)`.
        wanted: at most so many.
    """
    errors = counts[:, :3].sum(1)
    order = np.argsort(-errors, kind="stable")[:wanted]
    return [int(row) for row in order if errors[row]]


def _sums(counts: Counts, groups: npt.NDArray[np.int64]) -> Floats:
    table = np.zeros((int(groups.max()) + 1, counts.shape[1]))
    np.add.at(table, groups, counts)
    return table


def _drawn(table: Floats, draws: int, seed: int) -> dict[str, Floats]:
    chunks = [rates(counts @ table) for counts in draw_counts(len(table), draws, seed)]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]} if chunks else {}


def _intervals(counts: Counts, drawn: dict[str, Floats], level: float) -> dict[str, Interval]:
    values = {name: float(value) for name, value in rates(counts.sum(0)).items()}
    if not drawn:
        return {name: Interval(value) for name, value in values.items()}
    ends = percentiles([drawn[name] for name in values], level)
    return {name: Interval(value, *pair) for (name, value), pair in zip(values.items(), ends, strict=True)}


def _worst(heard: Heard, name: str, counts: Counts, wanted: int) -> tuple[Utterance, ...]:
    rows = worst_rows(counts, wanted)
    return tuple(
        Utterance(
            utterance_id=heard.utterance_ids[row],
            errors=int(counts[row, :3].sum()),
            words=int(counts[row, 3]),
            reference=heard.references[row],
            heard=heard.texts[name][row],
        )
        for row in rows
    )


def _compare(
    sums: dict[str, Floats], drawn: dict[str, dict[str, Floats]], draws: int, level: float, seed: int
) -> tuple[Comparison, ...]:
    found: list[Comparison] = []
    for rate in COMPARED:
        family: list[Comparison] = []
        for first, second in combinations(sums, 2):
            apart = drawn[first][rate] - drawn[second][rate]
            observed, null = _swapped(sums[first], sums[second], rate, draws, seed)
            difference = Interval(observed, *percentiles([apart], level)[0])
            p = permutation_p(observed, null, exact=len(null) < draws)
            family.append(Comparison(rate, first, second, difference, bootstrap_p(apart), p, np.nan))
        found += corrected(family)
    return tuple(found)


def _swapped(first: Floats, second: Floats, rate: str, draws: int, seed: int) -> tuple[float, Floats]:
    """Return the difference of a rate, and the differences after swapping the recognisers, speaker by speaker."""
    totals, apart = np.stack([first.sum(0), second.sum(0)]), second - first
    observed = rates(totals)[rate]
    chunks: Sequence[Floats] = [
        rates(totals[0] + moved)[rate] - rates(totals[1] - moved)[rate]
        for moved in (chosen @ apart for chosen in swaps(len(first), draws, seed))
    ]
    return float(observed[0] - observed[1]), np.concatenate(chunks)
