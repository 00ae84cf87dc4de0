"""The command `train`: every step of it is an ordinary command, printed as it runs."""

import logging
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vibespeaker.arguments.calling import call
from vibespeaker.arguments.ranges import COUNT, DRAWS, SEED, require
from vibespeaker.config_files import find_config
from vibespeaker.errors import ConfigError
from vibespeaker.evaluation.scores import Evaluation
from vibespeaker.evaluation.summary import show_summary
from vibespeaker.files import file_sha256
from vibespeaker.files.outputs import check_folder, plain_name
from vibespeaker.files.run_folder import BEST, LAST, checkpoint_path, trained_checkpoint
from vibespeaker.progress import plain_console
from vibespeaker.trainer.layers import layers
from vibespeaker.workflows.quickstart.data import listing
from vibespeaker.workflows.quickstart.messages import quiet
from vibespeaker.workflows.steps import Chain, Step, Training, reserve, training_step
from vibespeaker.workflows.train.recipes import RECIPES, Configs, Data, Recipe, fitted_split, scored_split
from vibespeaker.workflows.train.source import MANIFEST, TABLE, Source, find_source, guessed_columns

log = logging.getLogger(__name__)

#: Of the run folder in the folder of results.
RUN = "training"


def train(
    path: Path,
    out: Path | None = None,
    recipe: Recipe = "embedded",
    format: str | None = None,
    options: dict[str, Any] | None = None,
    encoders: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    draws: int = 1000,
) -> int:
    """Train a model on recordings of your own, from a folder, a table or a corpus to a report and a model to use.

    It prepares, splits by speaker, extracts, trains, calibrates, evaluates and exports. Each step is an ordinary
    command, printed as it runs. Run again after an interruption, it goes on; what is done stays.

    Args:
        path: a folder for each emotion (angry/001.wav, or angry/anna/001.wav where speakers are known), a table with a
            row for each recording, a corpus as published, or a manifest of vibespeaker prepare.
        out: folder of all results; by default runs/ and the name of the path.
        recipe: embedded needs no download and no GPU; wavlm puts a small head on frozen WavLM frames; published is the
            multi-encoder system's first stage. The last two need checkpoints and, in practice, a GPU.
        format: what the path is, of vibespeaker prepare --help, where names of files and folders do not tell.
        options: of the format, e.g. --options.columns.audio clip for a table.
        encoders: encoder file in place of the recipe's, such as one with checkpoints that lie in a folder; it names
            the same encoders.
        epochs: train so many epochs in place of the recipe's number, for a quick try.
        seed: of the split and of training.
        draws: bootstrap draws of the intervals.

    Raises:
        ConfigError: the path is nothing that is known, or the folder holds the results of something else.
    """
    require(COUNT, epochs=epochs)
    require(SEED, seed=seed)
    require(DRAWS, draws=draws)
    out = out or Path("runs") / plain_name(path.resolve().stem)
    check_folder(out, inputs=[path])
    source = find_source(path, format)
    work = _Work(source, out, RECIPES[recipe], encoders or RECIPES[recipe].encoders, seed, epochs, draws)
    facts = {"path": str(path.resolve()), "format": source.format, "recipe": recipe, "seed": seed}
    reserve(out / "train.json", "training", facts, {"what": "vibespeaker train"})
    log.info(source.told)
    with quiet(one_training=True):
        work.run(options or {})
    return 0


