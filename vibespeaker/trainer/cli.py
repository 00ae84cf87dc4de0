"""`vibespeaker fit | validate | test | predict`: LightningCLI around one run folder."""

import logging
import os
import shlex
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import Checkpoint, RichProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from vibespeaker.config_files.imports import take_trust, trust
from vibespeaker.config_files.parsing import parse_arguments, parser_mode
from vibespeaker.config_files.trust import trusted_packages
from vibespeaker.config_files.yaml_text import parse_yaml
from vibespeaker.errors import ConfigError, VibeSpeakerError
from vibespeaker.files import MACHINE_ERRORS
from vibespeaker.files.run_folder import trained_checkpoint
from vibespeaker.tasks.callbacks.checkpoints import AtomicCheckpointIO, find_checkpoint
from vibespeaker.tasks.callbacks.compute_threads import ComputeThreads
from vibespeaker.tasks.callbacks.hyper_parameters import HyperParameters
from vibespeaker.tasks.callbacks.lost_process import LostProcess, lost_process, say_what_ended
from vibespeaker.tasks.callbacks.prediction_writer import PredictionWriter
from vibespeaker.tasks.callbacks.restoring import Restoring, unrestored
from vibespeaker.tasks.callbacks.run_lines import RunLines
from vibespeaker.tasks.callbacks.run_record import RunRecord
from vibespeaker.trainer.checks import check_options, check_places, claim_run, take_views
from vibespeaker.trainer.layers import expand
from vibespeaker.trainer.moved_runs import move_runs

log = logging.getLogger(__name__)

_SUBCOMMANDS = ("fit", "validate", "test", "predict")
_RAISING = {"exit_on_error": False}


