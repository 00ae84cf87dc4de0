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
from vibespeaker.cli.pages import all_commands, trainer_page
from vibespeaker.cli.table import ALIASES, COMMANDS, MORE_HELP, TRAINER_COMMANDS, described
from vibespeaker.errors import VibeSpeakerError, printable
from vibespeaker.files import MACHINE_ERRORS
from vibespeaker.processes.workers import end_with_parent

#: Asks the trainer for every option that it has.
_ALL_OPTIONS = "--help.all"
#: How torch says that memory is lacking, of the machine and of a GPU.
_NO_MEMORY = ("can't allocate memory", "out of memory")


class _PlainFormatter(logging.Formatter):
    """Shows what files and tables are called as text, and not as commands for the terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's own name)
        return "\n".join(map(printable, super().formatMessage(record).splitlines()))


def main(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 done, 1 done with complaints, 2 refused, 130 interrupted."""
    end_with_parent()
    arguments = list(sys.argv[1:] if args is None else args)
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(all_commands())
        return 0
    arguments[0] = ALIASES.get(arguments[0], arguments[0])
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
    except BrokenPipeError:  # whoever read along, such as head, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
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
        again = "add --ckpt_path auto to the same command" if arguments[0] == "fit" else "run the same command again"
        sys.stderr.write(f"interrupted: {again} to continue\n")
        return 130


def _run(command: str, arguments: list[str]) -> int:
    if command in TRAINER_COMMANDS:
        if {"-h", "--help"} & set(arguments):
            sys.stdout.write(trainer_page(command))
            return 0
        arguments = ["--help" if word == _ALL_OPTIONS else word for word in arguments]
        from vibespeaker.trainer.cli import run_trainer

        run_trainer([command, *arguments])
        return 0
    if command not in COMMANDS:
        known = [*described(), *ALIASES]
        near = difflib.get_close_matches(command, known, n=1)
        remedy = f"did you mean {near[0]}? See vibespeaker --help" if near else "see vibespeaker --help"
        raise VibeSpeakerError("unknown command", found=command, allowed=described(), remedy=remedy)
    from vibespeaker.arguments.calling import call

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
