"""Ridge regression in closed form: the weights of a linear layer from all of the training data at once.

Targets are the classes' indicators or values to regress, features are standardised. With features Z `(N, D)`, targets Y
`(N, K)` less their mean, and weights of utterances on the diagonal of S, the weights minimise

    ‖S^½ (Z W − Y)‖² + penalty · D · ‖W‖²

so that W = (ZᵀSZ + penalty · D · I)⁻¹ ZᵀSY = Zᵀ S^½ (S^½ Z Zᵀ S^½ + penalty · D · I)⁻¹ S^½ Y (Hoerl & Kennard 1970).
Where utterances are heard in several views, a further cost of answers that change from view to view,

    (spread² − 1) · Σ ‖S^½ (z − z̄) W‖², over all views z of an utterance, z̄ their mean,

is the same problem with z̄ + spread · (z − z̄) in place of z, since all views of an utterance have the same target.

The second form needs a matrix of N × N, the first one of D × D: the second is taken where there are fewer utterances
than features, the first beyond, whose sums need no more memory however many utterances follow.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vibespeaker.arguments.ranges import POSITIVE, SHARE, Range, require

#: Rows that are added up at a time once there are more rows than features.
_ROWS = 1024


@dataclass(frozen=True)
class Ridge:
    """How an encoder's linear layer is found in closed form.

    Args:
        penalty: of the sum of squared weights, times the number of features, which have a variance of 1: what is
            spent on the weights does not depend on how many features there are.
        balance: 0 counts all utterances alike, 1 all classes alike; between, classes weigh `count ** -balance`.
        sharpness: what a regressed indicator, from 0 to 1, is multiplied by to become a logit.
        limit: deviations from the mean that count; features beyond are clipped to it.
        spread: what the deviations of an utterance's views from their mean are multiplied by while the weights are
            found, at least 1, where views count as they are.
    """

    penalty: float = 1.0
    balance: float = 1.0
    sharpness: float = 10.0
    limit: float = 5.0
    spread: float = 1.0

    def __post_init__(self) -> None:
        require(POSITIVE, penalty=self.penalty, sharpness=self.sharpness, limit=self.limit)
        require(SHARE, balance=self.balance)
        require(Range(1), spread=self.spread)

    def spread_out(self, views: Sequence[Tensor]) -> list[Tensor]:
        """Return the `(N, D)` features of all views of N utterances as the weights are found from them."""
        if self.spread == 1 or len(views) == 1:
            return [*views]
        mean = torch.stack([*views]).mean(0)
        return [mean + self.spread * (view - mean) for view in views]


@dataclass(frozen=True)
class Regressed:
    """What one head regresses.

    Args:
        targets: `(N, K)`, float64; rows of weight 0 may hold anything finite.
        weights: `(N,)`, float64, not negative, of mean 1 over those above 0; 0 for utterances without a label.
    """

    targets: Tensor
    weights: Tensor

    @property
    def bias(self) -> Tensor:
        """`(K,)` weighted mean of the targets."""
        return self.weights @ self.targets / self.weights.sum()


class RidgeSums:
    """Takes standardised features of all utterances, in the order of the targets, and solves for several heads.

    Args:
        dim: number of features D.
        penalty: see `Ridge`.
        heads: of the same utterances, some with a label in each.
    """

    def __init__(self, dim: int, penalty: float, heads: Sequence[Regressed]) -> None:
        self.dim, self.penalty, self.heads = dim, penalty, heads
        self._rows: list[Tensor] = []
        self._first, self._seen = 0, 0
        self._sums: list[tuple[Tensor, Tensor]] = []

    def add(self, features: Tensor) -> None:
        """Take the next `(rows, D)` features."""
        self._rows.append(features.float())
        self._seen += len(features)
        if self._seen - self._first >= max(_ROWS, 0 if self._sums else self.dim + 1):
            self._fold()

    def solve(self) -> list[tuple[Tensor, Tensor]]:
        """Return weights `(K, D)` and bias `(K,)` of each head, float64."""
        if not self._sums:
            features = torch.cat(self._rows)
            products = (features @ features.T).double() / self.dim
            return [(_dual(features, products, head, self.penalty), head.bias) for head in self.heads]
        self._fold()
        solved = []
        for head, (gram, moments) in zip(self.heads, self._sums, strict=True):
            matrix = gram / self.dim
            matrix.diagonal().add_(self.penalty)
            solved.append((_solved(matrix, moments / self.dim).T, head.bias))
        return solved

    def _fold(self) -> None:
        """Add the rows that are kept to the sums, and forget them."""
        if not self._rows:
            return
        rows, span = torch.cat(self._rows), slice(self._first, self._seen)
        self._rows, self._first = [], self._seen
        if not self._sums:
            zero = rows.new_zeros(self.dim, self.dim, dtype=torch.float64)
            self._sums = [(zero.clone(), zero.new_zeros(self.dim, head.targets.shape[1])) for head in self.heads]
        for head, (gram, moments) in zip(self.heads, self._sums, strict=True):
            weighted = rows * head.weights[span, None].float()
            gram += (weighted.T @ rows).double()
            moments += weighted.double().T @ (head.targets[span] - head.bias)


def _dual(features: Tensor, products: Tensor, head: Regressed, penalty: float) -> Tensor:
    """Return `(K, D)` weights from `(N, D)` features and `(N, N)` their products over D."""
    labelled = head.weights > 0
    roots = head.weights[labelled].sqrt()[:, None]
    matrix = roots * products[labelled][:, labelled] * roots.T
    matrix.diagonal().add_(penalty)
    dual = roots * _solved(matrix, roots * (head.targets[labelled] - head.bias))
    return dual.T @ features[labelled].double() / features.shape[1]


def _solved(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve for a symmetric, positive definite matrix."""
    return torch.cholesky_solve(right, torch.linalg.cholesky(matrix))
