"""Scores of a whole split, with the functions that `evaluate` uses."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vibespeaker import metrics
from vibespeaker.batch import NO_CATEGORY, EmotionBatch, EmotionOutput
from vibespeaker.calibration.reliability import calibration_error
from vibespeaker.evaluation.head_scores import head_scores
from vibespeaker.labels import ATTRIBUTES, LabelSet
from vibespeaker.labels.heads import CATEGORIES_HEAD, HeadSpec
from vibespeaker.metrics import softmax

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SplitOutputs:
    """A system's outputs for N utterances, and their targets.

    Args:
        output: logits `(N, classes)` and attributes `(N, 3)`, or None.
        targets: rows and targets of the same utterances, without inputs.
    """

    output: EmotionOutput
    targets: EmotionBatch

    def select(self, at: Tensor) -> "SplitOutputs":
        """Return the utterances at positions `at`."""
        return SplitOutputs(self.output.map(lambda head: head[at]), self.targets.select(at))


@dataclass(frozen=True)
class Scores:
    """Scores of one split.

    Args:
        values: metric name without prefix → value; what cannot be measured is absent.
        confusion: `(classes, classes)` counts, rows true, or None without categories.
        classes: those of the confusion matrix.
        details: what is only watched: `f1/CLASS`, and `predicted/ATTRIBUTE_mean`, `…_deviation` and `…_slope`, the
            slope of the regression of prediction on truth (0 where all get the same answer).
    """

    values: dict[str, float]
    confusion: npt.NDArray[np.int64] | None
    classes: tuple[str, ...]
    details: dict[str, float] = field(default_factory=dict)


def score(outputs: SplitOutputs, labels: LabelSet, heads: Mapping[str, HeadSpec] = MappingProxyType({})) -> Scores:
    """Compare with the truth: scores of categories over labelled utterances, CCC over known attributes.

    Categories have macro-F1, UAR, accuracy, UAR + accuracy and the expected calibration error.

    Categories are scored among `labels.scored`, as the challenge does: logits of further classes are left out, and so
    are utterances of such a class.

    Args:
        outputs: each utterance once.
        labels: classes of the logits; macro-F1 counts all that are scored.
        heads: further heads; their scores, see `head_scores`, are called `HEAD_SCORE`.
    """
    values: dict[str, float] = {}
    details: dict[str, float] = {}
    outputs = restricted(outputs, labels, labels.scored)
    confusion = confusion_of(outputs)
    if confusion is not None:
        values["macro_f1"] = float(metrics.macro_f1(confusion))
        values["uar"] = float(metrics.uar(confusion))
        values["accuracy"] = float(metrics.accuracy(confusion))
        values["ua_plus_wa"] = values["uar"] + values["accuracy"]
        values["calibration_error"] = _calibration_error(outputs)
        f1 = zip(labels.scored.classes, metrics.f1_scores(confusion).tolist(), strict=True)
        details |= {f"f1/{emotion}": value for emotion, value in f1}
    if outputs.output.attributes is not None:
        concordances = []
        for column, name in enumerate(ATTRIBUTES):
            true = outputs.targets.attributes[:, column].double().numpy()
            predicted = outputs.output.attributes[:, column].double().numpy()
            known = ~np.isnan(true)
            if known.any():
                values[f"ccc_{name}"] = metrics.concordance(true[known], predicted[known])
                concordances.append(values[f"ccc_{name}"])
                details |= _spread(name, true[known], predicted[known])
        if len(concordances) == len(ATTRIBUTES):
            values["ccc_mean"] = float(np.mean(concordances))
    for head in (name for name in outputs.output.heads if name in outputs.targets.targets):
        found = head_scores(heads[head], outputs.output.heads[head].numpy(), outputs.targets.targets[head].numpy())
        values |= {f"{head}_{name}": value for name, value in found.scores.items()}
    return Scores(values, confusion, labels.scored.classes, details)


def _spread(name: str, true: Values, predicted: Values) -> dict[str, float]:
    """Return where the predictions of an attribute lie, how far they spread, and how they follow the truth."""
    # of truth on prediction, with the two changed round
    slope = float(metrics.calibration_slope_of(metrics.moments(predicted, true)))
    found = {"mean": float(predicted.mean()), "deviation": float(predicted.std()), "slope": slope}
    return {f"predicted/{name}_{what}": value for what, value in found.items()}


def restricted(outputs: SplitOutputs, labels: LabelSet, kept: LabelSet) -> SplitOutputs:
    """Return outputs with the logits of `kept` only, and without the category of utterances of other classes.

    Args:
        outputs: with logits in the order of `labels`, or without any.
        labels: all classes.
        kept: some of them.
    """
    if kept.classes == labels.classes or outputs.output.logits is None:
        return outputs
    columns = [labels.index(emotion) for emotion in kept.classes]
    category = outputs.targets.category
    places = torch.full((len(labels),), NO_CATEGORY, device=category.device)
    places[columns] = torch.arange(len(columns), device=category.device)
    known = torch.where(category == NO_CATEGORY, NO_CATEGORY, places[category.clamp(min=0)])
    output = replace(outputs.output, logits=outputs.output.logits[:, columns])
    return SplitOutputs(output, replace(outputs.targets, category=known))


def confusion_of(outputs: SplitOutputs, head: str = CATEGORIES_HEAD) -> npt.NDArray[np.int64] | None:
    """Return `(classes, classes)` counts of a head that classifies, rows true; None without it or without labels."""
    if head == CATEGORIES_HEAD:
        logits, category = outputs.output.logits, outputs.targets.category
    else:
        logits, category = outputs.output.heads.get(head), outputs.targets.targets[head]
    labelled = category != NO_CATEGORY
    if logits is None or not labelled.any():
        return None
    predicted = logits[labelled].argmax(dim=1).numpy()
    return metrics.confusion_matrix(category[labelled].numpy(), predicted, logits.shape[1])


def _calibration_error(outputs: SplitOutputs) -> float:
    assert outputs.output.logits is not None
    labelled = outputs.targets.category != NO_CATEGORY
    probabilities = softmax(outputs.output.logits[labelled].double().numpy())
    return calibration_error(probabilities, outputs.targets.category[labelled].numpy())
