"""`vibespeaker ablate` and `vibespeaker cross`: one table out of many trainings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from vibespeaker.config_files import find_config
from vibespeaker.config_files.imports import trust as trust_packages
from vibespeaker.errors import ConfigError
from vibespeaker.files.outputs import Format, check_folder
from vibespeaker.labels import label_set
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.label_map import read_label_map
from vibespeaker.progress import plain_console
from vibespeaker.workflows.ablation.experiment import FILES, run_experiment
from vibespeaker.workflows.ablation.plan import ExperimentPlan, ScoredSplit, Selection, Variant, read_plan


def ablate(
    manifests: list[Path],
    plan: str = "ablation/corpora",
    out: Path = Path("ablation"),
    cache: Path | None = None,
    overlay: Path | None = None,
    jobs: int = 1,
    draws: int = 2000,
    seed: int = 0,
    format: Format = "svg",
    trust: list[str] | None = None,
) -> int:
    """Train every variant of a plan, test all on the same tests, and write one table.

    The folder gets manifest, cache, one run per variant, `table.csv`, `table.md`, `matrix.svg` and a confusion matrix
    of each variant. A plan with several protocols has a folder for each split, and one table of all. Run again after
    an interruption, it goes on where it was.

    Args:
        manifests: tables of one or several corpora; without a test split they are split by speaker.
        plan: YAML file, or a shipped one: ablation/corpora, ablation/neutral, ablation/noise, ablation/intensity,
            ablation/modalities, ablation/seven, ablation/seven-classes.
        out: folder of the experiment.
        cache: embedding cache to use and to add to; one in the folder by default.
        overlay: config file on top of the plan's, e.g. with a trainer for this machine.
        jobs: trainings at a time.
        draws: bootstrap draws of the intervals.
        seed: of the split.
        format: of the pictures: svg, pdf, or png with 300 dots per inch.
        trust: packages whose classes configs may name, besides those of vibespeaker, torch, lightning, speechbrain and
            torchmetrics.

    Returns:
        0, or 1 when a variant failed or a clip could not be encoded.

    Raises:
        ConfigError: the plan is wrong, or the folder holds another experiment.
    """
    trust_packages(trust or ())
    check_folder(out, inputs=[find_config(plan)], names=FILES)
    return run_experiment(
        read_plan(plan), manifests, out, cache, overlay, jobs, draws, seed, f"Ablation {Path(plan).stem}", format
    )


def cross(
    manifests: list[Path],
    train: list[str] | None = None,
    test: list[str] | None = None,
    labels: str = "corpora/seven-neutral",
    whole: bool = False,
    plan: str = "ablation/cross",
    out: Path = Path("cross"),
    cache: Path | None = None,
    overlay: Path | None = None,
    jobs: int = 1,
    draws: int = 2000,
    seed: int = 0,
    format: Format = "svg",
    trust: list[str] | None = None,
) -> int:
    """Train on some corpora and test on others, over the classes that all of them have.

    Every corpus is split by speaker first: a corpus that is trained on is tested on its own speakers that were
    held out, so that the numbers of one test can be compared. With `whole` a corpus trains and is tested on entirely,
    and never on itself. Run again after an interruption, it goes on.

    Args:
        manifests: tables of one or several corpora.
        train: corpora to train on, one training each; joined with +, together in one; by default each by itself.
        test: corpora to test on; by default each.
        whole: train on all utterances of a corpus, but for the speakers that validate, and test on all of the others.
        labels: label map, where several manifests are given.
        plan: YAML file with what to train; its variants and tests are replaced.
        out: folder of the experiment.
        cache: embedding cache to use and to add to; one in the folder by default.
        overlay: config file on top of the plan's, e.g. with a trainer for this machine.
        jobs: trainings at a time.
        draws: bootstrap draws of the intervals.
        seed: of the split.
        format: of the pictures: svg, pdf, or png with 300 dots per inch.
        trust: packages whose classes configs may name, besides those of vibespeaker, torch, lightning, speechbrain and
            torchmetrics.

    Returns:
        0, or 1 when a training failed or a clip could not be encoded.

    Raises:
        ConfigError: an unknown corpus, or fewer than two classes in common.
    """
    trust_packages(trust or ())
    check_folder(out, inputs=[find_config(plan), *manifests], names=FILES)
    base = read_plan(plan)
    fields: dict[str, Any] = {**vars(base), "labels": labels if len(manifests) > 1 else base.labels}
    found = emotions_by_corpus(manifests, fields["labels"])
    trained, tested = train or sorted(found), test or sorted(found)
    names = {name for group in (*trained, *tested) for name in group.split("+")}
    unknown = sorted(names - set(found))
    if unknown:
        raise ConfigError("the manifests have no such corpus", found=", ".join(unknown), allowed=sorted(found))
    shared = intersection({name: found[name] for name in names}, _classes(manifests, fields["labels"]))
    plain_console().print(intersection_table({name: found[name] for name in sorted(names)}, shared))
    spelled = ",".join(shared)
    fields["variants"] = tuple(
        Variant(group, Selection(only={"corpus": group.split("+")}), spelled, whole=whole) for group in trained
    )
    fields["tests"] = tuple(
        ScoredSplit(group, Selection(only={"corpus": group.split("+")}), spelled) for group in tested
    )
    return run_experiment(
        ExperimentPlan(**fields), manifests, out, cache, overlay, jobs, draws, seed, "Cross-corpus evaluation", format
    )


def emotions_by_corpus(manifests: Sequence[Path], labels: str | None) -> dict[str, set[str]]:
    """Return corpus → classes that occur in it, under the label map where there is one."""
    mapping = None if labels is None else read_label_map(labels)
    found: dict[str, set[str]] = {}
    for path in manifests:
        table = Manifest.read(path, ["corpus", "category"])
        for corpus, emotion in set(zip(table.column("corpus"), table.column("category"), strict=True)):
            own = emotion
            if mapping is not None and emotion is not None and mapping.labels.name != table.metadata.label_set:
                own = mapping.target(corpus, emotion)
            found.setdefault(corpus, set()).update({own} if own is not None else ())
    return found


def intersection(found: dict[str, set[str]], classes: Sequence[str]) -> tuple[str, ...]:
    """Return the classes that every corpus has, in the order of `classes`.

    Raises:
        ConfigError: there are fewer than two.
    """
    shared = tuple(emotion for emotion in classes if all(emotion in own for own in found.values()))
    if len(shared) < 2:
        has = "; ".join(f"{name}: {', '.join(sorted(own))}" for name, own in sorted(found.items()))
        raise ConfigError("the corpora share fewer than two classes", found=has, remedy="choose others, or a label map")
    return shared


def intersection_table(found: dict[str, set[str]], shared: Sequence[str]) -> Table:
    """Return corpus by class, with what is left out for not being everywhere."""
    every = [*shared, *sorted(set().union(*found.values()) - set(shared))]
    table = Table(title=f"Classes: {len(shared)} in common", title_justify="left")
    table.add_column("corpus")
    for emotion in every:
        table.add_column(emotion if emotion in shared else f"({emotion})", justify="center", overflow="fold")
    for corpus, own in found.items():
        table.add_row(corpus, *("yes" if emotion in own else "–" for emotion in every))
    return table


def _classes(manifests: Sequence[Path], labels: str | None) -> tuple[str, ...]:
    if labels is not None:
        return read_label_map(labels).labels.classes
    return label_set(Manifest.read(manifests[0], ["corpus"]).metadata.label_set).classes
