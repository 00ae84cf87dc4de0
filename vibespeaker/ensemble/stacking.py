"""Stacking: a small model over the members' answers, its strength chosen on speakers it was not fitted on.

The features of an utterance are the members' log-probabilities and attributes. Categories are learned by logistic
regression or a small MLP with every class weighing the same; attributes by ridge regression or the MLP, whose output is
then stretched to the spread of the truth, because for a given correlation CCC is highest where the spreads are equal.
`fit` chooses the regularisation by an inner speaker-disjoint cross-validation on the rows it is given: cross-fitting it
(see `evaluation.crossfit`) is therefore nested, and its score is unbiased.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vibespeaker.ensemble.combiners import Values, score
from vibespeaker.ensemble.stack import Stack
from vibespeaker.evaluation.crossfit import cross_fit, folds_by_group
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN

Kind = Literal["logistic", "mlp"]

#: Strengths tried: inverse regularisation of logistic regression, penalty of ridge regression, weight decay of the MLP.
STRENGTHS = {
    ("logistic", True): (0.001, 0.01, 0.1, 1.0),
    ("logistic", False): (1.0, 10.0, 100.0, 1000.0),
    ("mlp", True): (0.1, 1.0),
    ("mlp", False): (0.1, 1.0),
}
HIDDEN = 32
#: Steps and rows per step that the MLP is trained for, whatever the number of utterances.
STEPS, BATCH_ROWS, LEARNING_RATE = 500, 250, 5e-3
INNER_FOLDS = 3
_LEAST_PROBABILITY = 1e-6


@dataclass(frozen=True, eq=False)
class Stacked:
    """A fitted stacking model of one head.

    Args:
        head: `categories` or an attribute.
        members: members whose answers it reads.
        kind: `logistic` (linear) or `mlp`.
        strength: the regularisation chosen.
        estimator: the fitted scikit-learn pipeline.
        classes: number of classes of the label set.
        columns: `(F,)`, the features that all utterances had when it was fitted.
        stretch: centre and factor that give predictions the truth's spread; attributes only.
    """

    head: str
    members: tuple[str, ...]
    kind: Kind
    strength: float
    estimator: Any
    classes: int
    columns: npt.NDArray[np.bool_]
    stretch: tuple[float, float] = (0.0, 1.0)

    def apply(self, stack: Stack) -> Values:
        """Return `(N, C)` probabilities for categories, `(N, 1)` values for an attribute."""
        table = features(stack)[:, self.columns]
        if self.head == "categories":
            probabilities = np.full((len(stack), self.classes), _LEAST_PROBABILITY)
            probabilities[:, self.estimator.classes_] += self.estimator.predict_proba(table)
            normalised: Values = probabilities / probabilities.sum(axis=1, keepdims=True)
            return normalised
        centre, factor = self.stretch
        values = centre + factor * (self.estimator.predict(table) - centre)
        return np.clip(values, ATTRIBUTE_MIN, ATTRIBUTE_MAX)[:, None]

    def record(self) -> dict[str, Any]:
        """Return kind, strength and, for linear models, coefficients of the standardised features."""
        record: dict[str, Any] = {"kind": self.kind, "strength": self.strength, "members": list(self.members)}
        if self.kind == "logistic":
            record["coefficients"] = np.round(self.estimator[-1].coef_, 6).tolist()
        return record


def fit(
    head: str, stack: Stack, truth: Values, groups: npt.NDArray[np.int64], kind: Kind, seed: int = 0
) -> Stacked | None:
    """Choose the strength by inner cross-validation over speakers and fit on all rows given.

    Args:
        head: `categories` or an attribute.
        stack: the members' answers to N labelled utterances.
        truth: `(N,)`, class indices, or the true values.
        groups: `(N,)`, what belongs together, see `Truth.groups`.
        kind: linear or MLP.
        seed: of folds, initial weights and resampling.

    Returns:
        The fitted model; None where no member has the head, or all rows are of one class.

    Raises:
        PredictionsError: fewer groups than inner folds.
    """
    if not stack.having(head).any() or (head == "categories" and len(np.unique(truth)) < 2):
        return None
    folds = folds_by_group(groups, INNER_FOLDS, seed)

    def held_out_score(strength: float) -> float:
        def refit(rows: npt.NDArray[np.int64]) -> Stacked:
            return _fit(head, stack.take(rows), truth[rows], kind, strength, seed)

        values = cross_fit(refit, lambda model, rows: model.apply(stack.take(rows)), folds)
        return score(head, values, truth, stack.scored)

    strengths = STRENGTHS[kind, head == "categories"]
    scores = [held_out_score(strength) for strength in strengths]
    return _fit(head, stack, truth, kind, strengths[int(np.argmax(scores))], seed)


def features(stack: Stack) -> Values:
    """Return `(N, F)`: log-probabilities and attributes member by member, NaN where a member has none."""
    logs = np.log(np.maximum(stack.probabilities, _LEAST_PROBABILITY))
    columns = np.concatenate([np.moveaxis(logs, 0, 1), np.moveaxis(stack.attributes, 0, 1)], axis=2)
    return columns.reshape(len(stack), -1)


def _fit(head: str, stack: Stack, truth: Values, kind: Kind, strength: float, seed: int) -> Stacked:
    from sklearn.exceptions import ConvergenceWarning

    categorical = head == "categories"
    table = features(stack)
    columns = np.array([np.isfinite(column).all() for column in table.T], dtype=np.bool_)
    table = table[:, columns]
    estimator = _estimator(categorical, kind, strength, seed, len(table))
    rows = _balanced_rows(truth, seed) if categorical and kind == "mlp" else np.arange(len(truth))
    with warnings.catch_warnings():
        # a fixed budget of steps is part of the MLP's regularisation
        warnings.simplefilter("ignore", ConvergenceWarning)
        estimator.fit(table[rows], truth[rows].astype(np.int64) if categorical else truth[rows])
    stretch = (0.0, 1.0)
    if not categorical:
        fitted = estimator.predict(table)
        stretch = (float(truth.mean()), float(truth.std() / fitted.std()) if fitted.std() > 0 else 1.0)
    return Stacked(head, stack.names, kind, strength, estimator, stack.probabilities.shape[2], columns, stretch)


def _estimator(categorical: bool, kind: Kind, strength: float, seed: int, rows: int) -> Any:
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if kind == "logistic":
        linear = (
            LogisticRegression(C=strength, class_weight="balanced", max_iter=1000) if categorical else Ridge(strength)
        )
        return make_pipeline(StandardScaler(), linear)
    options = {
        "hidden_layer_sizes": (HIDDEN,),
        "alpha": strength,
        "batch_size": min(BATCH_ROWS, rows),
        "max_iter": max(1, STEPS * BATCH_ROWS // max(rows, BATCH_ROWS)),
        "learning_rate_init": LEARNING_RATE,
        "random_state": seed,
    }
    if categorical:
        return make_pipeline(StandardScaler(), MLPClassifier(**options))
    network = TransformedTargetRegressor(MLPRegressor(**options), transformer=StandardScaler())
    return make_pipeline(StandardScaler(), network)


def _balanced_rows(truth: Values, seed: int) -> npt.NDArray[np.int64]:
    """Draw as many rows as there are, every class equally often, in random order."""
    generator = np.random.default_rng(seed)
    classes = np.unique(truth)
    each = -(-len(truth) // len(classes))
    drawn = [generator.choice(np.flatnonzero(truth == value), each) for value in classes]
    return generator.permutation(np.concatenate(drawn))
