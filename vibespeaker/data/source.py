"""Where frames come from: which encoders of a cache, or audio and texts for encoders inside the model."""

from collections.abc import Sequence
from pathlib import Path

from vibespeaker.cache import EmbeddingCache
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import EncoderProvenance


def check_source(cache: Path | None, encoders: list[str] | None, views: int | None, evaluation_view: int) -> None:
    """Refuse settings that choose from a cache where audio and texts are read.

    Args:
        cache: the embedding cache; None reads audio and texts.
        encoders: encoders wanted of the cache.
        views: augmented views wanted.
        evaluation_view: view to evaluate on.

    Raises:
        ConfigError: naming the keys.
    """
    wanted = {"encoders": encoders, "views": views or None, "evaluation_view": evaluation_view or None}
    ignored = [f"data.init_args.{name}" for name, value in wanted.items() if value is not None]
    if cache is None and ignored:
        raise ConfigError(
            f"{' and '.join(ignored)} choose from a cache, but data.init_args.cache is null",
            found=", ".join(str(value) for value in wanted.values() if value is not None),
            remedy="set data.init_args.cache, or set these keys to null: live audio has no views, and its encoders are "
            "those of model.init_args.encoders",
        )


def chosen_encoders(cache: EmbeddingCache, wanted: list[str] | None) -> tuple[str, ...]:
    """Return the encoders to read from a cache, in the model's order.

    Args:
        cache: where they are.
        wanted: their names; None takes all, in the cache's order.

    Raises:
        ConfigError: the cache lacks one, or none is wanted.
    """
    names = tuple(cache.encoders if wanted is None else wanted)
    missing = [name for name in names if name not in cache.encoders]
    if missing or not names:
        raise ConfigError(
            f"data.init_args.encoders names what cache {cache.path} does not hold",
            found=", ".join(missing) or "no encoder at all",
            allowed=cache.encoders,
            remedy="run vibespeaker extract with these encoders, or choose among those in the cache",
        )
    return names


def encoder_provenance(cache: EmbeddingCache, names: Sequence[str]) -> dict[str, EncoderProvenance]:
    """Return what a checkpoint records of encoders of a cache, in the order of `names`."""
    records = {name: cache.encoders[name] for name in names}
    return {
        name: EncoderProvenance(record.dim, record.modality, dict(record.spec), dict(record.fingerprint.parts))
        for name, record in records.items()
    }
