"""What a parsed config must not do, checked before anything of it is made: call what it likes, write where it likes."""

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

from vibespeaker.arguments.ranges import COUNT, COUNT_OR_NONE, NOT_NEGATIVE, POSITIVE, SEED, require
from vibespeaker.config_files.imports import check_parsed
from vibespeaker.errors import ConfigError
from vibespeaker.files.outputs import check_folder, check_name, check_output
from vibespeaker.processes.claims import Claims

_READ_BY_DATA = ("manifest", "cache", "plan")
#: Numbers of Lightning's trainer that it takes as they come: it breaks on them later, or does nothing and says nothing.
_TRAINER = {
    **dict.fromkeys(("accumulate_grad_batches", "check_val_every_n_epoch", "num_nodes"), COUNT),
    **dict.fromkeys(("gradient_clip_val", "overfit_batches"), NOT_NEGATIVE),
    **dict.fromkeys(("limit_val_batches", "limit_test_batches", "limit_predict_batches"), NOT_NEGATIVE),
    **dict.fromkeys(("val_check_interval", "limit_train_batches"), POSITIVE),
    **dict.fromkeys(("min_epochs", "min_steps", "log_every_n_steps"), COUNT_OR_NONE),
}
_LOCK_FILE, _WHOLE_RUN = "fit.lock", "0" * 15
#: Of which −1 stands for no limit.
_LIMITS = ("max_epochs", "max_steps")


def check_options(options: Any) -> None:
    """Check what the options name, and the name of the run.

    Args:
        options: of the subcommand, as jsonargparse parsed them.

    Raises:
        ConfigError: something is named that may not be, a config vouches for packages, or the name leads elsewhere.
    """
    if options.trust is not None:
        raise ConfigError(
            "packages are trusted on the command line alone", found=options.trust, remedy="add --trust PACKAGE to it"
        )
    if options.name is not None:
        check_name(options.name, "--name")
    check_parsed(options)
    _check_trainer(options)


def _check_trainer(options: Any) -> None:
    """Check numbers of the trainer, and the seed, which may be true or false, too."""
    if not isinstance(options.seed_everything, bool):
        require(SEED, seed_everything=options.seed_everything)
    for name, allowed in _TRAINER.items():
        value = options.trainer.get(name)
        if isinstance(value, int | float):  # an interval may be a time
            require(allowed, **{f"trainer.{name}": value})
    for name in _LIMITS:
        value = options.trainer.get(name)
        if value is not None and value != -1 and value not in COUNT:
            raise ConfigError(f"trainer.{name} is out of range", found=value, allowed=f"{COUNT}, or -1 for no limit")


def take_views(options: Any, command: str) -> None:
    """Put `--views` where the data reads it.

    Args:
        options: of the subcommand, as jsonargparse parsed them.
        command: the subcommand.

    Raises:
        ConfigError: nothing is predicted, or the data has no views to average over.
    """
    data = (options.get("data") or {}).get("init_args") or {}
    if command != "predict" or "prediction_views" not in data:
        raise ConfigError(
            "--views averages the predictions of an EmotionDataModule",
            found=f"vibespeaker {command} --views {options.views}",
            remedy="leave it out, or give it to predict; data.init_args.views says what training draws from",
        )
    data["prediction_views"], options.views = options.views, None


def claim_run(folder: Path) -> Claims:
    """Claim a run folder for the training that begins, until what is returned is closed or the process ends.

    Args:
        folder: the run folder, made when missing.

    Raises:
        ConfigError: another process trains in it.
        CacheError: the folder cannot be written.
    """
    with ExitStack() as unless_taken:
        claims = unless_taken.enter_context(Claims(folder / _LOCK_FILE))
        if not claims.take(_WHOLE_RUN):
            raise ConfigError(
                f"another process trains the run in {folder}",
                remedy="wait until it has ended, then go on with --ckpt_path last; or choose another --name",
            )
        unless_taken.pop_all()
    return claims


def check_places(options: Any, folder: Path, table: Path | None, arguments: Sequence[str]) -> None:
    """Check that the run folder and the prediction table can be written, and destroy nothing that is read.

    Args:
        options: of the subcommand.
        folder: the run folder.
        table: the prediction table; None where none is written.
        arguments: of the command line, with the config files.

    Raises:
        ConfigError: naming the place.
    """
    data = (options.get("data") or {}).get("init_args") or {}
    named = [data.get(name) for name in _READ_BY_DATA]
    configs = [value for word, value in pairwise(arguments) if word == "--config"]
    read = [Path(path) for path in (*named, options.ckpt_path, *configs) if path is not None]
    if table is not None:
        check_output(table, inputs=read)
    else:
        check_folder(folder, inputs=read, option="the run folder")
