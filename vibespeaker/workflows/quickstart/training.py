"""The training steps: both tasks at once, each modality alone, then the fine-tunings; predictions after each."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from vibespeaker.config_files import find_config
from vibespeaker.files import file_sha256
from vibespeaker.files.run_folder import BEST, checkpoint_path
from vibespeaker.processes.threads import small_work
from vibespeaker.trainer.layers import layers
from vibespeaker.workflows.quickstart.data import PreparedData
from vibespeaker.workflows.quickstart.messages import quiet
from vibespeaker.workflows.steps import Chain, Step, Training, training_step


@dataclass(frozen=True)
class Run:
    """One training run.

    Args:
        name: of the run folder.
        config: shipped config.
        title: for the log.
        system: what reports call its predictions.
        init_from: name of the run whose best weights it starts from.
        attributes_only: True for a run that corpora without attributes have no use for.
        first: True for a run of the short story.
    """

    name: str
    config: str
    title: str
    system: str
    init_from: str | None = None
    attributes_only: bool = False
    first: bool = False

    def folder(self, out: Path) -> Path:
        """Return the run folder."""
        return out / "runs" / self.name

    def predictions(self, out: Path) -> Path:
        """Return the prediction table."""
        return self.folder(out) / "predictions.parquet"

    def best(self, out: Path) -> Path:
        """Return the best checkpoint."""
        return checkpoint_path(self.folder(out), BEST)


#: The longest of each stage first, so that processes that share them are done at about the same time.
RUNS = (
    Run("multitask", "quickstart-multitask", "audio and text, late fusion", "audio+text, late fusion", first=True),
    Run("audio", "quickstart-audio", "audio only", "audio-only", first=True),
    Run("text", "quickstart-text", "text only", "text-only", first=True),
    Run(
        "multitask-statistics",
        "quickstart-multitask-statistics",
        "audio and text, plain statistics",
        "audio+text, statistics",
    ),
    Run("task1", "quickstart-task1", "fine-tuning for categories, late fusion", "task 1, late fusion", "multitask"),
    Run(
        "task2", "quickstart-task2", "fine-tuning for attributes, late fusion", "task 2, late fusion", "multitask", True
    ),
    Run(
        "task1-statistics",
        "quickstart-task1-statistics",
        "fine-tuning for categories, statistics",
        "task 1, statistics",
        "multitask-statistics",
    ),
    Run(
        "task2-statistics",
        "quickstart-task2-statistics",
        "fine-tuning for attributes, statistics",
        "task 2, statistics",
        "multitask-statistics",
        True,
    ),
)


def planned(data: PreparedData, full: bool) -> tuple[Run, ...]:
    """Return the runs of the short or the full story that the prepared data has labels for."""
    wanted = [run for run in RUNS if full or run.first]
    return tuple(run for run in wanted if data.has_attributes or not run.attributes_only)


def train_all(
    data: PreparedData, runs: Sequence[Run], out: Path, seed: int, epochs: int | None, chain: Chain
) -> dict[str, str]:
    """Run trainings, those at the same time that none of them needs, and return the keys of their steps by run name."""
    keys: dict[str, str] = {}
    for stage in ([run for run in runs if run.init_from is None], [run for run in runs if run.init_from is not None]):
        steps = [_step(run, data, out, seed, epochs, keys) for run in stage]
        keys |= zip((run.name for run in stage), chain.run_together(steps), strict=True)
    return keys


def _step(run: Run, data: PreparedData, out: Path, seed: int, epochs: int | None, keys: Mapping[str, str]) -> Step:
    options = _options(run, data, out, seed, epochs)
    hashes = [file_sha256(path) for path in layers(find_config(f"experiment/{run.config}"))]
    inputs = {
        "material": data.key,
        "config": hashes,
        "options": [option.replace(str(out), "OUT") for option in options],
        "init_from": None if run.init_from is None else keys[run.init_from],
    }
    training = Training(out / "runs", run.name, tuple(options), run.system)
    step = training_step(run.name, f"training: {run.title}", inputs, training, (run.best(out),))
    return replace(step, work=partial(_quietly, step.work))


def _quietly(work: Callable[[], None]) -> None:
    """Do a step's work on one thread, in whatever process, without messages that hide the steps."""
    with quiet(), small_work():
        work()


def _options(run: Run, data: PreparedData, out: Path, seed: int, epochs: int | None) -> list[str]:
    """Return the command line behind `fit`."""
    on_data, model = "--data.init_args", "--model.init_args"
    options = [
        *("--config", f"experiment/{run.config}"),
        f"--seed_everything={seed + 1}",
        f"{on_data}.seed={seed}",
        f"{on_data}.manifest={data.manifest}",
        f"{on_data}.cache={data.cache}",
        "--trainer.enable_progress_bar=false",  # several trainings would draw over each other
    ]
    if epochs is not None:
        options += [f"--trainer.max_epochs={epochs}", f"{model}.schedule.warmup_epochs=0"]
    if run.init_from is not None:
        source = replace(run, name=run.init_from).best(out)
        options += [f"{model}.init_from={source}"]
    if not data.has_attributes:
        terms = {"categories": {"class_path": "vibespeaker.losses.CrossEntropy"}}
        options += [
            f"{model}.network.init_args.heads=[categories]",
            f"{model}.loss.init_args.terms={json.dumps(terms)}",
            f"{model}.loss.init_args.weights={json.dumps({'categories': 1.0})}",
        ]
    if data.label_set != "challenge":
        options += [f"{on_data}.label_set={data.label_set}", f"{on_data}.policy.other=exclude"]
    return options
