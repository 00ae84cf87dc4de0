"""The section that compares systems in pairs."""

from vibespeaker.evaluation.scores import Evaluation
from vibespeaker.evaluation.summary import deciding
from vibespeaker.report.document import Block, Paragraph, Section, Table, number
from vibespeaker.report.scores import HEADLINE, best_system, shown_interval

_MOST_PAIRS = 20
#: Below this a difference is hardly chance, after Holm's correction.
_SURE = 0.05


def comparisons(evaluation: Evaluation) -> Section:
    """Return what decides, and folded away the paired comparisons; of many, those with the best by each score."""
    pairs = [pair for pair in evaluation.comparisons if pair.score in HEADLINE]
    if not pairs:
        return Section("Comparisons", ())
    note = ""
    if len(pairs) > _MOST_PAIRS:
        best = {score: best_system(evaluation, score) for score in HEADLINE}
        pairs = [pair for pair in pairs if best[pair.score] in (pair.first, pair.second)]
        note = " Shown are the pairs with the best system by each score; all are in evaluation.json."
    rows = tuple(
        (
            HEADLINE[pair.score],
            pair.first,
            pair.second,
            shown_interval(pair.difference),
            *(_probability(p) for p in (pair.p_bootstrap, pair.p_permutation, pair.p_holm)),
        )
        for pair in pairs
    )
    header = ("score", "first", "second", "first − second", "p bootstrap", "p permutation", "p Holm")
    sure = sum(pair.p_holm < _SURE for pair in pairs)
    count = f"{len(pairs)} paired comparison{'s' if len(pairs) > 1 else ''}"
    caption = (
        f"{count} over the same utterances, {sure} of them hardly chance (p Holm below {_SURE:g}); p Holm is corrected "
        f"for the number of pairs.{note}"
    )
    decided = tuple(deciding(evaluation))
    blocks: list[Block] = [Paragraph("The best system against each of the others:", decided)] if decided else []
    return Section("Comparisons", (*blocks, Table(caption, header, rows, 3, folded=True)))


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else number(p)
