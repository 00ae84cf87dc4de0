"""Targets of an utterance: category, vote distribution, attributes and further heads, under a label policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from vibespeaker.batch import NO_CATEGORY
from vibespeaker.data.heads import head_targets, is_known
from vibespeaker.errors import ConfigError
from vibespeaker.labels import ATTRIBUTES, OTHER, LabelSet
from vibespeaker.labels.heads import ATTRIBUTES_HEAD, CATEGORIES_HEAD, HeadSpec
from vibespeaker.labels.policy import LabelPolicy
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
        heads: further head → its targets, see `heads.head_targets`.
    """

    category: npt.NDArray[np.int64]
    votes: npt.NDArray[np.float32]
    attributes: npt.NDArray[np.float32]
    usable: npt.NDArray[np.bool_]
    heads: Mapping[str, npt.NDArray[np.int64] | npt.NDArray[np.float32]] = field(default_factory=dict)

    def select(self, rows: npt.NDArray[np.int64]) -> "Targets":
        """Return the targets of `rows`, in their order."""
        heads = {name: targets[rows] for name, targets in self.heads.items()}
        return Targets(self.category[rows], self.votes[rows], self.attributes[rows], self.usable[rows], heads)

    @staticmethod
    def join(pieces: "Sequence[Targets]") -> "Targets":
        """Return the targets of all pieces, at least one, in their order."""
        return Targets(
            category=np.concatenate([piece.category for piece in pieces]),
            votes=np.concatenate([piece.votes for piece in pieces]),
            attributes=np.concatenate([piece.attributes for piece in pieces]),
            usable=np.concatenate([piece.usable for piece in pieces]),
            heads={name: np.concatenate([piece.heads[name] for piece in pieces]) for name in pieces[0].heads},
        )

    def labelled_heads(self) -> tuple[str, ...]:
        """Return the heads of which at least one usable utterance has a target."""
        has_votes = ~np.isnan(self.votes).any(axis=1)
        known = {
            CATEGORIES_HEAD: (self.category != NO_CATEGORY) | has_votes,
            ATTRIBUTES_HEAD: ~np.isnan(self.attributes).all(axis=1),
            **{name: is_known(targets) for name, targets in self.heads.items()},
        }
        return tuple(name for name, rows in known.items() if (rows & self.usable).any())

    def class_counts(self, classes: int, head: str = CATEGORIES_HEAD) -> npt.NDArray[np.int64]:
        """Return `(classes,)`, the usable utterances of each class of a head that classifies."""
        category = self.category if head == CATEGORIES_HEAD else self.heads[head]
        known = category[self.usable & (category != NO_CATEGORY)].astype(np.int64)
        return np.bincount(known, minlength=classes).astype(np.int64)


def make_targets(
    manifest: Manifest, labels: LabelSet, policy: LabelPolicy, heads: Mapping[str, HeadSpec] = MappingProxyType({})
) -> Targets:
    """Apply `policy` to every row of `manifest`, and read the targets of further heads.

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
    further = {name: head_targets(manifest, spec) for name, spec in heads.items()}
    for targets in further.values():
        taught |= is_known(targets)
    return Targets(category, votes, attributes, kept & taught, further)


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
