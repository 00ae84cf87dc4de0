"""The columns of a manifest."""

import pyarrow as pa

from vibespeaker.manifest.texts import is_named_text, named_columns

_VOTE = pa.struct(
    [
        ("rater", pa.string()),
        ("primary", pa.string()),
        ("secondary", pa.list_(pa.string())),
        ("arousal", pa.float32()),
        ("valence", pa.float32()),
        ("dominance", pa.float32()),
    ]
)

#: Column → type and whether it may be null. `start`, `end` (seconds) and `channel` (from 1) say what the utterance
#: takes of the file `audio` (`utterance.Excerpt`), null for all of it; `duration` is in seconds of that excerpt;
#: `audio_sha256` hashes its content, for a whole file the file's bytes; `recording_sha256` hashes the file's bytes;
#: `fingerprint` is an audio fingerprint for near-duplicates, null until one is made; `level_db` and `snr_db` are
#: measured by `audio.levels`. Columns that may be null are null in tables older than them. Behind them stand the texts
#: of further recognisers, `text.<name>` and `text_origin.<name>` (`texts`), which may be null.
SCHEMA = pa.schema(
    [
        pa.field("utterance_id", pa.string(), nullable=False),
        pa.field("corpus", pa.string(), nullable=False),
        pa.field("audio", pa.string(), nullable=False),
        pa.field("file_name", pa.string(), nullable=False),
        pa.field("speaker", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("gender", pa.string()),
        pa.field("split", pa.string()),
        pa.field("text", pa.string()),
        pa.field("text_origin", pa.string()),
        pa.field("category", pa.string()),
        pa.field("arousal", pa.float32()),
        pa.field("valence", pa.float32()),
        pa.field("dominance", pa.float32()),
        pa.field("votes", pa.list_(_VOTE)),
        pa.field("sentence", pa.string()),
        pa.field("intensity", pa.string()),
        pa.field("take", pa.string()),
        pa.field("session", pa.string()),
        pa.field("start", pa.float64()),
        pa.field("end", pa.float64()),
        pa.field("channel", pa.int32()),
        pa.field("duration", pa.float64()),
        pa.field("audio_sha256", pa.string()),
        pa.field("recording_sha256", pa.string()),
        pa.field("fingerprint", pa.binary()),
        pa.field("level_db", pa.float32()),
        pa.field("snr_db", pa.float32()),
    ]
)


def field_of(name: str) -> pa.Field:
    """Return name and type of a column of a manifest.

    Raises:
        KeyError: manifests have no such column.
    """
    return pa.field(name, pa.string()) if is_named_text(name) else SCHEMA.field(name)


def in_order(table: pa.Table) -> pa.Table:
    """Return a table's columns in the order of `SCHEMA`, behind them named texts, sorted and each with its origin."""
    there = table.schema.names
    declared = [*(item for item in SCHEMA if item.name in there), *map(field_of, named_columns(there))]
    arrays = [table.column(item.name) if item.name in there else pa.nulls(len(table), item.type) for item in declared]
    return pa.table(arrays, schema=pa.schema(declared))
