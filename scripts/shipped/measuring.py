"""What the shipped model's card says: scores of left-out speakers and on another corpus, ranges of what it heard."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from real_speech.scores import score

from vibespeaker.audio.recordings import Recordings
from vibespeaker.calibration.evidence import evidence_of
from vibespeaker.calibration.fitting import fit
from vibespeaker.calibration.measures import measure
from vibespeaker.calibration.store import Calibration, FittedOn
from vibespeaker.evaluation.targets import Truth
from vibespeaker.manifest import Manifest
from vibespeaker.metrics import confusion_matrix
from vibespeaker.predictions import Predictions
from vibespeaker.recognizer.cutting import Cutting
from vibespeaker.recognizer.recorded import Recorded
from vibespeaker.recognizer.system import Recognizer

NAMES = {"uar": "UAR", "accuracy": "WA", "macro_f1": "macro-F1"}


def left_out_scores(tables: Sequence[Path], manifest: Path) -> dict[str, list[float]]:
    """Return each score of the speakers that were left out, one for each seed."""
    scored = [score(table, manifest) for table in tables]
    return {title: [float(one.scores[name].value) for one in scored] for name, title in NAMES.items()}


def calibrated(table: Path, manifest: Path) -> tuple[Calibration, dict[str, dict[str, float]]]:
    """Return a calibration fitted on predictions of left-out speakers, and its measures before and after.

    The measures after are those of speakers that took no part in fitting.
    """
    predictions = Predictions.read(table)
    truth = Truth.read(manifest, predictions.metadata.label_set)
    evidence = evidence_of(predictions, truth, table)
    fitted = fit(evidence)
    labelled = evidence.labelled
    assert fitted.prior is not None
    calibration = Calibration(
        predictions.metadata.label_set,
        tuple(predictions.metadata.classes),
        None,
        FittedOn("left-out speakers", truth.sha256, int(labelled.sum()), len(np.unique(evidence.speakers[labelled]))),
        fitted.categories,
        tuple(fitted.prior.tolist()),
        conformal=fitted.conformal,
    )
    return calibration, {"as predicted": measure(evidence), "calibrated": measure(fitted.unseen, fitted.conformal)}


def scores_elsewhere(model: Path, manifest: Path) -> tuple[dict[str, float], int, list[str]]:
    """Recognise another corpus and score the classes that both have.

    Returns:
        Scores by name, of the clips of these classes, where the model answers in all of its own classes; the number of
        clips; and those classes.
    """
    recognizer = Recognizer(model, cutting=Cutting("whole"))
    read = Manifest.read(manifest)
    recordings, category = Recordings(read), read.column("category")
    shared = [name for name in recognizer.classes if name in set(category)]
    rows = [row for row, name in enumerate(category) if name in shared]
    answers = list(recognizer.answers(Recorded(recordings.read(row)) for row in rows))
    classes = list(recognizer.classes)
    true = [classes.index(category[row]) for row in rows]
    predicted = [classes.index(answer.most_probable or "") for answer in answers]
    confusion = confusion_matrix(true, predicted, len(classes))
    kept = [classes.index(name) for name in shared]
    own = confusion[np.ix_(kept, range(len(classes)))]
    recalls = own[range(len(kept)), kept] / own.sum(axis=1)
    found = {"UAR": float(recalls.mean()), "WA": float(np.trace(confusion) / confusion.sum())}
    return found, len(rows), shared
