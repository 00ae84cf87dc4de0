"""`vibespeaker prior`: move posteriors from the training split's class frequencies to others, and report the gain."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from rich.table import Table

from vibespeaker.calibration.evidence import Evidence, evidence_of, rows_of_split
from vibespeaker.calibration.fitting import folds_of
from vibespeaker.calibration.measures import as_table, measure
from vibespeaker.calibration.prior_shift import (
    EstimatedPrior,
    class_frequencies,
    estimate_prior,
    shift_prior,
    tune_offsets,
    uniform,
)
from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.evaluation.crossfit import cross_fit
from vibespeaker.evaluation.policies import scoring_policy
from vibespeaker.evaluation.targets import Truth
from vibespeaker.files.outputs import check_output
from vibespeaker.predictions import TABLE_SUFFIXES, Predictions
from vibespeaker.progress import plain_console
from vibespeaker.utterance import SPLITS

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
_SCORES = ("macro_f1", "balanced_macro_f1", "uar", "accuracy", "ece", "nll")


def prior(
    predictions: Path,
    manifest: Path = Path("manifest.parquet"),
    source: str = "train",
    split: str | None = None,
    target: Literal["uniform", "estimated"] = "uniform",
    out: Path | None = None,
    policy: dict[str, str] | None = None,
) -> int:
    """Adjust posteriors to other class frequencies than those trained on.

    Shows, where there are labels, what the uniform prior, the prior estimated from the unlabelled predictions and tuned
    offsets bring; offsets are tuned and scored on different speakers. `balanced macro f1` is the proxy for a test with
    equally many utterances per class.

    Args:
        predictions: prediction table.
        manifest: manifest; its labels give the class frequencies of `source`, and the scores.
        source: what the posteriors carry: a split, whose class frequencies are counted (train for a plain
            cross-entropy, the calibration's split after calibration), or uniform (a loss with inverse class weights).
        split: the split to adjust; all by default.
        target: uniform, or the prior estimated from the predictions by expectation maximisation.
        out: table to write with the adjusted logits.
        policy: what utterances without a class count for, instead of what the table's own policy says.

    Raises:
        PredictionsError: the system predicts no categories, or the table does not fit the manifest.
        ConfigError: unknown source.
    """
    if out is not None:
        check_output(out, inputs=[manifest], suffixes=TABLE_SUFFIXES)
    table = rows_of_split(Predictions.read(predictions), split, predictions)
    logits = table.logits()
    counted = scoring_policy([(predictions, table.metadata)], policy)
    truth = Truth.read(manifest, table.metadata.label_set, counted)
    carried = _frequencies(truth, source)
    estimated = estimate_prior(logits, carried)
    if not estimated.converged:
        log.warning("the estimated prior still moves after %d rounds", estimated.rounds)
    evidence = evidence_of(table, truth, predictions)
    _show_priors(truth, carried, estimated, source)
    if evidence.with_category.any():
        _show_scores(table, evidence, carried, estimated)
    if out is not None:
        chosen = uniform(len(carried)) if target == "uniform" else estimated.prior
        adjusted(table, carried, chosen, source, target).write(out)
        log.info("wrote %s", out)
    return 0


def adjusted(table: Predictions, carried: Floats, wanted: Floats, source: str, target: str) -> Predictions:
    """Return the table with posteriors under the prior `wanted`, and both priors named in its provenance.

    Raises:
        PredictionsError: the table is adjusted already.
    """
    if "prior" in table.metadata.provenance:
        raise PredictionsError(f"the predictions of {table.metadata.system!r} are adjusted to another prior already")
    frame = table.frame.copy()
    columns = list(table.labels.logit_columns)
    frame[columns] = shift_prior(table.logits(), carried, wanted).astype(np.float32)
    record = {"source": source, "target": target, "from": carried.tolist(), "to": wanted.tolist()}
    return Predictions(frame, replace(table.metadata, provenance={**table.metadata.provenance, "prior": record}))


def _frequencies(truth: Truth, source: str) -> Floats:
    if source == "uniform":
        return uniform(len(truth.labels))
    if source not in SPLITS:
        raise ConfigError("unknown source of class frequencies", found=source, allowed=("uniform", *SPLITS))
    named = truth.frame["category"][truth.frame["split"] == source]
    counts = named.value_counts().reindex(truth.labels.classes, fill_value=0).to_numpy()
    if not counts.sum():
        raise PredictionsError(f"manifest {truth.path} has no labelled utterance of split {source!r}")
    return class_frequencies(counts)


def _tuned_unseen(evidence: Evidence) -> Floats:
    """Logits with offsets that were tuned on other speakers."""
    logits, known = evidence.logits, evidence.with_category
    assert logits is not None

    def tune(rows: npt.NDArray[np.int64]) -> Floats:
        labelled = rows[known[rows]]
        return tune_offsets(logits[labelled], evidence.categories[labelled])

    return cross_fit(tune, lambda offsets, rows: logits[rows] + offsets, folds_of(evidence))


def _show_priors(truth: Truth, carried: Floats, estimated: EstimatedPrior, source: str) -> None:
    table = Table("class", f"carried ({source})", "estimated", title="Class frequencies")
    for name, *shares in zip(truth.labels.classes, carried, estimated.prior, strict=True):
        table.add_row(name, *(f"{share:.3f}" for share in shares))
    plain_console().print(table)


def _show_scores(table: Predictions, evidence: Evidence, carried: Floats, estimated: EstimatedPrior) -> None:
    assert evidence.logits is not None
    variants = {
        "as predicted": evidence.logits,
        "uniform prior": shift_prior(evidence.logits, carried, uniform(len(carried))),
        "estimated prior": shift_prior(evidence.logits, carried, estimated.prior),
    }
    if len(np.unique(evidence.groups)) > 1:
        variants["offsets tuned on other speakers"] = _tuned_unseen(evidence)
    mark = " (synthetic speech)" if table.metadata.synthetic else ""
    rows = {name: measure(replace(evidence, logits=logits)) for name, logits in variants.items()}
    plain_console().print(as_table(f"{table.metadata.system}{mark}", rows, _SCORES))
