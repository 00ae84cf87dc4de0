"""Further heads of an ensemble of tables: the mean of the members that mean the same by them, whatever the method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.ensemble.means import LEAST_PROBABILITY, weighted_mean
from vibespeaker.ensemble.members import Member
from vibespeaker.labels.heads import HeadSpec, Kind, shared_heads
from vibespeaker.metrics import softmax
from vibespeaker.predictions import Predictions

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FurtherHead:
    """A further head of the combined table.

    Args:
        spec: what it predicts.
        values: `(N, outputs)`: logits, of which those of classes are logarithms of mean probabilities, or values.
        shares: member → its share of the mean.
    """

    spec: HeadSpec
    values: Floats
    shares: Mapping[str, float]


def further_heads(
    members: Sequence[Member], keys: pd.DataFrame, weights: Sequence[float] | None = None
) -> dict[str, FurtherHead]:
    """Average the further heads; what members mean differently by one name is left out, and said.

    Args:
        members: those with a table that fills a head count for it.
        keys: the rows of the result, by `utterance_id`; every table has them.
        weights: one per member, equal by default; a head whose members all weigh 0 is left out.
    """
    given = [1.0] * len(members) if weights is None else weights
    weighing = {member.name: weight for member, weight in zip(members, given, strict=True) if weight > 0}
    tables = {
        member.name: member.predictions
        for member in members
        if member.predictions is not None and member.name in weighing
    }
    having = {name: _filled(table) for name, table in tables.items()}
    found = {}
    for head, spec in shared_heads(having).items():
        names = [name for name in tables if head in having[name]]
        outputs = [_rows(tables[name], keys, head) for name in names]
        total = sum(weighing[name] for name in names)
        values = _mean(spec.kind, outputs, [weighing[name] for name in names])
        found[head] = FurtherHead(spec, values, {name: weighing[name] / total for name in names})
    return found


def _filled(table: Predictions) -> dict[str, HeadSpec]:
    return {name: spec for name, spec in table.metadata.heads.items() if table.has(spec.columns(name)[0])}


def _rows(table: Predictions, keys: pd.DataFrame, head: str) -> Floats:
    rows = pd.Index(table.frame["utterance_id"]).get_indexer(pd.Index(keys["utterance_id"]))
    return table.head(head)[rows]


def _mean(kind: Kind, outputs: Sequence[Floats], weights: Sequence[float]) -> Floats:
    """Return the mean as `systems.Ensemble` makes it while members run."""
    if kind == "regression":
        return weighted_mean(outputs, weights)
    if kind == "multilabel":
        shares = weighted_mean([1 / (1 + np.exp(-logits)) for logits in outputs], weights)
        bounded: Floats = np.clip(shares, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        return np.log(bounded) - np.log1p(-bounded)
    return np.log(np.maximum(weighted_mean([softmax(logits) for logits in outputs], weights), LEAST_PROBABILITY))
