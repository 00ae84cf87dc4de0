"""The command line: one table from a command's name to a plain typed function, imported only when it is called."""

import difflib
import importlib
import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from vibespeaker import __version__
from vibespeaker.errors import VibeSpeakerError, printable
from vibespeaker.files import MACHINE_ERRORS
from vibespeaker.processes.workers import end_with_parent

#: Subcommands that LightningCLI serves.
TRAINER_COMMANDS = {
    "fit": "train a model from a config",
    "validate": "score a checkpoint on the validation split",
    "test": "score a checkpoint on the test split",
    "predict": "write one row of predictions per utterance",
}

#: Name → (module:function, what it does).
COMMANDS = {
    "prepare": ("vibespeaker.prepare.prepare:prepare", "read a corpus folder into a checked manifest"),
    "combine": ("vibespeaker.prepare.combine:combine", "join manifests under a label map"),
    "clean": ("vibespeaker.prepare.clean:clean", "write cleaned copies of recordings"),
    "split": (
        "vibespeaker.prepare.split.command:split",
        "give utterances to splits that share no speaker, or as published",
    ),
    "stats": ("vibespeaker.prepare.stats:stats", "count utterances by corpus, emotion and split"),
    "check": ("vibespeaker.prepare.leaks:check", "find speakers, recordings and takes in more than one split"),
    "balance": ("vibespeaker.prepare.balance:balance", "plan a training split with equal classes"),
    "transcribe": ("vibespeaker.transcribe.command:transcribe", "fill missing texts by speech recognition"),
    "extract": ("vibespeaker.extract:extract", "run the frozen encoders once and store their frames"),
    "fit-text": ("vibespeaker.systems.fit_text:fit_text", "learn emotions of texts, in seconds and without a hub"),
    "ensemble": ("vibespeaker.ensemble:ensemble", "combine prediction tables into one"),
    "evaluate": ("vibespeaker.evaluation.command:evaluate", "score predictions, with intervals and comparisons"),
    "wer": ("vibespeaker.evaluation.words.command:wer", "score recognised words against what was said"),
    "calibrate": ("vibespeaker.calibration.command:calibrate", "calibrate probabilities and attributes"),
    "prior": ("vibespeaker.calibration.prior_command:prior", "move posteriors to other class frequencies"),
    "submit": ("vibespeaker.submission:submit", "write or check the challenge's submission files"),
    "report": ("vibespeaker.report.command:report", "write one page about one or several runs"),
    "sweep": ("vibespeaker.workflows.sweep.command:sweep", "train a model for each trial of a plan"),
    "ablate": ("vibespeaker.workflows.ablation.command:ablate", "train on selections of corpora and compare them"),
    "cross": ("vibespeaker.workflows.ablation.command:cross", "train on some corpora, test on others"),
    "cross-validate": (
        "vibespeaker.workflows.cross_validation:cross_validate",
        "train and test every fold, and score all folds together",
    ),
    "remake": ("vibespeaker.workflows.tables.command:remake", "train what a table of the paper needs, and print it"),
    "export": ("vibespeaker.systems.sharing.command:export", "write a trained model as a folder to share"),
    "recognize": ("vibespeaker.recognizer.command:recognize", "say what emotions are heard in recordings"),
    "listen": ("vibespeaker.recognizer.listening:listen", "say what emotion is heard now, from a microphone or a pipe"),
    "train": ("vibespeaker.workflows.train:train", "train a model on a folder of recordings, a table or a corpus"),
    "quickstart": ("vibespeaker.workflows.quickstart:quickstart", "run the full pipeline, from a corpus to a report"),
}
#: How torch says that memory is lacking, of the machine and of a GPU.
_NO_MEMORY = ("can't allocate memory", "out of memory")
#: Command → what its help says beyond its arguments (module:function).
MORE_HELP = {"prepare": "vibespeaker.corpora.formats_help:describe_formats"}


class _PlainFormatter(logging.Formatter):
    """Shows what files and tables are called as text, and not as commands for the terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        return "\n".join(map(printable, super().formatMessage(record).splitlines()))


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 done with complaints, 2 refused, 130 interrupted."""
    end_with_parent()
    arguments = list(sys.argv[1:] if args is None else args)
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(_usage())
        return 0
    if arguments[0] == "--version":
        sys.stdout.write(f"vibespeaker {__version__}\n")
        return 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal or log that cannot show a character must not stop the work
            stream.reconfigure(errors="backslashreplace")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PlainFormatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        return _run(arguments[0], arguments[1:])
    except VibeSpeakerError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except OSError as error:
        if error.errno not in MACHINE_ERRORS and error.filename is None:
            raise
        # of two files, the second is the one written
        name = error.filename if error.filename2 is None else error.filename2
        where = "" if name is None else f": {name}"
        problem = os.strerror(error.errno) if error.errno else str(error)
        said = printable(f"{problem}{where}")
        sys.stderr.write(f"error: {said}. Remedy: set that right, then run the same command again.\n")
        return 2
    except (MemoryError, RuntimeError) as error:
        if not _is_memory(error):
            raise
        said = " ".join(str(error).split())[:200]
        remedy = "ask for less at a time: smaller sizes, batches or numbers of processes"
        sys.stderr.write(f"error: the memory does not suffice ({said or 'no more could be had'}). Remedy: {remedy}.\n")
        return 2
    except KeyboardInterrupt:
        again = "add --ckpt_path last to the same command" if arguments[0] == "fit" else "run the same command again"
        sys.stderr.write(f"interrupted: {again} to continue\n")
        return 130


def _run(command: str, arguments: list[str]) -> int:
    if command in TRAINER_COMMANDS:
        from vibespeaker.trainer.cli import run_trainer

        run_trainer([command, *arguments])
        return 0
    if command not in COMMANDS:
        known = [*COMMANDS, *TRAINER_COMMANDS]
        near = difflib.get_close_matches(command, known, n=1)
        remedy = f"did you mean {near[0]}? See vibespeaker --help" if near else "see vibespeaker --help"
        raise VibeSpeakerError("unknown command", found=command, allowed=known, remedy=remedy)
    from vibespeaker.arguments import call

    more_help = _named(MORE_HELP[command]) if command in MORE_HELP else None
    return call(_named(COMMANDS[command][0]), command, arguments, more_help)


def _is_memory(error: BaseException) -> bool:
    """Return True where the memory ran out; torch says so in words alone."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in _NO_MEMORY)


def _named(place: str) -> Callable[..., Any]:
    """Import what `module:function` names."""
    module, name = place.split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return found


def _usage() -> str:
    lines = [
        f"vibespeaker {__version__}: speech emotion recognition",
        "",
        "usage: vibespeaker COMMAND --help",
        "",
    ]
    described = {name: text for name, (_, text) in COMMANDS.items()} | TRAINER_COMMANDS
    return "\n".join([*lines, *(f"  {name:<11} {text}" for name, text in described.items())]) + "\n"
