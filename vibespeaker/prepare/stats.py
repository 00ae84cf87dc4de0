"""`vibespeaker stats`: corpus × emotion × split, beside the numbers that a source published."""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from vibespeaker.errors import ManifestError
from vibespeaker.files import write_text
from vibespeaker.files.outputs import check_folder
from vibespeaker.labels import LabelSet, label_set
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.balance_plan import TARGET, balanced_rows
from vibespeaker.prepare.counts import ALL, CorpusCounts, as_csv, as_markdown, count, terminal_table
from vibespeaker.prepare.label_map import Counts, LabelMap, read_label_map
from vibespeaker.prepare.split.strategies import UTTERANCE_FRACTIONS, split_by_group, split_by_utterance, stratified
from vibespeaker.progress import plain_console

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


def stats(
    manifests: list[Path],
    labels: str | None = None,
    protocol: Protocol = "as-is",
    target: int = TARGET,
    seed: int = 0,
    out: Path | None = None,
) -> int:
    """Count utterances by corpus, emotion and split; reads tables only.

    Args:
        manifests: one manifest, or several to be combined under the label map.
        labels: label map whose published numbers stand beside one's own, in brackets, e.g. corpora/seven.
        protocol: as-is shows the splits there are; speakers makes speaker-disjoint splits, and balances the
            training split alone; source repeats the order of the seven-class corpus's source, which balances before it
            splits validation off, so that copies of one clip are in both.
        target: utterances per class of the balanced training split.
        seed: of splitting and balancing.
        out: folder for `counts.csv`, `counts.md` and `counts.svg`.

    Raises:
        ManifestError: several manifests without a label map, or a file is no manifest.
    """
    if out is not None:
        check_folder(out, inputs=manifests, names=FILES)
    chosen = None if labels is None else read_label_map(labels)
    manifest = _read(manifests, chosen)
    found = statistics(manifest, chosen, protocol, target, seed)
    console = plain_console()
    for split in found.counts.splits:
        console.print(terminal_table(found.counts, split, found.published.get(split)))
    if found.published:
        console.print("in brackets: as published, where it differs")
    for note in found.notes:
        log.warning("%s", note)
    if out is not None:
        from vibespeaker.figures import corpus_bars, svg_bytes  # half a second, for a picture

        csv, markdown, picture = (out / name for name in FILES)
        write_text(csv, as_csv(found.counts))
        write_text(markdown, as_markdown(found.counts, found.published, found.notes))
        figure = corpus_bars(found.counts.splits, found.counts.corpora, found.counts.classes, f"protocol: {protocol}")
        write_text(picture, svg_bytes(figure).decode())
        log.info("wrote %s", out)
    return 0


def statistics(
    manifest: Manifest, labels: LabelMap | None, protocol: Protocol = "as-is", target: int = TARGET, seed: int = 0
) -> Statistics:
    """Count a manifest under a protocol; see `stats`.

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


def _read(manifests: list[Path], labels: LabelMap | None) -> Manifest:
    if len(manifests) == 1 and (labels is None or _fits(Manifest.read(manifests[0]), labels)):
        return Manifest.read(manifests[0])
    if labels is None:
        raise ManifestError("several manifests need a label map", remedy="add --labels, e.g. corpora/seven")
    from vibespeaker.prepare.combine import combine_files, left_out  # only where there are several

    combined = combine_files(manifests, labels)
    for warning in (*combined.warnings, *left_out(combined)):
        log.warning("%s", warning)
    return combined.manifest


def _fits(manifest: Manifest, labels: LabelMap) -> bool:
    return manifest.metadata.label_set == labels.labels.name


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
