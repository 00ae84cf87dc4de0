"""Examining the audio of a whole corpus: in parallel, with progress, and going on where an earlier run was stopped.

Decoding and hashing release Python's lock, so threads use all cores without starting processes. Findings are kept
in a journal, one line per file, until the caller removes it; a file that changed since is examined again.
"""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vibespeaker.audio.files import AudioFacts, examine
from vibespeaker.progress import tracked

#: Files a thread takes at a time, so that handing them over costs little.
_CHUNK = 16
#: Files between two moments at which an interruption is noticed and the journal is safe.
_BLOCK = 256


def examine_all(paths: Sequence[Path], journal: Path, workers: int | None = None) -> list[AudioFacts]:
    """Examine files and return what was found, in their order.

    Args:
        paths: audio files; one that is missing gives facts that say so.
        journal: file of findings, read when an interrupted run left one; the caller removes it when done.
        workers: threads, by default one for each core available.
    """
    known = dict(_read_journal(journal))
    keys = [_key(path) for path in paths]
    todo = [number for number, key in enumerate(keys) if key not in known]
    journal.parent.mkdir(parents=True, exist_ok=True)
    with (
        tracked("examining audio", len(paths), "files") as tracker,
        ThreadPoolExecutor(workers or cores()) as pool,
        open(journal, "a", encoding="utf-8", newline="\n") as lines,
    ):
        tracker.advance(len(paths) - len(todo))
        for start in range(0, len(todo), _BLOCK):
            block = todo[start : start + _BLOCK]
            chunks = [block[at : at + _CHUNK] for at in range(0, len(block), _CHUNK)]
            examined = pool.map(lambda chunk: [examine(paths[number]) for number in chunk], chunks)
            for chunk, found in zip(chunks, examined, strict=True):
                known.update((keys[number], facts) for number, facts in zip(chunk, found, strict=True))
                lines.writelines(_journal_line(keys[number], known[keys[number]]) for number in chunk)
                tracker.advance(len(chunk))
            lines.flush()
    return [known[key] for key in keys]


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _key(path: Path) -> str:
    """Name a file and its state, so that a replaced file is not taken for the one examined."""
    try:
        state = path.stat()
    except OSError:
        return f"{path}|missing"
    return f"{path}|{state.st_size}|{state.st_mtime_ns}"


def _journal_line(key: str, facts: AudioFacts) -> str:
    entry = {"key": key, **vars(facts), "fingerprint": facts.fingerprint and facts.fingerprint.hex()}
    return json.dumps(entry) + "\n"


def _read_journal(journal: Path) -> Iterator[tuple[str, AudioFacts]]:
    if not journal.is_file():
        return
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            found = entry.pop("fingerprint")
            yield entry.pop("key"), AudioFacts(**entry, fingerprint=found and bytes.fromhex(found))
        except (ValueError, KeyError, TypeError, AttributeError):
            # the last line of a killed run, or of another version
            continue
