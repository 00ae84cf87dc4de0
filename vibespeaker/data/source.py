"""Where the frames of each encoder come from: a cache, or audio and texts for encoders inside the model.

This is the one place that decides it. `data.init_args.encoders` chooses from the cache, `model.init_args.encoders`
names those that run inside the model; one that is in the cache, too, takes the place of the cached one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vibespeaker.cache import EmbeddingCache
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import EncoderProvenance


@dataclass(frozen=True)
class Sources:
    """Where frames come from.

    Args:
        cached: encoders whose frames are read from the cache, in the model's order.
        live: encoder name → one that runs inside the model.
        order: all of them, in the model's order.
    """

    cached: tuple[str, ...]
    live: Mapping[str, EncoderProvenance]
    order: tuple[str, ...]

    def provenance(self, cache: EmbeddingCache | None) -> dict[str, EncoderProvenance]:
        """Return what a checkpoint records of all encoders, in the model's order."""
        cached = {} if cache is None else encoder_provenance(cache, self.cached)
        return {name: self.live.get(name) or cached[name] for name in self.order}

    def modalities(self) -> set[str]:
        """Return what the encoders inside the model read: `audio`, `text`."""
        return {encoder.modality for encoder in self.live.values()}


def decide_sources(
    cache: EmbeddingCache | None, wanted: list[str] | None, live: Mapping[str, EncoderProvenance], replace: bool = True
) -> Sources:
    """Decide where the frames of each encoder come from.

    Args:
        cache: the embedding cache; None where there is none.
        wanted: encoders to read from it; None takes all, in its order.
        live: encoders inside the model.
        replace: whether those stand for cached ones of their names; else both are read, for systems of several members.

    Raises:
        ConfigError: an encoder is wanted from both, the cache lacks one, or nothing is left to read from it.
    """
    names = () if cache is None else chosen_encoders(cache, wanted)
    twice = [name for name in names if name in live]
    cached = names if not replace else tuple(name for name in names if name not in live)
    if replace and twice and (wanted is not None or not cached):
        raise ConfigError(
            "data.init_args.cache and model.init_args.encoders both say where frames come from",
            found=f"encoder {', '.join(twice)}, in the cache and inside the model",
            remedy="set data.init_args.cache to null to run the encoders inside the model, list in "
            "data.init_args.encoders only those to read from the cache, or set model.init_args.encoders to null",
        )
    return Sources(cached, dict(live), tuple(dict.fromkeys((*names, *live))))


def check_source(
    cache: Path | None, encoders: list[str] | None, views: int | None, evaluation_view: int, augmented: bool = False
) -> None:
    """Refuse settings that choose from a cache where audio and texts are read.

    Args:
        cache: the embedding cache; None reads audio and texts.
        encoders: encoders wanted of the cache.
        views: augmented views wanted.
        evaluation_view: view to evaluate on.
        augmented: whether live audio has views of its own.

    Raises:
        ConfigError: naming the keys.
    """
    wanted: dict[str, object] = {"encoders": encoders}
    if not augmented:
        wanted |= {"views": views or None, "evaluation_view": evaluation_view or None}
    ignored = [f"data.init_args.{name}" for name, value in wanted.items() if value is not None]
    if cache is None and ignored:
        raise ConfigError(
            f"{' and '.join(ignored)} choose from a cache, but data.init_args.cache is null",
            found=", ".join(str(value) for value in wanted.values() if value is not None),
            remedy="set data.init_args.cache, or set these keys to null: live audio has the views of "
            "data.init_args.augmentation, and its encoders are those of model.init_args.encoders",
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
        name: EncoderProvenance(
            record.dim, record.modality, dict(record.spec), dict(record.fingerprint.parts), live=False
        )
        for name, record in records.items()
    }
