"""The items of an epoch: every utterance of the training split in drawn views, or what a balance plan lists."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.keys import Contents
from vibespeaker.errors import ConfigError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.balance_plan import BalancePlan
from vibespeaker.prepare.leaks import COLUMNS, find_leaks

Rows = npt.NDArray[np.int64]


def planned(path: Path, manifest: Manifest, training: Rows) -> tuple[Rows, Rows]:
    """Return the manifest's row and the view of every item of a balance plan.

    Args:
        path: the plan.
        manifest: with the column `utterance_id`.
        training: rows of the training split.

    Raises:
        ManifestError: the file is no plan, or names utterances that the manifest lacks.
        ConfigError: the plan lists utterances outside the training split.
    """
    plan = BalancePlan.read(path)
    rows = plan.rows(manifest)
    outside = np.flatnonzero(~np.isin(rows, training))
    if len(outside):
        raise ConfigError(
            f"balance plan {path} lists {len(np.unique(rows[outside]))} utterances outside the training split",
            found=plan.utterance_ids[int(outside[0])],
            remedy="balance the manifest again after splitting it",
        )
    return rows, plan.views


def entries_of(
    cache: EmbeddingCache,
    encoder: str,
    contents: Contents,
    views: int,
    drawn: Rows | None,
    names: Callable[[Rows], Sequence[str]],
) -> Rows:
    """Return `(views + 1, N)` entry numbers of N utterances in a cache, an utterance perhaps several times.

    Args:
        cache: where they are.
        encoder: its name; a text encoder has one row for all views.
        contents: `(N, 32)` hashes of the encoder's inputs.
        views: augmented views beside the clean one.
        drawn: `(N,)` the one view of each utterance, instead of `views`; the result then has one row.
        names: from positions among the N to what an error calls the utterances.

    Raises:
        CacheError: something is not in the cache.
    """
    is_text = cache.encoders[encoder].modality == "text"
    if drawn is None or is_text:
        wanted = [np.full(len(contents), view) for view in range(1 if is_text else views + 1)]
    else:
        wanted = [drawn]
    return np.stack([cache.find(encoder, contents, each, names) for each in wanted])


def allowed_leaks(path: Path, splits: Mapping[str, Rows], allowed: list[str]) -> dict[str, str]:
    """Check that the splits of an experiment share nothing, and return what they share and are allowed to.

    Args:
        path: the manifest.
        splits: `train`, `validation`, `test` → rows; utterances that serve both of the latter are compared with the
            training split only.
        allowed: kinds of leaks to overlook.

    Raises:
        ConfigError: another kind leaks.
    """
    apart = dict(splits)
    both = np.intersect1d(splits.get("validation", []), splits.get("test", [])).astype(np.int64)
    if len(both):
        apart = {"train": splits["train"], "validation and test": np.union1d(splits["validation"], splits["test"])}
    return find_leaks(Manifest.read(path, COLUMNS), apart).refuse(allowed, path)
