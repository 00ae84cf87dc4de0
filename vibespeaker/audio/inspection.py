"""Examining the audio of a whole corpus: in parallel, with progress, and going on where an earlier run was stopped.

Decoding and hashing release Python's lock, so threads use all cores without starting processes. Findings are kept
in a journal, one line per excerpt, until the caller removes it; a file that changed since is examined again.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vibespeaker.audio.files import AudioFacts, examine_excerpts
from vibespeaker.files import naming
from vibespeaker.processes.threads import cores
from vibespeaker.progress import tracked
from vibespeaker.utterance import Excerpt

#: Files a thread takes at a time, so that handing them over costs little.
_CHUNK = 16
#: Files between two moments at which an interruption is noticed and the journal is safe.
_BLOCK = 256


def examine_all(
    paths: Sequence[Path], excerpts: Sequence[Excerpt], journal: Path, workers: int | None = None
) -> list[AudioFacts]:
    """Examine excerpts of files and return what was found, in their order; each file is read and hashed once.

    Args:
        paths: audio files; one that is missing gives facts that say so.
        excerpts: what to examine of each; a file may come several times.
        journal: file of findings, read when an interrupted run left one; the caller removes it when done.
        workers: threads, by default one for each core available.
    """
    known = dict(_read_journal(journal))
    states = {path: _state(path) for path in dict.fromkeys(paths)}
    keys = [_key(states[path], excerpt) for path, excerpt in zip(paths, excerpts, strict=True)]
    todo: dict[Path, list[int]] = {}
    for number, key in enumerate(keys):
        if key not in known:
            todo.setdefault(paths[number], []).append(number)

    def examined(chunk: Sequence[Path]) -> list[tuple[int, AudioFacts]]:
        facts = (
            zip(todo[path], examine_excerpts(path, [excerpts[n] for n in todo[path]]), strict=True) for path in chunk
        )
        return [pair for pairs in facts for pair in pairs]

    journal.parent.mkdir(parents=True, exist_ok=True)
    with (
        naming(journal, journal),
        tracked("examining audio", len(states), "files") as tracker,
        ThreadPoolExecutor(workers or cores()) as pool,
        open(journal, "a", encoding="utf-8", newline="\n") as lines,
    ):
        tracker.advance(len(states) - len(todo))
        files = list(todo)
        for start in range(0, len(files), _BLOCK):
            block = files[start : start + _BLOCK]
            chunks = [block[at : at + _CHUNK] for at in range(0, len(block), _CHUNK)]
            for chunk, found in zip(chunks, pool.map(examined, chunks), strict=True):
                known.update((keys[number], facts) for number, facts in found)
                lines.writelines(_journal_line(keys[number], facts) for number, facts in found)
                tracker.advance(len(chunk))
            lines.flush()
    return [known[key] for key in keys]


def _state(path: Path) -> str:
    """Name a file and its state, so that a replaced file is not taken for the one examined."""
    try:
        state = path.stat()
    except (OSError, ValueError):
        return f"{path}|missing"
    return f"{path}|{state.st_size}|{state.st_mtime_ns}"


def _key(state: str, excerpt: Excerpt) -> str:
    first, last = excerpt.bounds
    return f"{state}|{first}|{last}|{excerpt.channel}"


def _journal_line(key: str, facts: AudioFacts) -> str:
    entry = {"key": key, **vars(facts), "fingerprint": facts.fingerprint and facts.fingerprint.hex()}
    return json.dumps(entry) + "\n"


def _read_journal(journal: Path) -> Iterator[tuple[str, AudioFacts]]:
    if not journal.is_file():
        return
    for line in journal.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
            found, remarks = entry.pop("fingerprint"), tuple(entry.pop("remarks"))
            picture = found and bytes.fromhex(found)
            yield entry.pop("key"), AudioFacts(**entry, remarks=remarks, fingerprint=picture)
        except (ValueError, KeyError, TypeError, AttributeError):
            # the last line of a killed run, or of another version
            continue
