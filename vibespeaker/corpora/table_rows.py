"""A row of a table → an utterance."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from vibespeaker.corpora.cells import sentence_id
from vibespeaker.corpora.folder import without_suffix
from vibespeaker.corpora.labelling import Labelling
from vibespeaker.corpora.lookup import AudioLookup
from vibespeaker.corpora.named import meaning
from vibespeaker.corpora.segments import seconds, segment_bounds, stem_of
from vibespeaker.corpora.tables import Table
from vibespeaker.corpora.text_files import normal
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, rescale
from vibespeaker.utterance import SPLITS, WHOLE, Excerpt, Utterance, Vote, is_unknown_speaker, speaker_name

#: What a column may hold; `tone` is a word that describes the voice, kept as a secondary answer of one unnamed rater.
FIELDS = (
    *("audio", "text", "speaker", "gender", "split", "category", *ATTRIBUTES),
    *("sentence", "intensity", "take", "session", "language", "tone", "start", "end", "duration", "channel"),
)
#: Other names of columns that are read as the field where there is no column of its name.
_ALSO = {"start": ("start_time", "begin", "onset"), "end": ("end_time", "stop")}
SPLIT_NAMES = {
    **{split: split for split in SPLITS},
    **{"training": "train", "dev": "development", "val": "validation", "valid": "validation", "testing": "test"},
}
GENDERS = {
    **dict.fromkeys(("female", "f", "woman", "w"), "female"),
    **dict.fromkeys(("male", "m", "man"), "male"),
}


@dataclass(frozen=True)
class TableLayout:
    """How a table is to be read.

    Args:
        corpus: name in the `corpus` column and in identifiers.
        columns: field, one of `FIELDS` → column.
        required: fields whose columns must be there; the others may be missing.
        attribute_range: lowest and highest published attribute, mapped linearly to 1–7.
        language: of rows that name none.
        text_origin: `human` or `script`.
        texts_are_prompts: whether equal texts are one scripted sentence.
        encoding: of a text file; null to find out.
        sheet: of a workbook; null for the first.
    """

    corpus: str
    columns: Mapping[str, str]
    required: tuple[str, ...] = ()
    attribute_range: tuple[float, float] = (ATTRIBUTE_MIN, ATTRIBUTE_MAX)
    language: str = "en"
    text_origin: str = "human"
    texts_are_prompts: bool = False
    encoding: str | None = None
    sheet: str | None = None


class RowReader:
    """Makes utterances of the rows of one table.

    Args:
        layout: which columns there are and what they mean.
        table: the table.
        audio: the files that rows name; null where no column names any.
        labelling: what the labels mean.
    """

    def __init__(self, layout: TableLayout, table: Table, audio: AudioLookup | None, labelling: Labelling) -> None:
        self._layout = layout
        self._table = table
        self._audio = audio
        self._labelling = labelling
        self._columns = table_columns(layout, table)
        self._odd_genders: Counter[str] = Counter()

    def utterance(self, line: int, row: Mapping[str, str]) -> Utterance:
        """Make an utterance of a row.

        Raises:
            ValueError: saying what is wrong with the row.
        """
        layout = self._layout
        fields = {name: row[column] for name, column in self._columns.items()}
        name, text = fields.get("audio", ""), fields.get("text", "")
        if not name and not text:
            raise ValueError("the row has neither audio nor text")
        # the label comes before the file: labels are judged by all rows, not by those whose files are here
        category = self._labelling.category(fields.get("category", ""))
        path = self._audio.find(name) if self._audio is not None and name else ""
        excerpt = self._excerpt(fields) if path else WHOLE
        stem = stem_of(without_suffix(path), excerpt) if path else f"{self._table.path.name}/{line}"
        speaker, sentence = fields.get("speaker"), fields.get("sentence")
        if sentence:
            sentence = f"{layout.corpus}/{sentence}"
        elif layout.texts_are_prompts and text:
            sentence = sentence_id(layout.corpus, text)
        arousal, valence, dominance = (self._score(name, fields.get(name)) for name in ATTRIBUTES)
        tone = (fields["tone"].lower(),) if fields.get("tone") else ()
        return Utterance(
            utterance_id=f"{layout.corpus}/{stem}",
            corpus=layout.corpus,
            audio=path,
            file_name=normal(PurePosixPath(path).name) if path else f"{self._table.path.name}:{line}",
            speaker=speaker_name(layout.corpus, speaker, stem),
            language=fields.get("language") or layout.language,
            gender=self._gender(fields.get("gender", "")),
            split=_split(fields.get("split", "")),
            text=text or None,
            text_origin=layout.text_origin if text else None,
            category=category,
            arousal=arousal,
            valence=valence,
            dominance=dominance,
            votes=(Vote(None, None, tone, arousal, valence, dominance),) if tone else (),
            sentence=sentence or None,
            intensity=fields.get("intensity") or None,
            take=f"{layout.corpus}/{fields['take']}" if fields.get("take") else None,
            session=f"{layout.corpus}/{fields['session']}" if fields.get("session") else None,
            start=excerpt.start,
            end=excerpt.end,
            channel=excerpt.channel,
        )

    def _excerpt(self, fields: Mapping[str, str]) -> Excerpt:
        """Return what a row takes of its recording.

        Raises:
            ValueError: times or channel are none.
        """
        comma = self._table.decimal_comma
        times = {name: seconds(name, fields.get(name, ""), comma) for name in ("start", "end")}
        # without a start it tells how long the whole file is
        lasting = seconds("duration", fields.get("duration", ""), comma) if times["start"] is not None else None
        channel = fields.get("channel", "")
        if channel and not (channel.isdecimal() and int(channel) > 0):
            raise ValueError(f"channel {channel!r} is none of 1, 2, …")
        return Excerpt(*segment_bounds(times["start"], times["end"], lasting), int(channel) if channel else None)

    def _score(self, name: str, text: str | None) -> float | None:
        try:
            value = self._table.number(text)
            return None if value is None else rescale(value, *self._layout.attribute_range)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def _gender(self, text: str) -> str | None:
        found = GENDERS.get(text.lower())
        self._odd_genders[text] += bool(text) and found is None
        return found

    def remarks(self, utterances: Iterable[Utterance]) -> list[str]:
        """Return what is worth knowing of the whole table, once all rows were read."""
        remarks = []
        unread = [column for column in self._table.columns if column not in self._columns.values()]
        if unread:
            remarks.append(
                f"columns that nothing reads: {', '.join(unread)}; --options.columns.FIELD COLUMN has one read as "
                f"{', '.join(FIELDS)}"
            )
        unknown = sum(is_unknown_speaker(utterance.speaker) for utterance in utterances)
        if unknown:
            remarks.append(
                f"{unknown:,} rows name no speaker: each counts as a speaker of its own, so that splits may share "
                "speakers"
            )
        odd = {text: count for text, count in self._odd_genders.items() if count}
        if odd:
            first = next(iter(odd))
            remarks.append(
                f"{sum(odd.values()):,} genders are none of {', '.join(GENDERS)}, the first {first!r}: left out"
            )
        stray = self._audio.unused() if self._audio is not None else []
        if stray:
            remarks.append(f"{len(stray):,} audio files are in no row, the first {stray[0]}")
        return remarks


def table_columns(layout: TableLayout, table: Table) -> dict[str, str]:
    """Return field → column of what a layout reads of a table."""
    columns = {name: column for name, column in layout.columns.items() if column in table.columns}
    for name, others in _ALSO.items():
        found = next((column for column in table.columns if column.lower() in others), None)
        if found is not None and name in layout.columns and name not in columns:
            columns[name] = found
    return columns


def _split(text: str) -> str | None:
    return meaning("split", text.lower(), SPLIT_NAMES) if text else None
