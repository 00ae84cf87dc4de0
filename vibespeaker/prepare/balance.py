"""`vibespeaker balance`: a target count for every class of the training split, met by cutting and by adding views."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.table import Table

from vibespeaker.arguments.ranges import COUNT, SEED, require
from vibespeaker.errors import ConfigError
from vibespeaker.files.outputs import check_output
from vibespeaker.labels import LabelSet, label_set
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.balance_plan import TARGET, BalancePlan, plan_balance
from vibespeaker.progress import plain_console


def balance(
    manifest: Path,
    out: Path = Path("balance.parquet"),
    target: int = TARGET,
    labels: str | None = None,
    split: str = "train",
    seed: int = 0,
    noisy: list[str] | None = None,
    augmentation: Path = Path("augmentation/balance"),
) -> int:
    """Plan a training split with the same count of every class: larger ones are cut, smaller ones get augmented views.

    Give the plan to `extract --plan` with an augmentation such as configs/augmentation/balance.yaml, and to
    `fit --data.init_args.plan`. To weigh classes instead of adding to them, train with
    `--data.init_args.balance 1.0`, which needs no plan.

    Args:
        manifest: table with splits; see `vibespeaker split`.
        out: plan to write.
        target: utterances per class.
        labels: label set to balance; the manifest's own by default.
        split: the training split.
        seed: of what is cut and what is added to.
        noisy: classes whose views may have background noise; by default all.
        augmentation: recipe that the views will be drawn by, which says which of them have noise.

    Raises:
        ManifestError: the split has no utterance of any class, or the target is below 1.
        ConfigError: no such class, or the recipe has noise in every view.
    """
    require(COUNT, target=target)
    require(SEED, seed=seed)
    check_output(out, inputs=[manifest], suffixes=(".parquet",))
    table = Manifest.read(manifest, ("utterance_id", "corpus", "split", "category"))
    chosen = label_set(labels or table.metadata.label_set)
    splits = np.array(table.column("split"), dtype=object)
    training = table.select(np.flatnonzero(splits == split).tolist())
    plan = plan_balance(training, chosen, target, seed, *quiet_views(noisy, chosen, augmentation))
    plan.write(out)
    plain_console().print(summary(plan, training, chosen))
    plain_console().print(f"{len(plan):,} utterances per epoch, up to view {plan.highest_view} → {out}")
    return 0


def quiet_views(noisy: Sequence[str] | None, labels: LabelSet, augmentation: Path) -> tuple[tuple[str, ...], int]:
    """Return the classes whose views have no background noise, and which views have it, for `plan_balance`.

    Raises:
        ConfigError: no such class, or the recipe has noise in every view.
    """
    if noisy is None:
        return (), 1
    unknown = [name for name in noisy if name not in labels.classes]
    if unknown:
        raise ConfigError("noise is for classes of the label set", found=unknown[0], allowed=labels.classes)
    from vibespeaker.audio.augmentation.recipe import read_recipe  # what draws views comes with it

    noise = read_recipe(augmentation).noise
    quiet = tuple(name for name in labels.classes if name not in noisy)
    if not noise.probability or not quiet:
        return (), 1
    if noise.every == 1:
        raise ConfigError(
            f"augmentation {augmentation} has noise in any view, so that no class could be without",
            found="noise.every: 1",
            remedy="write noise: {every: 2} into it; then only every other view has noise",
        )
    return quiet, noise.every


def summary(plan: BalancePlan, training: Manifest, labels: LabelSet) -> Table:
    """Return a table of what was there, cut, and added, by class."""
    categories = np.array(training.column("category"), dtype=object)
    of_plan = categories[plan.rows(training)]
    table = Table(title=f"Training split, {plan.target:,} utterances per class", title_justify="left")
    for name in ("class", "recordings", "cut", "added as views", "shown"):
        table.add_column(name, justify="left" if name == "class" else "right")
    for emotion in labels.classes:
        there = int((categories == emotion).sum())
        shown = of_plan == emotion
        added = int((shown & (plan.views > 0)).sum())
        kept = int(shown.sum()) - added
        table.add_row(emotion, *(f"{count:,}" for count in (there, there - kept, added, int(shown.sum()))))
    return table