class _Work:
    """The steps, in their order, each with the keys of those that it builds on."""

    def __init__(
        self,
        source: Source,
        out: Path,
        configs: Configs,
        encoders: str,
        seed: int,
        epochs: int | None,
        draws: int,
    ) -> None:
        self.source, self.out, self.configs, self.encoders = source, out, configs, encoders
        self.seed, self.epochs, self.draws = seed, epochs, draws
        self.chain = Chain(out)
        self.training = Training(out, RUN, (), "trained", predict=None)

    def run(self, options: dict[str, Any]) -> None:
        """Do what is not done yet, and say what to do next."""
        manifest, key = self._prepared(options)
        manifest, key, data = self._split(manifest, key)
        manifest, key = self._transcribed(manifest, key, data)
        cache, key = self.out / "cache", self._extracted(manifest, key)
        key = self._fitted(manifest, cache, data, key)
        table, key = self._predicted(manifest, key)
        self._judged(manifest, table, key)

    def _do(self, name: str, words: Sequence[str], inputs: dict[str, Any], outputs: tuple[Path, ...]) -> str:
        """Run one command unless it is done, and return its key."""
        shown = shlex.join(["vibespeaker", *words])
        settled = {**inputs, "words": [word.replace(str(self.out), "OUT") for word in words]}
        return self.chain.run(Step(name, shown, settled, outputs, lambda: _run(words)))

    def _prepared(self, options: dict[str, Any]) -> tuple[Path, str]:
        path = self.source.path
        content = listing(path) if path.is_dir() else file_sha256(path)
        if self.source.format == MANIFEST:
            return path, content
        if self.source.format == TABLE:
            options = {**options, "columns": {**guessed_columns(self.source), **options.get("columns", {})}}
        prepared = self.out / "prepared.parquet"
        words = ["prepare", self.source.format, str(path), "--out", str(prepared)]
        words += [word for pair in _flat(options, "--options") for word in pair]
        return prepared, self._do("prepare", words, {"content": content}, (prepared,))

    def _split(self, manifest: Path, key: str) -> tuple[Path, str, Data]:
        data = Data.of(manifest)
        if not data.heads:
            raise ConfigError(
                f"{manifest} has no labels to learn", remedy="name the column of emotions, or of attributes"
            )
        how, told = data.split_words()
        log.info(told)
        if not how:
            return manifest, key, data
        made = self.out / "manifest.parquet"
        words = ["split", str(manifest), *how, "--seed", str(self.seed), "--out", str(made)]
        return made, self._do("split", words, {"manifest": key}, (made,)), data

    def _transcribed(self, manifest: Path, key: str, data: Data) -> tuple[Path, str]:
        if not (self.configs.reads_text and data.lacks_text):
            return manifest, key
        made = self.out / "transcribed.parquet"
        words = ["transcribe", str(manifest), "--out", str(made)]
        return made, self._do("transcribe", words, {"manifest": key}, (made,))

    def _extracted(self, manifest: Path, key: str) -> str:
        cache = self.out / "cache"
        words = ["extract", str(manifest), "--encoders", self.encoders, *self.configs.views, "--out", str(cache)]
        encoders = file_sha256(find_config(self.encoders, "encoders"))
        return self._do("extract", words, {"manifest": key, "encoders": encoders}, (cache,))

    def _fitted(self, manifest: Path, cache: Path, data: Data, key: str) -> str:
        words = ["--config", self.configs.experiment]
        if self.configs.large and not _has_gpu():
            log.warning("there is no GPU: this recipe takes long without one")
            words += ["--config", "trainer/cpu"]
        words += [f"--data.init_args.manifest={manifest}", f"--data.init_args.cache={cache}"]
        words += data.fit_words(self.configs, self.seed, self.epochs)
        training = Training(self.out, RUN, tuple(words), "trained", predict=None)
        shown = shlex.join(["vibespeaker", *next(training.commands())])
        hashes = [file_sha256(path) for path in layers(find_config(self.configs.experiment))]
        settled = [word.replace(str(self.out), "OUT") for word in words]
        inputs = {"cache": key, "config": hashes, "words": settled}
        last = checkpoint_path(training.folder, LAST)
        return self.chain.run(training_step("fit", shown, inputs, training, (last,)))

    def _predicted(self, manifest: Path, key: str) -> tuple[Path, str]:
        """Predict, calibrate where there is enough to calibrate on, and predict again."""
        folder = self.training.folder
        best = trained_checkpoint(folder)
        assert best is not None, "fit keeps its last state"
        table, split = folder / "predictions.parquet", fitted_split(manifest)
        which, name = BEST if best.stem == BEST else LAST, plain_name(self.source.path.resolve().stem)
        words = ["predict", "--config", str(folder / "config.yaml"), "--ckpt_path", which, "--system", name]
        if split is None:
            log.info("too few utterances or speakers validate: probabilities are not calibrated")
            return table, self._do("predict", words, {"fit": key}, (table,))
        raw, fitted = folder / "uncalibrated.parquet", best.with_suffix(".calibration.json")
        if not (self.out / ".steps" / "calibrate.json").is_file():
            fitted.unlink(missing_ok=True)  # of a training before
        key = self._do("predict", [*words, "--out", str(raw)], {"fit": key}, (raw,))
        calibration = ["calibrate", str(raw), "--manifest", str(manifest), "--split", split, "--checkpoint", str(best)]
        key = self._do("calibrate", calibration, {"predictions": key}, (fitted,))
        return table, self._do("predict-calibrated", words, {"calibration": key}, (table,))

    def _judged(self, manifest: Path, table: Path, key: str) -> None:
        """Report, export, score, and say what to do next."""
        report, model, scores = self.out / "report", self.out / "model", self.out / "evaluation.json"
        split = scored_split(manifest)
        draws = ["--draws", str(self.draws)]
        words = ["report", str(self.training.folder), "--manifest", str(manifest), *draws, "--out", str(report)]
        self._do("report", words, {"predictions": key}, (report / "index.html",))
        words = ["export", str(self.training.folder), "--manifest", str(manifest), *draws, "--out", str(model)]
        self._do("export", words, {"predictions": key}, (model / "config.json",))
        words = ["evaluate", str(table), "--manifest", str(manifest), *draws, "--out", str(scores)]
        words += [] if split is None else ["--split", split]
        self._do("evaluate", words, {"predictions": key}, (scores,))
        if "evaluate" not in self.chain.worked:
            show_summary(Evaluation.read(scores), plain_console())
        console = plain_console()
        console.print(f"report: {report / 'index.html'}")
        console.print(f"next: vibespeaker recognize --model {shlex.quote(str(model))} FILE")


def _run(words: Sequence[str]) -> None:
    """Run one command in this process.

    Raises:
        VibeSpeakerError: whatever the command refuses.
    """
    command, *arguments = words
    if command == "predict":
        from vibespeaker.trainer.cli import run_trainer

        run_trainer([*words])
        return
    call(_function(command), command, arguments)


def _function(command: str) -> Callable[..., Any]:
    """Import what a command does, when it is needed."""
    from vibespeaker.calibration.command import calibrate
    from vibespeaker.evaluation.command import evaluate
    from vibespeaker.prepare.prepare import prepare
    from vibespeaker.prepare.split.command import split

    if command in ("extract", "transcribe"):  # seconds, for torch
        from vibespeaker.extract import extract
        from vibespeaker.transcribe.command import transcribe

        return extract if command == "extract" else transcribe
    if command in ("export", "report"):
        from vibespeaker.report.command import report
        from vibespeaker.systems.sharing.command import export

        return export if command == "export" else report
    found: dict[str, Callable[..., Any]] = {
        "prepare": prepare,
        "split": split,
        "calibrate": calibrate,
        "evaluate": evaluate,
    }
    return found[command]


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _flat(options: dict[str, Any], name: str) -> list[tuple[str, str]]:
    """Return nested options as words: `--options.columns.audio`, `clip`."""
    found: list[tuple[str, str]] = []
    for key, value in options.items():
        found += _flat(value, f"{name}.{key}") if isinstance(value, dict) else [(f"{name}.{key}", str(value))]
    return found
