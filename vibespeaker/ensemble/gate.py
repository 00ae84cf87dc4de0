"""A gate over members: how much each counts is read, utterance by utterance, from what all of them answer.

Attention over frozen members: a member's score is linear in the answers of all (log-probabilities, how sure each is,
how spread its answer), scores become shares by a softmax over the members that have something to go by, and the fused
distribution is the members' mean by these shares, so that a gate chooses among answers and makes up none. It is fitted
by the likelihood of the truth, every class weighing the same, with a penalty whose strength inner folds by speaker
choose: cross-fitting it is therefore nested.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vibespeaker.ensemble.combiners import Values, mean_by_row, score, speaking_shares
from vibespeaker.ensemble.learned import class_balance, speaking_rows
from vibespeaker.ensemble.stack import Stack
from vibespeaker.errors import PredictionsError
from vibespeaker.files import write_text
from vibespeaker.files.inputs import read_json
from vibespeaker.files.stored_fields import stored_as

STRENGTHS = (0.001, 0.01, 0.1, 1.0)
INNER_FOLDS = 3
_LEAST = 1e-6
_KIND, _REMEDY = "gate", "make one with: vibespeaker ensemble --method gate"


@dataclass(frozen=True)
class Gate:
    """A fitted gate, of plain numbers.

    Args:
        members: whose answers it reads, in order.
        classes: number of classes of each answer.
        strength: the penalty chosen.
        weights: `(M, M · (classes + 2) + 1)`: of each member, a factor for each standardised feature, and an offset.
        centre: `(M · (classes + 2),)`, mean of each feature where it was fitted.
        scale: its standard deviation.
    """

    members: tuple[str, ...]
    classes: int
    strength: float
    weights: tuple[tuple[float, ...], ...]
    centre: tuple[float, ...]
    scale: tuple[float, ...]

    def apply(self, stack: Stack) -> Values:
        """Return `(N, C)` probabilities."""
        return mean_by_row(stack.among(self.members).probabilities, self.shares(stack))

    def shares(self, stack: Stack) -> Values:
        """Return `(M, N)`, what each member counts for in each utterance."""
        stack = stack.among(self.members)
        table = (gate_features(stack) - np.array(self.centre)) / np.array(self.scale)
        scores = np.array(self.weights) @ np.vstack([table.T, np.ones(len(stack))])
        return speaking_shares(np.exp(scores - scores.max(axis=0)), stack.silent)

    def record(self) -> dict[str, Any]:
        """Return what the ensemble's metadata keeps."""
        return {"kind": _KIND, **asdict(self)}

    def write(self, path: Path) -> None:
        """Write JSON."""
        write_text(path, json.dumps(self.record(), allow_nan=False) + "\n")

    @staticmethod
    def read(path: Path) -> "Gate":
        """Read what `write` wrote.

        Raises:
            PredictionsError: the file is missing, is no gate or is damaged.
        """
        fields = dict(read_json(path, PredictionsError, "gate", _REMEDY))
        if fields.pop("kind", None) != _KIND:
            raise PredictionsError(f"{path} is no gate", remedy=_REMEDY)
        gate = stored_as(Gate, fields, f"gate {path}", PredictionsError, _REMEDY)
        wide = len(gate.members) * (gate.classes + 2)
        rows = [len(row) for row in gate.weights]
        numbers = [*gate.centre, *gate.scale, *(value for row in gate.weights for value in row)]
        fits = rows == [wide + 1] * len(gate.members) and len(gate.centre) == len(gate.scale) == wide
        if not fits or not np.isfinite(numbers).all() or min(gate.scale, default=1.0) <= 0:
            raise PredictionsError(f"gate {path} is damaged: its numbers do not fit its members", remedy=_REMEDY)
        return gate


def read_gate(path: Path, names: Mapping[str, str], classes: int) -> Gate:
    """Read a gate for the members of a fusion.

    Args:
        path: the file.
        names: what the members are called here → what the gate calls them.
        classes: number of classes of the fusion.

    Raises:
        PredictionsError: it was made for other members or classes.
    """
    gate = Gate.read(path)
    here = {theirs: ours for ours, theirs in names.items()}
    if set(here) != set(gate.members) or gate.classes != classes:
        raise PredictionsError(
            f"gate {path} was made for another fusion",
            found=f"{', '.join(gate.members)}, {gate.classes} classes",
            allowed=f"{', '.join(here)}, {classes} classes",
            remedy=_REMEDY,
        )
    return replace(gate, members=tuple(here[name] for name in gate.members))


