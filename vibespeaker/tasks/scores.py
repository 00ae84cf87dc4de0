"""Scores of a whole split, the same on any number of processes: gathered, each utterance once, in manifest order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vibespeaker import metrics
from vibespeaker.batch import NO_CATEGORY, EmotionBatch, EmotionOutput
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.tasks.processes import gathered


@dataclass(frozen=True)
class SplitOutputs:
    """A system's outputs for N utterances, and their targets.

    Args:
        output: logits `(N, classes)` and attributes `(N, 3)`, or None.
        targets: rows and targets of the same utterances, without inputs.
    """

    output: EmotionOutput
    targets: EmotionBatch

    @staticmethod
    def of(output: EmotionOutput, batch: EmotionBatch) -> "SplitOutputs":
        """Keep of a batch what scores need, in main memory."""
        targets = EmotionBatch(batch.rows, batch.category, batch.votes, batch.attributes).to("cpu")
        return SplitOutputs(output.map(lambda head: head.detach().float().cpu()), targets)

    @staticmethod
    def join(pieces: "Sequence[SplitOutputs]") -> "SplitOutputs":
        """Concatenate pieces, at least one and all with the same heads."""

        def joined(tensors: Sequence[Tensor | None]) -> Tensor | None:
            present = [tensor for tensor in tensors if tensor is not None]
            return torch.cat(present) if present else None

        outputs = [piece.output for piece in pieces]
        targets = [piece.targets for piece in pieces]
        return SplitOutputs(
            EmotionOutput(joined([o.logits for o in outputs]), joined([o.attributes for o in outputs])),
            EmotionBatch(
                rows=torch.cat([t.rows for t in targets]),
                category=torch.cat([t.category for t in targets]),
                votes=torch.cat([t.votes for t in targets]),
                attributes=torch.cat([t.attributes for t in targets]),
            ),
        )

    def select(self, at: Tensor) -> "SplitOutputs":
        """Return the utterances at positions `at`."""
        kept = self.targets
        targets = EmotionBatch(kept.rows[at], kept.category[at], kept.votes[at], kept.attributes[at])
        return SplitOutputs(self.output.map(lambda head: head[at]), targets)


@dataclass(frozen=True)
class Scores:
    """Scores of one split.

    Args:
        values: metric name without prefix → value; what cannot be measured is absent.
        confusion: `(classes, classes)` counts, rows true, or None without categories.
    """

    values: dict[str, float]
    confusion: npt.NDArray[np.int64] | None


def collect(batches: Sequence[SplitOutputs]) -> SplitOutputs:
    """Join all batches of all processes, each utterance once, ordered by row in the manifest.

    Args:
        batches: those of this process, at least one.
    """
    everything = SplitOutputs.join(gathered(SplitOutputs.join(batches)))
    _, first = np.unique(everything.targets.rows.numpy(), return_index=True)
    return everything.select(torch.from_numpy(first))


def score(outputs: SplitOutputs, classes: int) -> Scores:
    """Compare with the truth: macro-F1, UAR and accuracy over labelled utterances, CCC over known attributes.

    Args:
        outputs: each utterance once.
        classes: number of classes; macro-F1 counts them all.
    """
    values: dict[str, float] = {}
    confusion = confusion_of(outputs, classes)
    if confusion is not None:
        values["macro_f1"] = float(metrics.macro_f1(confusion))
        values["uar"] = float(metrics.uar(confusion))
        values["accuracy"] = float(metrics.accuracy(confusion))
    if outputs.output.attributes is not None:
        concordances = []
        for column, name in enumerate(ATTRIBUTES):
            true = outputs.targets.attributes[:, column].double().numpy()
            predicted = outputs.output.attributes[:, column].double().numpy()
            known = ~np.isnan(true)
            if known.any():
                values[f"ccc_{name}"] = metrics.concordance(true[known], predicted[known])
                concordances.append(values[f"ccc_{name}"])
        if len(concordances) == len(ATTRIBUTES):
            values["ccc_mean"] = float(np.mean(concordances))
    return Scores(values, confusion)


def confusion_of(outputs: SplitOutputs, classes: int) -> npt.NDArray[np.int64] | None:
    """Return `(classes, classes)` counts, rows true; None without logits or without any labelled utterance."""
    labelled = outputs.targets.category != NO_CATEGORY
    if outputs.output.logits is None or not labelled.any():
        return None
    predicted = outputs.output.logits[labelled].argmax(dim=1).numpy()
    return metrics.confusion_matrix(outputs.targets.category[labelled].numpy(), predicted, classes)
