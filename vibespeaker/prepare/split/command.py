"""`vibespeaker split`: splits of a manifest that share no speaker, or what else is asked for."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from vibespeaker.arguments.ranges import SEED, SHARE, SHARE_BELOW_ONE, Range, require, require_each
from vibespeaker.errors import ManifestError
from vibespeaker.files.outputs import check_different, check_output, plain_name
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.leaks import leaks_of
from vibespeaker.prepare.split.crossed import split_by_speakers_and_sentences
from vibespeaker.prepare.split.folds import group_folds, leave_one_out
from vibespeaker.prepare.split.groups import Key, without_speaker
from vibespeaker.prepare.split.named_speakers import read_speakers, split_by_names
from vibespeaker.prepare.split.published import published_folds
from vibespeaker.prepare.split.strategies import (
    DEFAULT_FRACTIONS,
    GROUPED,
    UTTERANCE_FRACTIONS,
    SplitStrategy,
    ablation_split,
    official_split,
    split_by_group,
    split_by_utterance,
)
from vibespeaker.prepare.terminal import summary_table
from vibespeaker.progress import plain_console
from vibespeaker.utterance import own_name

log = logging.getLogger(__name__)


def split(
    manifest: Path,
    out: Path = Path("split.parquet"),
    by: SplitStrategy | Path = "speakers",
    fractions: dict[str, float] | None = None,
    speakers: dict[str, str | int | list[str | int]] | Path | None = None,
    folds: int | None = None,
    leave_out: Literal["speaker", "session", "corpus"] | None = None,
    validation: float = 0.1,
    seed: int = 0,
) -> int:
    """Give every utterance of a manifest a split; reads the table only.

    Utterances of one speaker, of one take, and identical or near-identical recordings stay together, and every split
    gets the same mixture of categories as far as that allows. What splits share all the same, because the strategy or
    the publisher does not care, is named; the manifest is written in any case.

    Strategies: speakers keeps each speaker in one split (of unknown speakers, each sentence). sessions keeps whole
    recording sessions together. sentences keeps each scripted sentence in one split; speakers are shared.
    speakers+sentences shares neither: utterances that would leak get no split where every speaker says every sentence.
    utterances is as the source of the seven-class corpus, 80:20 and again 80:20 by category alone, so that speakers
    leak. official is what corpora publish, speakers where they publish nothing. ablation makes a tenth of train
    validation, and development test. A path is a published split: EmoBox's folder with fold_<k>, or a table with
    utterance_id or file_name, and split, fold or both.

    Args:
        manifest: table that `vibespeaker prepare` or `combine` wrote; its splits are replaced.
        out: manifest to write; with several folds, or leave_out, one file each, named after the fold or what is left
            out.
        by: speakers, sessions, sentences, speakers+sentences, utterances, official, ablation, or a path.
        fractions: split → share; 0.7 train, 0.15 development, 0.15 test by default, for utterances as the source.
        speakers: split → speakers as the corpus calls them, such as --speakers.test 17-24 or --speakers.test 03,08, or
            a YAML or JSON file that says so; the others go to the remaining splits, or where fractions say.
        folds: make so many manifests, each with another fold of the speakers (or of what else by names) as test.
        leave_out: make one manifest for each speaker, session or corpus, with that as test.
        validation: share of the training speakers that validates, with folds and leave_out; 0 for none.
        seed: another seed gives other splits.

    Returns:
        0, or 1 when splits share speakers, takes, or identical or near-identical recordings.

    Raises:
        ManifestError: there are fewer groups than splits, the shares are none, options exclude each other, or a
            published split fits no utterance.
    """
    require(Range(2, whole=True), folds=folds)
    require(SHARE_BELOW_ONE, validation=validation)
    require(SEED, seed=seed)
    if fractions is not None:
        require_each(SHARE, "fractions", fractions.items())
    _refuse_contradictions(by, fractions, speakers, folds, leave_out)
    published = [one for one in (by, speakers) if isinstance(one, Path)]
    check_output(out, inputs=published, suffixes=(".parquet",))
    table = Manifest.read(manifest)
    for sentence in without_speaker(table):
        log.warning("%s", sentence)
    console = plain_console()
    status = 0
    written: list[Path] = []
    for name, made in splits_of(table, by, fractions, speakers, folds, leave_out, validation, seed):
        path = out.with_name(_file_name(out.stem, name) + out.suffix) if name else out
        check_output(path, inputs=published)
        check_different([*written, path])
        made.write(path)
        written.append(path)
        if name:
            console.print(f"{_sizes(made)} → {path}", highlight=False)
        else:
            console.print(summary_table(made))
            console.print(f"{len(made):,} utterances → {path}", highlight=False)
        for leak in leaks_of(made):
            log.warning("%s: %s: scores are optimistic", path.name, leak)
            status = 1
    return status


def split_as(
    manifest: Manifest, by: SplitStrategy, fractions: Mapping[str, float] | None = None, seed: int = 0
) -> Manifest:
    """Return the manifest split by a named strategy.

    Raises:
        ManifestError: see `split`.
    """
    if by == "utterances":
        return split_by_utterance(manifest, fractions or UTTERANCE_FRACTIONS, seed)
    if by == "official":
        return official_split(manifest, fractions or DEFAULT_FRACTIONS, seed)
    if by == "ablation":
        return ablation_split(manifest, seed=seed)
    if by == "speakers+sentences":
        return split_by_speakers_and_sentences(manifest, fractions or DEFAULT_FRACTIONS, seed)
    return split_by_group(manifest, GROUPED[by], fractions or DEFAULT_FRACTIONS, seed)


def splits_of(
    table: Manifest,
    by: SplitStrategy | Path,
    fractions: Mapping[str, float] | None = None,
    speakers: Mapping[str, str | int | list[str | int]] | Path | None = None,
    folds: int | None = None,
    leave_out: str | None = None,
    validation: float = 0.1,
    seed: int = 0,
) -> Iterator[tuple[str, Manifest]]:
    """Yield the manifests that `split` writes, with the name of the fold or of what is left out; one split has none.

    Raises:
        ManifestError: see `split`.
    """
    if isinstance(by, Path):
        for name, made in published_folds(table, by, validation, seed):
            yield name and f"fold{name}", made
    elif folds is not None:
        for number, made in enumerate(group_folds(table, folds, validation, seed, _keys(by))):
            yield f"fold{number}", made
    elif leave_out is not None:
        yield from leave_one_out(table, leave_out, validation, seed)
    elif speakers is not None:
        named = read_speakers(speakers) if isinstance(speakers, Path) else speakers
        yield "", split_by_names(table, named, fractions, seed)
    else:
        yield "", split_as(table, by, fractions, seed)


def _refuse_contradictions(
    by: SplitStrategy | Path,
    fractions: Mapping[str, float] | None,
    speakers: object,
    folds: int | None,
    leave_out: str | None,
) -> None:
    """Refuse options of which one would be ignored."""
    given = {
        "--by": by != "speakers",
        "--fractions": fractions is not None,
        "--speakers": speakers is not None,
        "--folds": folds is not None,
        "--leave_out": leave_out is not None,
    }
    together = {("--fractions", "--speakers")}
    if not isinstance(by, Path):
        together |= {("--by", "--fractions")} if by != "ablation" else set()
        together |= {("--by", "--folds")} if _keys(by) else set()
    named = [name for name, is_given in given.items() if is_given]
    excluding = [(a, b) for i, a in enumerate(named) for b in named[i + 1 :] if (a, b) not in together]
    if excluding:
        raise ManifestError(
            f"{' and '.join(excluding[0])} exclude each other",
            found=f"--by {by}" if "--by" in excluding[0] else None,
            remedy="leave one of them out",
        )


def _keys(by: SplitStrategy) -> tuple[Key, ...]:
    """Return what makes a group; nothing for strategies that have none."""
    return ("speaker", "sentence") if by == "speakers+sentences" else (GROUPED[by],) if by in GROUPED else ()


def _file_name(stem: str, name: str) -> str:
    """Return `stem-name`; the corpus before a speaker's name is not said twice: `emovo-m1`, not `emovo-emovo-m1`."""
    corpus, _, _ = name.partition("/")
    if f"-{corpus}-" in f"-{stem}-":
        name = own_name(name, corpus)
    return f"{stem}-" + plain_name(name)


def _sizes(manifest: Manifest) -> str:
    splits = np.array(["no split" if name is None else name for name in manifest.column("split")])
    return ", ".join(f"{int((splits == name).sum()):,} {name}" for name in sorted(set(splits.tolist())))
