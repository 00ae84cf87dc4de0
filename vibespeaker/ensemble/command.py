"""`vibespeaker ensemble`: several prediction tables into one."""

import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from rich.table import Table

from vibespeaker.config_files import find_config
from vibespeaker.ensemble.combination import SCORES, Combination, combine
from vibespeaker.ensemble.combiners import Combiner
from vibespeaker.ensemble.further_heads import further_heads
from vibespeaker.ensemble.fused_tables import fused_tables, write_fusion
from vibespeaker.ensemble.fusion import only, read_fusion
from vibespeaker.ensemble.gate import read_gate
from vibespeaker.ensemble.means import LEAST_PROBABILITY
from vibespeaker.ensemble.members import Member, read_members
from vibespeaker.ensemble.recipe import WEIGHTED, Method, Recipe
from vibespeaker.errors import ConfigError
from vibespeaker.evaluation.policies import scoring_policy
from vibespeaker.evaluation.targets import Truth
from vibespeaker.files.outputs import check_output
from vibespeaker.labels import ATTRIBUTES, LabelSet, label_set
from vibespeaker.labels.policy import LabelPolicy
from vibespeaker.predictions import TABLE_SUFFIXES, Predictions, PredictionsMetadata
from vibespeaker.progress import plain_console

log = logging.getLogger(__name__)


def ensemble(
    predictions: list[Path] | None = None,
    out: Path = Path("ensemble.parquet"),
    method: Method = "mean",
    weights: list[float] | None = None,
    categories: list[str] | None = None,
    arousal: list[str] | None = None,
    valence: list[str] | None = None,
    dominance: list[str] | None = None,
    manifest: Path | None = None,
    fit_split: str = "development",
    split: str | None = None,
    labels: str | None = None,
    k: int = 3,
    rounds: int = 50,
    folds: int = 5,
    seed: int = 0,
    system: str = "ensemble",
    recipe: Path | None = None,
    joined: bool = False,
    policy: dict[str, str] | None = None,
    fusion: Path | None = None,
) -> int:
    """Combine prediction tables, and a baseline's task 2 file among them, into one table.

    Selections and stacking go by the labels of `fit_split`. What is written for that split is cross-fitted by speaker,
    and so is the score that is printed. The recipe is written beside the table. Further heads are the mean of the
    members that share them, whatever the method.

    Args:
        predictions: prediction tables, or challenge files of task 2 (`.csv`).
        out: the table to write.
        method: mean; vote: majority of the members' classes; top-k: mean of the k best of each head; greedy:
            selection with replacement; confidence: a mean in which each member also weighs as much as it is sure;
            learned: the weights under which the truth is likeliest; gate: weights that a small model reads from the
            answers, utterance by utterance; stack-logistic, stack-mlp: a model over the members.
        weights: one per member, for mean, vote and confidence.
        categories: members for the categories, by path or file name; all by default, `[]` for no categories. With
            top-k these join the k best without competing.
        arousal: members for arousal.
        valence: members for valence.
        dominance: members for dominance.
        manifest: manifest with the labels, for fitted methods and for scores.
        fit_split: the labelled split.
        split: write only this split.
        labels: label set of the ensemble, that of its members by default; members with more classes drop the others.
        k: how many win by top-k.
        rounds: members that greedy selection adds.
        folds: speaker-disjoint folds of the cross-fitted score.
        seed: of folds, resampling and initial weights.
        system: name of the ensemble in reports.
        recipe: YAML file, or the name of a shipped one such as ensemble/task2, with `members` and any of the options
            from method to seed; of options beside it members and fusion alone count.
        joined: the tables are folds of a cross-validation: those of one system are one member, called by the first.
        policy: what utterances without a class count for, instead of what the members' own policy says, such as
            `--policy.no_agreement attributes`.
        fusion: file of a late fusion: the tables, called as its members, are joined over the union of their classes.
            With method mean as the file says; learned and gate write a fusion with what was learned beside the table.

    Raises:
        PredictionsError: members do not fit together; by name.
        ConfigError: an option is wrong.
    """
    paths = tuple(str(path) for path in predictions or ())
    check_output(out, inputs=[manifest, recipe], suffixes=TABLE_SUFFIXES)
    check_output(recipe_of(out), inputs=[manifest, *map(Path, paths)])
    if recipe is not None:
        over: dict[str, Any] = {"members": paths} if paths else {}
        over |= {} if fusion is None else {"fusion": str(fusion)}
        chosen = Recipe.read(find_config(str(recipe), "ensemble"), **over)
    else:
        heads = {"categories": categories, "arousal": arousal, "valence": valence, "dominance": dominance}
        chosen = Recipe(
            members=paths,
            method=method,
            weights=None if weights is None else tuple(map(float, weights)),
            fit_split=fit_split,
            split=split,
            labels=labels,
            k=k,
            rounds=rounds,
            folds=folds,
            seed=seed,
            joined=joined,
            fusion=None if fusion is None else str(fusion),
            **{head: tuple(names) for head, names in heads.items() if names is not None},
        )
    if not chosen.members:
        raise ConfigError("an ensemble needs members", remedy="vibespeaker ensemble PREDICTIONS … --out PREDICTIONS")
    check_output(out, inputs=[Path(path) for path in chosen.members if path.endswith(".csv")])
    if chosen.fusion is not None:
        return _fuse(chosen, out, manifest, system, policy)
    members = read_members(
        [Path(path) for path in chosen.members], chosen.labels, chosen.named("categories"), chosen.joined
    )
    if chosen.weights is not None and len(chosen.weights) != len(members):
        raise ConfigError("weights must be one per member", found=len(chosen.weights), allowed=str(len(members)))
    _combined(members, chosen, out, manifest, system, policy)
    return 0


