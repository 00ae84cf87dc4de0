"""Tables as corpora: the two CSV formats of the multimodal source, and any table whose columns one names."""

from collections.abc import Mapping, Sequence

from vibespeaker.corpora.table import TableAdapter
from vibespeaker.corpora.table_rows import FIELDS, TableLayout
from vibespeaker.errors import CorpusError

_VAD_COLUMNS = {
    "audio": "audio_file",
    "text": "transcript",
    **{name: name for name in ("valence", "arousal", "dominance", "tone", "speaker", "gender", "split")},
}
_EMOTION_COLUMNS = {
    "audio": "audio_file_name",
    "text": "transcription",
    "category": "emotion_class",
    **{name: name for name in ("speaker", "gender", "split")},
}
#: The source names four of its eight classes; the others are those of TESS. Euphoria stays apart from joy as the
#: nearest emotion that has a name here.
_EMOTION_CLASSES = {"euphoria": "excitement"}


class VadCSV(TableAdapter):
    """The source's regression corpus: `audio_file,valence,arousal,dominance,tone,transcript`, attributes on 0–1.

    0 becomes 1 and 1 becomes 7. Columns `speaker`, `gender` and `split` are read where there are any.

    Args:
        language: ISO 639-1 code; the source's corpus is Romanian.
        corpus: its name, so that two such tables can be combined.
        audio_folder: folder of the audio files; null for the table's own.
    """

    label_set = "challenge"

    def __init__(self, language: str = "ro", corpus: str = "vad-csv", audio_folder: str | None = None) -> None:
        layout = TableLayout(
            corpus=corpus,
            columns=_VAD_COLUMNS,
            required=("audio", "valence", "arousal", "dominance"),
            attribute_range=(0.0, 1.0),
            language=language,
        )
        super().__init__(layout, audio_folder=audio_folder)


class EmotionCSV(TableAdapter):
    """The source's classification corpus: `audio_file_name,transcription,emotion_class`, eight classes.

    Equal transcriptions are one sentence, spoken in several emotions. Columns `speaker`, `gender` and `split` are read
    where there are any.

    Args:
        language: ISO 639-1 code; the source's corpus is English.
        corpus: its name, so that two such tables can be combined.
        audio_folder: folder of the audio files; null for the table's own.
    """

    label_set = "emotion-csv"

    def __init__(self, language: str = "en", corpus: str = "emotion-csv", audio_folder: str | None = None) -> None:
        layout = TableLayout(
            corpus=corpus,
            columns=_EMOTION_COLUMNS,
            required=("audio", "category"),
            language=language,
            text_origin="script",
            texts_are_prompts=True,
        )
        super().__init__(layout, _EMOTION_CLASSES, self.label_set, audio_folder)


class NamedColumns(TableAdapter):
    """Any table: CSV with commas, semicolons or tabs, Excel (.xlsx), JSON or Parquet.

    Columns: audio, text, speaker, gender, split, category, arousal, valence, dominance, sentence, intensity, take,
    session, language, tone, start, end, duration, channel; an audio or a text column is needed, the others are
    optional. A row with start and end (or duration) is an utterance of that segment of its recording, in seconds or as
    0:01.5; channel counts from 1.

    Args:
        columns: field → column, for columns that are not called as the field; nothing for one that is not to be read.
        emotions: the table's labels → emotions; common spellings (angry, happy, joy, ps …) need no entry.
        label_set: a label set's name, or emotions such as anger,sadness; null for those that the table has; own to
            make a class of every label as it stands.
        attribute_range: lowest and highest attribute of the table, mapped linearly to 1–7.
        language: ISO 639-1 code of rows that name none.
        corpus: the corpus's name.
        text_origin: human or script.
        audio_folder: folder of the audio files; null for the table's own.
        encoding: of a text file, such as cp1250; null to find out.
        sheet: of a workbook; null for the first.
        licence: how the corpus may be used.
        citation: what to cite.
    """

    label_set = "challenge"

    def __init__(
        self,
        columns: Mapping[str, str] | None = None,
        emotions: Mapping[str, str] | None = None,
        label_set: str | None = None,
        attribute_range: Sequence[float] = (1.0, 7.0),
        language: str = "en",
        corpus: str = "table",
        text_origin: str = "human",
        audio_folder: str | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
        licence: str = "not stated",
        citation: str = "not stated",
    ) -> None:
        named = dict(columns or {})
        _require_options(named, attribute_range, text_origin)
        all_columns = {**{name: name for name in FIELDS}, **named}
        layout = TableLayout(
            corpus=corpus,
            columns={name: column for name, column in all_columns.items() if column},
            # a column that was named has to be there
            required=tuple(name for name, column in named.items() if column),
            attribute_range=(float(attribute_range[0]), float(attribute_range[1])),
            language=language,
            text_origin=text_origin,
            encoding=encoding,
            sheet=sheet,
        )
        super().__init__(layout, emotions, label_set, audio_folder)
        self.licence = licence
        self.citation = citation


def _require_options(
    columns: Mapping[str, str],
    attribute_range: Sequence[float],
    text_origin: str,
) -> None:
    """Refuse options that mean nothing.

    Raises:
        CorpusError: naming the option.
    """
    checks: tuple[tuple[str, list[str], Sequence[str]], ...] = (
        ("columns", [name for name in columns if name not in FIELDS], FIELDS),
        ("text_origin", [] if text_origin in ("human", "script") else [text_origin], ("human", "script")),
    )
    for option, wrong, allowed in checks:
        if wrong:
            raise CorpusError(f"option {option} of a table", found=", ".join(wrong), allowed=allowed)
    if len(attribute_range) != 2 or not attribute_range[0] < attribute_range[1]:
        raise CorpusError(
            "option attribute_range of a table", found=list(attribute_range), allowed="the lowest and the highest value"
        )
