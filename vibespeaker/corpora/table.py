"""Corpora that are one table: one row per utterance, columns by name, audio files beside it or none.

The two CSV formats of the multimodal source (`table_formats`) are tables with set columns and mappings.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading, Problem
from vibespeaker.corpora.labelling import Labelling
from vibespeaker.corpora.lookup import AudioLookup
from vibespeaker.corpora.options import require_corpus_name
from vibespeaker.corpora.segments import stem_of
from vibespeaker.corpora.table_files import find_table
from vibespeaker.corpora.table_rows import RowReader, TableLayout, table_columns
from vibespeaker.corpora.tables import open_table
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Utterance


class TableAdapter(CorpusAdapter):
    """Reads a table by a layout.

    Args:
        layout: which columns there are and what they mean.
        emotions: label → emotion, beside the common spellings.
        label_set: see `labelling.Labelling`.
        audio_folder: folder of the audio files; null for the table's own.
    """

    licence = "not stated"
    citation = "not stated"

    def __init__(
        self,
        layout: TableLayout,
        emotions: Mapping[str, str] | None = None,
        label_set: str | None = None,
        audio_folder: str | None = None,
    ) -> None:
        self.name = require_corpus_name(layout.corpus)
        self.layout = layout
        self._emotions = dict(emotions or {})
        self._wanted_labels = label_set
        # refused here rather than when the table is read
        self._labelling()
        self.audio_folder = None if audio_folder is None else Path(os.path.abspath(audio_folder))

    def _labelling(self) -> Labelling:
        return Labelling(self._emotions, self._wanted_labels)

    def audio_root(self, path: Path) -> Path:
        """Return the folder of the audio: the one named, else the table's."""
        return self.audio_folder or (path if path.is_dir() else path.parent)

    def read(self, root: Path) -> CorpusReading:
        """Read a table.

        Args:
            root: the table, or a folder with one such table.

        Raises:
            CorpusError: there is no such table, it lacks columns, none of its rows can be used, or most of its labels
                mean nothing.
        """
        needed = tuple(self.layout.columns[name] for name in self.layout.required)
        known = tuple(self.layout.columns.values())
        path = find_table(root, needed)
        table = open_table(path, known, needed, encoding=self.layout.encoding, sheet=self.layout.sheet)
        columns = set(table_columns(self.layout, table))
        if not {"audio", "text"} & columns:
            raise CorpusError(
                f"{path} has neither a column of audio nor of texts",
                found=", ".join(table.columns),
                remedy="say which they are: --options.columns.audio NAME, --options.columns.text NAME",
            )
        audio = AudioLookup(self.audio_root(root)) if "audio" in columns else None
        labelling = self._labelling()
        rows = RowReader(self.layout, table, audio, labelling)
        utterances: dict[str, Utterance] = {}
        places: dict[str, str] = {}
        problems = []
        for line, row in table.rows():
            try:
                utterance = rows.utterance(line, row)
                if utterance.utterance_id in utterances:
                    raise ValueError(f"{_named(utterance)} was listed before: the first row is used")
                utterances[utterance.utterance_id] = utterance
                places[utterance.utterance_id] = f"{path.name}:{line}"
            except ValueError as error:
                problems.append(Problem.of(f"{path.name}:{line}", error))
        labelling.require_known(path)
        problems += table.all_problems()
        if not utterances:
            dropped = [problem for problem in problems if problem.dropped]
            first = f", the first {dropped[0].item}: {dropped[0].reason}" if dropped else ""
            found = f"{len(dropped):,} rows that cannot{first}"
            raise CorpusError(f"{path} has no row that can be used", found=found)
        return CorpusReading(
            utterances=tuple(sorted(utterances.values(), key=lambda utterance: utterance.utterance_id)),
            problems=tuple(sorted(problems)),
            warnings=(*rows.remarks(utterances.values()), *labelling.remarks()),
            label_set=labelling.label_set(utterance.category for utterance in utterances.values()),
            places=places,
        )


def _named(utterance: Utterance) -> str:
    """Name what a row takes of its recording: `a.wav`, `a.wav#0.000-1.500`."""
    return stem_of(utterance.audio, utterance.excerpt)
