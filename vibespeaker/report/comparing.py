"""Sections that compare systems and groups of utterances."""

import math
from collections.abc import Sequence

from vibespeaker.evaluation.scores import Evaluation, Slice
from vibespeaker.report.document import Block, Paragraph, Picture, Section, Table, number
from vibespeaker.report.scores import HEADLINE, UNKNOWN, best_system, intervals_figure, shown_interval
from vibespeaker.report.systems import display_name

#: Scores of groups; the first is drawn. Groups may lack classes, which macro-F1 counts as 0.
_SLICED = ("uar", "macro_f1", "ccc_mean")
_MOST_PAIRS = 20
_MOST_GROUPS = 10


def comparisons(evaluation: Evaluation) -> Section:
    """Return the paired comparisons; where they are many, those with the best system by each score."""
    pairs = [pair for pair in evaluation.comparisons if pair.score in HEADLINE]
    blocks: list[Block] = []
    if len(pairs) > _MOST_PAIRS:
        best = {score: best_system(evaluation, score) for score in HEADLINE}
        pairs = [pair for pair in pairs if best[pair.score] in (pair.first, pair.second)]
        blocks.append(Paragraph("Shown are the pairs with the best system by each score; all are in evaluation.json."))
    rows = tuple(
        (
            HEADLINE[pair.score],
            display_name(pair.first, evaluation),
            display_name(pair.second, evaluation),
            shown_interval(pair.difference),
            *(_probability(p) for p in (pair.p_bootstrap, pair.p_permutation, pair.p_holm)),
        )
        for pair in pairs
    )
    if not rows:
        return Section("Comparisons", ())
    header = ("score", "first", "second", "first − second", "p bootstrap", "p permutation", "p Holm")
    caption = "Paired comparisons over the same utterances; p Holm is corrected for the number of pairs."
    return Section("Comparisons", (*blocks, Table(caption, header, rows, labels=3)))


def slices(evaluation: Evaluation, leader: str | None) -> Section:
    """Return the scores of groups of utterances for the leading system, the worst group of each kind named."""
    of_leader = [one for one in evaluation.slices if one.system == leader]
    blocks: list[Block] = []
    for by in dict.fromkeys(one.by for one in of_leader):
        groups = [one for one in of_leader if one.by == by]
        kept = [score for score in _SLICED if any(not math.isnan(g.scores.get(score, UNKNOWN).value) for g in groups)]
        if not kept:
            continue
        if len(groups) > _MOST_GROUPS:
            text = f"Of {len(groups)} groups by {by}, the {_MOST_GROUPS} with the lowest {HEADLINE[kept[0]]} are shown."
            blocks.append(Paragraph(text))
            groups = sorted(groups, key=lambda group: _ascending(group, kept[0]))[:_MOST_GROUPS]
        blocks.append(_slice_table(by, groups, kept, evaluation))
        names = [f"{group.group} ({group.utterances:,})" for group in groups]
        values = [group.scores.get(kept[0], UNKNOWN) for group in groups]
        whole = evaluation.system(groups[0].system).scores.get(kept[0], UNKNOWN).value
        figure = intervals_figure(names, values, HEADLINE[kept[0]], whole)
        caption = f"{HEADLINE[kept[0]]} by {by}; dashed: all utterances. {display_name(groups[0].system, evaluation)}."
        blocks.append(Picture(f"slices-{by}", figure, caption))
    return Section("Groups", tuple(blocks))


def _slice_table(by: str, groups: Sequence[Slice], scores: Sequence[str], evaluation: Evaluation) -> Table:
    rows = tuple(
        (
            group.group,
            f"{group.utterances:,}",
            f"{group.speakers:,}",
            *(shown_interval(group.scores.get(score, UNKNOWN)) for score in scores),
            ", ".join(HEADLINE.get(score, score) for score in group.worst_by if score in scores) or "",
        )
        for group in groups
    )
    header = (by, "clips", "speakers", *(HEADLINE[score] for score in scores), "worst by")
    return Table(f"{display_name(groups[0].system, evaluation)} by {by}.", header, rows)


def _ascending(group: Slice, score: str) -> float:
    value = group.scores.get(score, UNKNOWN).value
    return math.inf if math.isnan(value) else value


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else number(p)