def _fuse(recipe: Recipe, out: Path, manifest: Path | None, system: str, policy: dict[str, str] | None) -> int:
    """Combine the tables of a late fusion's members, and write the fusion with what was learned."""
    source = Path(str(recipe.fusion))
    file = read_fusion(source)
    read = fused_tables([Path(path) for path in recipe.members], file, source, manifest)
    method: Method = "confidence" if recipe.method == "mean" and file.fusion == "confidence" else recipe.method
    weights = read.weights if method in WEIGHTED else None
    ordered = replace(recipe, members=tuple(read.names), method=method, weights=weights)
    wanted = recipe.labels or file.labels
    labels = None if wanted is None else label_set(wanted)
    given: dict[str, Combiner] = {}
    if file.gate is not None and not recipe.is_fitted:
        given["categories"] = read_gate(source.parent / file.gate, read.names, len(read.labels))
    combination = _combined(read.members, ordered, out, manifest, system, policy, labels, given)
    if recipe.is_fitted and "categories" in combination.combiners:
        learned = write_fusion(file, source, out, combination.combiners["categories"], read.names)
        log.info("wrote %s: the fusion with what was learned, for recognize --model", learned)
    return 0


def _combined(
    members: Sequence[Member],
    recipe: Recipe,
    out: Path,
    manifest: Path | None,
    system: str,
    policy: dict[str, str] | None,
    labels: LabelSet | None = None,
    given: Mapping[str, Combiner] = MappingProxyType({}),
) -> Combination:
    """Combine members, write the table and its recipe, and show the scores."""
    tables = [(member.name, member.predictions.metadata) for member in members if member.predictions is not None]
    counted = scoring_policy(tables, policy)
    truth = None if manifest is None else Truth.read(manifest, policy=counted)
    combination = combine(members, recipe, truth, given)
    table = build(members, recipe, combination, truth, system, counted, labels)
    recipe.write(recipe_of(out))
    words = ["vibespeaker", "ensemble", "--recipe", str(recipe_of(out)), "--system", system, "--out", str(out)]
    words += [] if manifest is None else ["--manifest", str(manifest)]
    words += [word for name, value in (policy or {}).items() for word in (f"--policy.{name}", value)]
    table.metadata.provenance["command"] = shlex.join(words)
    table.write(out)
    _show(combination, recipe)
    log.info("wrote %s: %d utterances from %d members", out, len(table), len(members))
    return combination


