"""From members and a recipe to the combined table, with the scores that show what combining gained."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from vibespeaker.ensemble.combiners import Combiner, Values, Weighted, score, uniform
from vibespeaker.ensemble.gate import fit_gate
from vibespeaker.ensemble.learned import learned_weights
from vibespeaker.ensemble.members import Member, refuse_gaps, stack, utterances
from vibespeaker.ensemble.recipe import Recipe
from vibespeaker.ensemble.selection import greedy, member_scores, top_k
from vibespeaker.ensemble.stack import HEADS, Stack
from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.crossfit import Rows, cross_fit, folds_by_group
from vibespeaker.evaluation.targets import Targets, Truth, class_columns
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.progress import Tracker, tracked

log = logging.getLogger(__name__)

#: The scores that an ensemble reports per head, in the order of the table.
SCORES = ("best member", "mean of all", "ensemble, in sample", "ensemble")


@dataclass(frozen=True)
class Combination:
    """The combined rows.

    Args:
        keys: `utterance_id, file_name, split` of the N rows.
        values: head → `(N, C)` probabilities or `(N, 1)` values, for heads that some member has.
        combiners: head → what made them.
        scores: head → name (`SCORES`) → macro-F1 or CCC on the labelled split; empty without labels.
    """

    keys: pd.DataFrame
    values: dict[str, Values]
    combiners: dict[str, Combiner]
    scores: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Labelled:
    """The labelled split: the members' predictions and the truth, and `(N,)` what belongs together."""

    stack: Stack
    targets: Targets
    groups: Rows

    def truth(self, head: str) -> Values:
        """Return `(N,)` class indices, or attribute values; negative or NaN where unknown."""
        return self.targets.categories.astype(float) if head == "categories" else self._attribute(head)

    def rows(self, head: str) -> Rows:
        """Return the rows whose truth is known."""
        return np.flatnonzero(self.truth(head) >= 0)

    def _attribute(self, head: str) -> Values:
        return self.targets.attributes[:, ATTRIBUTES.index(head)]


def combine(
    members: Sequence[Member],
    recipe: Recipe,
    truth: Truth | None,
    given: Mapping[str, Combiner] = MappingProxyType({}),
) -> Combination:
    """Combine the members head by head; a head whose members do not cover the labelled split has no scores.

    Rows of the split that a selection or a stacking model was fitted on get cross-fitted values: each is made by a
    fit that has not seen its speaker. All other rows are made by the fit on the whole split.

    Args:
        members: see `read_members`.
        recipe: how.
        truth: the labels; needed by fitted methods, otherwise only for scores.
        given: head → what combines it, fitted before, in place of what the recipe says.

    Raises:
        PredictionsError: members do not fit together, or labels are needed and not given.
    """
    keys = utterances(members, recipe.split)
    refuse_gaps(members, keys)
    whole = stack(members, keys)
    labelled = _labelled(members, recipe, truth)
    combination = Combination(keys, {}, {})
    with tracked("ensemble", len(HEADS) * (1 + recipe.folds * recipe.is_fitted), "fits") as progress:
        for head in HEADS:
            _add_head(combination, head, whole, labelled, recipe, progress, given.get(head))
    if not combination.values:
        raise PredictionsError("no member has a head to combine", found=[member.name for member in members])
    return combination


def _labelled(members: Sequence[Member], recipe: Recipe, truth: Truth | None) -> Labelled | None:
    if truth is None:
        if recipe.is_fitted:
            raise PredictionsError(f"method {recipe.method} needs labels", remedy="give them with --manifest MANIFEST")
        return None
    table = next(member for member in members if member.predictions is not None)
    assert table.predictions is not None
    if not recipe.is_fitted and not (table.predictions.frame["split"] == recipe.fit_split).any():
        return None
    keys = utterances(members, recipe.fit_split)
    identifiers = list(keys["utterance_id"])
    targets = truth.targets(identifiers, table.name)
    groups = truth.groups(identifiers, table.name) if recipe.is_fitted else targets.speakers
    stacked = stack(members, keys)
    scored = class_columns(table.predictions, truth.labels, table.name)
    known = targets.categories >= 0
    categories = np.where(known, np.array(scored)[targets.categories], targets.categories)
    return Labelled(replace(stacked, scored=tuple(scored)), replace(targets, categories=categories), groups)


def _add_head(
    into: Combination,
    head: str,
    whole: Stack,
    labelled: Labelled | None,
    recipe: Recipe,
    progress: Tracker,
    given: Combiner | None = None,
) -> None:
    """Combine one head, and score it where its labels are known."""
    if recipe.named(head) == ():
        return  # left out by name
    _require_head(head, whole, recipe)
    known = labelled if labelled is not None and len(labelled.rows(head)) else None
    combiner = given or _combiner(head, whole, known, recipe)
    progress.advance()
    if combiner is None:
        return
    into.combiners[head] = combiner
    into.values[head] = combiner.apply(whole)
    if known is None:
        return
    held_out = _held_out(head, known, combiner, recipe, progress)
    if recipe.is_fitted:
        positions = pd.Index(into.keys["utterance_id"]).get_indexer(pd.Index(known.targets.frame["utterance_id"]))
        into.values[head][positions[positions >= 0]] = held_out[positions >= 0]
    rows = known.rows(head)
    if np.isfinite(held_out[rows]).all():
        into.scores[head] = _scores(head, known, rows, held_out, combiner, recipe)


