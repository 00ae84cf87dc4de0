"""From prediction tables and the truth to an `Evaluation`: scores, intervals, comparisons, slices, seeds."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vibespeaker.arguments.ranges import COUNT, DRAWS, INNER_SHARE, SEED, require
from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.bootstrap import balanced_tests, bootstrap, clusters_of, intervals
from vibespeaker.evaluation.comparison import compare
from vibespeaker.evaluation.coverage import coverage_notes, refuse_other_files, table_notes
from vibespeaker.evaluation.folds import Table, read_tables
from vibespeaker.evaluation.ranking import ranking_scores
from vibespeaker.evaluation.references import majority_and_mean
from vibespeaker.evaluation.scores import SYNTHETIC, Comparison, Evaluation, Settings, Slice, SystemScores
from vibespeaker.evaluation.slices import groupings, slices
from vibespeaker.evaluation.statistics import Floats, Layout, System, layout_of, scores, sums
from vibespeaker.evaluation.table_heads import Resampling, table_scores
from vibespeaker.evaluation.targets import Targets, Truth
from vibespeaker.evaluation.uncertainty import Interval, Spread
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.predictions import Predictions
from vibespeaker.progress import tracked

_SHOWN = 5
#: Fewer speakers than this make intervals too narrow to be trusted.
FEW_SPEAKERS = 20


@dataclass(frozen=True)
class Options:
    """How to evaluate.

    Args:
        split: score this split only; all predicted utterances by default.
        draws: bootstrap draws and permutations; 0 for scores without intervals and comparisons.
        level: coverage of the intervals.
        seed: of all draws.
        per_class: utterances per class in a simulated balanced test.
        by: groupings of the slices; every known one by default, none for an empty list.
        folds: whether tables are folds of a system, to be joined; see `folds.read_tables`.
    """

    split: str | None = None
    draws: int = 10_000
    level: float = 0.95
    seed: int = 0
    per_class: int = 400
    by: Sequence[str] | None = None
    folds: bool = False

    def __post_init__(self) -> None:
        require(DRAWS, draws=self.draws)
        require(INNER_SHARE, level=self.level)
        require(COUNT, per_class=self.per_class)
        require(SEED, seed=self.seed)


@dataclass(frozen=True, eq=False)
class _Entry:
    """A table as it is scored."""

    table: Table
    predictions: Predictions
    system: System


def evaluate_tables(
    paths: Sequence[Path], truth: Truth, options: Options, extra: pd.DataFrame | None = None
) -> Evaluation:
    """Score prediction tables of the same utterances.

    Args:
        paths: the tables; several with one system name count as its seeds.
        truth: the labels.
        options: how.
        extra: further columns to group by, see `slices.read_extra`.

    Raises:
        PredictionsError: a table is unusable, covers other utterances than the first, or has ids the manifest lacks.
    """
    entries, targets = _read(paths, truth, options)
    reference, origin = majority_and_mean(truth, targets)
    systems = [reference, *(entry.system for entry in entries)]
    resampling = Resampling(*clusters_of(targets), options.draws, options.seed, options.level)
    with tracked("evaluate", 4, "steps") as progress:
        scored, tables, layouts, drawn = _score(systems, targets, truth, resampling)
        progress.advance()
        tests = balanced_tests(systems, targets, layouts, options.per_class, options.seed) if options.draws else []
        progress.advance()
        compared = _compare(entries, tables[1:], layouts[1:], drawn[1:], options)
        progress.advance()
        sliced = _slices(entries, targets, truth, options, extra)
        progress.advance()
    described = [_described(one, None, targets, truth, resampling, origin) for one in systems[:1]]
    described += [_described(entry.system, entry, targets, truth, resampling) for entry in entries]
    found = [
        replace(
            one, scores=values, balanced_tests=tests[i] if tests else {}, confusion=_confusion(layouts[i], tables[i])
        )
        for i, (one, values) in enumerate(zip(described, scored, strict=True))
    ]
    return Evaluation(
        settings=Settings(
            options.split, truth.labels.name, options.draws, options.level, options.seed, options.per_class
        ),
        manifest=truth.sha256,
        synthetic=truth.synthetic or any(entry.predictions.metadata.synthetic for entry in entries),
        systems=tuple(found),
        comparisons=compared,
        slices=sliced,
        seeds=_seeds(entries, found[1:]),
        notes=tuple(_notes(entries, found, targets, truth, options.split)),
    )


def _read(paths: Sequence[Path], truth: Truth, options: Options) -> tuple[list[_Entry], Targets]:
    tables = read_tables(paths, options.split, options.folds, truth.names)
    ids = list(tables[0].predictions.frame["utterance_id"])
    targets = truth.targets(ids, tables[0].name)
    entries = []
    for table, name in zip(tables, _names(tables), strict=True):
        found = table.predictions
        _refuse_other_rows(table.name, found, tables[0].name, ids)
        refuse_other_files(found, truth.frame["file_name"], table.name, f"manifest {truth.path}")
        order = pd.Index(found.frame["utterance_id"]).get_indexer(pd.Index(ids))
        aligned = Predictions(found.frame.iloc[order].reset_index(drop=True), found.metadata)
        logits = truth.class_logits(aligned, table.name) if aligned.has_categories else None
        entries.append(_Entry(table, aligned, System.of(name, aligned, logits)))
    return entries, targets


def _refuse_other_rows(path: str, table: Predictions, first: str, ids: Sequence[str]) -> None:
    has, wanted = set(table.frame["utterance_id"]), set(ids)
    for what, difference in ((f"lacks utterances of {first}", wanted - has), (f"has more than {first}", has - wanted)):
        if difference:
            shown = ", ".join(sorted(difference)[:_SHOWN])
            raise PredictionsError(
                f"{path} {what}",
                found=f"{len(difference)}, e.g. {shown}",
                remedy="compare systems on the same utterances, e.g. with --split",
            )


def _names(tables: Sequence[Table]) -> list[str]:
    """Return unique names: the system's with its leaks, and with the file's name where several tables share it."""
    families = [table.predictions.metadata.system + leak_mark(table.predictions) for table in tables]
    shared = Counter(families)
    names = [f if shared[f] == 1 else f"{f} ({one.paths[0].stem})" for f, one in zip(families, tables, strict=True)]
    repeated = Counter(names)
    return [name if repeated[name] == 1 else f"{name} {one.name}" for name, one in zip(names, tables, strict=True)]


def leak_mark(table: Predictions) -> str:
    """Return what stands behind the name of a system that was trained with leaks allowed; usually nothing."""
    kinds = leaks_of(table.metadata.provenance)
    return f" (leaks: {', '.join(kinds)})" if kinds else ""


def leaks_of(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Return kind → what leaked in the training of a system, ensemble members included."""
    found = {str(kind): str(text) for kind, text in (provenance.get("leaks") or {}).items()}
    for member in (provenance.get("ensemble") or {}).get("members") or []:
        found = {**leaks_of(member.get("provenance") or {}), **found}
    return dict(sorted(found.items()))


