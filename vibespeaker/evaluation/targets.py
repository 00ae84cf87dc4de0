"""The truth that predictions are scored against, in the rows of the predictions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from vibespeaker.errors import PredictionsError
from vibespeaker.files import file_sha256
from vibespeaker.labels import ATTRIBUTES, LABEL_SETS, LabelSet, label_set
from vibespeaker.labels.policy import UNRECORDED, LabelPolicy
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions

#: Index of an utterance whose category is unknown or not in the label set.
UNLABELLED = -1
COLUMNS = (
    *("utterance_id", "file_name", "corpus", "language", "speaker", "gender", "split", "category"),
    *(*ATTRIBUTES, "intensity", "duration", "level_db", "snr_db"),
)
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Truth:
    """What a manifest knows of its utterances.

    Args:
        path: the manifest's path.
        sha256: hash of the manifest file.
        frame: the manifest's columns `COLUMNS`, indexed by utterance id; without the attributes that do not count.
        labels: the label set that is scored.
        synthetic: True when the speech is generated.
        policy: what utterances without a class of the label set count for.
    """

    path: Path
    sha256: str
    frame: pd.DataFrame
    labels: LabelSet
    synthetic: bool
    policy: LabelPolicy = UNRECORDED

    @staticmethod
    def read(path: Path, labels: str | None = None, policy: LabelPolicy = UNRECORDED) -> "Truth":
        """Read a manifest.

        Args:
            path: the manifest.
            labels: name of the label set to score; the manifest's own by default.
            policy: what utterances without a class of the label set count for; see `policies.scoring_policy`.

        Raises:
            ManifestError: the file is no manifest.
            ConfigError: there is no such label set.
        """
        manifest = Manifest.read(path, COLUMNS)
        frame = manifest.frame().set_index("utterance_id")
        chosen = label_set(labels or manifest.metadata.label_set)
        present = frame["category"].dropna().unique()
        left_out = [emotion for emotion in present if policy.scored_use_of(emotion, chosen) == "exclude"]
        frame.loc[frame["category"].isin(left_out), list(ATTRIBUTES)] = np.nan
        return Truth(path, file_sha256(path), frame, chosen, manifest.metadata.synthetic, policy)

    @property
    def names(self) -> pd.DataFrame:
        """`utterance_id, file_name, split` of all utterances."""
        return self.frame.reset_index()[["utterance_id", "file_name", "split"]]

    def targets(self, utterance_ids: Sequence[str], source: object) -> "Targets":
        """Return the truth in the order of `utterance_ids`.

        Args:
            utterance_ids: `(N,)`.
            source: what errors call the predictions, usually their path.

        Raises:
            PredictionsError: an id is not in the manifest; names the first of them.
        """
        frame = self.frame.loc[self._known(utterance_ids, source)]
        scored = [
            emotion for emotion in self.labels.classes if self.policy.scored_use_of(emotion, self.labels) == "class"
        ]
        codes = {emotion: self.labels.index(emotion) for emotion in scored}
        categories = np.array([codes.get(emotion, UNLABELLED) for emotion in frame["category"]], np.int64)
        speakers, names = pd.factorize(frame["speaker"])
        return Targets(
            categories=categories,
            attributes=frame[list(ATTRIBUTES)].to_numpy(np.float64, na_value=np.nan),
            speakers=speakers.astype(np.int64),
            speaker_names=tuple(names),
            frame=frame.reset_index(),
        )

    def is_scored(self, targets: "Targets") -> npt.NDArray[np.bool_]:
        """Return `(N,)`, False for the utterances that the label policy leaves out."""
        present = targets.frame["category"].dropna().unique()
        left_out = [emotion for emotion in present if self.policy.scored_use_of(emotion, self.labels) == "exclude"]
        return ~targets.frame["category"].isin(left_out).to_numpy(np.bool_)

    def groups(self, utterance_ids: Sequence[str], source: object) -> npt.NDArray[np.int64]:
        """Return `(N,)` number of what each utterance belongs to, in the order of `utterance_ids`, for cross-fitting.

        Utterances of one speaker, of one take and with (nearly) identical audio belong together, as in splits.

        Args:
            utterance_ids: `(N,)`.
            source: what errors call the predictions, usually their path.

        Raises:
            PredictionsError: an id is not in the manifest; names the first of them.
        """
        # SciPy's graphs are for those who cross-fit
        from vibespeaker.prepare.split.groups import COLUMNS as GROUPING_COLUMNS
        from vibespeaker.prepare.split.groups import belonging_together

        ids = self._known(utterance_ids, source)
        pieces = [
            piece.select(pd.Index(piece.column("utterance_id")).isin(ids))
            for piece in Manifest.scan(self.path, GROUPING_COLUMNS)
        ]
        found = replace(pieces[0], table=pa.concat_tables([piece.table for piece in pieces]))
        rows = pd.Index(found.column("utterance_id")).get_indexer(ids)
        return belonging_together(found)[rows]

    def _known(self, utterance_ids: Sequence[str], source: object) -> "pd.Index[str]":
        ids = pd.Index(utterance_ids)
        unknown = ids[~ids.isin(self.frame.index)]
        if len(unknown):
            raise PredictionsError(
                f"{source}: {len(unknown)} utterances are not in manifest {self.path}",
                found=", ".join(unknown[:_SHOWN]),
                remedy="give the manifest that the predictions were made from",
            )
        return ids

    def class_logits(self, predictions: Predictions, source: object) -> npt.NDArray[np.float64]:
        """Return the logits of the scored classes, `(N, C)`; logits of further classes are left out.

        Raises:
            PredictionsError: the system lacks a class, or its table has the classes of its label set in another order.
        """
        columns = class_columns(predictions, self.labels, source)
        return predictions.logits()[:, columns]


@dataclass(frozen=True, eq=False)
class Targets:
    """The truth of N utterances, in the order of the predictions.

    Args:
        categories: `(N,)`, class index or `UNLABELLED`.
        attributes: `(N, 3)`, arousal, valence, dominance, NaN where unknown.
        speakers: `(N,)`, index into `speaker_names`.
        speaker_names: in order of appearance.
        frame: `COLUMNS` of the N utterances.
    """

    categories: npt.NDArray[np.int64]
    attributes: npt.NDArray[np.float64]
    speakers: npt.NDArray[np.int64]
    speaker_names: tuple[str, ...]
    frame: pd.DataFrame

    def __len__(self) -> int:
        return len(self.categories)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> "Targets":
        """Return some rows; speakers keep their indices."""
        return Targets(
            self.categories[rows],
            self.attributes[rows],
            self.speakers[rows],
            self.speaker_names,
            self.frame[rows] if rows.dtype == bool else self.frame.iloc[rows],
        )


def refuse_other_order(predictions: Predictions, source: object) -> None:
    """Refuse a table whose classes are not those of its label set in their order, so that its logits are in doubt.

    Raises:
        PredictionsError: naming both orders; a label set that is not known has any.
    """
    known = LABEL_SETS.get(predictions.metadata.label_set)
    if known is not None and known.classes != predictions.labels.classes:
        raise PredictionsError(
            f"{source}: the classes are not those of label set {known.name!r} in their order",
            found=", ".join(predictions.labels.classes),
            allowed=known.classes,
        )


def class_columns(predictions: Predictions, labels: LabelSet, source: object) -> list[int]:
    """Return the positions of the classes of `labels` among the logits of a table.

    Raises:
        PredictionsError: a class is missing, or the classes of a known label set stand in another order.
    """
    refuse_other_order(predictions, source)
    classes = predictions.labels.classes
    missing = [emotion for emotion in labels.classes if emotion not in classes]
    if missing:
        raise PredictionsError(
            f"{source}: label set {predictions.metadata.label_set!r} lacks classes of {labels.name!r}",
            found=", ".join(missing),
            remedy="score with --labels a label set that all systems share",
        )
    return [classes.index(emotion) for emotion in labels.classes]
