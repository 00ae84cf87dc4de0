"""Corpora that are one table: one row per utterance, columns by name, audio files beside it or none.

The two CSV formats of the multimodal source (`table_formats`) are tables with set columns and mappings.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading, Problem
from vibespeaker.corpora.folder import without_suffix
from vibespeaker.corpora.lookup import AudioLookup
from vibespeaker.corpora.named import meaning
from vibespeaker.corpora.table_files import find_table, open_table
from vibespeaker.corpora.tables import number, require_columns, sentence_id
from vibespeaker.errors import CorpusError
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, rescale
from vibespeaker.utterance import SPLITS, Utterance, Vote, is_unknown_speaker, speaker_name

#: What a column may hold; `tone` is a word that describes the voice, kept as a secondary answer of one unnamed rater.
FIELDS = (
    *("audio", "text", "speaker", "gender", "split", "category", *ATTRIBUTES),
    *("sentence", "intensity", "take", "session", "language", "tone"),
)
SPLIT_NAMES = {**{split: split for split in SPLITS}, "dev": "development", "val": "validation", "valid": "validation"}
GENDERS = {"female": "female", "f": "female", "male": "male", "m": "male"}


@dataclass(frozen=True)
class TableLayout:
    """How a table is to be read.

    Args:
        corpus: name in the `corpus` column and in identifiers.
        columns: field, one of `FIELDS` → column.
        required: fields whose columns must be there; the others may be missing.
        emotions: published category in lower case → emotion.
        attribute_range: lowest and highest published attribute, mapped linearly to 1–7.
        language: of rows that name none.
        text_origin: `human` or `script`.
        texts_are_prompts: whether equal texts are one scripted sentence.
    """

    corpus: str
    columns: Mapping[str, str]
    required: tuple[str, ...] = ()
    emotions: Mapping[str, str] = field(default_factory=dict)
    attribute_range: tuple[float, float] = (ATTRIBUTE_MIN, ATTRIBUTE_MAX)
    language: str = "en"
    text_origin: str = "human"
    texts_are_prompts: bool = False


class TableAdapter(CorpusAdapter):
    """Reads a table by a layout.

    Args:
        layout: which columns there are and what they mean.
        audio_folder: folder of the audio files; null for the table's own.
    """

    licence = "not stated"
    citation = "not stated"

    def __init__(self, layout: TableLayout, audio_folder: str | None = None) -> None:
        self.name = layout.corpus
        self.layout = layout
        self.audio_folder = None if audio_folder is None else Path(os.path.abspath(audio_folder))

    def audio_root(self, path: Path) -> Path:
        """Return the folder of the audio: the one named, else the table's."""
        return self.audio_folder or (path if path.is_dir() else path.parent)

    def read(self, root: Path) -> CorpusReading:
        """Read a table.

        Args:
            root: the table, or a folder with one such table.

        Raises:
            CorpusError: there is no such table, it lacks columns, or none of its rows can be used.
        """
        table = find_table(root, tuple(self.layout.columns[name] for name in self.layout.required))
        columns, rows = open_table(table)
        require_columns(table, columns, [self.layout.columns[name] for name in self.layout.required])
        present = {name: column for name, column in self.layout.columns.items() if column in columns}
        if not {"audio", "text"} & set(present):
            raise CorpusError(f"{table} has neither a column of audio nor of texts", found=", ".join(columns))
        audio = AudioLookup(self.audio_root(root)) if "audio" in present else None
        utterances: dict[str, Utterance] = {}
        problems = []
        for line, row in rows:
            fields = {name: row[column] for name, column in present.items()}
            try:
                utterance = _utterance(fields, self.layout, audio, f"{table.name}:{line}")
                if utterance.utterance_id in utterances:
                    raise ValueError(f"{fields['audio']} was listed before: the first row is used")
                utterances[utterance.utterance_id] = utterance
            except ValueError as error:
                problems.append(Problem(f"{table.name}:{line}", str(error)))
        if not utterances:
            found = f"{problems[0].item}: {problems[0].reason}" if problems else "no row"
            raise CorpusError(f"{table} has no row that can be used", found=found)
        return CorpusReading(
            utterances=tuple(sorted(utterances.values(), key=lambda utterance: utterance.utterance_id)),
            problems=tuple(sorted(problems)),
            warnings=tuple(_warnings(utterances.values(), audio)),
        )


def _utterance(fields: Mapping[str, str], layout: TableLayout, audio: AudioLookup | None, where: str) -> Utterance:
    """Make an utterance of a row.

    Raises:
        ValueError: saying what is wrong with the row.
    """
    name, text = fields.get("audio", ""), fields.get("text", "")
    if not name and not text:
        raise ValueError("the row has neither audio nor text")
    path = audio.find(name) if audio is not None and name else ""
    stem = without_suffix(path) if path else where.replace(":", "/")
    speaker, sentence = fields.get("speaker"), fields.get("sentence")
    if sentence:
        sentence = f"{layout.corpus}/{sentence}"
    elif layout.texts_are_prompts and text:
        sentence = sentence_id(layout.corpus, text)
    arousal, valence, dominance = (_score(name, fields.get(name), layout) for name in ATTRIBUTES)
    tone = (fields["tone"].lower(),) if fields.get("tone") else ()
    return Utterance(
        utterance_id=f"{layout.corpus}/{stem}",
        corpus=layout.corpus,
        audio=path,
        file_name=PurePosixPath(path).name if path else where,
        speaker=speaker_name(layout.corpus, speaker, stem),
        language=fields.get("language") or layout.language,
        gender=GENDERS.get(fields.get("gender", "").lower()),
        split=_coded("split", fields, SPLIT_NAMES),
        text=text or None,
        text_origin=layout.text_origin if text else None,
        category=_coded("category", fields, layout.emotions),
        arousal=arousal,
        valence=valence,
        dominance=dominance,
        votes=(Vote(None, None, tone, arousal, valence, dominance),) if tone else (),
        sentence=sentence or None,
        intensity=fields.get("intensity") or None,
        take=f"{layout.corpus}/{fields['take']}" if fields.get("take") else None,
        session=f"{layout.corpus}/{fields['session']}" if fields.get("session") else None,
    )


def _score(name: str, text: str | None, layout: TableLayout) -> float | None:
    try:
        value = number(text)
        return None if value is None else rescale(value, *layout.attribute_range)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _coded(name: str, fields: Mapping[str, str], codes: Mapping[str, str]) -> str | None:
    code = fields.get(name, "").lower()
    return meaning(name, code, codes) if code else None


def _warnings(utterances: Iterable[Utterance], audio: AudioLookup | None) -> list[str]:
    warnings = []
    unknown = sum(is_unknown_speaker(utterance.speaker) for utterance in utterances)
    if unknown:
        warnings.append(
            f"{unknown:,} rows name no speaker: each counts as a speaker of its own, so that splits may share speakers"
        )
    stray = audio.unused() if audio is not None else []
    if stray:
        warnings.append(f"{len(stray):,} audio files are in no row, the first {stray[0]}")
    return warnings