def _score(
    systems: Sequence[System], targets: Targets, truth: Truth, by: Resampling
) -> tuple[list[dict[str, Interval]], list[Floats], list[Layout], list[dict[str, Floats]]]:
    layouts = [layout_of(system, truth.labels.classes) for system in systems]
    tables = [sums(one, targets, la, by.clusters, by.count) for one, la in zip(systems, layouts, strict=True)]
    drawn: list[dict[str, Floats]] = [{} for _ in systems]
    if by.draws and by.count > 1:
        drawn = bootstrap(tables, layouts, by.draws, by.seed, full=True)
    values = [scores(layout, table.sum(0)) for layout, table in zip(layouts, tables, strict=True)]
    found = [
        intervals(one, draws, by.level) | ranking_scores(targets.categories, system.probabilities, by)
        for system, one, draws in zip(systems, values, drawn, strict=True)
    ]
    return found, tables, layouts, drawn


def _compare(
    entries: Sequence[_Entry],
    tables: Sequence[Floats],
    layouts: Sequence[Layout],
    drawn: Sequence[Mapping[str, Floats]],
    options: Options,
) -> tuple[Comparison, ...]:
    if not options.draws or len(entries) < 2 or len(tables[0]) < 2:
        return ()
    names = [entry.system.name for entry in entries]
    return compare(names, tables, layouts, drawn, options.draws, options.level, options.seed)


def _slices(
    entries: Sequence[_Entry], targets: Targets, truth: Truth, options: Options, extra: pd.DataFrame | None
) -> tuple[Slice, ...]:
    groups = groupings(targets, options.by, extra)
    systems = [entry.system for entry in entries]
    return slices(systems, targets, truth.labels.classes, groups, options.draws, options.level, options.seed)


