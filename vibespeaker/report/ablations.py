"""Tables in the shape of the published system's: loss weights, fine-tuning for each task, ensembles.

Which row a run belongs to follows from its config: a run that starts from other weights is a fine-tuning, for the task
whose losses it has; all others are rows of the grid over loss weights α (attributes) and β (categories).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vibespeaker import figures
from vibespeaker.report.document import ABSENT, Block, Picture, Section, Table, best_cells, listed, number
from vibespeaker.report.runs import Run
from vibespeaker.report.scores import HEADLINE, score_cell, score_value
from vibespeaker.report.systems import System

_OF_CATEGORIES = ("CrossEntropy", "FocalLoss", "VotesDivergence")
_OF_ATTRIBUTES = ("AttributeMSE", "GaussianPenaltyMSE", "ConcordanceLoss")
_GRID = ("macro_f1", "uar", "ccc_arousal", "ccc_valence", "ccc_dominance", "ccc_mean")
_TASK1 = ("macro_f1", "balanced_macro_f1", "uar", "accuracy")
_TASK2 = ("ccc_arousal", "ccc_valence", "ccc_dominance", "ccc_mean")


@dataclass(frozen=True)
class Variant:
    """A run's settings that the ablation tables vary.

    Args:
        run: the run.
        alpha: weight of the attribute losses; null where the config does not say.
        beta: weight of the category losses.
        init_from: checkpoint it starts from, or null.
        learning_rate: the greatest.
        sigma: width of the Gaussian penalty, or null without one.
        pooling: name of the pooling class, or null.
        class_weights: name of the class weighting, or null.
    """

    run: Run
    alpha: float | None
    beta: float | None
    init_from: str | None
    learning_rate: float | None
    sigma: float | None
    pooling: str | None
    class_weights: str | None


def variant_of(run: Run) -> Variant:
    """Read the settings from a run's config; those it lacks are null."""
    terms, weights = _loss(run)
    kinds = {name: _class(term) for name, term in terms.items()}
    alpha = [float(weights.get(name, 0.0)) for name, kind in kinds.items() if kind in _OF_ATTRIBUTES]
    beta = [float(weights.get(name, 0.0)) for name, kind in kinds.items() if kind in _OF_CATEGORIES]
    arguments = {name: _arguments(term) for name, term in terms.items()}
    sigmas = [a["sigma"] for a in arguments.values() if a.get("sigma") is not None]
    weightings = [_class(a["weighting"]) for a in arguments.values() if isinstance(a.get("weighting"), Mapping)]
    init_from = run.setting("model.init_args.init_from")
    return Variant(
        run=run,
        alpha=sum(alpha) if terms else None,
        beta=sum(beta) if terms else None,
        init_from=None if init_from is None else str(init_from),
        learning_rate=run.setting("model.init_args.optimizer.init_args.lr"),
        sigma=sigmas[0] if sigmas else None,
        pooling=_class(run.setting("model.init_args.network.init_args.pooling")),
        class_weights=weightings[0] if weightings else None,
    )


def ablations(runs: Sequence[Run], systems: Sequence[System]) -> Section:
    """Return the tables that the runs have rows for."""
    by_path = {system.path: system for system in systems}
    pairs = [(variant_of(run), by_path[path]) for run in runs if run.config for path in run.tables if path in by_path]
    scratch = [(v, s) for v, s in pairs if v.init_from is None and v.alpha is not None]
    first = [(v, s) for v, s in pairs if v.init_from is not None and not v.alpha]
    second = [(v, s) for v, s in pairs if v.init_from is not None and v.alpha and not v.beta]
    blocks: list[Block] = []
    if len({(v.alpha, v.beta) for v, _ in scratch}) > 1:
        blocks += _grid(sorted(scratch, key=lambda pair: (-(pair[0].alpha or 0.0), pair[0].beta or 0.0)))
    if first:
        blocks.append(_fine_tuning_for_categories(first))
    if second:
        blocks.append(_fine_tuning_for_attributes(second))
    return Section("Ablations", tuple(blocks))


