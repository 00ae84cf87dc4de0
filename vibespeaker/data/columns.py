"""What is read of a manifest, and when: each experiment reads the columns it needs, and none longer than it needs them.

Of a million utterances the identifiers, paths, texts and hashes in hexadecimal take 300 MB, while training looks at
none of them once the frames are found.
"""

from collections.abc import Mapping
from pathlib import Path

from vibespeaker.cache import EncoderRecord
from vibespeaker.cache.keys import Contents, manifest_contents
from vibespeaker.data.targets import COLUMNS
from vibespeaker.encoders.base import Modality
from vibespeaker.manifest import Manifest, release_memory

_ALWAYS = ("split", "text_origin", *COLUMNS)
_LIVE = ("audio", "text", "duration")
_NAMING = ("utterance_id", "file_name", "split")
_CONTENT: dict[Modality, str] = {"audio": "audio_sha256", "text": "text"}


def read_facts(path: Path, live: bool) -> Manifest:
    """Read what training looks at: parts, labels, and where audio and texts are when encoders run live."""
    return Manifest.read(path, (*_ALWAYS, *(_LIVE if live else ())))


def read_names(path: Path) -> Manifest:
    """Read what predictions and errors call the utterances."""
    return Manifest.read(path, _NAMING)


def read_contents(path: Path, encoders: Mapping[str, EncoderRecord]) -> dict[str, Contents]:
    """Read by what each encoder's frames are found in the cache.

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