class TrainerCLI(LightningCLI):
    """LightningCLI with a run folder fixed by name: resuming goes on in it.

    Any LightningModule and LightningDataModule will do. What a run needs of them, its callbacks and its rule of
    checkpoints, comes with the module (`tasks.task.Task`): the sections `trainer`, `model` and `data` of
    `--print_config` train the same under Lightning's own `LightningCLI`.

    Args:
        arguments: subcommand and options, of config files each with those below it.
        held: what the run holds until it ends.
    """

    def __init__(self, arguments: list[str], held: ExitStack) -> None:
        self.arguments, self._held = arguments, held
        super().__init__(
            save_config_callback=None,
            seed_everything_default=1,
            trainer_defaults={"num_sanity_val_steps": 0, "log_every_n_steps": 1, "use_distributed_sampler": False},
            parser_kwargs={
                "prog": "vibespeaker",
                "exit_on_error": False,
                "parser_mode": parser_mode(),
                **dict.fromkeys(_SUBCOMMANDS, _RAISING),
            },
            auto_configure_optimizers=False,
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add the options that name a run and its predictions."""
        parser.add_argument("--name", type=str | None, default=None, help="the run's name, a folder under --runs")
        parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs")
        parser.add_argument("--bases", type=list[str] | None, default=None, help="config files this one builds on")
        parser.add_argument("--out", type=Path | None, default=None, help="prediction table to write")
        parser.add_argument("--system", type=str | None, default=None, help="what reports call the predictions")
        views = "with predict: average over the clean recording and so many augmented views"
        parser.add_argument("--views", type=int | None, default=None, help=views)
        trusted = "package whose classes configs and checkpoints may name; once for each, on the command line alone"
        parser.add_argument("--trust", type=str | None, default=None, help=trusted)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and resolve `--ckpt_path` before anything is built."""
        self.config = parse_arguments(parser, self.arguments, f"vibespeaker {self.arguments[0]}")
        options = self.config[self.config.subcommand]
        check_options(options)
        options.bases = None  # they are merged by now; the run's config stands alone
        begins = self.config.subcommand == "fit" and not options.trainer.fast_dev_run  # which leaves nothing behind
        options.ckpt_path = find_checkpoint(self.folder, options.ckpt_path, begins)
        move_runs(options.model, Path(options.runs))
        if options.views is not None:
            take_views(options, self.config.subcommand)
        if self.config.subcommand in ("fit", "predict"):
            check_places(options, self.folder, self.table, self.arguments)
        if begins and rank_zero_only.rank == 0:  # the other processes of the run are its own
            self._held.enter_context(claim_run(self.folder))
        if self.config.subcommand == "predict":
            if options.return_predictions:
                raise ConfigError(
                    "predict writes its rows, and nobody would read what it returned",
                    found="--return_predictions true",
                    remedy="leave the option out; --out says where the table goes",
                )
            options.return_predictions = False  # they are written; keeping all of them, too, would fill the memory

    @property
    def options(self) -> Any:
        """Options of the chosen subcommand."""
        return self.config[self.config.subcommand]

    @property
    def folder(self) -> Path:
        """The run folder."""
        if self.options.name is None:
            if self.config.subcommand == "fit" and not self.options.trainer.fast_dev_run:
                raise ConfigError("a run needs a name", remedy="add --name NAME, or name: NAME to the config")
            return Path(self.options.runs)
        return Path(self.options.runs) / str(self.options.name)

    @property
    def table(self) -> Path | None:
        """The prediction table of `predict`."""
        if self.config.subcommand != "predict":
            return None
        return Path(self.options.out or self.folder / "predictions.parquet")

    def _parse_ckpt_path(self) -> None:
        """Leave the config as it is: Lightning would overlay the checkpoint's hyper-parameters."""

    def instantiate_classes(self) -> None:
        """Build model, data and trainer; what was trained under the run's name is used by its best state."""
        self.trainer_defaults["callbacks"] = self._callbacks()
        super().instantiate_classes()
        is_used = self.subcommand != "fit" and not getattr(self.model, "is_fixed", False)
        if is_used and self.options.ckpt_path is None and (found := trained_checkpoint(self.folder)):
            log.info("using %s", found)
            self.config_init[self.subcommand].ckpt_path = str(found)

    def _callbacks(self) -> list[Callback]:
        wanted = self.options.trainer.enable_progress_bar is not False
        draws = wanted and sys.stdout.isatty()
        callbacks: list[Callback] = [
            LostProcess(),
            Restoring(),
            ComputeThreads(),
            *([RichProgressBar()] if draws else []),
        ]
        if self.config.subcommand == "predict":
            assert self.table is not None
            system = self.options.system or self.options.name or "system"
            trusted = [f"--trust={package}" for package in trusted_packages()]
            command = shlex.join(["vibespeaker", *self.arguments, *trusted])
            return [*callbacks, PredictionWriter(self.table, system, command)]
        if self.config.subcommand != "fit" or self.options.trainer.fast_dev_run:
            return callbacks
        # the resolved config stands alone: without its base files and the state it was resumed from
        resolved = self.options.clone()
        resolved.bases = resolved.ckpt_path = None
        config = self._written(resolved)
        # Lightning would write all of it out again for hyper-parameters
        self.config_dump = parse_yaml(config, "the config")
        lines = RunLines(self.folder, each_epoch=wanted and not draws)
        return [*callbacks, RunRecord(self.folder, config), HyperParameters(config), lines]

    def _written(self, options: Any) -> str:
        """Return a config as YAML, which checkpoints and the run's record hold.

        Raises:
            ConfigError: a value has no place in YAML.
        """
        with warnings.catch_warnings():
            # jsonargparse would write its warning in the value's place; an error makes it try the other forms
            warnings.filterwarnings("error", r"\s*Unable to serialize instance")
            try:
                return str(self._parser("fit").dump(options, skip_unset=False))
            except UserWarning as unwritten:
                raise ConfigError(
                    "a setting cannot be written into the run's config",
                    found=" ".join(str(unwritten).split())[:200],
                    remedy="give the class by class_path and init_args, or by its import path",
                ) from unwritten

    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        """Log and save in the run folder, atomically."""
        configured = self._get(self.config_init, "trainer")
        settings: dict[str, Any] = {"plugins": [*(configured.plugins or []), AtomicCheckpointIO()]}
        if configured.enable_progress_bar is None and not sys.stdout.isatty():
            settings["enable_progress_bar"] = False  # or Lightning would draw a bar of its own into a file
        settings["default_root_dir"] = configured.default_root_dir or str(self.folder)
        if configured.logger is None:
            fitting = self.config.subcommand == "fit"
            settings["logger"] = TensorBoardLogger(self.folder, "", "", default_hp_metric=False) if fitting else False
        if configured.enable_checkpointing is False and not configured.fast_dev_run:
            raise ConfigError(
                "a run keeps checkpoints, so trainer.enable_checkpointing cannot be false",
                remedy="leave it out; --trainer.fast_dev_run true tries a run that leaves nothing behind",
            )
        if not any(isinstance(callback, Checkpoint) for callback in configured.callbacks or []):
            settings["enable_checkpointing"] = False  # which only leaves out Lightning's own callback
        return super().instantiate_trainer(**settings, **kwargs)


def run_trainer(args: list[str]) -> TrainerCLI:
    """Run one of `fit`, `validate`, `test`, `predict`.

    Args:
        args: subcommand and options; `--config` takes a file or the name of a shipped config, with the files it
            builds on.

    Raises:
        ConfigError: sections of the configuration do not fit together.
        CheckpointError: there is nothing to resume from, or a checkpoint does not fit.
        VibeSpeakerError: the disk is full or a folder cannot be written.
    """
    _silence_others()
    try:
        with _machine_errors_once(), ExitStack() as held:
            packages, words = take_trust(args)
            trust(packages)
            return TrainerCLI(expand(words), held)
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):  # Lightning has ended the run properly
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from stop
        raise
    except OSError as error:
        if error.errno not in MACHINE_ERRORS:
            raise
        raise VibeSpeakerError(
            "the run could not be written; what was saved before is whole",
            found=error,
            remedy="free space or permit writing, then go on with --ckpt_path auto",
        ) from error
    except MisconfigurationException as error:
        raise ConfigError(
            "the trainer cannot run as configured",
            found=" ".join(str(error).split()),
            remedy="correct --trainer.…; without a GPU add --config trainer/cpu behind the others",
        ) from error
    except Exception as error:
        said = lost_process(error) or _cause(error) or unrestored(error)
        if said is None:
            raise
        raise said from (None if isinstance(error, ValueError) else error)


