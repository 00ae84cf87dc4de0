"""torchmetrics whose state is utterances, not sums: what a split was given and answered, from all processes.

Sums would count the copies that fill up uneven processes, and their last digit would depend on how utterances were
dealt. Here rows, targets and outputs travel, each utterance is kept once, and NumPy scores them on every process.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import Metric

from vibespeaker import metrics
from vibespeaker.batch import NO_CATEGORY, EmotionBatch, EmotionOutput
from vibespeaker.labels import LabelSet
from vibespeaker.labels.heads import HeadSpec, Kind
from vibespeaker.systems.ensemble import mean_answer
from vibespeaker.tasks.layout import Layout
from vibespeaker.tasks.scores import Scores, SplitOutputs, restricted, score


class Rows(Metric):
    """A metric whose states are lists of tensors, to be concatenated over processes, any of which may have none.

    Args:
        states: name → an empty tensor of the state's type and number of dimensions.
    """

    full_state_update = False

    def __init__(self, states: Mapping[str, Tensor]) -> None:
        super().__init__()
        self._empty = dict(states)
        for name in states:
            self.add_state(name, [], dist_reduce_fx=None)

    @property
    def update_called(self) -> bool:
        """Whether there is anything to compute; a process without utterances takes part all the same."""
        return True

    def sync(self, *arguments: Any, **options: Any) -> None:
        """Exchange one tensor per state: torchmetrics would exchange as many as this process has batches."""
        for name, empty in self._empty.items():
            pieces = getattr(self, name)
            setattr(self, name, [torch.cat(pieces) if pieces else empty.to(self.device)])
        super().sync(*arguments, **options)


class GatheredOutputs(Rows):
    """A split's outputs and targets, each utterance once, in the order of the manifest, in main memory."""

    table: list[Tensor]
    layout: list[Tensor]

    def __init__(self) -> None:
        super().__init__({"table": torch.empty(0, 0, dtype=torch.float64), "layout": torch.empty(0, dtype=torch.uint8)})

    def update(self, output: EmotionOutput, batch: EmotionBatch) -> None:
        """Keep the outputs of a batch and its targets."""
        if batch.rows.device.type == "mps":  # which has no float64, and is no device of several processes
            output, batch = output.map(lambda head: head.cpu()), batch.truth().to("cpu")
        layout = Layout.of(output, batch)
        if not self.layout:
            self.layout.append(layout.to_bytes().to(batch.rows.device))
        self.table.append(layout.pack(output, batch).detach())

    def compute(self) -> Tensor:
        """Return the table of all utterances `(utterances, columns)`; at least one process must have some."""
        tables = [table for table in self.table if table.numel()]
        self._unpack = Layout.from_bytes(next(layout for layout in self.layout if layout.numel())).unpack
        table = torch.cat(tables).cpu()
        rows = self._unpack(table)[1].rows
        return table[np.unique(rows.numpy(), return_index=True)[1]]

    def outputs(self) -> SplitOutputs:
        """Return all utterances of all processes; every process must call this."""
        table = self.compute()
        return SplitOutputs(*self._unpack(table))


