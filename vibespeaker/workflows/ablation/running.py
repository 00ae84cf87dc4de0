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
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.combine import combine_files, left_out
from vibespeaker.prepare.label_map import read_label_map
from vibespeaker.prepare.split.command import split_as
from vibespeaker.workflows.ablation.plan import COLUMNS, ExperimentPlan, Variant
from vibespeaker.workflows.steps import reserve
from vibespeaker.workflows.sweep.trials import DONE, Trial, read_trials

log = logging.getLogger(__name__)

STAMP = "experiment.json"
_TRAINING = ("train", "validation", "development")


def experiment_manifest(manifests: Sequence[Path], plan: ExperimentPlan, seed: int, out: Path) -> Path:
    """Return the manifest of the experiment in `out`: combined where there are several, split where it is not.

    Raises:
        ConfigError: several manifests without a label map, or the folder holds another experiment.
    """
    if len(manifests) > 1 and plan.labels is None:
        raise ConfigError("several manifests need a label map", remedy="add labels to the plan, e.g. corpora/four")
    labels = None if plan.labels is None else read_label_map(plan.labels)
    made = Manifest.read(manifests[0])
    if labels is not None and (len(manifests) > 1 or made.metadata.label_set != labels.labels.name):
        combined = combine_files(manifests, labels)
        for warning in (*combined.warnings, *left_out(combined)):
            log.warning("%s", warning)
        made = combined.manifest
    if "test" not in set(made.column("split")):
        made = split_as(made, plan.split, seed=seed)
    path = out / "manifest.parquet"
    facts = {"plan": plan.digest, "seed": seed, "manifests": sorted(file_sha256(one) for one in manifests)}
    reserve(out / STAMP, "experiment", facts)
    made.write(path)
    return path


def extract_all(plan: ExperimentPlan, manifest: Path, cache: Path) -> int:
    """Extract what the experiment reads into `cache`; existing entries are kept; 1 when something failed."""
    from vibespeaker.extract import extract

    augmentation = None if plan.augmentation is None else find_config(plan.augmentation)
    return extract(
        manifest,
        find_config(plan.encoders),
        cache,
        views=plan.views,
        augmentation=augmentation,
        view_splits=plan.view_splits,
    )


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


def train_variants(
    plan: ExperimentPlan, manifests: Sequence[Path], cache: Path, out: Path, overlay: Path | None, jobs: int
) -> list[Trial | None]:
    """Train and predict every variant that is not done yet; return the trials, None for those that failed."""
    from vibespeaker.workflows.sweep.command import sweep

    common = {
        "data.init_args.cache": str(cache),
        "data.init_args.label_set": Manifest.read(manifests[0], ["utterance_id"]).metadata.label_set,
        "data.init_args.policy.unlisted": "exclude",
        "data.init_args.views": 0,
        **plan.settings,
    }
    trials = [_settings(variant, path) for variant, path in zip(plan.variants, manifests, strict=True)]
    listed = {"config": plan.config, "settings": common, "predict": ["test"], "trials": trials}
    write_text(out / "plan.yaml", yaml.safe_dump(listed, sort_keys=False))
    sweep(str(out / "plan.yaml"), out / "runs", overlay, jobs, report=False)
    by_number = {trial.number: trial for trial in read_trials(out / "runs")}
    done = (by_number.get(number) for number in range(len(trials)))
    return [trial if trial is not None and trial.state == DONE else None for trial in done]


def _settings(variant: Variant, manifest: Path) -> dict[str, Any]:
    """Return what is this variant's own; the manifest's name, which comes first, names the run."""
    labels = {} if variant.labels is None else {"data.init_args.label_set": variant.labels}
    return {"data.init_args.manifest": str(manifest), **labels, **variant.settings}


def _slug(name: str) -> str:
    return plain_name(name).replace("_", "-")
