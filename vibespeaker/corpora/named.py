"""Corpora whose file names say everything: one way to read them, whatever the folders they lie in.

Copies in circulation hold the whole corpus twice (a folder within a folder of the same name), or once more in another
audio format. Its name identifies an utterance, so the first copy is used, lossless before lossy, and the others are
counted.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import TypeVar

from vibespeaker.corpora.base import CorpusReading, Problem
from vibespeaker.corpora.folder import list_files, require_folder, suffix_rank
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Utterance

Meaning = TypeVar("Meaning")


def read_named(root: Path, title: str, example: str, parse: Callable[[str], Utterance]) -> CorpusReading:
    """Read all audio files below `root` whose names `parse` understands.

    Args:
        root: the corpus folder, however nested.
        title: the corpus's name in messages.
        example: a path as published, for messages.
        parse: makes an utterance of a path relative to `root`; its `take` identifies it. It raises ValueError,
            with the reason, for a name that is none of the corpus.

    Raises:
        CorpusError: there is no folder, or no file of the corpus in it.
    """
    require_folder(root, title)
    taken: dict[str | None, Utterance] = {}
    problems = []
    copies = defaultdict(list)
    for path in sorted(list_files(root), key=_preference):
        try:
            utterance = parse(path)
        except ValueError as error:
            problems.append(Problem(path, str(error)))
            continue
        if taken.setdefault(utterance.take, utterance) is not utterance:
            copies[str(PurePosixPath(path).parent)].append(path)
    if not taken:
        raise CorpusError(
            f"{root} holds no {title} audio",
            found=min(problems).item if problems else "no file",
            allowed=f"names such as {example}",
        )
    return CorpusReading(
        utterances=tuple(sorted(taken.values(), key=lambda utterance: utterance.utterance_id)),
        problems=tuple(sorted(problems)),
        warnings=tuple(
            f"{len(paths):,} files of folder {folder} left out as further copies, the first {min(paths)}"
            for folder, paths in sorted(copies.items())
        ),
    )


def meaning(field: str, code: str, codes: Mapping[str, Meaning]) -> Meaning:
    """Return what a code in a file name stands for.

    Raises:
        ValueError: it stands for nothing.
    """
    if code not in codes:
        raise ValueError(f"{field} {code!r} is none of {', '.join(codes)}")
    return codes[code]


def _preference(path: str) -> tuple[int, int, str]:
    return suffix_rank(path), path.count("/"), path
