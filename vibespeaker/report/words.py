"""The section about recognised words: error rates of runs that transcribe, their comparison, the worst utterances."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

from vibespeaker.evaluation.scores import Comparison
from vibespeaker.evaluation.words.counting import Normalisation, normalised
from vibespeaker.evaluation.words.scoring import COMPARED, Recogniser, WordErrors, score_heard
from vibespeaker.evaluation.words.texts import read_heard
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.texts import text_column
from vibespeaker.report.document import ABSENT, Block, Section, Table, best_cells, number, with_interval
from vibespeaker.report.runs import Run

log = logging.getLogger(__name__)

_RATES = {"wer": "WER", "cer": "CER", "substitutions": "substituted", "deletions": "left out", "insertions": "put in"}
_WORST, _LEVEL = 5, 0.95


def word_errors(
    runs: Sequence[Run], manifest: Path, split: str | None, preferred: Sequence[str], draws: int
) -> tuple[WordErrors, str | None]:
    """Score the texts that runs heard, and return the split that was scored.

    Args:
        runs: with texts.
        manifest: with what was said.
        split: to score; None takes the first of `preferred` with references, or else all utterances.
        preferred: splits.
        draws: of the bootstrap and of the permutations.

    Raises:
        PredictionsError: there is nothing to compare.
        ManifestError: the manifest lacks such texts.
    """
    named = {run.setting("data.init_args.text") for run in runs}
    reference = named.pop() if len(named) == 1 else None
    counted = {run.setting("model.init_args.normalisation") for run in runs}
    normalisation: Normalisation = "none" if counted == {"none"} else "words"
    chosen = split or _preferred_split(manifest, reference, preferred)
    heard = read_heard(manifest, _references(runs), chosen, reference, normalisation)
    return score_heard(heard, normalisation, draws, _LEVEL, 0, _WORST), chosen


def words(errors: WordErrors | None, split: str | None = None) -> Section:
    """Return the tables of recognised words.

    Args:
        errors: of all recognisers; None for no section.
        split: that was scored.
    """
    if errors is None:
        return Section("Recognised words", ())
    blocks: list[Block] = [_rates(errors, split)]
    if errors.comparisons:
        blocks.append(_comparisons(errors.comparisons))
    blocks += [_worst(one) for one in errors.recognisers if one.worst]
    return Section("Recognised words", tuple(blocks))


def _references(runs: Sequence[Run]) -> Mapping[str, str]:
    """Return what each recogniser is called → its texts as `read_heard` names them."""
    found = {}
    for run in runs:
        for path, name in run.texts:
            called = run.name if len(run.texts) == 1 else f"{run.name}/{path.stem}"
            found[called] = f"{path}:{name}"
    return found


def _preferred_split(manifest: Path, reference: str | None, preferred: Sequence[str]) -> str | None:
    table = Manifest.read(manifest, ("split", text_column(reference)))
    pairs = zip(table.column("split"), table.column(text_column(reference)), strict=True)
    said = {split for split, text in pairs if text and normalised(text)}
    return next((split for split in preferred if split in said), None)


def _rates(errors: WordErrors, split: str | None) -> Table:
    where = "all utterances" if split is None else f"the {split} split"
    caption = (
        f"Shares of wrong words (WER) and characters (CER) on {where}: {errors.utterances:,} utterances of "
        f"{errors.speakers:,} speakers, compared as {errors.normalisation}, with {100 * _LEVEL:.0f} % intervals from a "
        "bootstrap over speakers. Lower is better; bold: best of its column."
    )
    rows = tuple((one.name, *(_shown(one, name) for name in _RATES)) for one in errors.recognisers)
    best = best_cells(
        ((column, [one.rates[name].value for one in errors.recognisers]) for column, name in enumerate(COMPARED, 1)),
        lower=True,
    )
    return Table(caption, ("recogniser", *_RATES.values()), rows, best=best)


def _shown(one: Recogniser, name: str) -> str:
    rate = one.rates[name]
    return with_interval(rate.value, rate.low, rate.high) if name in COMPARED else number(rate.value)


def _comparisons(pairs: Sequence[Comparison]) -> Table:
    rows = tuple(
        (
            _RATES[pair.score],
            pair.first,
            pair.second,
            with_interval(pair.difference.value, pair.difference.low, pair.difference.high),
            number(pair.p_permutation),
            number(pair.p_holm),
        )
        for pair in pairs
    )
    caption = "Paired comparisons over the same utterances; p Holm is corrected for the number of pairs."
    return Table(
        caption, ("rate", "first", "second", "first − second", "p permutation", "p Holm"), rows, 3, folded=True
    )


def _worst(one: Recogniser) -> Table:
    rows = tuple(
        (found.utterance_id, found.reference, found.heard or ABSENT, f"{found.errors} of {found.words}")
        for found in one.worst
    )
    return Table(f"Utterances with most errors of {one.name}.", ("utterance", "said", "heard", "errors"), rows, 3)
