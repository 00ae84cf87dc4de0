"""The table of what was said when: one row per word, or per segment where a recogniser knows no words."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vibespeaker.errors import ManifestError
from vibespeaker.files import atomic_path
from vibespeaker.files.parquet import read_parquet
from vibespeaker.transcribe.base import Transcript, Word

#: An utterance's rows: text, seconds of start and end from the beginning of the utterance, word or segment.
Times = list[tuple[str, float, float, str]]

_SCHEMA = pa.schema(
    [
        pa.field("utterance_id", pa.string(), nullable=False),
        pa.field("start", pa.float64(), nullable=False),
        pa.field("end", pa.float64(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("unit", pa.string(), nullable=False),
        pa.field("text_origin", pa.string(), nullable=False),
    ]
)
_WHAT = "table of times that `vibespeaker transcribe --times` wrote"


def times_of(transcript: Transcript) -> Times:
    """Return the rows of an utterance, times rounded to milliseconds."""
    return [
        (one.text, round(one.start, 3), round(one.end, 3), "word" if isinstance(one, Word) else "segment")
        for one in transcript.timed
    ]


def write_times(
    path: Path, order: Sequence[str], heard: Mapping[str, Sequence[Sequence[str | float]]], origin: str
) -> None:
    """Write the times of utterances; those of others that stand in the table stay.

    Args:
        path: of the table.
        order: utterance ids, as the rows are to be ordered; of others none stay.
        heard: utterance id → its `Times`.
        origin: what heard them.

    Raises:
        ManifestError: a file of that name is another table.
    """
    rows: dict[str, list[dict[str, str | float]]] = {}
    for row in _read(path).to_pylist() if path.is_file() else ():
        rows.setdefault(row["utterance_id"], []).append(row)
    for utterance, times in heard.items():
        rows[utterance] = [
            {"utterance_id": utterance, "start": start, "end": end, "text": text, "unit": unit, "text_origin": origin}
            for text, start, end, unit in times
        ]
    table = pa.Table.from_pylist([row for utterance in order for row in rows.get(utterance, ())], _SCHEMA)
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def timed_utterances(path: Path, origin: str) -> set[str]:
    """Return the ids of utterances that have times by a recogniser; none where there is no table."""
    if not path.is_file():
        return set()
    table = _read(path)
    return {
        utterance
        for utterance, made_by in zip(table["utterance_id"].to_pylist(), table["text_origin"].to_pylist(), strict=True)
        if made_by == origin
    }


def _read(path: Path) -> pa.Table:
    table = read_parquet(path, ManifestError, _WHAT)
    if not table.schema.equals(_SCHEMA):
        raise ManifestError(f"{path} is no {_WHAT}", found=table.schema.names, allowed=_SCHEMA.names)
    return table
