"""Utterances by corpus, emotion and split, under the splits there are or a protocol of splitting and balancing."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from vibespeaker.labels import LabelSet, label_set
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.balance_plan import TARGET, balanced_rows
from vibespeaker.prepare.counts import ALL, CorpusCounts, count
from vibespeaker.prepare.label_map import Counts, LabelMap
from vibespeaker.prepare.split.strategies import UTTERANCE_FRACTIONS, split_by_group, split_by_utterance, stratified

log = logging.getLogger(__name__)

FILES = ("counts.csv", "counts.md", "counts.svg")
Protocol = Literal["as-is", "speakers", "source"]


@dataclass(frozen=True, eq=False)
class Statistics:
    """Counts to be shown.

    Args:
        counts: the tables.
        published: split → the source's table.
        notes: what must be known to read them.
    """

    counts: CorpusCounts
    published: Mapping[str, Counts]
    notes: tuple[str, ...]


def statistics(
    manifest: Manifest, labels: LabelMap | None, protocol: Protocol = "as-is", target: int = TARGET, seed: int = 0
) -> Statistics:
    """Count a manifest under a protocol; see `vibespeaker stats`.

    Raises:
        ManifestError: fewer speakers than splits.
    """
    classes = label_set(manifest.metadata.label_set)
    notes: list[str] = []
    if protocol == "speakers":
        manifest = split_by_group(manifest, "speaker", UTTERANCE_FRACTIONS, seed)
        frame = _balanced(_frame(manifest), classes, target, seed)
    elif protocol == "source":
        frame = _as_source(manifest, classes, target, seed)
        notes.append(_leak_note(frame))
    else:
        frame = _frame(manifest)
    counts = count(frame, classes.classes, () if labels is None else labels.corpora)
    if labels is None:
        return Statistics(counts, {}, tuple(notes))
    plain = protocol == "as-is"
    published = {split: table for split, table in labels.published.items() if split != ALL or plain}
    notes += _incomplete(_frame(manifest), labels) if plain else []
    return Statistics(counts, published, tuple(notes))


def _frame(manifest: Manifest) -> pd.DataFrame:
    return manifest.frame(["utterance_id", "corpus", "speaker", "category", "split"]).sort_values(
        "utterance_id", ignore_index=True
    )


def _balanced(frame: pd.DataFrame, labels: LabelSet, target: int, seed: int) -> pd.DataFrame:
    """Return the frame with its training rows repeated, or left out, as the balance plan shows them."""
    training = frame[frame["split"] == "train"]
    rows, _ = balanced_rows(training["category"].to_numpy(object), labels, target, seed)
    return pd.concat([training.iloc[rows], frame[frame["split"] != "train"]], ignore_index=True)


def _as_source(manifest: Manifest, labels: LabelSet, target: int, seed: int) -> pd.DataFrame:
    """Return rows as the source has them: test apart, the rest balanced, then split into train and validation."""
    fractions = {"train": 1 - UTTERANCE_FRACTIONS["test"], "test": UTTERANCE_FRACTIONS["test"]}
    frame = _frame(split_by_utterance(manifest, fractions, seed))
    share = UTTERANCE_FRACTIONS["train"] / fractions["train"]
    frame = _balanced(frame, labels, round(target / share), seed)
    pool = np.flatnonzero(frame["split"] == "train")
    strata = pd.factorize(frame["category"].iloc[pool], sort=True)[0]
    drawn = stratified(strata, [share, 1 - share], seed)
    splits = frame["split"].to_numpy(object).copy()
    splits[pool[drawn == 1]] = "validation"
    return frame.assign(split=splits)


def _leak_note(frame: pd.DataFrame) -> str:
    trained = set(frame["utterance_id"][frame["split"] == "train"])
    validated = frame["utterance_id"][frame["split"] == "validation"]
    copies = int(validated.isin(trained).sum())
    speakers = int((frame.groupby("speaker")["split"].nunique() > 1).sum())
    return (
        f"the source's protocol leaks: {copies:,} of {len(validated):,} validation rows are copies of training clips, "
        f"and {speakers} speakers are in more than one split; use it for comparison with the source only"
    )


def _incomplete(frame: pd.DataFrame, labels: LabelMap) -> list[str]:
    """Say where a corpus has other counts than it has when complete."""
    notes = []
    found = Counter(zip(frame["corpus"], frame["category"], strict=True))
    for corpus, wanted in labels.complete.items():
        own = {emotion: number for (name, emotion), number in found.items() if name == corpus}
        differing = [
            f"{own.get(name, 0):,} of {number:,} {name}"
            for name, number in wanted.items()
            if own.get(name, 0) != number
        ]
        if differing:
            notes.append(f"{corpus} is not complete, or was cleaned: {', '.join(differing)}")
    return notes