class ViewedOutputs(nn.ModuleList):
    """The outputs of a split in several views of its audio: gathered view by view, then averaged for each utterance."""

    def update(self, output: EmotionOutput, batch: EmotionBatch, view: int) -> None:
        """Keep the outputs of a batch of a view, counted from 0."""
        while len(self) <= view:
            self.append(GatheredOutputs().to(batch.rows.device))
        gathered = self[view]
        assert isinstance(gathered, GatheredOutputs)
        gathered.update(output, batch)

    def outputs(self, heads: Mapping[str, HeadSpec]) -> SplitOutputs:
        """Return all utterances of all processes, and forget them; every process must call this.

        Categories and classes of further heads are averaged over the views as probabilities, values as they are. Those
        of a single view stay as they are.

        Args:
            heads: what the further heads predict.
        """
        views = [gathered.outputs() for gathered in self if isinstance(gathered, GatheredOutputs)]
        del self[:]
        first = views[0]
        if len(views) == 1:
            return first

        def mean(kind: Kind, answers: list[Tensor]) -> Tensor:
            return mean_answer(kind, [answer.double() for answer in answers], [1.0] * len(answers)).float()

        logits = [view.output.logits for view in views if view.output.logits is not None]
        attributes = [view.output.attributes for view in views if view.output.attributes is not None]
        further = {
            name: mean(heads[name].kind, [view.output.heads[name] for view in views]) for name in first.output.heads
        }
        output = EmotionOutput(
            mean("classification", logits) if logits else None,
            mean("regression", attributes) if attributes else None,
            heads=further,
        )
        return SplitOutputs(output, first.targets)


class SplitScores(GatheredOutputs):
    """Scores of a split by `vibespeaker.metrics`, the same on any number of processes.

    Args:
        labels: classes of the logits; those that the challenge scores are compared.
        heads: further heads that are scored.
        objective: further values of a whole split, such as its loss.

    Attributes:
        result: the scores with their confusion matrix, as they were computed last.
        scored: the outputs that they were computed from.
    """

    result: Scores
    scored: SplitOutputs

    def __init__(
        self,
        labels: LabelSet,
        heads: Mapping[str, HeadSpec] = MappingProxyType({}),
        objective: Callable[[SplitOutputs], Mapping[str, Tensor]] | None = None,
    ) -> None:
        super().__init__()
        self.labels, self.heads, self.objective = labels, dict(heads), objective

    def compute(self) -> dict[str, Tensor]:  # type: ignore[override]
        """Return name → score `()`, float64, of all utterances, each counted once; see also `result`."""
        table = super().compute()
        self.scored = outputs = SplitOutputs(*self._unpack(table))
        further = {} if self.objective is None else self.objective(outputs)
        scores = score(outputs, self.labels, self.heads)
        values = {**{name: float(value) for name, value in further.items()}, **scores.values}
        self.result = replace(scores, values=values)
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}


class TrainingScores(SplitScores):
    """Scores of an epoch's training utterances, as each was answered when its batch was trained on, the first time."""

    def compute(self) -> dict[str, Tensor]:  # type: ignore[override]
        """Return name → score; empty where no batch was trained on, as when a run resumes at the end of an epoch."""
        return super().compute() if any(table.numel() for table in self.table) else {}


class TrainingAccuracy(Rows):
    """Share of an epoch's labelled utterances whose category was right when their batch was trained on.

    An utterance that was drawn twice counts twice; batches of training are divided among processes, never copied.

    Args:
        labels: classes of the logits; those that the challenge scores are compared.
    """

    predicted: list[Tensor]
    true: list[Tensor]

    def __init__(self, labels: LabelSet) -> None:
        empty = torch.empty(0, dtype=torch.int64)
        super().__init__({"predicted": empty, "true": empty})
        self.labels = labels

    def update(self, output: EmotionOutput, batch: EmotionBatch) -> None:
        """Keep the categories of a batch."""
        kept = restricted(SplitOutputs(output, batch.truth()), self.labels, self.labels.scored)
        if kept.output.logits is not None:
            self.predicted.append(kept.output.logits.detach().argmax(dim=1))
            self.true.append(kept.targets.category)

    def compute(self) -> float | None:
        """Return the share, 0–1; None where nothing was labelled or there are no logits."""
        if not self.true:
            return None
        true, predicted = torch.cat(self.true).cpu().numpy(), torch.cat(self.predicted).cpu().numpy()
        labelled = true != NO_CATEGORY
        if not labelled.any():
            return None
        confusion = metrics.confusion_matrix(true[labelled], predicted[labelled], len(self.labels.scored))
        return float(metrics.accuracy(confusion))
