"""The field's classical standard: openSMILE's ComParE 2016 functionals and a balanced linear SVM."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vibespeaker.audio.recordings import Recordings
from vibespeaker.errors import ConfigError
from vibespeaker.files import atomic_path, file_sha256, write_text
from vibespeaker.labels import label_set
from vibespeaker.manifest import Manifest
from vibespeaker.metrics import confusion_matrix, uar
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.progress import tracked
from vibespeaker.utterance import SAMPLE_RATE

COMPLEXITIES = (1e-4, 1e-3, 1e-2, 1e-1)
INNER_FOLDS = 4

Features = npt.NDArray[np.float32]


def functionals(manifest: Path, out: Path) -> Features:
    """Return the 6373 functionals of every utterance, `(N, 6373)`, from `out` where they are there already."""
    if out.is_file():
        stored: Features = np.load(out)
        return stored
    try:
        import opensmile
    except ImportError as error:
        raise ConfigError("compare-svm needs openSMILE", remedy="pip install 'vibespeaker[opensmile]'") from error
    smile = opensmile.Smile(opensmile.FeatureSet.ComParE_2016, opensmile.FeatureLevel.Functionals)
    read = Manifest.read(manifest)
    rows = []
    with tracked("ComParE 2016", len(read)) as progress:
        recordings = Recordings(read)
        for row in range(len(read)):
            rows.append(smile.process_signal(recordings.read(row), SAMPLE_RATE).to_numpy()[0])
            progress.advance()
    table = np.asarray(rows, dtype=np.float32)
    with atomic_path(out) as temporary, open(temporary, "wb") as file:
        np.save(file, table)
    return table


def predict_fold(manifest: Path, features: Features, out: Path, system: str) -> None:
    """Choose C among the training speakers, fit all of them, and write the scores of the left-out fold.

    Args:
        manifest: with splits `train` and `test`, its rows in the order of `features`.
        features: `(N, 6373)`.
        out: prediction table to write; one of the same manifest is left alone.
        system: name in tables.
    """
    digest = file_sha256(manifest)
    if out.is_file() and Predictions.read(out).metadata.manifest == digest:
        return
    read = Manifest.read(manifest)
    labels = label_set(read.metadata.label_set)
    split, speakers = np.array(read.column("split")), np.array(read.column("speaker"))
    category = np.array([labels.classes.index(name) for name in read.column("category")])
    train, test = np.flatnonzero(split == "train"), np.flatnonzero(split == "test")
    complexity = _choose(features[train], category[train], speakers[train], len(labels))
    space = _Space.of(features[train])
    scores = _fit(space(features[train]), category[train], complexity).decision_function(space(features[test]))
    chosen = read.select(test.tolist())
    metadata = PredictionsMetadata(labels.name, labels.classes, system, manifest=digest)
    ids, names = chosen.column("utterance_id"), chosen.column("file_name")
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out.with_suffix(".json"), json.dumps({"C": complexity}) + "\n")
    Predictions.build(ids, names, chosen.column("split"), scores, None, metadata).write(out)


def _choose(features: Features, category: npt.NDArray[np.int64], speakers: npt.NDArray[np.str_], classes: int) -> float:
    """Return the C with the best UAR over speaker-disjoint folds of the training speakers, the least of equals."""
    from sklearn.model_selection import GroupKFold

    totals = {complexity: np.zeros((classes, classes)) for complexity in COMPLEXITIES}
    for fit, held in GroupKFold(INNER_FOLDS).split(features, category, speakers):
        space = _Space.of(features[fit])
        learned, tried = space(features[fit]), space(features[held])
        for complexity, total in totals.items():
            predicted = _fit(learned, category[fit], complexity).predict(tried)
            total += confusion_matrix(category[held], predicted, classes)
    return max(totals, key=lambda complexity: float(uar(totals[complexity])))


@dataclass(frozen=True, eq=False)
class _Space:
    """The space that the standardised training utterances span: thousands of features become as many as utterances.

    A linear SVM's weights lie in it, and its solver sees inner products alone, which stay as they are: the machine is
    the same, up to rounding, in an eighth of the time.
    """

    mean: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    basis: npt.NDArray[np.float64]

    @staticmethod
    def of(features: Features) -> "_Space":
        """Return the space of training utterances, `(N, D)`; features that never change are only centred."""
        values = features.astype(np.float64)
        mean, scale = values.mean(axis=0), values.std(axis=0)
        # what rounding leaves of a constant would be blown up to be as large as the rest
        scale = np.where(scale <= 10 * np.finfo(np.float64).eps * np.abs(mean), 1.0, scale)
        return _Space(mean, scale, np.linalg.qr(((values - mean) / scale).T).Q)

    def __call__(self, features: Features) -> npt.NDArray[np.float64]:
        """Return the coordinates of utterances, `(M, min(N, D))`."""
        found: npt.NDArray[np.float64] = ((features.astype(np.float64) - self.mean) / self.scale) @ self.basis
        return found


def _fit(values: npt.NDArray[np.float64], category: npt.NDArray[np.int64], complexity: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=complexity, class_weight="balanced", dual=True, random_state=0, max_iter=2000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # C = 0.1 is near its end after 2000 passes
        return machine.fit(values, category)
