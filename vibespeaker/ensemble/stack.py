"""What members say of the same utterances, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from vibespeaker.labels import ATTRIBUTES

#: What an ensemble combines, each by its own members and weights.
HEADS = ("categories", *ATTRIBUTES)


@dataclass(frozen=True, eq=False)
class Stack:
    """Predictions of M members for N utterances.

    Args:
        names: members, `(M,)`.
        probabilities: `(M, N, C)`; NaN for a member without category head.
        attributes: `(M, N, 3)`; NaN where a member has no such head or does not cover the utterance.
        scored: classes that the truth knows, where the members distinguish more; empty for all.
        silent: `(M, N)`, True where a member has nothing to go by, as one of words where nothing was said; None where
            all have.
    """

    names: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]
    attributes: npt.NDArray[np.float64]
    scored: tuple[int, ...] = ()
    silent: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return self.probabilities.shape[1]

    def take(self, rows: npt.NDArray[np.int64]) -> "Stack":
        """Return some utterances."""
        return replace(
            self,
            probabilities=self.probabilities[:, rows],
            attributes=self.attributes[:, rows],
            silent=None if self.silent is None else self.silent[:, rows],
        )

    def among(self, names: Sequence[str]) -> "Stack":
        """Return some members, in the order of `names`."""
        chosen = [self.names.index(name) for name in names]
        silent = None if self.silent is None else self.silent[chosen]
        return Stack(tuple(names), self.probabilities[chosen], self.attributes[chosen], self.scored, silent)

    def head(self, head: str) -> npt.NDArray[np.float64]:
        """Return `(M, N, C)` probabilities for `categories`, `(M, N, 1)` values for an attribute."""
        if head == "categories":
            return self.probabilities
        return self.attributes[:, :, [ATTRIBUTES.index(head)]]

    def having(self, head: str) -> npt.NDArray[np.bool_]:
        """Return `(M,)`, True for members that fill `head` for every utterance."""
        return np.array([np.isfinite(values).all() for values in self.head(head)], dtype=np.bool_)
