"""What belongs together in one split, and how whole groups of it are assigned to splits.

Utterances belong together when they share a speaker (or a session, or a sentence, as asked), a take, the same file,
near-identical audio, or the recording that they are segments of. Groups are the connected components of that graph, so
that none of these is ever in two splits.

Groups are drawn in a seeded random order, and each goes to the split where it reduces most the squared distance from
the wanted numbers: of utterances in each category, relative to the category's size, and of utterances in all, which
weigh as much as the categories together. With few groups several orders are tried and the closest is kept. Every split
gets at least one group.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from vibespeaker.errors import ManifestError
from vibespeaker.manifest import SCHEMA, Manifest
from vibespeaker.prepare.near_duplicates import audio_fingerprints, near_pairs_within
from vibespeaker.utterance import is_unknown_speaker

#: What makes a group beside copies of the audio.
Key = Literal["speaker", "session", "sentence"]
#: Columns whose equal values join groups, whatever makes a group.
COPIES = ("take", "audio_sha256", "recording_sha256")
#: Columns of a manifest that grouping reads.
COLUMNS = tuple(
    name
    for name in SCHEMA.names
    if name in ("utterance_id", "speaker", "session", "sentence", *COPIES, "fingerprint", "duration")
)

#: Groups placed over all orders tried: bounds the time, and gives small corpora many orders to choose from.
_PLACEMENTS = 100_000
_MOST_ORDERS = 32

Counts = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


def belonging_together(manifest: Manifest, *by: Key) -> Rows:
    """Return `(N,)` group number of each row of a manifest with the columns `COLUMNS`.

    Args:
        manifest: the utterances. Without a session or a sentence they go by their speaker; of unknown speaker, by their
            sentence; with neither, each by itself, but for copies of its audio.
        by: what makes a group: `speaker` where nothing is named; of several, any that is shared joins.

    Returns:
        Numbers from 0, in alphabetical order of the first of `by`, whatever the order of the rows.
    """
    table = manifest.table
    frame = manifest.frame([name for name in table.column_names if name in COLUMNS and name != "fingerprint"])
    keys = [_keys(frame, key) for key in by or ("speaker",)]
    pairs = np.empty((0, 2), dtype=np.int64)
    if "fingerprint" in table.column_names:
        pairs = near_pairs_within(audio_fingerprints(manifest))
    groups = connected([*keys, *(frame[name] for name in COPIES if name in frame)], pairs)
    ranks = pd.factorize(keys[0], sort=True)[0]
    first = np.full(len(groups), len(groups))
    np.minimum.at(first, groups, ranks)
    return np.unique(first[groups], return_inverse=True)[1].astype(np.int64)


def connected(columns: Sequence[npt.ArrayLike], pairs: npt.ArrayLike = ()) -> Rows:
    """Return `(N,)` component of each row: rows that share a value of any column, or are a pair, are in one.

    Args:
        columns: each of N values; null is shared with nothing.
        pairs: `(pairs, 2)` row numbers.
    """
    links = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    codes = [pd.factorize(np.asarray(values, dtype=object))[0] for values in columns]
    lowest = np.arange(np.size(columns[0]))  # of each row: a row that it is connected with, in the end the first
    while True:
        before = lowest
        lowest = lowest.copy()
        for rows in codes:
            known = np.flatnonzero(rows >= 0)
            least = np.full(len(known) and rows.max() + 1, len(rows))
            np.minimum.at(least, rows[known], lowest[known])
            lowest[known] = least[rows[known]]
        for one, other in (links.T, links.T[::-1]):
            np.minimum.at(lowest, one, lowest[other])
        lowest = lowest[lowest]  # which halves the longest way
        if np.array_equal(lowest, before):
            return np.unique(lowest, return_inverse=True)[1].astype(np.int64)


def _keys(frame: pd.DataFrame, key: Key) -> npt.NDArray[np.object_]:
    """Return what each row goes by; a stand-in for a missing value is told apart by a word before it."""
    own = frame[key].where(~_missing(frame, key), None)
    for other in ("speaker", "sentence", "utterance_id"):
        if other != key:
            stand_in = (f"{other} " + frame[other].astype(str)).where(~_missing(frame, other), None)
            own = own.where(own.notna(), stand_in)
    return own.to_numpy(dtype=object)


def _missing(frame: pd.DataFrame, column: str) -> "pd.Series[bool]":
    if column == "speaker":
        return pd.Series([is_unknown_speaker(name) for name in frame["speaker"]], index=frame.index, dtype=bool)
    return frame[column].isna()


def without_speaker(manifest: Manifest) -> tuple[str, ...]:
    """Say by what utterances of unknown speaker are grouped; nothing where all speakers are known."""
    frame = manifest.frame(["speaker", "sentence"])
    unknown = _missing(frame, "speaker")
    alone = int((unknown & frame["sentence"].isna()).sum())
    by_sentence = int(unknown.sum()) - alone
    said = []
    if by_sentence:
        said.append(
            f"{by_sentence:,} of {len(frame):,} utterances name no speaker: they are split by sentence, so that no "
            "sentence of theirs is in two splits, while speakers may be"
        )
    if alone:
        said.append(
            f"{alone:,} of {len(frame):,} utterances name neither speaker nor sentence: each is split by itself, so "
            "that speakers may be in two splits and scores are optimistic"
        )
    return tuple(said)


def category_codes(manifest: Manifest) -> Rows:
    """Return `(N,)` number of each row's category, in alphabetical order; no category is one of them."""
    names = ["" if category is None else category for category in manifest.column("category")]
    return np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64)


