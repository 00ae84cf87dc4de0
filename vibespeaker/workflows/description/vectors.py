"""Features of utterances out of a cache, with their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vibespeaker.baselines.features import read_features
from vibespeaker.baselines.summaries import Summary, summary_of
from vibespeaker.cache import EmbeddingCache
from vibespeaker.encoders.feature_names import feature_names
from vibespeaker.errors import ConfigError
from vibespeaker.manifest import Manifest


@dataclass(frozen=True, eq=False)
class Vectors:
    """What one encoder says of utterances.

    Args:
        encoder: its name.
        names: `dim` names of the features.
        values: `(N, dim)`.
    """

    encoder: str
    names: tuple[str, ...]
    values: npt.NDArray[np.float64]


def read_vectors(path: Path, manifest: Manifest, encoders: Sequence[str] | None) -> list[Vectors]:
    """Read the vectors of a manifest's rows, in their order.

    Args:
        path: the cache.
        manifest: with the columns that the encoders' contents are named by.
        encoders: names; all by default.

    Raises:
        CacheError: there is no cache, no such encoder, or an utterance is not in it.
        ConfigError: a feature is not finite.
    """
    cache = EmbeddingCache.open(path)
    found = []
    for name in encoders if encoders is not None else cache.encoders:
        record = cache.record(name)
        entries = cache.entries(name, manifest)
        summary = summary_of(cache.lengths(name, entries))
        names = _summarised_names(feature_names(record.spec, record.dim, path), summary)
        values = read_features(cache, name, entries, summary).astype(np.float64)
        if not np.isfinite(values).all():
            row, column = np.argwhere(~np.isfinite(values))[0]
            raise ConfigError(
                f"cache {path}, encoder {name}: feature {names[column]!r} is not finite",
                found=f"{values[row, column]} of {manifest.column('utterance_id')[row]}",
                remedy="extract it with --dtype float32",
            )
        found.append(Vectors(name, names, values))
    return found


def _summarised_names(names: Sequence[str], summary: Summary) -> tuple[str, ...]:
    """Return the names of a vector's values: of the only frame, or of mean and deviation over time."""
    if summary == "frame":
        return tuple(names)
    return tuple(f"{name}, {kind}" for kind in ("mean", "deviation") for name in names)