def _described(
    system: System, entry: _Entry | None, targets: Targets, truth: Truth, resampling: Resampling, origin: str = ""
) -> SystemScores:
    known = np.isfinite(targets.attributes).sum(axis=0)
    labelled = {"categories": int((targets.categories >= 0).sum())}
    labelled |= {name: int(count) for name, count in zip(ATTRIBUTES, known, strict=True)}
    return SystemScores(
        system=system.name,
        source=origin if entry is None else entry.table.name,
        sha256=None if entry is None else entry.table.sha256,
        reference=entry is None,
        utterances=len(targets),
        speakers=len(np.unique(targets.speakers)),
        labelled=labelled,
        scores={},
        classes=truth.labels.classes if system.predicted is not None else (),
        fitted_on=None if entry is None else _fitted_on(entry.predictions, targets, truth),
        heads={}
        if entry is None
        else table_scores(entry.predictions, truth.path, truth.is_scored(targets), resampling),
    )


def _fitted_on(predictions: Predictions, targets: Targets, truth: Truth) -> str | None:
    """Say what was fitted on the split that is scored here, by the table's provenance."""
    fitted = predictions.metadata.provenance.get("fitted")
    splits = set(targets.frame["split"].dropna())
    if not fitted or fitted["split"] not in {*splits, None} or fitted.get("manifest") not in (None, truth.sha256):
        return None
    return f"{fitted['what']}, {'cross-fitted by speaker' if fitted.get('cross_fitted') else 'not cross-fitted'}"


def _confusion(layout: Layout, table: Floats) -> tuple[tuple[int, ...], ...]:
    if not layout.classes:
        return ()
    return tuple(tuple(int(cell) for cell in row) for row in layout.confusion(table.sum(0)))


def _seeds(entries: Sequence[_Entry], found: Sequence[SystemScores]) -> dict[str, dict[str, Spread]]:
    families: dict[str, list[SystemScores]] = {}
    for entry, one in zip(entries, found, strict=True):
        families.setdefault(entry.predictions.metadata.system, []).append(one)
    return {
        family: {name: _spread([one.scores[name].value for one in members]) for name in _shared(members)}
        for family, members in families.items()
        if len(members) > 1
    }


def _shared(members: Sequence[SystemScores]) -> list[str]:
    return [name for name in members[0].scores if all(name in one.scores for one in members)]


def _spread(values: Sequence[float]) -> Spread:
    column = np.array(values)
    return Spread(
        float(column.mean()), float(column.std(ddof=1)), float(column.min()), float(column.max()), len(column)
    )


def _notes(
    entries: Sequence[_Entry], found: Sequence[SystemScores], targets: Targets, truth: Truth, split: str | None
) -> Iterator[str]:
    if any(entry.predictions.metadata.synthetic for entry in entries):
        yield SYNTHETIC
    uncategorised = targets.categories < 0
    unknown = uncategorised & np.isnan(targets.attributes).all(axis=1)
    for rows, become in ((uncategorised & ~unknown, "scored for attributes only"), (unknown, "not scored")):
        if rows.any():
            yield f"{rows.sum()} of {len(targets)} utterances have no category of the label set: {become}"
    yield f"label policy: {truth.policy}"
    yield from coverage_notes(truth, targets, [] if split is None else [split])
    if entries and len(entries[0].table.paths) > 1:
        counts = len(entries[0].table.paths), len(targets), len(truth.frame)
        yield "{} folds together predict {:,} of the manifest's {:,} utterances, each once".format(*counts)
    speakers = found[0].speakers
    if speakers == 1:
        yield "there is one speaker: intervals are over utterances and say nothing of other speakers"
    elif speakers < FEW_SPEAKERS:
        yield f"{speakers} speakers are few: intervals are too narrow"
    for entry in entries:
        yield from table_notes(entry.system.name, entry.predictions, truth)
        for kind, text in leaks_of(entry.predictions.metadata.provenance).items():
            yield f"{entry.system.name}: trained with a leak of kind {kind}, so its scores are optimistic: {text}"
    for one in found:
        if one.fitted_on and one.fitted_on.endswith("not cross-fitted"):
            yield f"{one.system}: {one.fitted_on}, so its scores are optimistic"
    modalities = {entry.predictions.metadata.system.lower() for entry in entries}
    missing = [m for m in ("audio-only", "text-only") if not any(m in name for name in modalities)]
    if missing:
        yield f"no {' or '.join(missing)} system to compare with: give its predictions as well"
