"""Fitting a classical classifier, and what it answers."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vibespeaker.baselines.classifiers import unfitted
from vibespeaker.baselines.summaries import Features
from vibespeaker.errors import ConfigError

Probabilities = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """A fitted classifier.

    Args:
        name: of its kind, see `classifiers.CLASSIFIERS`.
        estimator: what scikit-learn's interface fits.
        present: class positions that the training split held, ascending, in the order of the estimator's columns.
        remarks: what to know of the fit, such as settings that were searched or iterations that ran out.
    """

    name: str
    estimator: Any
    present: tuple[int, ...]
    remarks: tuple[str, ...] = ()


def fit(name: str, features: Features, category: Codes, groups: Codes, seed: int) -> Fitted:
    """Fit a classifier.

    Args:
        name: see `classifiers.CLASSIFIERS`.
        features: `(N, dim)`.
        category: `(N,)` class positions, none of them missing.
        groups: `(N,)` such as speakers, for searches.
        seed: of its draws.

    Raises:
        ConfigError: see `classifiers.unfitted`; or there is only one class to tell.
    """
    from sklearn.exceptions import ConvergenceWarning

    present, codes = np.unique(category, return_inverse=True)
    if len(present) < 2:
        raise ConfigError(
            "a classifier tells classes apart, but the training split holds one",
            found=f"{len(category)} utterances of one class",
            remedy="split the manifest by speakers: vibespeaker split",
        )
    estimator = unfitted(name, seed, groups)
    fitting = {"groups": groups} if name == "knn-search" else {}
    with warnings.catch_warnings(record=True) as said:
        # of a few speakers that a search leaves out, not all need have every class
        warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")
        warnings.simplefilter("always", ConvergenceWarning)
        estimator.fit(features, codes, **fitting)
    unfinished = any(issubclass(one.category, ConvergenceWarning) for one in said)
    remarks = ["stopped at its default limit of iterations"] if unfinished else []
    if name == "knn-search":
        settings = {key.partition("__")[2]: value for key, value in estimator.best_params_.items()}
        remarks.append("searched: " + ", ".join(f"{key} {value}" for key, value in settings.items()))
        estimator = estimator.best_estimator_
    return Fitted(name, estimator, tuple(present.tolist()), tuple(remarks))


def spread(probabilities: Probabilities, present: tuple[int, ...], classes: int) -> Probabilities:
    """Return `(N, classes)` out of `(N, len(present))`: classes that training did not hold have no probability."""
    whole = np.zeros((len(probabilities), classes))
    whole[:, list(present)] = probabilities
    return whole


def answering(fitted: Fitted) -> Callable[[Features], Probabilities]:
    """Return what gives `(N, len(present))` probabilities for `(N, dim)` features."""

    def answer(features: Features) -> Probabilities:
        return np.asarray(fitted.estimator.predict_proba(features), np.float64)

    return answer
