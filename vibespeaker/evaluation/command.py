"""`vibespeaker evaluate`: scores with intervals, comparisons and slices of prediction tables."""

import logging
from pathlib import Path

from vibespeaker.evaluation.policies import scoring_policy
from vibespeaker.evaluation.scores import Evaluation
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.slices import read_extra
from vibespeaker.evaluation.summary import show_summary
from vibespeaker.evaluation.targets import Truth
from vibespeaker.evaluation.terminal import show
from vibespeaker.files.outputs import check_different, check_output
from vibespeaker.predictions import PredictionsMetadata
from vibespeaker.progress import plain_console

log = logging.getLogger(__name__)


def evaluate(
    predictions: list[Path],
    *,
    manifest: Path,
    split: str | None = None,
    labels: str | None = None,
    folds: bool = False,
    policy: dict[str, str] | None = None,
    by: list[str] | None = None,
    columns: Path | None = None,
    draws: int = 10_000,
    level: float = 0.95,
    per_class: int = 400,
    seed: int = 0,
    out: list[Path] | None = None,
    full: bool = False,
) -> int:
    """Score prediction tables against a manifest's labels.

    One table is printed, and what decides between systems; the files have everything.

    Args:
        predictions: prediction tables of the same utterances; several with one system name count as its seeds.
        manifest: the manifest with the labels.
        split: score this split only; all predicted utterances by default.
        labels: label set to score; the manifest's own by default. Logits of further classes are left out.
        folds: the tables are those of all folds of a cross-validation, and scored as one; of several systems, folds are
            told by the system's name. Give the manifest that the folds were made of.
        policy: what utterances without a class count for, instead of what the tables' own policy says:
            `--policy.no_agreement attributes`; fields no_agreement, other, unlisted; values exclude, attributes.
        by: groupings: gender, corpus, language, duration, level_db, snr_db, intensity, speaker, or a column of
            `columns`; all by default, `none` for none.
        columns: table (`.parquet`, `.csv`) with `utterance_id` and further columns to group by, e.g. `age`.
        draws: bootstrap draws and permutations; 0 for scores alone.
        level: coverage of the intervals.
        per_class: utterances per class in a simulated balanced test.
        seed: of all draws.
        out: files to write: `.json` everything, `.parquet` one row per score.
        full: also print classes, attributes, further heads, simulated tests, seeds, all comparisons, and groups.

    Raises:
        PredictionsError: the tables or options do not fit; names file and rows.
    """
    for path in out or ():
        check_output(path, inputs=[*predictions, manifest, columns], suffixes=(".json", ".parquet"))
    check_different(out or ())
    options = Options(split, draws, level, seed, per_class, [] if by == ["none"] else by, folds)
    extra = None if columns is None else read_extra(columns)
    chosen = scoring_policy([(path, PredictionsMetadata.read(path)) for path in predictions], policy)
    evaluation: Evaluation = evaluate_tables(predictions, Truth.read(manifest, labels, chosen), options, extra)
    if full:
        show(evaluation, plain_console())
    else:
        show_summary(evaluation, plain_console())
    for path in out or ():
        evaluation.write(path)
        log.info("wrote %s", path)
    return 0
