"""`vibespeaker wer`: word and character error rates of recognised texts, with intervals and comparisons."""

import logging
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vibespeaker.arguments.ranges import COUNT_OR_NONE, SHARE_BELOW_ONE, require
from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.words.counting import Normalisation
from vibespeaker.evaluation.words.scoring import WordErrors, score_heard, write_errors
from vibespeaker.evaluation.words.texts import read_heard
from vibespeaker.files.outputs import check_output
from vibespeaker.progress import plain_console

log = logging.getLogger(__name__)

_SUFFIX = ".parquet"
_RATES = {"wer": "WER", "cer": "CER", "substitutions": "substituted", "deletions": "left out", "insertions": "put in"}


def wer(
    texts: list[str],
    manifest: Path | None = None,
    split: str | None = None,
    reference: str | None = None,
    normalisation: Normalisation = "words",
    draws: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
    worst: int = 5,
    out: Path | None = None,
) -> int:
    """Score recognised texts against what was said.

    Args:
        texts: what was recognised: NAME of texts of the manifest (columns `text.NAME`), FILE.parquet, a manifest that
            `transcribe` or `predict` wrote, or FILE.parquet:NAME. Several are compared on the utterances that all have.
        manifest: the manifest with what was said.
        split: score this split only; all utterances by default.
        reference: name of the manifest's texts that are the truth; the default texts by default.
        normalisation: words compares small letters without punctuation; none compares texts as they are written.
        draws: draws of the bootstrap over speakers, and permutations; 0 for rates alone.
        level: coverage of the intervals.
        seed: of all draws.
        worst: how many of the worst utterances of each recogniser are shown.
        out: file to write everything to, `.json`.

    Raises:
        PredictionsError: there is nothing to compare.
        ManifestError: a file is no manifest, or lacks such texts.
    """
    if manifest is None:
        raise PredictionsError("wer needs what was said", remedy="give it with --manifest MANIFEST")
    require(COUNT_OR_NONE, draws=draws, worst=worst, seed=seed)
    require(SHARE_BELOW_ONE, level=level)
    files = [Path(word.partition(f"{_SUFFIX}:")[0] + _SUFFIX if f"{_SUFFIX}:" in word else word) for word in texts]
    if out is not None:
        check_output(out, inputs=[*files, manifest], suffixes=(".json",))
    heard = read_heard(manifest, texts, split, reference, normalisation)
    errors = score_heard(heard, normalisation, draws, level, seed, worst)
    show(errors, plain_console())
    if out is not None:
        write_errors(errors, out)
        log.info("wrote %s", out)
    return 0


def show(errors: WordErrors, console: Console) -> None:
    """Print the tables of recognised words."""
    title = f"{errors.utterances} utterances of {errors.speakers} speakers, compared as: {errors.normalisation}"
    table = Table(title=title, title_justify="left")
    table.add_column("recogniser")
    for name in _RATES.values():
        table.add_column(name, justify="right")
    table.add_column("texts by")
    for one in errors.recognisers:
        table.add_row(one.name, *(str(one.rates[name]) for name in _RATES), ", ".join(one.origins))
    console.print(table)
    if errors.comparisons:
        console.print(_comparisons(errors))
    for one in errors.recognisers:
        if one.worst:
            worst = Table(title=f"Most errors of {one.name}", title_justify="left")
            for name in ("utterance", "errors", "words", "said", "heard"):
                worst.add_column(name, justify="right" if name in ("errors", "words") else "left")
            for found in one.worst:
                counts = (str(found.errors), str(found.words))
                worst.add_row(found.utterance_id, *counts, found.reference, found.heard)
            console.print(worst)


def _comparisons(errors: WordErrors) -> Table:
    table = Table(title="Paired comparisons; p after Holm's correction over the pairs of a rate", title_justify="left")
    for name in ("rate", "first", "second", "difference", "p bootstrap", "p permutation", "p Holm"):
        table.add_column(name, justify="left" if name in ("rate", "first", "second") else "right")
    for one in errors.comparisons:
        cells = (f"{p:.4f}" for p in (one.p_bootstrap, one.p_permutation, one.p_holm))
        table.add_row(_RATES[one.score], one.first, one.second, str(one.difference), *cells)
    return table
