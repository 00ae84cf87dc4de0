"""The work behind an experiment: one split, one cache, one manifest per variant, one sweep over the variants.

Everything lies in one folder and is found again by a second run: the stamp says for which plan and which data it was
made, extraction adds what is missing, and the sweep leaves alone what is done.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from vibespeaker.config_files import find_config
from vibespeaker.errors import ConfigError
from vibespeaker.files import file_sha256, write_text
from vibespeaker.files.outputs import distinct, plain_name
from vibespeaker.labels import label_set
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.balance import quiet_views
from vibespeaker.prepare.balance_plan import plan_balance
from vibespeaker.prepare.combine import combine_files, left_out
from vibespeaker.prepare.label_map import read_label_map
from vibespeaker.prepare.leaks import KINDS
from vibespeaker.prepare.split.command import split_as
from vibespeaker.prepare.split.strategies import SplitStrategy
from vibespeaker.workflows.ablation.plan import COLUMNS, ExperimentPlan, Variant
from vibespeaker.workflows.steps import Chain, reserve
from vibespeaker.workflows.sweep.trials import DONE, read_trials

log = logging.getLogger(__name__)

STAMP = "experiment.json"
#: The split that lets speakers, takes and near-identical recordings through; whoever names it wants to see that.
LEAKING: SplitStrategy = "utterances"
_TRAINING = ("train", "validation", "development")


def combined_manifest(manifests: Sequence[Path], plan: ExperimentPlan, out: Path) -> Path:
    """Return the manifest that an experiment starts from, in `out`; without splits where it makes several of its own.

    Raises:
        ConfigError: several manifests without a label map.
    """
    made = _combined(manifests, plan)
    if plan.protocols:
        made = made.with_columns({"split": [None] * len(made)})
    path = out / "combined.parquet"
    made.write(path)
    return path


def experiment_manifest(manifests: Sequence[Path], plan: ExperimentPlan, seed: int, out: Path) -> Path:
    """Return the manifest of the experiment in `out`: combined where there are several, split where it is not.

    Raises:
        ConfigError: several manifests without a label map, or the folder holds another experiment.
    """
    made = _combined(manifests, plan)
    if "test" not in set(made.column("split")):
        made = split_as(made, plan.split, plan.fractions, seed)
    path = out / "manifest.parquet"
    facts = {"plan": plan.digest, "seed": seed, "manifests": sorted(file_sha256(one) for one in manifests)}
    reserve(out / STAMP, "experiment", facts)
    made.write(path)
    return path


def _combined(manifests: Sequence[Path], plan: ExperimentPlan) -> Manifest:
    if len(manifests) > 1 and plan.labels is None:
        raise ConfigError("several manifests need a label map", remedy="add labels to the plan, e.g. corpora/four")
    labels = None if plan.labels is None else read_label_map(plan.labels)
    made = Manifest.read(manifests[0])
    if labels is not None and (len(manifests) > 1 or made.metadata.label_set != labels.labels.name):
        combined = combine_files(manifests, labels)
        for warning in (*combined.warnings, *left_out(combined)):
            log.warning("%s", warning)
        made = combined.manifest
    return made


def balance_plan(plan: ExperimentPlan, manifest: Path, seed: int) -> Path | None:
    """Write the plan of a balanced training split beside the manifest, None where there is to be none."""
    if plan.balance is None:
        return None
    table = Manifest.read(manifest, ("utterance_id", "corpus", "split", "category"))
    labels = label_set(table.metadata.label_set)
    training = table.select([split == "train" for split in table.column("split")])
    quiet = quiet_views(plan.balance.noisy, labels, Path(plan.balance.augmentation))
    path = manifest.with_name("balance.parquet")
    plan_balance(training, labels, plan.balance.target, seed, *quiet).write(path)
    return path


def extract_all(plan: ExperimentPlan, manifest: Path, cache: Path, balanced: Path | None) -> int:
    """Extract what the experiment reads into `cache`; existing entries are kept; 1 when something failed."""
    from vibespeaker.extract import extract

    recipe = plan.augmentation if plan.balance is None else plan.balance.augmentation
    wanted = dict.fromkeys([plan.encoders, *(one.encoders for one in plan.variants if one.encoders is not None)])
    status = 0
    for encoders in wanted:
        status |= extract(
            manifest,
            find_config(encoders),
            cache,
            views=plan.views,
            augmentation=None if recipe is None else find_config(recipe),
            view_splits=plan.view_splits,
            plan=balanced,
            dtype=plan.dtype,
        )
    return status


def write_variants(plan: ExperimentPlan, manifest: Path, out: Path) -> list[Path]:
    """Write one manifest per variant: its training utterances, and the whole test split; or all else as test.

    Raises:
        ConfigError: nothing is left to train on.
    """
    table = Manifest.read(manifest)
    frame = table.frame([*COLUMNS, "split"])
    trains = frame["split"].isin(_TRAINING).to_numpy()
    paths = []
    names = distinct(_slug(variant.name) for variant in plan.variants)
    for variant, name in zip(plan.variants, names, strict=True):
        chosen = variant.train.mask(frame)
        if not (chosen & (frame["split"] == "train").to_numpy()).any():
            raise ConfigError(f"variant {variant.name!r} has nothing to train on", found=variant.train)
        step = {"step": "select", "variant": variant.name, "only": dict(variant.train.only)}
        step["without"] = dict(variant.train.without)
        if variant.whole:
            splits = frame["split"].mask(chosen & (frame["split"] == "test"), "train").mask(~chosen, "test")
            made = table.with_columns({"split": splits.tolist()}, {**step, "whole": True})
        else:
            made = table.select((~trains | chosen).tolist()).with_step(step)
        path = out / "manifests" / f"{name}.parquet"
        made.write(path)
        paths.append(path)
    return paths


def run_variants(
    plan: ExperimentPlan,
    manifests: Sequence[Path],
    cache: Path,
    out: Path,
    overlay: Path | None,
    jobs: int,
    balanced: Path | None = None,
) -> list[Path | None]:
    """Train, or fit, and predict every variant that is not done yet; return tables, None for those that failed."""
    tables: list[Path | None] = [None] * len(plan.variants)
    by_config: dict[str, list[int]] = {}
    for number, variant in enumerate(plan.variants):
        if variant.classifier is not None:
            tables[number] = _fit(variant, manifests[number], cache, out, plan, balanced)
        else:
            by_config.setdefault(variant.config or plan.config, []).append(number)
    names = distinct(_slug(Path(config).stem) for config in by_config)
    for (config, numbers), name in zip(by_config.items(), names, strict=True):
        own = "" if config == plan.config else f"-{name}"  # the same, whichever other variants this machine can run
        variants = [(plan.variants[number], manifests[number]) for number in numbers]
        found = _train(plan, config, variants, cache, out, own, overlay, jobs, balanced)
        for number, table in zip(numbers, found, strict=True):
            tables[number] = table
    return tables


def _train(
    plan: ExperimentPlan,
    config: str,
    variants: Sequence[tuple[Variant, Path]],
    cache: Path,
    out: Path,
    own: str,
    overlay: Path | None,
    jobs: int,
    balanced: Path | None,
) -> list[Path | None]:
    """Train the variants of one config as a sweep and return their tables."""
    from vibespeaker.workflows.sweep.command import sweep

    common = {
        "data.init_args.cache": str(cache),
        "data.init_args.label_set": Manifest.read(variants[0][1], ["utterance_id"]).metadata.label_set,
        "data.init_args.policy.unlisted": "exclude",
        "data.init_args.views": 0,
        **({} if balanced is None else {"data.init_args.plan": str(balanced)}),
        **({} if plan.split != LEAKING else {"data.init_args.allow_leaks": list(KINDS)}),
        **plan.settings,
    }
    trials = [_settings(variant, path) for variant, path in variants]
    listed = {"config": config, "settings": common, "predict": list(plan.predicted), "trials": trials}
    path, runs = out / f"plan{own}.yaml", out / f"runs{own}"
    write_text(path, yaml.safe_dump(listed, sort_keys=False))
    sweep(str(path), runs, overlay, jobs, report=False)
    by_number = {trial.number: trial for trial in read_trials(runs)}
    done = (by_number.get(number) for number in range(len(trials)))
    return [
        runs / trial.name / "predictions.parquet" if trial is not None and trial.state == DONE else None
        for trial in done
    ]


def _fit(
    variant: Variant, manifest: Path, cache: Path, out: Path, plan: ExperimentPlan, balanced: Path | None
) -> Path | None:
    """Fit a classifier unless that is done, and return its table."""
    from vibespeaker.workflows.classical.fits import Fit, Sources

    assert variant.classifier is not None
    folder = out / "classical" / manifest.stem
    leaks = KINDS if plan.split == LEAKING else ()
    sources = Sources(cache, variant.features, folder / "features.npy", leaks, balanced)
    fitted = Fit(variant.classifier, 0, "", manifest, folder, sources)
    try:
        Chain(folder).run(fitted.step(sources.read(manifest)))
    except ConfigError as error:
        log.error("variant %s: %s", variant.name, error)
        return None
    return fitted.table


def _settings(variant: Variant, manifest: Path) -> dict[str, Any]:
    """Return what is this variant's own; the manifest's name, which comes first, names the run."""
    labels = {} if variant.labels is None else {"data.init_args.label_set": variant.labels}
    return {"data.init_args.manifest": str(manifest), **labels, **variant.settings}


def _slug(name: str) -> str:
    return plain_name(name).replace("_", "-")
