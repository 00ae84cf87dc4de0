"""Maps that calibrate predictions: logits scaled and shifted, attributes recalibrated.

Categories (Guo et al. 2017): `temperature` divides all logits by one number, so the ranking of classes stays;
`vector` scales and shifts each class's logit. Attributes: `linear` is the least-squares line of the truth on the
prediction, best by squared error; `moments` gives predictions the truth's mean and spread, best by concordance (a
linear map reaches at most CCC = |Pearson|, and this one reaches it); `isotonic` is the best non-decreasing map by
squared error.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN

Floats = npt.NDArray[np.float64]

CATEGORY_METHODS = ("temperature", "vector")
ATTRIBUTE_METHODS = ("linear", "moments", "isotonic")
#: Bounds of the temperature: a system without a single error would otherwise want zero.
TEMPERATURES = (0.05, 20.0)
#: Pull of vector scaling towards the identity, in nats: a class that never occurs would otherwise want −∞.
RIDGE = 1e-3


@dataclass(frozen=True)
class CategoryScaling:
    """New logits = scale · logits + shift.

    Args:
        method: one of `CATEGORY_METHODS`.
        scale: one positive factor per class.
        shift: one offset per class.
    """

    method: str
    scale: tuple[float, ...]
    shift: tuple[float, ...]

    def __call__(self, logits: npt.ArrayLike) -> Floats:
        """Return the scaled logits, `(N, C)` like `logits`."""
        return np.asarray(logits, np.float64) * np.array(self.scale) + np.array(self.shift)

    @property
    def temperature(self) -> float:
        """What the logits of the first class are divided by; with `temperature` those of all."""
        return 1.0 / self.scale[0]


@dataclass(frozen=True)
class AttributeMap:
    """A piecewise linear map, constant beyond its ends and kept within 1–7.

    Args:
        method: one of `ATTRIBUTE_METHODS`.
        predicted: ascending knots, predicted values.
        calibrated: their images, not descending.
    """

    method: str
    predicted: tuple[float, ...]
    calibrated: tuple[float, ...]

    def __call__(self, values: npt.ArrayLike) -> Floats:
        """Return the calibrated values, `(N,)` on 1–7; NaN stays NaN."""
        mapped = np.interp(np.asarray(values, np.float64), self.predicted, self.calibrated)
        return np.clip(mapped, ATTRIBUTE_MIN, ATTRIBUTE_MAX)


def fit_categories(logits: npt.ArrayLike, true: npt.ArrayLike, method: str = "temperature") -> CategoryScaling:
    """Fit a scaling by maximum likelihood.

    Args:
        logits: `(N, C)`.
        true: `(N,)` class indices.
        method: one of `CATEGORY_METHODS`.

    Raises:
        ConfigError: unknown method.
        PredictionsError: there are no utterances.
    """
    values, classes = np.asarray(logits, np.float64), np.asarray(true, np.int64)
    if method not in CATEGORY_METHODS:
        raise ConfigError("unknown calibration of categories", found=method, allowed=CATEGORY_METHODS)
    if not len(classes):
        raise PredictionsError("no utterance with a category to calibrate on")
    count = values.shape[1]
    if method == "temperature":
        return CategoryScaling(method, (1.0 / _temperature(values, classes),) * count, (0.0,) * count)
    from scipy.optimize import minimize  # applying what was fitted needs none of it

    start = np.concatenate([np.full(count, 1.0 / _temperature(values, classes)), np.zeros(count)])
    bounds = [(1 / TEMPERATURES[1], 1 / TEMPERATURES[0])] * count + [(None, None)] * count
    found = minimize(_vector_loss, start, (values, classes, start), method="L-BFGS-B", jac=True, bounds=bounds)
    shift = found.x[count:] - found.x[count:].mean()  # the softmax is invariant to a common offset
    return CategoryScaling(method, tuple(found.x[:count].tolist()), tuple(shift.tolist()))


def fit_attribute(predicted: npt.ArrayLike, true: npt.ArrayLike, method: str = "linear") -> AttributeMap:
    """Fit a map of one attribute.

    Constant predictions map to the mean of the truth; `moments` of a prediction that runs against the truth mirrors
    nothing: it maps to the mean too.

    Args:
        predicted: `(N,)`, 1–7.
        true: `(N,)`, 1–7.
        method: one of `ATTRIBUTE_METHODS`.

    Raises:
        ConfigError: unknown method.
        PredictionsError: there are no utterances.
    """
    x, y = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    if method not in ATTRIBUTE_METHODS:
        raise ConfigError("unknown calibration of attributes", found=method, allowed=ATTRIBUTE_METHODS)
    if not len(x):
        raise PredictionsError("no utterance with this attribute to calibrate on")
    if method == "isotonic":
        return _isotonic(x, y)
    covariance = float(((x - x.mean()) * (y - y.mean())).mean())
    if np.ptp(x) == 0 or covariance <= 0:
        slope = 0.0
    else:
        slope = covariance / float(x.var()) if method == "linear" else float(y.std() / x.std())
    ends = (ATTRIBUTE_MIN, ATTRIBUTE_MAX)
    return AttributeMap(method, ends, tuple(float(y.mean() + slope * (end - x.mean())) for end in ends))


def _temperature(logits: Floats, classes: npt.NDArray[np.int64]) -> float:
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    rows = np.arange(len(classes))

    def loss(log_temperature: float) -> float:
        return float(-log_softmax(logits / np.exp(log_temperature), axis=1)[rows, classes].mean())

    found = minimize_scalar(loss, bounds=tuple(np.log(TEMPERATURES)), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def _vector_loss(
    parameters: Floats, logits: Floats, classes: npt.NDArray[np.int64], start: Floats
) -> tuple[float, Floats]:
    from scipy.special import log_softmax, softmax

    count = logits.shape[1]
    scaled = logits * parameters[:count] + parameters[count:]
    rows = np.arange(len(classes))
    away = parameters - start
    loss = -log_softmax(scaled, axis=1)[rows, classes].mean() + RIDGE * (away @ away)
    errors = softmax(scaled, axis=1)
    errors[rows, classes] -= 1.0
    gradient = np.concatenate([(errors * logits).mean(axis=0), errors.mean(axis=0)]) + 2 * RIDGE * away
    return float(loss), gradient


def _isotonic(x: Floats, y: Floats) -> AttributeMap:
    from scipy.optimize import isotonic_regression

    knots, group = np.unique(x, return_inverse=True)
    weights = np.bincount(group).astype(np.float64)
    fitted = isotonic_regression(np.bincount(group, y) / weights, weights=weights).x
    # inside a block of equal values only its ends matter
    kept = np.ones(len(knots), dtype=bool)
    kept[1:-1] = (fitted[1:-1] != fitted[:-2]) | (fitted[1:-1] != fitted[2:])
    return AttributeMap("isotonic", tuple(knots[kept].tolist()), tuple(fitted[kept].tolist()))
