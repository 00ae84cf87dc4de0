"""Outputs and targets as one table of numbers, for what travels between processes."""

import json
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from vibespeaker.batch import EmotionBatch, EmotionOutput

_LOGITS, _ATTRIBUTES = "logits", "attributes"
#: Begins the name of a further head, so that none is taken for one of the usual columns.
_FURTHER = "head."


@dataclass(frozen=True)
class Layout:
    """What the columns of a table `(utterances, columns)` hold, so that a process without a batch can read it, too.

    The table is float64, which holds row numbers and float32 values exactly.

    Args:
        targets: name → columns; 0 stands for one column of whole numbers. The first four are rows, category, votes and
            attributes, then come those of further heads.
        outputs: `logits`, `attributes` and further heads → columns.
    """

    targets: dict[str, int]
    outputs: dict[str, int]

    @staticmethod
    def of(output: EmotionOutput, batch: EmotionBatch) -> "Layout":
        """Return the layout that holds these outputs and targets."""
        targets = {name: 0 if value.ndim == 1 else value.shape[1] for name, value in _targets(batch).items()}
        return Layout(targets, {name: value.shape[1] for name, value in _outputs(output).items()})

    def pack(self, output: EmotionOutput, batch: EmotionBatch) -> Tensor:
        """Return targets and outputs, `(utterances, columns)`, float64, with the outputs' gradient."""
        values = [*_targets(batch).values(), *_outputs(output).values()]
        return torch.cat([value.double().reshape(len(batch), -1 if value.ndim > 1 else 1) for value in values], dim=1)

    def unpack(self, table: Tensor) -> tuple[EmotionOutput, EmotionBatch]:
        """Return what was packed; outputs in half precision come back as float32."""
        widths = [max(width, 1) for width in self.targets.values()] + list(self.outputs.values())
        columns = iter(torch.split(table, widths, dim=1))
        found = {
            name: next(columns).float() if width else next(columns)[:, 0].long() for name, width in self.targets.items()
        }
        heads = {name: next(columns).float() for name in self.outputs}
        rows, category, votes, attributes = (found.pop(name) for name in list(found)[:4])
        output = EmotionOutput(heads.pop(_LOGITS, None), heads.pop(_ATTRIBUTES, None), heads=_named(heads))
        return output, EmotionBatch(rows, category, votes, attributes, targets=_named(found))

    def to_bytes(self) -> Tensor:
        """Return this layout as `(bytes,)`, uint8."""
        return torch.frombuffer(bytearray(json.dumps([self.targets, self.outputs]).encode()), dtype=torch.uint8)

    @classmethod
    def from_bytes(cls, stored: Tensor) -> Self:
        """Return what `to_bytes` wrote."""
        targets, outputs = json.loads(bytes(stored.tolist()).decode())
        return cls(targets, outputs)


def _targets(batch: EmotionBatch) -> dict[str, Tensor]:
    usual = {"rows": batch.rows, "category": batch.category, "votes": batch.votes, "attributes": batch.attributes}
    return {**usual, **{_FURTHER + name: value for name, value in batch.targets.items()}}


def _outputs(output: EmotionOutput) -> dict[str, Tensor]:
    usual = {_LOGITS: output.logits, _ATTRIBUTES: output.attributes}
    present = {name: value for name, value in usual.items() if value is not None}
    return {**present, **{_FURTHER + name: value for name, value in output.heads.items()}}


def _named(heads: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(_FURTHER): value for name, value in heads.items()}
