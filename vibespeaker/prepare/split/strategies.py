"""Strategies that make one split: by what belongs together, by utterance, official, and the ablation of the source."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.groups import (
    Key,
    Rows,
    assign_groups,
    belonging_together,
    category_codes,
    group_counts,
)
from vibespeaker.utterance import SPLITS

#: Those that `vibespeaker split --by` knows by name.
SplitStrategy = Literal["speakers", "sessions", "sentences", "speakers+sentences", "utterances", "official", "ablation"]
#: Strategy → what makes a group.
GROUPED: Mapping[str, Key] = {"speakers": "speaker", "sessions": "session", "sentences": "sentence"}

DEFAULT_FRACTIONS = {"train": 0.7, "development": 0.15, "test": 0.15}
#: The source's 80:20, and 80:20 of the larger split again.
UTTERANCE_FRACTIONS = {"train": 0.64, "validation": 0.16, "test": 0.2}
ABLATION_FRACTION = 0.1
#: Train, validation and test utterances of the ablation in the multi-encoder source, without no-agreement clips.
ABLATION_COUNTS = {"train": 61_495, "validation": 6_833, "test": 25_900}


def split_by_group(manifest: Manifest, key: Key, fractions: Mapping[str, float], seed: int = 0) -> Manifest:
    """Give whole groups to splits, close to the fractions and to the same mixture of categories in each.

    Args:
        manifest: its own splits are overwritten.
        key: what makes a group, see `belonging_together`.
        fractions: split, one of `utterance.SPLITS` → its share of the utterances, above 0; the shares add up to 1.
        seed: another seed gives another split.

    Returns:
        The manifest with a new split column; the step is recorded in its history.

    Raises:
        ManifestError: fractions that are no shares, an unknown split, or fewer groups than splits.
    """
    require_shares(fractions)
    groups = belonging_together(manifest, key)
    counts = group_counts(groups, category_codes(manifest))
    numbers = assign_groups(counts, list(fractions.values()), seed, key)[groups]
    step = {"step": "split", "by": key, "fractions": dict(fractions), "seed": seed}
    return manifest.with_columns({"split": np.array(list(fractions))[numbers].tolist()}, step)


def split_by_utterance(manifest: Manifest, fractions: Mapping[str, float], seed: int = 0) -> Manifest:
    """Split each category by itself, utterance by utterance, as the source does: speakers and takes leak.

    Raises:
        ManifestError: fractions that are no shares, or an unknown split.
    """
    require_shares(fractions)
    # by id, so that the order of rows does not matter
    order = pc.sort_indices(manifest.table.column("utterance_id")).to_numpy()
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = stratified(category_codes(manifest)[order], list(fractions.values()), seed)
    step = {"step": "split", "by": "utterance", "fractions": dict(fractions), "seed": seed}
    return manifest.with_columns({"split": np.array(list(fractions))[numbers].tolist()}, step)


def official_split(manifest: Manifest, fractions: Mapping[str, float], seed: int = 0) -> Manifest:
    """Keep the splits of corpora that have official ones; split the others by speaker.

    Raises:
        ManifestError: fractions that are no shares, or a corpus without splits has fewer speakers than splits.
    """
    corpora = np.array(manifest.column("corpus"))
    splits = np.array(manifest.column("split"), dtype=object)
    without = [name for name in sorted(set(corpora)) if pd.isna(splits[corpora == name]).all()]
    for name in without:
        rows = np.flatnonzero(corpora == name)
        splits[rows] = split_by_group(manifest.select(rows.tolist()), "speaker", fractions, seed).column("split")
    step = {"step": "split", "by": "official", "by speaker": without, "fractions": dict(fractions), "seed": seed}
    return manifest.with_columns({"split": splits.tolist()}, step)


def ablation_split(manifest: Manifest, fraction: float = ABLATION_FRACTION, seed: int = 0) -> Manifest:
    """Make the source's three-way split for ablations: no test label of the challenge is needed.

    About `fraction` of the training split, by whole groups of speakers, becomes `validation`; `development` becomes
    `test`; other splits stay what they are.

    Raises:
        ManifestError: the manifest lacks `train` or `development`, or the training split has one speaker.
    """
    splits = np.array(manifest.column("split"), dtype=object)
    missing = [name for name in ("train", "development") if not (splits == name).any()]
    if missing:
        raise ManifestError(
            "the ablation split starts from the official splits train and development",
            found=f"no utterance in {' and '.join(missing)}",
            remedy="use --split speakers for a corpus without official splits",
        )
    if not 0 < fraction < 1:
        raise ManifestError("the validation fraction must lie between 0 and 1", found=fraction)
    rows = np.flatnonzero(splits == "train")
    validation = validation_rows(manifest, belonging_together(manifest), rows, fraction, seed)
    splits[splits == "development"] = "test"
    splits[validation] = "validation"
    step = {"step": "split", "by": "ablation", "fraction": fraction, "seed": seed}
    return manifest.with_columns({"split": splits.tolist()}, step)


def validation_rows(manifest: Manifest, groups: Rows, rows: Rows, share: float, seed: int) -> Rows:
    """Return which of the training rows validate: whole groups, about `share` of the utterances.

    Args:
        manifest: for the categories.
        groups: `(N,)` of all rows of the manifest.
        rows: those that train.
        share: above 0, below 1.
        seed: of the choice.

    Raises:
        ManifestError: the share is none, or the training rows are one group.
    """
    if not 0 < share < 1:
        raise ManifestError("the validation share must lie between 0 and 1", found=share)
    own = np.unique(groups[rows], return_inverse=True)[1]
    counts = group_counts(own, category_codes(manifest)[rows])
    if len(counts) < 2:
        raise ManifestError(
            "the training utterances all belong together, so that none can validate",
            remedy="with folds and --leave-out, --validation 0 makes training and test only",
        )
    return rows[assign_groups(counts, [1 - share, share], seed)[own] == 1]


def stratified(strata: Rows, shares: Sequence[float], seed: int) -> Rows:
    """Return `(N,)` number of each item's split; each stratum is divided by itself, in a seeded order.

    Args:
        strata: `(N,)` number of the stratum of each item.
        shares: of the splits, adding up to 1.
        seed: of the order within strata.
    """
    generator = np.random.default_rng(seed)
    order = np.lexsort((generator.permutation(len(strata)), strata))
    _, starts, counts = np.unique(strata[order], return_index=True, return_counts=True)
    within = np.arange(len(strata)) - np.repeat(starts, counts)
    phase = (within + 0.5) / np.repeat(counts, counts)
    numbers = np.empty(len(strata), dtype=np.int64)
    numbers[order] = np.searchsorted(np.cumsum(shares)[:-1], phase)
    return numbers


def require_shares(fractions: Mapping[str, float]) -> None:
    """Check the shares of a split.

    Raises:
        ManifestError: an unknown split, or shares that are not above 0 or do not add up to 1.
    """
    unknown = sorted(set(fractions) - set(SPLITS))
    if unknown:
        raise ManifestError("unknown split", found=unknown, allowed=SPLITS)
    shares = list(fractions.values())
    if not shares or min(shares) <= 0 or not np.isclose(sum(shares), 1.0):
        raise ManifestError(
            "the shares of a split must be above 0 and add up to 1",
            found=dict(fractions),
            allowed="e.g. 0.7, 0.15, 0.15",
        )