def gate_features(stack: Stack) -> Values:
    """Return `(N, M · (C + 2))`: log-probabilities, greatest probability and entropy, member by member.

    What a silent member would say is left out: its features are those of an even answer.
    """
    even = 1.0 / stack.probabilities.shape[2]
    shares = stack.probabilities
    if stack.silent is not None:
        shares = np.where(stack.silent[:, :, None], even, shares)
    logs = np.log(np.maximum(shares, _LEAST))
    entropy = -(shares * logs).sum(axis=2, keepdims=True)
    columns = np.concatenate([logs, shares.max(axis=2, keepdims=True), entropy], axis=2)
    table: Values = np.moveaxis(columns, 0, 1).reshape(len(stack), -1)
    return table


def fit_gate(stack: Stack, truth: Values, groups: npt.NDArray[np.int64], seed: int = 0) -> Gate | None:
    """Choose the penalty by inner folds, and fit on all rows given.

    Args:
        stack: the members on N labelled utterances; all of them have categories.
        truth: `(N,)`, class indices.
        groups: `(N,)`, what belongs together, see `Truth.groups`.
        seed: of the folds.

    Returns:
        The gate; None where there is nothing to fit on.

    Raises:
        PredictionsError: fewer groups than inner folds, or a member has no categories.
    """
    # applying a gate needs none of the scores
    from vibespeaker.evaluation.crossfit import cross_fit, folds_by_group

    lacking = [name for name, has in zip(stack.names, stack.having("categories"), strict=True) if not has]
    if lacking:
        raise PredictionsError("a gate needs categories of every member", found=", ".join(lacking))
    rows = speaking_rows(stack)
    if not len(rows):
        return None
    seen, classes = stack.take(rows), truth[rows].astype(np.int64)
    folds = folds_by_group(groups[rows], INNER_FOLDS, seed)

    def held_out(strength: float) -> float:
        values = cross_fit(
            lambda some: _fit(seen.take(some), classes[some], strength),
            lambda gate, some: gate.apply(seen.take(some)),
            folds,
        )
        return score("categories", values, classes.astype(np.float64), seen.scored)

    scores = [held_out(strength) for strength in STRENGTHS]
    return _fit(seen, classes, STRENGTHS[int(np.argmax(scores))])


def _fit(stack: Stack, truth: npt.NDArray[np.int64], strength: float) -> Gate:
    from scipy.optimize import minimize

    table = gate_features(stack)
    centre, spread = table.mean(axis=0), table.std(axis=0)
    scale = np.where(spread > _LEAST, spread, 1.0)
    inputs = np.vstack([((table - centre) / scale).T, np.ones(len(table))])  # (F + 1, N)
    of_truth = np.maximum(stack.probabilities[:, np.arange(len(truth)), truth], _LEAST)  # (M, N)
    balance = class_balance(truth) / len(truth)
    shape = (len(stack.names), len(inputs))
    penalised = np.ones(shape)
    penalised[:, -1] = 0.0  # offsets are free

    def loss(flat: Values) -> tuple[float, Values]:
        weights = flat.reshape(shape)
        scores = weights @ inputs
        shares = np.exp(scores - scores.max(axis=0))
        shares /= shares.sum(axis=0)
        mixed = (shares * of_truth).sum(axis=0)
        # of −log Σ aₘpₘ by the score of m: aₘ − aₘpₘ / Σ aₘpₘ
        slope = balance * (shares - shares * of_truth / mixed)
        gradient = slope @ inputs.T + strength * penalised * weights
        value = -(balance * np.log(mixed)).sum() + strength / 2 * (penalised * weights**2).sum()
        return float(value), gradient.ravel()

    found = minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    rows = tuple(tuple(row) for row in found.x.reshape(shape).tolist())
    classes = stack.probabilities.shape[2]
    return Gate(stack.names, classes, strength, rows, tuple(centre.tolist()), tuple(scale.tolist()))
