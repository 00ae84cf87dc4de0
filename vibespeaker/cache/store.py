"""The embedding cache: frames of frozen encoders on disk, addressed by content, read at random without a copy.

    CACHE/cache.json                       recipe: cleaning, augmentation, seed, number of views
    CACHE/ENCODER/encoder.json             record: fingerprint, width, precision, how to build the encoder
    CACHE/ENCODER/index.parquet            where each (content, view) lies, merged from the shards' indexes
    CACHE/ENCODER/shards/NAME.safetensors  frames of some hundred utterances, and NAME.parquet, their index

An entry's identity is content + cleaning + view + encoder fingerprint: content and view are in the index, the rest
holds for the whole folder and is compared whenever frames are added, so that a difference can be named.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from vibespeaker.cache.index import Index
from vibespeaker.cache.keys import Contents, manifest_contents
from vibespeaker.cache.merge import INDEX_FILE
from vibespeaker.cache.records import EXTRACT_AGAIN, CacheRecipe, EncoderRecord, read_recipe, read_record
from vibespeaker.cache.shards import DAMAGED, checksum, map_frames, shard_path
from vibespeaker.errors import CacheError
from vibespeaker.manifest import Manifest


class EmbeddingCache:
    """Frames of the encoders that a cache folder holds.

    Entry numbers belong to one opened cache: a later extraction may number anew. Objects can be pickled and forked;
    shards are mapped where and when they are first read.

    Args:
        path: the cache folder.
        recipe: what was done to the audio.
        encoders: encoder name → record, sorted by name.
    """

    def __init__(self, path: Path, recipe: CacheRecipe, encoders: Mapping[str, EncoderRecord]) -> None:
        self.path = path
        self.recipe = recipe
        self.encoders = encoders
        self._indexes: dict[str, Index] = {}
        self._maps: dict[tuple[str, int], Tensor] = {}
        self._whole: dict[str, npt.NDArray[np.bool_]] = {}

    @staticmethod
    def open(path: Path) -> "EmbeddingCache":
        """Open a cache folder; indexes are read when an encoder is first asked for.

        Raises:
            CacheError: there is no cache, or its records are damaged or of another version.
        """
        path = Path(path)
        recipe = read_recipe(path)
        folders = sorted(file.parent for file in path.glob("*/encoder.json"))
        if recipe is None or not folders:
            raise CacheError(
                f"{path} holds no embedding cache", remedy="make one with: vibespeaker extract MANIFEST --out CACHE"
            )
        records = [read_record(folder) for folder in folders]
        return EmbeddingCache(path, recipe, {record.name: record for record in records})

    @property
    def views(self) -> int:
        """Augmented views besides the clean view 0."""
        return self.recipe.views

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the recipe and all encoders' identities, for provenance."""
        identities = {name: record.identity for name, record in self.encoders.items()}
        text = json.dumps({"recipe": asdict(self.recipe), "encoders": identities}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def record(self, encoder: str) -> EncoderRecord:
        """Return the record of an encoder.

        Raises:
            CacheError: the cache has no such encoder.
        """
        if encoder not in self.encoders:
            raise CacheError(
                f"cache {self.path} has no such encoder", found=encoder, allowed=self.encoders, remedy=EXTRACT_AGAIN
            )
        return self.encoders[encoder]

    def entries(self, encoder: str, manifest: Manifest, view: int = 0) -> npt.NDArray[np.int64]:
        """Return the entry number of every row of the manifest.

        Args:
            encoder: its name.
            manifest: needs the column `audio_sha256` for an audio encoder, its column of texts for a text encoder.
            view: 0 for the clean view, up to `views` for augmented ones of an audio encoder.

        Returns:
            `(rows,)`, int64.

        Raises:
            CacheError: naming the view, or how many and which rows are not in the cache.
        """
        contents = manifest_contents(manifest, self.record(encoder).column)
        columns = manifest.table.schema.names
        names = manifest.table.column("utterance_id" if "utterance_id" in columns else columns[0])
        return self.find(encoder, contents, np.full(len(contents), view), lambda at: names.take(at).to_pylist())

    def find(
        self,
        encoder: str,
        contents: Contents,
        views: npt.NDArray[np.int64],
        names: Callable[[npt.NDArray[np.int64]], Sequence[str]],
    ) -> npt.NDArray[np.int64]:
        """Return the entry number of every (content, view), `(keys,)`, int64.

        Args:
            encoder: its name.
            contents: `(keys, 32)`, uint8.
            views: `(keys,)`.
            names: from positions among the keys to what an error calls them.

        Raises:
            CacheError: as `entries`.
        """
        record = self.record(encoder)
        allowed = 0 if record.modality == "text" else self.views
        beyond = views[(views < 0) | (views > allowed)]
        if len(beyond):
            raise CacheError(
                f"cache {self.path} has no such view for encoder {encoder}",
                found=int(beyond[0]),
                allowed=f"0 to {allowed}",
            )
        found = self._index(encoder).keys.find(contents, views.astype(np.int16))
        if (found < 0).any():
            missing = np.flatnonzero(found < 0)
            missing = missing[views[missing] == views[missing[0]]]
            raise self._missing(record, len(missing), len(found), int(views[missing[0]]), names(missing[:3]))
        return found

    def lengths(self, encoder: str, entries: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the frames of each entry, `(entries,)`, int64."""
        return self._index(encoder).frames[entries].astype(np.int64)

    def read(self, encoder: str, entry: int) -> Tensor:
        """Return an entry's `(frames, dim)` in the stored type, a view of the mapped file; not to be written to.

        A process compares an entry with its checksum when it first reads it.

        Raises:
            CacheError: the shard is missing or damaged.
        """
        index = self._index(encoder)
        shard = int(index.shards[entry])
        frames = self._maps.get((encoder, shard))
        if frames is None:
            frames = self._map(encoder, index.shard_names[shard])
            self._maps[encoder, shard] = frames
        start = int(index.offsets[entry])
        found = frames[start : start + int(index.frames[entry])]
        if len(found) != int(index.frames[entry]):
            path = shard_path(self.path / encoder, index.shard_names[shard])
            raise CacheError(f"cache shard {path} ends before an entry of its index does", remedy=DAMAGED)
        if index.checksums is not None and not self._checked(encoder, index)[entry]:
            if checksum(found) != int(index.checksums[entry]):
                raise CacheError(
                    f"cache shard {shard_path(self.path / encoder, index.shard_names[shard])} is damaged: frames "
                    f"{start} to {start + len(found)} are not those that were written",
                    remedy=DAMAGED,
                )
            self._checked(encoder, index)[entry] = True
        return found

    def _checked(self, encoder: str, index: Index) -> npt.NDArray[np.bool_]:
        """Return `(entries,)`, True for entries whose bytes this process has compared with their checksum."""
        if encoder not in self._whole:
            self._whole[encoder] = np.zeros(len(index), np.bool_)
        return self._whole[encoder]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}

    def _map(self, encoder: str, name: str) -> Tensor:
        record = self.record(encoder)
        return map_frames(shard_path(self.path / encoder, name), record.dim, record.dtype)

    def _index(self, encoder: str) -> Index:
        if encoder not in self._indexes:
            self.record(encoder)
            path = self.path / encoder / INDEX_FILE
            if not path.is_file():
                raise CacheError(
                    f"extraction of encoder {encoder} into {self.path} never finished", remedy=EXTRACT_AGAIN
                )
            self._indexes[encoder] = Index.read(path)
        return self._indexes[encoder]

    def _missing(self, record: EncoderRecord, count: int, total: int, view: int, first: Sequence[str]) -> CacheError:
        what = "audio content" if record.modality == "audio" else "text"
        described = what if view == 0 else f"augmented view {view} of the {what}"
        return CacheError(
            f"cache {self.path}, encoder {record.name}: {described} of {count} of {total} utterances is "
            "not there (never extracted, or changed since)",
            found=", ".join(map(str, first)) + (" …" if count > len(first) else ""),
            remedy=EXTRACT_AGAIN,
        )
