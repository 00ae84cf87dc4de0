"""What formats of segments have in common: files of annotations, and recordings of the same names."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading, Problem
from vibespeaker.corpora.folder import list_files
from vibespeaker.corpora.options import require_corpus_name
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Utterance


class SegmentAdapter(CorpusAdapter):
    """Reads files of annotations, whose recordings lie beside them or in a folder of their own.

    Args:
        suffix: of the files of annotations, with its point.
        corpus: the corpus's name.
        language: ISO 639-1 code.
        audio_folder: folder of the recordings; null for that of the annotations.
        licence: how the corpus may be used.
        citation: what to cite.
    """

    label_set = "challenge"

    def __init__(
        self, suffix: str, corpus: str, language: str, audio_folder: str | None, licence: str, citation: str
    ) -> None:
        self.name = require_corpus_name(corpus)
        self._suffix = suffix
        self._language = language
        self._audio_folder = None if audio_folder is None else Path(os.path.abspath(audio_folder))
        self.licence = licence
        self.citation = citation

    def audio_root(self, path: Path) -> Path:
        """Return the folder of the recordings: the one named, else that of the annotations."""
        return self._audio_folder or (path if path.is_dir() else path.parent)

    def _files(self, root: Path) -> list[tuple[Path, str]]:
        """Return the files of annotations with what stands for each in problems.

        Raises:
            CorpusError: there is none.
        """
        if root.is_file():
            return [(root, root.name)]
        if not root.is_dir():
            raise CorpusError(f"{root} does not exist", remedy=f"give a {self._suffix} file, or a folder of them")
        found = [(root / path, path) for path in list_files(root, (self._suffix.lower(),))]
        if not found:
            raise CorpusError(f"{root} holds no {self._suffix} file")
        return found

    def _reading(
        self,
        root: Path,
        utterances: Mapping[str, Utterance],
        places: Mapping[str, str],
        problems: Iterable[Problem],
        warnings: Iterable[str],
        label_set: str,
    ) -> CorpusReading:
        """Return what was read.

        Raises:
            CorpusError: nothing can be used.
        """
        ordered = sorted(problems)
        if not utterances:
            dropped = [problem for problem in ordered if problem.dropped]
            found = f"{dropped[0].item}: {dropped[0].reason}" if dropped else "no segment"
            raise CorpusError(f"{root} holds no segment that can be used", found=found)
        return CorpusReading(
            utterances=tuple(sorted(utterances.values(), key=lambda utterance: utterance.utterance_id)),
            problems=tuple(ordered),
            warnings=tuple(warnings),
            label_set=label_set,
            places=dict(places),
        )