def group_counts(groups: Rows, categories: Rows) -> Counts:
    """Return `(groups, categories)` utterances of each group in each category."""
    counts = np.zeros((int(groups.max(initial=-1)) + 1, int(categories.max(initial=-1)) + 1))
    np.add.at(counts, (groups, categories), 1)
    return counts


def assign_groups(counts: Counts, shares: Sequence[float], seed: int | Sequence[int], what: str = "speaker") -> Rows:
    """Distribute whole groups over splits.

    Args:
        counts: `(groups, categories)`, utterances of each group in each category.
        shares: the wanted share of each split, adding up to 1.
        seed: of the random order.
        what: makes a group, for the error.

    Returns:
        `(groups,)`, the number of each group's split; no split is empty.

    Raises:
        ManifestError: fewer groups than splits.
    """
    if len(counts) < len(shares):
        raise ManifestError(
            f"fewer {what}s than splits",
            found=f"{len(counts)} {what}s for {len(shares)} splits; those that share recordings count as one",
            remedy="ask for fewer splits, e.g. --fractions.train 0.8 --fractions.test 0.2",
        )
    counts = counts[:, counts.any(axis=0)]
    # relative to the category's size, so that rare categories weigh as much as frequent ones
    scaled = counts / counts.sum(axis=0)
    overall = counts.sum(axis=1, keepdims=True) / counts.sum() * np.sqrt(counts.shape[1])
    scaled = np.hstack([scaled, overall])
    targets = np.asarray(shares, dtype=np.float64)[:, None] * scaled.sum(axis=0)
    generator = np.random.default_rng(seed)
    orders = max(1, min(_MOST_ORDERS, _PLACEMENTS // len(counts)))
    best: tuple[float, Rows] | None = None
    for _ in range(orders):
        placed, distance = _place(scaled, targets, generator.permutation(len(counts)))
        if best is None or distance < best[0]:
            best = (distance, placed)
    assert best is not None
    return best[1]


def _place(scaled: Counts, targets: Counts, order: Rows) -> tuple[Rows, float]:
    missing = targets.copy()
    placed = np.zeros(len(scaled), dtype=np.int64)
    empty = set(range(len(targets)))
    for position, group in enumerate(order):
        # adding v to a split lowers |missing|² by 2 v·missing − |v|², and |v|² is the same everywhere
        gain = missing @ scaled[group]
        if len(order) - position <= len(empty):
            split = max(empty, key=lambda candidate: gain[candidate])
        else:
            split = int(gain.argmax())
        placed[group] = split
        missing[split] -= scaled[group]
        empty.discard(split)
    return placed, float(np.square(missing).sum())