def _require_head(head: str, whole: Stack, recipe: Recipe) -> None:
    having = np.array(whole.names)[whole.having(head)]
    lacking = [name for name in recipe.named(head) or () if name not in having]
    if lacking:
        raise PredictionsError(f"members named for {head} have no such head", found=", ".join(lacking))


def _combiner(head: str, whole: Stack, known: Labelled | None, recipe: Recipe) -> Combiner | None:
    """Return what combines a head, fitted where the recipe asks for it and labels are known; None without members."""
    if recipe.is_fitted and known is not None:
        return _fit(head, known, known.rows(head), recipe, present_only=False)
    combiner = _fixed(head, whole, recipe)
    if recipe.is_fitted and combiner is not None:
        log.warning("no %s is labelled in %s: its members are averaged", head, recipe.fit_split)
    return combiner


def _fixed(head: str, whole: Stack, recipe: Recipe) -> Weighted | None:
    plain = uniform(head, whole, recipe.named(head), recipe.method == "vote")
    if plain is None:
        return None
    plain = replace(plain, by_confidence=recipe.method == "confidence")
    if recipe.weights is None:
        return plain
    weights = np.array(recipe.weights) * np.array(plain.weights)
    if not weights.any():
        raise PredictionsError(f"all members with the head {head} have weight 0", found=recipe.weights)
    return Weighted(head, plain.members, tuple(weights.tolist()), plain.vote, plain.by_confidence)


def _fit(head: str, labelled: Labelled, rows: Rows, recipe: Recipe, present_only: bool) -> Combiner | None:
    """Fit on labelled rows; `present_only` leaves out named members that do not cover the labelled split."""
    seen, truth, named = labelled.stack.take(rows), labelled.truth(head)[rows], recipe.named(head)
    if recipe.method == "top-k":
        joined = [name for name in named or () if not present_only or _covers(labelled.stack, head, name)]
        return top_k(head, seen, truth, recipe.k, joined, _all_named(recipe))
    candidates = seen if named is None else seen.among(named)
    if recipe.method == "greedy":
        chosen = greedy(head, candidates, truth, recipe.rounds)
        return None if chosen is None else _widened(chosen, seen.names)
    if recipe.method == "gate" and head == "categories":
        return fit_gate(candidates, truth, labelled.groups[rows], recipe.seed)
    if recipe.method in ("learned", "gate"):
        learned = learned_weights(head, candidates, truth)
        return None if learned is None else _widened(learned, seen.names)
    from vibespeaker.ensemble.stacking import fit

    kind: Any = recipe.method.removeprefix("stack-")
    return fit(head, seen, truth, labelled.groups[rows], kind, recipe.seed)


def _held_out(head: str, labelled: Labelled, combiner: Combiner, recipe: Recipe, progress: Tracker) -> Values:
    """Return the ensemble's values on the labelled split: cross-fitted where fitted, else as they are."""
    if not recipe.is_fitted:
        return combiner.apply(labelled.stack)
    known = set(labelled.rows(head).tolist())

    def refit(rows: Rows) -> Combiner:
        labelled_rows = np.array([row for row in rows if row in known], np.int64)
        refitted = _fit(head, labelled, labelled_rows, recipe, present_only=True)
        if refitted is None:
            raise PredictionsError(
                f"a fold has too few labels to fit {recipe.method} for {head}", remedy="use fewer folds"
            )
        progress.advance()
        return refitted

    folds = folds_by_group(labelled.groups, recipe.folds, recipe.seed)
    return cross_fit(refit, lambda model, rows: model.apply(labelled.stack.take(rows)), folds)


def _scores(
    head: str, labelled: Labelled, rows: Rows, held_out: Values, combiner: Combiner, recipe: Recipe
) -> dict[str, float]:
    seen, truth = labelled.stack.take(rows), labelled.truth(head)[rows]
    single = member_scores(head, seen, truth)
    scores = {}
    if np.isfinite(single).any():
        mean = uniform(head, seen)
        assert mean is not None
        scores = {
            "best member": float(np.nanmax(single)),
            "mean of all": score(head, mean.apply(seen), truth, seen.scored),
        }
    if recipe.is_fitted:
        # among the k best there may be members that the labelled split lacks
        same = _fit(head, labelled, rows, recipe, present_only=True) if recipe.method == "top-k" else combiner
        if same is not None:
            scores["ensemble, in sample"] = score(head, same.apply(seen), truth, seen.scored)
    return {**scores, "ensemble": score(head, held_out[rows], truth, seen.scored)}


def _covers(members: Stack, head: str, name: str) -> bool:
    return bool(members.having(head)[members.names.index(name)])


def _all_named(recipe: Recipe) -> set[str]:
    return {name for head in HEADS for name in recipe.named(head) or ()}


def _widened(chosen: Weighted, names: Sequence[str]) -> Weighted:
    weights = dict(zip(chosen.members, chosen.weights, strict=True))
    return Weighted(chosen.head, tuple(names), tuple(weights.get(name, 0.0) for name in names), chosen.vote)