def ensembles(systems: Sequence[System]) -> Section:
    """Return each ensemble with its members that are in the report, and what it gains over the best of them."""
    by_hash = {system.scores.sha256: system for system in systems if system.scores.sha256}
    rows: list[tuple[str, ...]] = []
    members_rows: list[tuple[str, ...]] = []
    for system in systems:
        recorded = (system.predictions.metadata.provenance.get("ensemble") or {}).get("members") or []
        members = [by_hash[member["sha256"]] for member in recorded if member.get("sha256") in by_hash]
        for score in (*_TASK1[:1], *_TASK2):
            value = score_value(system.scores, score)
            of_members = {member.name: score_value(member.scores, score) for member in members}
            known = {name: own for name, own in of_members.items() if own is not None}
            if value is not None and known:
                best = max(known, key=lambda name: known[name])
                cells = (best, number(known[best]), number(value), f"{value - known[best]:+.3f}")
                rows.append((system.name, HEADLINE[score], *cells))
        if recorded:
            listed = ", ".join(str(member.get("path", ABSENT)) for member in recorded)
            members_rows.append((system.name, str(len(recorded)), listed))
    blocks: list[Block] = []
    if rows:
        header = ("ensemble", "score", "best member", "its score", "ensemble's", "gain")
        blocks.append(Table("What each ensemble gains over the best of its members.", header, tuple(rows), labels=3))
    if members_rows:
        blocks.append(Table("Members.", ("ensemble", "members", "files"), tuple(members_rows), labels=3))
    return Section("Ensembles", tuple(blocks))


def _grid(pairs: Sequence[tuple[Variant, System]]) -> list[Block]:
    choices = [(_plain(v.alpha), _plain(v.beta)) for v, _ in pairs]
    caption = "Weights of the losses: α of attributes, β of categories."
    table = _table(caption, ("α", "β"), choices, [s for _, s in pairs], _GRID)
    panels, seen = {}, []
    for score in ("macro_f1", "ccc_mean"):
        points = [(v.alpha, score_value(s.scores, score)) for v, s in pairs]
        known = sorted((alpha, value) for alpha, value in points if alpha is not None and value is not None)
        if known:
            positions, values = zip(*known, strict=True)
            panels[HEADLINE[score]] = {score: (positions, values)}
            seen.append(f"{HEADLINE[score]}: {listed([f'at α {alpha:g}' for alpha in positions], values)}")
    figure = figures.line_panels(panels, xlabel="α", markers=True, legend=False)
    return [
        table,
        Picture("loss-weights", figure, "Scores over the weight of the attribute losses.", "; ".join(seen) + "."),
    ]


def _fine_tuning_for_categories(pairs: Sequence[tuple[Variant, System]]) -> Table:
    choices = [(_rate(v.learning_rate), v.class_weights or "none") for v, _ in pairs]
    caption = "Fine-tuning for categories: settings and scores."
    return _table(caption, ("max. learning rate", "class weights"), choices, [s for _, s in pairs], _TASK1)


def _fine_tuning_for_attributes(pairs: Sequence[tuple[Variant, System]]) -> Table:
    choices = [(v.pooling or ABSENT, _plain(v.sigma) or "none", _rate(v.learning_rate)) for v, _ in pairs]
    caption = "Fine-tuning for attributes: settings and scores."
    titles = ("pooling", "Gaussian penalty σ", "max. learning rate")
    return _table(caption, titles, choices, [s for _, s in pairs], _TASK2)


def _table(
    caption: str,
    titles: tuple[str, ...],
    choices: Sequence[tuple[str, ...]],
    systems: Sequence[System],
    scores: Sequence[str],
) -> Table:
    kept = [score for score in scores if any(score_value(system.scores, score) is not None for system in systems)]
    rows = tuple(
        (system.name, *chosen, *(score_cell(system.scores, score) for score in kept))
        for system, chosen in zip(systems, choices, strict=True)
    )
    first = 1 + len(titles)
    best = best_cells(
        (column, [score_value(system.scores, score) for system in systems]) for column, score in enumerate(kept, first)
    )
    return Table(caption, ("run", *titles, *(HEADLINE[score] for score in kept)), rows, best=best)


def _loss(run: Run) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    loss = run.setting("model.init_args.loss")
    arguments = _arguments(loss) or loss or {}
    return arguments.get("terms") or {}, arguments.get("weights") or {}


def _arguments(item: Any) -> Mapping[str, Any]:
    return (item.get("init_args") or {}) if isinstance(item, Mapping) else {}


def _class(item: Any) -> str | None:
    path = item.get("class_path") if isinstance(item, Mapping) else item
    return path.rsplit(".", 1)[-1] if isinstance(path, str) else None


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _rate(value: float | None) -> str:
    return ABSENT if value is None else f"{value:g}"
