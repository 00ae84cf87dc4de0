"""Columns of a manifest, read when needed: an experiment reads those it needs and keeps none longer than it needs them.

Of a million utterances the identifiers, paths, texts and hashes in hexadecimal take 300 MB, while training looks at
none of them once the frames are found.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from vibespeaker.audio.recordings import COLUMNS as RECORDING_COLUMNS
from vibespeaker.cache import EncoderRecord
from vibespeaker.cache.keys import Contents, manifest_contents
from vibespeaker.data.targets import COLUMNS, Targets, make_targets
from vibespeaker.heads import HeadSpec
from vibespeaker.label_policy import LabelPolicy
from vibespeaker.labels import LabelSet
from vibespeaker.manifest import Manifest, release_memory
from vibespeaker.provenance import Modality

_ALWAYS = ("split", "text_origin")
_LIVE = (*RECORDING_COLUMNS, "text", "duration")
_NAMING = ("utterance_id", "file_name", "split")
_CONTENT: dict[Modality, str] = {"audio": "audio_sha256", "text": "text"}


def read_facts(path: Path, live: bool) -> Manifest:
    """Read the columns that training uses: splits, and audio paths and texts when encoders run live."""
    return Manifest.read(path, (*_ALWAYS, *(_LIVE if live else ())))


def read_targets(
    path: Path, labels: LabelSet, policy: LabelPolicy, heads: Mapping[str, HeadSpec] = MappingProxyType({})
) -> Targets:
    """Read the targets of every row, see `make_targets`; the votes, several per utterance, are never all in memory."""
    columns = dict.fromkeys((*COLUMNS, *(spec.column for spec in heads.values())))
    pieces = [make_targets(piece, labels, policy, heads) for piece in Manifest.scan(path, tuple(columns))]
    release_memory()
    return Targets.join(pieces)


def read_names(path: Path) -> Manifest:
    """Read the columns that name utterances in predictions and errors."""
    return Manifest.read(path, _NAMING)


def read_contents(path: Path, encoders: Mapping[str, EncoderRecord]) -> dict[str, Contents]:
    """Read the content hashes by which each encoder's frames are found in the cache.

    Args:
        path: the manifest.
        encoders: encoder name → record.

    Returns:
        Encoder name → `(rows, 32)`, uint8; encoders of one modality share the array.

    Raises:
        CacheError: a row has no hash of its audio.
    """
    modalities = dict.fromkeys(record.modality for record in encoders.values())
    found = {kind: manifest_contents(Manifest.read(path, (_CONTENT[kind],)), kind) for kind in modalities}
    release_memory()
    return {name: found[record.modality] for name, record in encoders.items()}
