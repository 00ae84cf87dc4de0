"""A cache folder's metadata: the recipe of its audio, and one record per encoder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from vibespeaker.cache.keys import AUDIO
from vibespeaker.cache.precision import DTYPES, stored_dim
from vibespeaker.config_files.renamed import stored_now
from vibespeaker.encoders.base import Encoder
from vibespeaker.errors import CacheError
from vibespeaker.files import write_text
from vibespeaker.files.inputs import read_json
from vibespeaker.files.stored_fields import stored_as
from vibespeaker.manifest.texts import text_column
from vibespeaker.provenance import Fingerprint, Modality

FORMAT_VERSION = 1
EXTRACT_AGAIN = "run vibespeaker extract with this manifest, these encoders and this cache; it adds what is missing"

_MAKE_AGAIN = "remove the cache and extract again"


@dataclass(frozen=True)
class CacheRecipe:
    """What was done to the audio before any encoder, for the whole cache.

    Args:
        cleaning: the cleaning recipe, None for none.
        augmentation: the augmentation recipe's fields with its seed, None without augmented views.
        views: augmented views besides the clean view 0.
    """

    cleaning: Mapping[str, Any] | None = None
    augmentation: Mapping[str, Any] | None = None
    views: int = 0


@dataclass(frozen=True)
class EncoderRecord:
    """What the cache records of one encoder; enough to train on its frames without loading it.

    Args:
        name: its name in configs, and the folder's name.
        modality: `audio` or `text`.
        dim: width of a frame.
        frames_per_second: of an audio encoder, None for text and where a clip is one frame.
        dtype: stored precision, one of `cache.precision.DTYPES`.
        fingerprint: what the frames depend on.
        spec: `class_path` and `init_args` that built it, and `text`, the name of the texts that it reads; of these
            only the last is part of its identity (a checkpoint may move).
        autocast: precision the encoder ran in, None for its own.
    """

    name: str
    modality: Modality
    dim: int
    frames_per_second: float | None
    dtype: str
    fingerprint: Fingerprint
    spec: Mapping[str, Any]
    autocast: str | None = None

    @staticmethod
    def of(
        encoder: Encoder, name: str, spec: Mapping[str, Any], dtype: str, autocast: str | None = None
    ) -> "EncoderRecord":
        """Return the record of a loaded encoder."""
        return EncoderRecord(
            name=name,
            modality=encoder.modality,
            dim=encoder.dim,
            frames_per_second=encoder.frames_per_second,
            dtype=dtype,
            fingerprint=encoder.fingerprint(),
            spec=spec,
            autocast=autocast,
        )

    @property
    def torch_dtype(self) -> torch.dtype:
        """Type of the frames that `EmbeddingCache.read` returns."""
        return DTYPES[self.dtype][0]

    @property
    def frame_bytes(self) -> int:
        """Size of a stored frame."""
        return stored_dim(self.dim, self.dtype) * self.torch_dtype.itemsize

    @property
    def text(self) -> str | None:
        """Name of the texts that an encoder of text reads, None for the default."""
        return self.spec.get("text")

    @property
    def column(self) -> str:
        """The manifest's column that names what it encodes: hashes of audio, or texts."""
        return AUDIO if self.modality == "audio" else text_column(self.text)

    @property
    def parts(self) -> dict[str, str]:
        """Everything but the content that the stored frames depend on, by name."""
        own = {"dim": str(self.dim), "dtype": self.dtype, "autocast": str(self.autocast), "modality": self.modality}
        named = {} if self.text is None else {"text": self.text}
        return {**own, **named, **{f"fingerprint.{name}": part for name, part in self.fingerprint.parts.items()}}

    @property
    def identity(self) -> str:
        """SHA-256 over `parts`, 64 hexadecimal digits."""
        return Fingerprint(self.parts).digest


def read_recipe(path: Path) -> CacheRecipe | None:
    """Return the recipe of the cache at `path`, None where there is no cache yet."""
    file = path / "cache.json"
    fields = _read_json(file)
    if fields is None:
        return None
    recipe = stored_as(CacheRecipe, fields, str(file), CacheError, _MAKE_AGAIN)
    if recipe.views < 0:
        raise CacheError(f"{file} is damaged", found=f"{recipe.views} views", remedy=_MAKE_AGAIN)
    return recipe