def recipe_of(table: Path) -> Path:
    """Return where the recipe of an ensemble's table is written."""
    return table.with_suffix(".recipe.yaml")


def build(
    members: Sequence[Member],
    recipe: Recipe,
    combination: Combination,
    truth: Truth | None,
    system: str,
    policy: LabelPolicy | None = None,
    labels: LabelSet | None = None,
) -> Predictions:
    """Return the combined table, with members, their hashes, weights and scores in its metadata.

    Args:
        members: whose heads were combined.
        recipe: how.
        combination: the values.
        truth: the labels that were fitted by or scored.
        system: name in reports.
        policy: which labels counted.
        labels: the classes that are told of a late fusion; by default all of the members.
    """
    tables = [member.predictions.metadata for member in members if member.predictions is not None]
    further = {} if recipe.fusion is not None else further_heads(members, combination.keys, recipe.weights)
    record: dict[str, Any] = {
        "recipe": recipe.to_dict(),
        "members": [member.record() for member in members],
        "heads": {head: combiner.record() for head, combiner in combination.combiners.items()},
        "scores": combination.scores,
    }
    if further:
        record["further_heads"] = {name: dict(head.shares) for name, head in further.items()}
    provenance: dict[str, Any] = {"ensemble": record}
    if recipe.is_fitted and truth is not None:
        provenance["fitted"] = {
            "what": f"{recipe.method} ensemble",
            "split": recipe.fit_split,
            "manifest": truth.sha256,
            "cross_fitted": True,
        }
    metadata = PredictionsMetadata(
        label_set=(labels or tables[0].labels).name,
        classes=(labels or tables[0].labels).classes,
        system=system,
        manifest=_shared([table.manifest for table in tables]),
        cache=_shared([table.cache for table in tables]),
        synthetic=any(table.synthetic for table in tables),
        provenance=provenance,
        label_policy=policy if any(table.label_policy for table in tables) else None,
        heads={name: head.spec for name, head in further.items()},
    )
    values, keys = combination.values, combination.keys
    absent = np.full((len(keys), 1), np.nan)
    logits = None
    if "categories" in values:
        shares = values["categories"] if labels is None else only(values["categories"], tables[0].labels, labels)
        logits = np.log(np.maximum(shares, LEAST_PROBABILITY))
    outputs = {name: head.values for name, head in further.items()}
    frame = Predictions.build(
        list(keys["utterance_id"]), list(keys["file_name"]), list(keys["split"]), logits, None, metadata, outputs
    ).frame
    frame[list(ATTRIBUTES)] = np.hstack([values.get(name, absent) for name in ATTRIBUTES]).astype(np.float32)
    return Predictions(frame, metadata)


def _shared(values: Sequence[str | None]) -> str | None:
    return values[0] if len(set(values)) == 1 else None


def _show(combination: Combination, recipe: Recipe) -> None:
    if not combination.scores:
        return
    table = Table(title=f"{recipe.method} ensemble on {recipe.fit_split}")
    table.add_column("score", no_wrap=True)
    for head in combination.scores:
        table.add_column("macro-F1" if head == "categories" else f"CCC {head}", justify="right")
    for name in SCORES:
        cells = [scores.get(name) for scores in combination.scores.values()]
        if any(cell is not None for cell in cells):
            label = f"{name}, cross-fitted" if name == "ensemble" and recipe.is_fitted else name
            table.add_row(label, *("" if cell is None else f"{cell:.4f}" for cell in cells))
    plain_console().print(table)