def _cause(error: BaseException) -> VibeSpeakerError | None:
    """Return our own error within a `ValueError`: jsonargparse wraps those that constructors raise."""
    cause: BaseException | None = error if isinstance(error, ValueError) else None
    while cause is not None and not isinstance(cause, VibeSpeakerError):
        cause = cause.__cause__
    return cause


@contextmanager
def _machine_errors_once() -> Iterator[None]:
    """Keep the traceback of the thread that writes logs from the screen: its error is raised in the main thread."""
    before = threading.excepthook

    def report(thrown: threading.ExceptHookArgs) -> None:
        if not (isinstance(thrown.exc_value, OSError) and thrown.exc_value.errno in MACHINE_ERRORS):
            before(thrown)

    threading.excepthook = report
    try:
        yield
    finally:
        threading.excepthook = before


def _silence_others() -> None:
    """Hide warnings that only Lightning's developers can act on: deprecations of others' calls, and advertising."""
    os.environ.setdefault("JSONARGPARSE_DEPRECATION_WARNINGS", "off")
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*", category=FutureWarning)
    # every process logs the same whole-set numbers; averaging them could only round
    warnings.filterwarnings("ignore", message=".*sync_dist=True.*")
    # a resumed run goes on in its folder; any other is refused by find_checkpoint
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty.*")
    # scoring needs none of the callbacks that training had
    warnings.filterwarnings("ignore", message="Be aware that when using `ckpt_path`, callbacks.*")
    # the network is built late, when the data is known, but never divided among devices
    warnings.filterwarnings("ignore", message="You're using the WeightAveraging callback with a model that.*")
    # what of an encoder or a network is frozen stays in evaluation mode
    warnings.filterwarnings("ignore", message="Found .* in eval mode at the start of training.*")
    # a run without a validation split says so itself
    warnings.filterwarnings("ignore", message="Total length of `list` across ranks is zero.*")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    say_what_ended()
