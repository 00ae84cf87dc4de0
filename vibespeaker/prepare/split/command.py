"""`vibespeaker split`: speaker-disjoint splits of a manifest, or, by name, the leaking ones of the source."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console

from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.groups import ABLATION_FRACTION, DEFAULT_FRACTIONS, ablation_split
from vibespeaker.prepare.split.strategies import (
    UTTERANCE_FRACTIONS,
    group_folds,
    leave_one_out,
    official_split,
    shared_speakers,
    split_by_group,
    split_by_utterance,
)
from vibespeaker.prepare.terminal import summary_table

log = logging.getLogger(__name__)

SplitStrategy = Literal["speakers", "sessions", "utterances", "official", "ablation"]


def split(
    manifest: Path,
    out: Path = Path("split.parquet"),
    by: SplitStrategy = "speakers",
    fractions: dict[str, float] | None = None,
    folds: int | None = None,
    leave_out: Literal["speaker", "session", "corpus"] | None = None,
    validation: float = 0.1,
    seed: int = 0,
) -> int:
    """Give every utterance of a manifest a split; reads the table only.

    Utterances of one speaker, copies of one take and identical recordings stay together, and every split gets the same
    mixture of categories as far as that allows.

    Args:
        manifest: table that `vibespeaker prepare` or `combine` wrote; its splits are replaced.
        out: manifest to write; with folds or leave_out one file per fold, named after the fold or what is left out.
        by: speakers; sessions: whole recording sessions; utterances: as the source of the seven-class corpus, 80:20
            and again 80:20 by category alone, so that speakers leak; official: what corpora publish, speakers where
            they publish nothing; ablation: a tenth of train validates, development is tested on.
        fractions: split → share; 0.7 train, 0.15 development, 0.15 test by default, for utterances as the source.
        folds: make so many manifests, each with another fold of the speakers as test.
        leave_out: make one manifest for each speaker, session or corpus, with that as test.
        validation: share of the training speakers that validates, with folds and leave_out; 0 for none.
        seed: another seed gives another split.

    Returns:
        0, or 1 when speakers leak.

    Raises:
        ManifestError: there are fewer speakers than splits, or the shares are invalid.
    """
    table = Manifest.read(manifest)
    console = Console()
    if folds is not None or leave_out is not None:
        if folds is not None and leave_out is not None:
            raise ManifestError("folds and leave_out exclude each other", remedy="choose one")
        for name, made in _several(table, folds, leave_out, validation, seed):
            path = out.with_name(f"{out.stem}-{_file_name(name)}{out.suffix}")
            made.write(path)
            console.print(f"{_sizes(made)} → {path}", highlight=False)
        return 0
    made = split_as(table, by, fractions, seed)
    made.write(out)
    console.print(summary_table(made))
    console.print(f"{len(made):,} utterances → {out}", highlight=False)
    leaking = shared_speakers(made)
    if leaking:
        log.warning("%d speakers leak: they are in more than one split, so scores are optimistic", leaking)
    return 1 if leaking else 0


def split_as(
    manifest: Manifest, by: SplitStrategy, fractions: dict[str, float] | None = None, seed: int = 0
) -> Manifest:
    """Return the manifest split by one of the named strategies.

    Raises:
        ManifestError: see `split`.
    """
    if by == "utterances":
        return split_by_utterance(manifest, fractions or UTTERANCE_FRACTIONS, seed)
    if by == "official":
        return official_split(manifest, fractions or DEFAULT_FRACTIONS, seed)
    if by == "ablation":
        return ablation_split(manifest, ABLATION_FRACTION, seed)
    return split_by_group(manifest, by.removesuffix("s"), fractions or DEFAULT_FRACTIONS, seed)


def _several(
    table: Manifest, folds: int | None, leave_out: str | None, validation: float, seed: int
) -> Iterator[tuple[str, Manifest]]:
    if folds is not None:
        yield from ((f"fold{number}", made) for number, made in enumerate(group_folds(table, folds, validation, seed)))
    elif leave_out is not None:
        yield from leave_one_out(table, leave_out, validation, seed)


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+_-]+", "-", name).strip("-")


def _sizes(manifest: Manifest) -> str:
    splits = np.array(manifest.column("split"))
    return ", ".join(f"{int((splits == name).sum()):,} {name}" for name in dict.fromkeys(sorted(splits)))
