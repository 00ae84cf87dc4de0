"""Columns of a manifest, read when needed: an experiment reads those it needs and keeps none longer than it needs them.

Of a million utterances the identifiers, paths, texts and hashes in hexadecimal take 300 MB, while training looks at
none of them once the frames are found.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from vibespeaker.audio.recordings import COLUMNS as RECORDING_COLUMNS
from vibespeaker.cache import EncoderRecord
from vibespeaker.cache.keys import AUDIO, Contents, manifest_contents
from vibespeaker.data.targets import COLUMNS, Targets, make_targets
from vibespeaker.errors import ConfigError
from vibespeaker.labels import LabelSet
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.labels.policy import LabelPolicy
from vibespeaker.manifest import Manifest, release_memory
from vibespeaker.manifest.texts import origin_column, text_column

_LIVE = (*RECORDING_COLUMNS, "duration", AUDIO)
_NAMING = ("utterance_id", "file_name", "split")


def read_facts(path: Path, texts: Iterable[str | None], live: bool) -> Manifest:
    """Read the columns that training uses: splits, where texts are from, and audio paths and texts for live encoders.

    Args:
        path: the manifest.
        texts: names of the texts that are read, None for the default; live encoders may read all there are.
        live: whether encoders run inside the model.
    """
    texts = (None, *Manifest.text_names(path)) if live else tuple(texts)
    read = map(text_column, texts if live else ())
    return Manifest.read(path, ("split", *map(origin_column, texts), *(_LIVE if live else ()), *read))


def text_origins(manifest: Manifest, texts: Iterable[str | None], path: Path) -> tuple[str, ...]:
    """Return where texts are from, sorted.

    Args:
        manifest: what `read_facts` read.
        texts: their names.
        path: of the manifest, for errors.

    Raises:
        ManifestError: it has no texts of a name.
    """
    for name in texts:
        if origin_column(name) not in manifest.table.schema.names:
            Manifest.read(path, (text_column(name),))  # raises, with the remedy
    return tuple(sorted({origin for name in texts for origin in manifest.codes(origin_column(name))[1]}))


def require_texts(manifest: Manifest, texts: Iterable[str | None], training: Sequence[bool]) -> None:
    """Refuse to train on texts that nobody has.

    Args:
        manifest: what `read_facts` read.
        texts: names of those that encoders read.
        training: True for each row of the training split.

    Raises:
        ConfigError: no utterance of the training split has a text of a name.
    """
    for name in texts:
        if not manifest.select(training).codes(origin_column(name))[1]:
            raise ConfigError(
                "an encoder reads texts, and no utterance of the training split has one",
                found=f"column {text_column(name)} is empty there",
                remedy="transcribe the audio: vibespeaker transcribe MANIFEST --out MANIFEST"
                + ("" if name is None else f" --name {name}"),
            )


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
        Encoder name → `(rows, 32)`, uint8; encoders of audio share the array, and those of the same texts.

    Raises:
        CacheError: a row has no hash of its audio.
    """
    columns = dict.fromkeys(record.column for record in encoders.values())
    found = {column: manifest_contents(Manifest.read(path, (column,)), column) for column in columns}
    release_memory()
    return {name: found[record.column] for name, record in encoders.items()}
