"""Fitted classifiers as files that hold no code: skops for scikit-learn's, the libraries' own formats for boosting.

Never pickle or joblib: reading those runs whatever a file says. skops names the types that a file holds before anything
is made of them, and only those of these classifiers are let in.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vibespeaker.baselines.classifiers import classifier
from vibespeaker.baselines.fitting import Fitted, Probabilities
from vibespeaker.baselines.summaries import Features
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files import atomic_path, file_sha256
from vibespeaker.files.inputs import reading

#: Kind of classifier → the file's name; all others are skops'.
_FILES = {"xgboost": "booster.json", "lightgbm": "booster.txt"}
_SKOPS = "pipeline.skops"
#: Types of these classifiers beyond those that skops trusts by itself.
_TRUSTED = ("sklearn.neural_network._stochastic_optimizers.AdamOptimizer", "sklearn.tree._tree.Tree")
_REMEDY = "give a folder as vibespeaker baselines wrote it: it is damaged or something else"
#: Largest file that is read.
_MOST_BYTES = 2 << 30


def file_of(name: str) -> str:
    """Return the name of the file that holds a classifier of this kind."""
    return _FILES.get(name, _SKOPS)


def write_fitted(fitted: Fitted, folder: Path) -> str:
    """Write a classifier into a folder, which exists, and return the SHA-256 of the file."""
    path = folder / file_of(fitted.name)
    with atomic_path(path) as temporary:
        if fitted.name == "xgboost":
            # the format goes by the file's suffix
            temporary.write_bytes(bytes(fitted.estimator.get_booster().save_raw("json")))
        elif fitted.name == "lightgbm":
            temporary.write_text(fitted.estimator.booster_.model_to_string(), encoding="utf-8")
        else:
            from skops.io import dumps

            temporary.write_bytes(dumps(fitted.estimator))
    return file_sha256(path)


def read_fitted(name: str, folder: Path, sha256: str) -> Callable[[Features], Probabilities]:
    """Read a classifier, and return what gives `(N, classes that it was fitted on)` probabilities.

    Args:
        name: of its kind.
        folder: where `write_fitted` wrote it.
        sha256: what `write_fitted` returned; the boosting libraries end the process over files that are damaged.

    Raises:
        CheckpointError: the file is missing, damaged, or holds types that are no classifier's.
        ConfigError: the classifier's package is not installed.
    """
    classifier(name)
    path = folder / file_of(name)
    with reading(path, CheckpointError, "classifier", _REMEDY):
        if path.stat().st_size > _MOST_BYTES:
            raise CheckpointError(f"{path} is too large for a classifier", allowed=f"{_MOST_BYTES >> 30} GiB")
        content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CheckpointError(f"{path} is not the classifier that was written", remedy=_REMEDY)
    try:
        if name == "xgboost":
            return _xgboost(content)
        if name == "lightgbm":
            return _lightgbm(content)
        return _scikit_learn(content, path)
    except (CheckpointError, ConfigError):
        raise
    except Exception as error:  # libraries raise whatever they stumble over
        found = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path} cannot be read as a classifier", found=found, remedy=_REMEDY) from error


def _xgboost(content: bytes) -> Callable[[Features], Probabilities]:
    from xgboost import Booster, DMatrix

    learner = json.loads(content)["learner"]  # else the library ends the process
    if not isinstance(learner, dict):
        raise ValueError("no learner in it")
    booster = Booster(model_file=bytearray(content))

    def answer(features: Features) -> Probabilities:
        return _two_columns(booster.predict(DMatrix(features, nthread=1)))

    return answer


def _lightgbm(content: bytes) -> Callable[[Features], Probabilities]:
    from lightgbm import Booster

    booster = Booster(model_str=content.decode("utf-8"))

    def answer(features: Features) -> Probabilities:
        return _two_columns(booster.predict(features, num_threads=1))

    return answer


def _two_columns(found: Any) -> Probabilities:
    """Return probabilities of every class; boosting of two classes gives that of the second alone."""
    values = np.asarray(found, np.float64)
    return np.column_stack((1 - values, values)) if values.ndim == 1 else values


def _scikit_learn(content: bytes, path: Path) -> Callable[[Features], Probabilities]:
    from sklearn.pipeline import Pipeline
    from skops.io import get_untrusted_types, loads

    strange = sorted(set(get_untrusted_types(data=content)) - set(_TRUSTED))
    if strange:
        raise CheckpointError(
            f"{path} holds what no classifier of VibeSpeaker is made of", found=", ".join(strange[:3]), remedy=_REMEDY
        )
    estimator = loads(content, trusted=list(_TRUSTED))
    if not isinstance(estimator, Pipeline):
        raise CheckpointError(f"{path} holds no classifier", found=type(estimator).__name__, remedy=_REMEDY)
    _check_trees(estimator, path)

    def answer(features: Features) -> Probabilities:
        return np.asarray(estimator.predict_proba(features), np.float64)

    return answer


def _check_trees(pipeline: Any, path: Path) -> None:
    """Refuse trees whose branches or features lead out of their tables: compiled code follows them unchecked."""
    last = pipeline.steps[-1][1]
    for member in (last, *getattr(last, "estimators_", ())):
        tree = getattr(member, "tree_", None)
        if tree is None:
            continue
        branches, leaf = np.stack((tree.children_left, tree.children_right)), tree.children_left < 0
        own = np.arange(tree.node_count)
        inside = (branches[:, ~leaf] > own[~leaf]) & (branches[:, ~leaf] < tree.node_count)  # children come later
        features = tree.feature[~leaf]
        if not inside.all() or not ((features >= 0) & (features < tree.n_features)).all():
            raise CheckpointError(f"{path} holds a tree that leads nowhere", remedy=_REMEDY)
