"""All steps of an experiment, under one split or several."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vibespeaker.arguments.ranges import DRAWS, JOBS, SEED, require
from vibespeaker.errors import ConfigError
from vibespeaker.figures import confusion_figure, score_matrix, write_figure
from vibespeaker.files import write_text
from vibespeaker.files.csv_text import write_csv
from vibespeaker.files.outputs import FORMATS, Format, check_folder, distinct, plain_name
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions
from vibespeaker.progress import plain_console
from vibespeaker.workflows.ablation.plan import ExperimentPlan
from vibespeaker.workflows.ablation.protocols import cleaned, under, write_joint
from vibespeaker.workflows.ablation.requirements import lacking
from vibespeaker.workflows.ablation.running import (
    STAMP,
    balance_plan,
    combined_manifest,
    experiment_manifest,
    extract_all,
    run_variants,
    write_variants,
)
from vibespeaker.workflows.ablation.scoring import Cell, as_frame, columns_of, confusion, score_variant
from vibespeaker.workflows.score_tables import as_markdown, on_screen

log = logging.getLogger(__name__)

#: What is written into the folder, beside the folders of manifests, cache and runs.
FILES = (STAMP, "manifest.parquet", "plan.yaml", "table.csv", "table.md", *(f"matrix.{kind}" for kind in FORMATS))


def run_experiment(
    plan: ExperimentPlan,
    manifests: Sequence[Path],
    out: Path,
    cache: Path | None,
    overlay: Path | None,
    jobs: int,
    draws: int,
    seed: int,
    title: str,
    kind: Format = "svg",
) -> int:
    """Do all steps of an experiment and write its table; see `vibespeaker ablate`."""
    require(JOBS, jobs=jobs)
    require(DRAWS, draws=draws)
    require(SEED, seed=seed)
    if overlay is not None and not overlay.is_file():
        raise ConfigError(f"overlay {overlay} does not exist")
    check_folder(out, inputs=[*manifests, cache, overlay], names=FILES)
    store = cache or out / "cache"
    check_folder(store, inputs=[*manifests, overlay], option="--cache")
    if plan.clean is not None or plan.protocols:
        combined = combined_manifest(manifests, plan, out)
        manifests = [combined if plan.clean is None else cleaned(combined, plan.clean, out)]
    synthetic = any(Manifest.read(path, ["utterance_id"]).metadata.synthetic for path in manifests)
    title += " (synthetic speech)" if synthetic else ""
    if not plan.protocols:
        status, cells = _run(plan, manifests, out, store, overlay, jobs, draws, seed, kind)
        if cells:
            _write([cell for of_variant in cells.values() for cell in of_variant], plan, out, title, kind)
        return status
    missing = {one.name: reason for one in plan.variants if (reason := lacking(one, plan.config)) is not None}
    for name, reason in missing.items():
        log.warning("%s is left out: %s", name, reason)
    if len(missing) == len(plan.variants):
        raise ConfigError("this machine can run none of the variants", found=next(iter(missing.values())))
    found: dict[str, Mapping[str, Sequence[Cell]]] = {}
    status = 0
    for protocol in plan.protocols:
        log.info("under split %s", protocol)
        one = under(plan, protocol)
        failed, found[protocol] = _run(one, manifests, out / protocol, store, overlay, jobs, draws, seed, kind, missing)
        status |= failed
    write_joint(plan, found, missing, out, title)
    return status


def _run(
    plan: ExperimentPlan,
    manifests: Sequence[Path],
    out: Path,
    cache: Path,
    overlay: Path | None,
    jobs: int,
    draws: int,
    seed: int,
    kind: Format,
    left_out: Collection[str] = (),
) -> tuple[int, dict[str, Sequence[Cell]]]:
    """Run all variants but those left out under one split; return the status, and variant → its cells."""
    manifest = experiment_manifest(manifests, plan, seed, out)  # of the whole plan: what is left out may come later
    plan = replace(plan, variants=tuple(one for one in plan.variants if one.name not in left_out))
    balanced = balance_plan(plan, manifest, seed)
    status = extract_all(plan, manifest, cache, balanced)
    paths = write_variants(plan, manifest, out)
    tables = run_variants(plan, paths, cache, out, overlay, jobs, balanced)
    found: dict[str, Sequence[Cell]] = {}
    names = distinct(plain_name(one.name) for one in plan.variants)
    for variant, path, name in zip(plan.variants, tables, names, strict=True):
        if path is None:
            log.error("variant %s failed; run again to retry it", variant.name)
            status = 1
            continue
        table = Predictions.read(path)
        found[variant.name] = score_variant(variant.name, table, manifest, plan.tests, draws)
        counts, classes = confusion(table, manifest, plan.tests[0])
        if classes:
            picture = confusion_figure(counts, classes, f"{variant.name}: {plan.tests[0].title}")
            write_figure(picture, out / "confusion" / f"{name}.{kind}")
    return status, found


def _write(cells: Sequence[Cell], plan: ExperimentPlan, out: Path, title: str, kind: Format) -> None:
    frame = as_frame(cells)
    write_csv(out / "table.csv", list(frame.columns), frame.astype(object).where(frame.notna(), None).values.tolist())
    columns = columns_of(cells)
    header = ("trained", "tested", "classes", "utterances", "speakers", *columns.values())
    rows = [
        (
            cell.variant,
            cell.test,
            *(f"{count:,}" for count in (len(cell.classes), cell.utterances, cell.speakers)),
            *(str(cell.scores[name]) if name in cell.scores else "–" for name in columns),
        )
        for cell in cells
    ]
    plain_console().print(on_screen(title, header, rows, names=2))
    write_text(out / "table.md", as_markdown(title, header, rows, names=2) + f"\n\n![UAR](matrix.{kind})\n")
    trained = list(dict.fromkeys(cell.variant for cell in cells))
    tested = [test.title for test in plan.tests]
    matrix = np.full((len(trained), len(tested)), np.nan)
    for cell in cells:
        if "uar" in cell.scores:
            matrix[trained.index(cell.variant), tested.index(cell.test)] = cell.scores["uar"].value
    write_figure(score_matrix(matrix, trained, tested, "UAR", title), out / f"matrix.{kind}")
    log.info("wrote %s", out / "table.md")
