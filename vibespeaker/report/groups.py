"""The section about groups of utterances: gender, corpus, duration, loudness, noise, speaker."""

import math
from collections.abc import Sequence

from vibespeaker import figures
from vibespeaker.evaluation.scores import FEW, LEAST_UTTERANCES, Evaluation, Slice
from vibespeaker.report.document import Block, Paragraph, Picture, Section, Table, listed
from vibespeaker.report.scores import HEADLINE, UNKNOWN, intervals_figure, shown_interval

#: Scores of groups; the first is drawn. Groups may lack classes, which macro-F1 counts as 0.
_SLICED = ("uar", "macro_f1", "ccc_mean")
_MOST_GROUPS = 10
#: Bars of speakers; more are cut off, the best of them.
_MOST_BARS = 48
_TITLES = {"level_db": "loudness", "snr_db": "signal-to-noise ratio"}


def slices(evaluation: Evaluation, leader: str | None) -> Section:
    """Return the scores of groups of utterances for the leading system, the worst group of each kind named.

    Groups that are too small for their scores to say something (`Slice.is_small`) are marked, and never drawn.
    """
    of_leader = [one for one in evaluation.slices if one.system == leader]
    blocks: list[Block] = []
    for by in dict.fromkeys(one.by for one in of_leader):
        groups = [one for one in of_leader if one.by == by]
        kept = [score for score in _SLICED if any(not math.isnan(g.scores.get(score, UNKNOWN).value) for g in groups)]
        if kept:
            blocks += _grouping(by, groups, kept, evaluation)
    return Section("Groups", tuple(blocks))


def _grouping(by: str, groups: Sequence[Slice], kept: Sequence[str], evaluation: Evaluation) -> list[Block]:
    title, score = _TITLES.get(by, by), HEADLINE[kept[0]]
    drawn = [one for one in groups if not one.is_small]
    blocks: list[Block] = []
    listed_groups, caption = groups, f"{groups[0].system} by {title}."
    if len(groups) > _MOST_GROUPS:
        listed_groups = sorted(groups, key=lambda group: _ascending(group, kept[0]))[:_MOST_GROUPS]
        caption = f"{groups[0].system} by {title}: of {len(groups)} groups the {_MOST_GROUPS} with the lowest {score}."
    blocks.append(_slice_table(title, caption, listed_groups, kept))
    whole = evaluation.system(groups[0].system).scores.get(kept[0], UNKNOWN).value
    if by == "speaker":
        drawn = sorted(drawn, key=lambda group: _ascending(group, kept[0]))[:_MOST_BARS]
    elif len(drawn) > _MOST_GROUPS:
        drawn = sorted(drawn, key=lambda group: _ascending(group, kept[0]))[:_MOST_GROUPS]
    if len(drawn) < 2:  # one alone has nothing to be compared with
        blocks.append(Paragraph(f"No two groups by {title} have {LEAST_UTTERANCES} clips: none is drawn."))
        return blocks
    values = [group.scores.get(kept[0], UNKNOWN) for group in drawn]
    names = [f"{group.group} ({group.utterances:,})" for group in drawn]
    left_out = sum(one.is_small for one in groups)
    said = f" {left_out} with fewer than {LEAST_UTTERANCES} clips left out." if left_out else ""
    counted = "" if by == "speaker" else ", with the number of clips"
    caption = f"{score} of {groups[0].system} by {title}{counted}; dashed: all utterances.{said}"
    alt = f"{score} by {title}, all utterances {whole:.3f}: {listed(names, [one.value for one in values])}."
    if by == "speaker":
        ends = {score: [[one.low, one.high] for one in values]}
        bars = {score: [one.value for one in values]}
        figure = figures.class_bars(bars, [group.group for group in drawn], score, ends, reference=whole)
    else:
        figure = intervals_figure(names, values, score, whole)
    blocks.append(Picture(f"slices-{by}", figure, caption, alt))
    return blocks


def _slice_table(title: str, caption: str, groups: Sequence[Slice], scores: Sequence[str]) -> Table:
    rows = tuple(
        (
            group.group,
            f"{group.utterances:,}",
            f"{group.speakers:,}",
            *(shown_interval(group.scores.get(score, UNKNOWN)) for score in scores),
            FEW
            if group.is_small
            else ", ".join(HEADLINE.get(score, score) for score in group.worst_by if score in scores),
        )
        for group in groups
    )
    return Table(caption, (title, "clips", "speakers", *(HEADLINE[score] for score in scores), "worst by"), rows)


def _ascending(group: Slice, score: str) -> float:
    value = group.scores.get(score, UNKNOWN).value
    return math.inf if math.isnan(value) else value