def write_recipe(path: Path, recipe: CacheRecipe) -> None:
    """Write the recipe of the cache at `path`."""
    _write_json(path / "cache.json", asdict(recipe))


def read_record(folder: Path) -> EncoderRecord:
    """Return the record in an encoder's folder.

    Raises:
        CacheError: it is missing, damaged or of another version.
    """
    file = folder / "encoder.json"
    fields = _read_json(file)
    if fields is None:
        raise CacheError(f"{folder} holds no encoder.json", remedy=EXTRACT_AGAIN)
    parts = stored_as(Fingerprint, {"parts": fields.pop("fingerprint", None)}, str(file), CacheError, _MAKE_AGAIN)
    whole = {**fields, "name": folder.name, "fingerprint": parts}
    record = stored_as(EncoderRecord, whole, str(file), CacheError, _MAKE_AGAIN)
    if record.dim < 1 or record.dtype not in DTYPES:
        found = f"frames of {record.dim} values, {record.dtype}"
        raise CacheError(f"{file} is damaged", found=found, allowed=DTYPES, remedy=_MAKE_AGAIN)
    return replace(record, spec=stored_now(record.spec))


def write_record(folder: Path, record: EncoderRecord) -> None:
    """Write an encoder's record into its folder."""
    fields = {name: getattr(record, name) for name in ("modality", "dim", "frames_per_second", "dtype", "autocast")}
    fields |= {"spec": dict(record.spec), "fingerprint": dict(record.fingerprint.parts)}
    _write_json(folder / "encoder.json", fields)


def _read_json(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    fields = read_json(path, CacheError, "record of the cache", _MAKE_AGAIN)
    version = fields.pop("format", None)
    if version != FORMAT_VERSION:
        raise CacheError(
            f"{path} has another format version",
            found=version,
            allowed=str(FORMAT_VERSION),
            remedy="extract again into another folder",
        )
    return fields


def _write_json(path: Path, fields: Mapping[str, Any]) -> None:
    text = json.dumps({"format": FORMAT_VERSION, **fields}, sort_keys=True, indent=2, ensure_ascii=False)
    write_text(path, text + "\n")


def declare_recipe(path: Path, recipe: CacheRecipe) -> None:
    """Make the cache at `path`, or check that its audio was treated in the same way and raise its number of views.

    Raises:
        CacheError: the cache was made with another recipe; what differs is named.
    """
    stored = read_recipe(path)
    if stored is None:
        write_recipe(path, recipe)
        return
    _refuse_difference(f"cache {path}: cleaning", stored.cleaning or {}, recipe.cleaning or {})
    if stored.augmentation is not None and recipe.augmentation is not None:
        _refuse_difference(f"cache {path}: augmentation", stored.augmentation, recipe.augmentation)
    joined = CacheRecipe(stored.cleaning, stored.augmentation or recipe.augmentation, max(stored.views, recipe.views))
    if joined != stored:
        write_recipe(path, joined)


def declare_encoder(folder: Path, record: EncoderRecord) -> None:
    """Make an encoder's folder, or check that it is of the same encoder in the same precision.

    Raises:
        CacheError: the name stands for something else in this cache; what differs is named.
    """
    if not (folder / "encoder.json").is_file():
        write_record(folder, record)
        return
    _refuse_difference(f"cache {folder.parent}: encoder {record.name}", read_record(folder).parts, record.parts)


def _refuse_difference(what: str, stored: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    stored, given = _flat(stored), _flat(given)
    names = [name for name in sorted({*stored, *given}) if stored.get(name) != given.get(name)]
    if names:
        raise CacheError(
            f"{what} differs from what this cache was made with",
            found="; ".join(f"{name} = {given.get(name)}" for name in names),
            allowed="; ".join(f"{name} = {stored.get(name)}" for name in names),
            remedy="use the same configuration, another encoder name, or another cache folder",
        )


def _flat(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Spell nested fields with dots: `gain.max_db`."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        nested = _flat(value) if isinstance(value, Mapping) else None
        flat |= {name: value} if nested is None else {f"{name}.{key}": part for key, part in nested.items()}
    return flat
