"""From the training split's class frequencies to those of the data at hand.

A classifier's posterior carries the prior it was trained with. By Bayes' rule another prior divides the first out and
multiplies the second in; on logits it is an offset per class (Saerens, Latinne and Decaestecker 2002, equation 4). The
prior of unlabelled data is found by expectation maximisation over their posteriors (same paper, section 3.2). Both
assume that only the class frequencies differ, and that the posteriors are calibrated under the prior they carry. Tuned
offsets assume neither, but are fitted to labels, so their score must be cross-fitted.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibespeaker.metrics import confusion_matrix, macro_f1, softmax

Floats = npt.NDArray[np.float64]

#: A class frequency of zero would forbid the class for good.
LEAST = 1e-6
#: Tried offsets in nats, the smallest first, so that ties go to the smallest change.
_STEPS = np.array(sorted(np.linspace(-2.0, 2.0, 41).round(1), key=abs))
_ROUNDS = 10
_GAIN = 1e-12


@dataclass(frozen=True)
class EstimatedPrior:
    """Result of the expectation maximisation.

    Args:
        prior: `(C,)` class frequencies, summing to 1.
        rounds: rounds made.
        converged: False when the last round still moved more than the tolerance.
    """

    prior: Floats
    rounds: int
    converged: bool


def class_frequencies(counts: npt.ArrayLike) -> Floats:
    """Return counts `(C,)` as frequencies summing to 1, none of them zero."""
    values = np.maximum(np.asarray(counts, np.float64), 0.0)
    shares = np.maximum(values / max(values.sum(), 1.0), LEAST)
    normalised: Floats = shares / shares.sum()
    return normalised


def uniform(classes: int) -> Floats:
    """Return equal frequencies, `(C,)`."""
    return np.full(classes, 1.0 / classes)


def shift_prior(logits: npt.ArrayLike, source: npt.ArrayLike, target: npt.ArrayLike) -> Floats:
    """Return logits whose softmax is the posterior under another prior.

    Args:
        logits: `(N, C)`, a posterior under `source`.
        source: `(C,)` class frequencies, all positive.
        target: `(C,)` class frequencies, all positive.
    """
    return (
        np.asarray(logits, np.float64) + np.log(np.asarray(target, np.float64)) - np.log(np.asarray(source, np.float64))
    )


def estimate_prior(
    logits: npt.ArrayLike, source: npt.ArrayLike, rounds: int = 1000, tolerance: float = 1e-8
) -> EstimatedPrior:
    """Estimate the class frequencies of unlabelled data.

    Args:
        logits: `(N, C)`, posteriors under `source`.
        source: `(C,)` class frequencies, all positive.
        rounds: at most this many.
        tolerance: stop when no frequency moves by more.
    """
    values = np.asarray(logits, np.float64)
    prior = np.asarray(source, np.float64)
    if not len(values):
        return EstimatedPrior(prior, 0, converged=True)
    for number in range(1, rounds + 1):
        renewed = np.maximum(softmax(shift_prior(values, source, prior)).mean(axis=0), LEAST)
        renewed /= renewed.sum()
        moved = float(np.abs(renewed - prior).max())
        prior = renewed
        if moved <= tolerance:
            return EstimatedPrior(prior, number, converged=True)
    return EstimatedPrior(prior, rounds, converged=False)


def balanced_macro_f1(logits: npt.ArrayLike, true: npt.ArrayLike) -> float:
    """Return macro-F1 with every true class given the same weight: the proxy for a balanced test; NaN without any."""
    values, classes = np.asarray(logits, np.float64), np.asarray(true, np.int64)
    return _balanced_macro_f1(classes, values.argmax(axis=1), values.shape[1])


def tune_offsets(logits: npt.ArrayLike, true: npt.ArrayLike) -> Floats:
    """Return the offset per class that maximises the balanced macro-F1 of these same utterances.

    Coordinate ascent from the uniform start: class by class the offset is tried over 41 steps in ±2 nats and the best
    is kept (ties: the smallest change), until a round changes nothing. The score on the same utterances is optimistic.

    Args:
        logits: `(N, C)`.
        true: `(N,)` class indices.

    Returns:
        `(C,)` offsets with mean 0.
    """
    values, classes = np.asarray(logits, np.float64), np.asarray(true, np.int64)
    offsets = np.zeros(values.shape[1])
    if not len(classes):
        return offsets
    best = balanced_macro_f1(values, classes)
    for _ in range(_ROUNDS):
        improved = False
        for column in range(len(offsets)):
            step, score = _best_step(values + offsets, classes, column)
            if score > best + _GAIN:
                offsets[column] += step
                best, improved = score, True
        if not improved:
            break
    centred: Floats = offsets - offsets.mean()
    return centred


def _best_step(logits: Floats, classes: npt.NDArray[np.int64], column: int) -> tuple[float, float]:
    others = logits.copy()
    others[:, column] = -np.inf
    rival, margin = others.argmax(axis=1), others.max(axis=1) - logits[:, column]
    scores = [_balanced_macro_f1(classes, np.where(step > margin, column, rival), logits.shape[1]) for step in _STEPS]
    chosen = int(np.argmax(scores))
    return float(_STEPS[chosen]), scores[chosen]


def _balanced_macro_f1(true: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], classes: int) -> float:
    counts = confusion_matrix(true, predicted, classes).astype(np.float64)
    return float(macro_f1(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)))
