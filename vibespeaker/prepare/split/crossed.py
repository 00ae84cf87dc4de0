"""Splits that share neither speakers nor sentences.

Where few utterances share a sentence, those that share a speaker or a sentence, directly or through others, stay
together, and every utterance finds a split. In acted corpora every speaker says every sentence: all utterances are one
such group. There speakers are split, and sentences are split, and an utterance whose speaker and sentence are of
different splits is left out of all of them: its split is null.
"""

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

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
from vibespeaker.prepare.split.strategies import require_shares
from vibespeaker.utterance import is_unknown_speaker

log = logging.getLogger(__name__)

_DRAWS = 16


def split_by_speakers_and_sentences(manifest: Manifest, fractions: Mapping[str, float], seed: int = 0) -> Manifest:
    """Make splits that share neither speakers nor sentences; utterances that would leak get no split.

    Nothing is left out where no group of utterances that hang together is larger than the largest split.

    Args:
        manifest: its own splits are overwritten.
        fractions: split → its share of the utterances that get one; the shares add up to 1.
        seed: another seed gives another split.

    Raises:
        ManifestError: fractions that are no shares, an unknown split, no utterance with a sentence, fewer speakers or
            sentences than splits, or none of the draws leaves every split an utterance.
    """
    require_shares(fractions)
    if manifest.table.column("sentence").null_count == len(manifest):
        raise ManifestError("no utterance names a sentence", remedy="split --by speakers")
    shares = np.array(list(fractions.values()))
    categories = category_codes(manifest)
    groups = belonging_together(manifest, "speaker", "sentence")
    counts = group_counts(groups, categories)
    if len(counts) >= len(shares) and counts.sum(axis=1).max() <= max(shares) * len(manifest):
        numbers = assign_groups(counts, shares.tolist(), seed)[groups]
    else:
        numbers = _crossed(manifest, categories, shares, seed)
        _say_what_is_left_out(numbers, int(counts.sum(axis=1).max()))
    names = np.array([*fractions, None], dtype=object)
    step = {"step": "split", "by": "speaker+sentence", "fractions": dict(fractions), "seed": seed}
    return manifest.with_columns({"split": names[numbers].tolist()}, step)


def _crossed(
    manifest: Manifest, categories: Rows, shares: "np.ndarray[tuple[int], np.dtype[np.float64]]", seed: int
) -> Rows:
    """Return `(N,)` number of each row's split, -1 for none."""
    # an utterance stays when its speaker and its sentence fall to the same split, so the shares are products
    roots = np.sqrt(shares) / np.sqrt(shares).sum()
    sides = {key: _side(manifest, key) for key in ("speaker", "sentence")}
    best: tuple[float, Rows] | None = None
    for draw in range(_DRAWS):
        drawn = {}
        for key, (groups, _) in sides.items():
            drawn[key] = assign_groups(group_counts(groups, categories), roots.tolist(), [seed, draw], key)[groups]
        numbers = drawn["speaker"].copy()
        (_, speaker_counts), (_, sentence_counts) = sides["speaker"], sides["sentence"]
        numbers[sentence_counts & ~speaker_counts] = drawn["sentence"][sentence_counts & ~speaker_counts]
        numbers[sentence_counts & speaker_counts & (drawn["speaker"] != drawn["sentence"])] = -1
        found = np.bincount(numbers[numbers >= 0], minlength=len(shares))
        distance = float(np.abs(found / max(found.sum(), 1) - shares).sum())
        if found.all() and (best is None or distance < best[0]):
            best = (distance, numbers)
    if best is None:
        raise ManifestError(
            "no draw of speakers and sentences leaves an utterance in every split",
            found=f"{len(manifest):,} utterances for {len(shares)} splits",
            remedy="ask for fewer splits, e.g. --fractions.train 0.8 --fractions.test 0.2, or split --by speakers",
        )
    return best[1]


def _side(manifest: Manifest, key: Key) -> tuple[Rows, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]:
    """Return `(N,)` groups by speaker or by sentence, and `(N,)` whether somebody in the row's group names one."""
    groups = belonging_together(manifest, key)
    values = manifest.column(key)
    named = np.array([value is not None and not (key == "speaker" and is_unknown_speaker(value)) for value in values])
    return groups, pd.Series(named).groupby(groups).transform("any").to_numpy()


def _say_what_is_left_out(numbers: Rows, largest: int) -> None:
    left_out = int((numbers < 0).sum())
    log.warning(
        "%s of %s utterances hang together by speakers and sentences: %s whose speaker and sentence fall to different "
        "splits are left out (no split)",
        f"{largest:,}",
        f"{len(numbers):,}",
        f"{left_out:,}",
    )
