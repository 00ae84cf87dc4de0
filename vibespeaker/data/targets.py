"""Targets of an utterance: category, vote distribution and attributes, under a label policy."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibespeaker.batch import NO_CATEGORY
from vibespeaker.errors import ConfigError
from vibespeaker.label_policy import LabelPolicy
from vibespeaker.labels import ATTRIBUTES, OTHER, LabelSet
from vibespeaker.manifest import PRIMARY_VOTES, Manifest

#: Columns of a manifest that targets are made of.
COLUMNS = ("category", *ATTRIBUTES, PRIMARY_VOTES)


@dataclass(frozen=True)
class Targets:
    """Targets of N utterances.

    Args:
        category: `(N,)` int64, class index or `NO_CATEGORY`.
        votes: `(N, classes)` float32, one distribution per row, or NaN where unknown.
        attributes: `(N, 3)` float32, 1–7, NaN where unknown.
        usable: `(N,)`, False for utterances that the policy leaves out and for those without any target.
    """

    category: npt.NDArray[np.int64]
    votes: npt.NDArray[np.float32]
    attributes: npt.NDArray[np.float32]
    usable: npt.NDArray[np.bool_]

    def select(self, rows: npt.NDArray[np.int64]) -> "Targets":
        """Return the targets of `rows`, in their order."""
        return Targets(self.category[rows], self.votes[rows], self.attributes[rows], self.usable[rows])

    def class_counts(self, classes: int) -> npt.NDArray[np.int64]:
        """Return `(classes,)`, the usable utterances of each class."""
        known = self.category[self.usable & (self.category != NO_CATEGORY)]
        return np.bincount(known, minlength=classes).astype(np.int64)


def make_targets(manifest: Manifest, labels: LabelSet, policy: LabelPolicy) -> Targets:
    """Apply `policy` to every row of `manifest`.

    Raises:
        ConfigError: the policy wants a class that the label set lacks, or categories do not fit the label set.
    """
    if policy.other == "class" and OTHER not in labels.classes:
        raise ConfigError(
            f"the label policy makes a class of {OTHER!r}, which label set {labels.name!r} lacks",
            allowed="exclude, attributes, soft",
            remedy="choose label set challenge+other, or another policy for other",
        )
    codes, emotions = manifest.codes("category")
    category = np.full(len(manifest), NO_CATEGORY, dtype=np.int64)
    kept = np.ones(len(manifest), dtype=bool)
    votes = vote_distributions(manifest, labels)
    for emotion in sorted(emotions):
        rows = codes == emotions.index(emotion)
        use = policy.use_of(emotion, labels)
        if use == "class":
            category[rows] = labels.index(emotion)
        elif use == "exclude":
            kept[rows] = False
        elif use == "attributes":
            votes[rows] = np.nan
    columns = [manifest.table.column(name).to_numpy() for name in ATTRIBUTES]
    attributes = np.stack(columns, axis=1).astype(np.float32)
    taught = (category != NO_CATEGORY) | ~np.isnan(votes).any(axis=1) | ~np.isnan(attributes).all(axis=1)
    return Targets(category, votes, attributes, kept & taught)


def vote_distributions(manifest: Manifest, labels: LabelSet) -> npt.NDArray[np.float32]:
    """Return `(N, classes)`: the share of each class among the raters' primary emotions that the label set lists.

    Rows where no rater chose a listed class are NaN.
    """
    rows, codes, emotions = manifest.primary_votes()
    counts = np.zeros((len(manifest), len(labels)), dtype=np.float32)
    for column, emotion in enumerate(labels.classes):
        if emotion in emotions:
            counts[:, column] = np.bincount(rows[codes == emotions.index(emotion)], minlength=len(manifest))
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)
