"""The classical classifiers: eight at their libraries' defaults, and a search over the nearest neighbours' settings.

They are those that the source of the seven-class corpus compares, with the scores that it publishes (WA and UA on its
own five corpora, split at random, so that test speakers are known from training).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from vibespeaker.errors import ConfigError

#: What the search over the nearest neighbours tries.
SEARCHED = MappingProxyType(
    {"n_neighbors": (1, 3, 5, 9, 15), "weights": ("uniform", "distance"), "metric": ("euclidean", "manhattan")}
)
_SEARCH_FOLDS = 4
_INSTALL = "pip install 'vibespeaker[boosting]'"


@dataclass(frozen=True)
class Classifier:
    """One kind of classifier.

    Args:
        title: what tables call it.
        make: from a seed to an unfitted estimator with scikit-learn's interface.
        published: WA and UA of the source, shares; null where it publishes none.
        draws: whether its result depends on the seed.
        package: what must be installed beside scikit-learn.
        scaled: whether features are brought to zero mean and unit variance over the training split before it; trees
            do not care.
    """

    title: str
    make: Callable[[int], Any]
    published: tuple[float, float] | None
    draws: bool = False
    package: str | None = None
    scaled: bool = True


def _knn(seed: int) -> Any:
    from sklearn.neighbors import KNeighborsClassifier

    # the same neighbours without a tree, whose stored form compiled code would follow unchecked
    return KNeighborsClassifier(algorithm="brute")


def _mlp(seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier

    return MLPClassifier(random_state=seed)


def _xgboost(seed: int) -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(random_state=seed, n_jobs=1)


def _lightgbm(seed: int) -> Any:
    from lightgbm import LGBMClassifier

    # column by column gives the same trees as row by row, on thousands of features in three quarters of the time
    return LGBMClassifier(random_state=seed, n_jobs=1, deterministic=True, force_col_wise=True, verbosity=-1)


def _logistic_regression(seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression()


def _random_forest(seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(random_state=seed)


def _naive_bayes(seed: int) -> Any:
    from sklearn.naive_bayes import GaussianNB

    return GaussianNB()


def _decision_tree(seed: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=seed)


#: Name → classifier, in the order of the source's table.
CLASSIFIERS: Mapping[str, Classifier] = MappingProxyType(
    {
        "knn": Classifier("k nearest neighbours", _knn, (0.6294, 0.5672)),
        "mlp": Classifier("multi-layer perceptron", _mlp, (0.6239, 0.5472), draws=True),
        "xgboost": Classifier("XGBoost", _xgboost, (0.4861, 0.4407), package="xgboost", scaled=False),
        "lightgbm": Classifier("LightGBM", _lightgbm, (0.3301, 0.4230), package="lightgbm", scaled=False),
        "logistic-regression": Classifier("logistic regression", _logistic_regression, (0.5082, 0.4158)),
        "random-forest": Classifier("random forest", _random_forest, (0.3752, 0.3803), draws=True),
        "naive-bayes": Classifier("Gaussian naive Bayes", _naive_bayes, (0.2389, 0.3274)),
        "decision-tree": Classifier("decision tree", _decision_tree, (0.1938, 0.2292), draws=True),
        "knn-search": Classifier("k nearest neighbours, searched", _knn, None),
    }
)


def classifier(name: str) -> Classifier:
    """Return a classifier whose package is there.

    Raises:
        ConfigError: there is none of that name, or its package is not installed.
    """
    if name not in CLASSIFIERS:
        raise ConfigError("unknown classifier", found=name, allowed=list(CLASSIFIERS))
    found = CLASSIFIERS[name]
    if found.package is not None:
        from importlib.util import find_spec

        if find_spec(found.package) is None:
            raise ConfigError(f"{name} needs the package {found.package}, which is not installed", remedy=_INSTALL)
    return found


def unfitted(name: str, seed: int, groups: npt.NDArray[np.int64]) -> Any:
    """Return an estimator that is ready to be fitted.

    Args:
        name: see `CLASSIFIERS`.
        seed: of its draws.
        groups: `(N,)` of the utterances that it will be fitted on, such as their speakers; a search scores settings on
            groups that were not fitted on.

    Raises:
        ConfigError: as `classifier`, or a search has fewer than two groups.
    """
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    chosen = classifier(name)
    estimator = chosen.make(seed)
    if chosen.scaled:
        estimator = make_pipeline(StandardScaler(), estimator)
    return _search(estimator, groups) if name == "knn-search" else estimator


def _search(pipeline: Any, groups: npt.NDArray[np.int64]) -> Any:
    from sklearn.model_selection import GridSearchCV, GroupKFold

    count = len(np.unique(groups))
    if count < 2:
        raise ConfigError(
            "the search over nearest neighbours compares settings on speakers that were left out",
            found=f"{count} speaker in the training split",
            allowed="two or more",
            remedy="leave knn-search out, or train on more speakers",
        )
    step = pipeline.steps[-1][0]
    grid = {f"{step}__{name}": list(values) for name, values in SEARCHED.items()}
    folds = GroupKFold(min(_SEARCH_FOLDS, count))
    return GridSearchCV(pipeline, grid, scoring="balanced_accuracy", cv=folds, n_jobs=1)
