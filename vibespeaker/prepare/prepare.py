"""Corpus folder → checked manifest: durations and content hashes, and one list of all that was wrong."""

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from vibespeaker.arguments.ranges import NOT_NEGATIVE, SEED, WORKERS, require
from vibespeaker.audio.files import MIN_DURATION, AudioFacts
from vibespeaker.audio.inspection import examine_all
from vibespeaker.corpora import adapter
from vibespeaker.corpora.base import CorpusAdapter, Problem
from vibespeaker.corpora.licences import GENERATED
from vibespeaker.errors import CorpusError
from vibespeaker.files.csv_text import write_csv
from vibespeaker.files.outputs import check_output
from vibespeaker.manifest import SCHEMA, Manifest, ManifestMetadata, build
from vibespeaker.prepare.channels import by_channel
from vibespeaker.prepare.copies import leave_out_copies
from vibespeaker.prepare.leaks import leaks_of
from vibespeaker.prepare.split.groups import without_speaker
from vibespeaker.prepare.split.strategies import DEFAULT_FRACTIONS, ablation_split, split_by_group
from vibespeaker.prepare.terminal import print_report
from vibespeaker.prepare.usable import usable_rows
from vibespeaker.utterance import MIX, Utterance, Vote, chosen_channels

logger = logging.getLogger(__name__)

Split = Literal["official", "ablation", "speakers"]


@dataclass(frozen=True)
class Prepared:
    """A prepared corpus.

    Args:
        manifest: the usable utterances, sorted by id.
        problems: what was dropped, and what was kept but is worth knowing, sorted.
        warnings: remarks on the corpus as a whole.
    """

    manifest: Manifest
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """True when every utterance of the corpus is in the manifest."""
        return not any(problem.dropped for problem in self.problems)


def prepare(
    format: str,
    path: Path,
    out: Path = Path("manifest.parquet"),
    split: Split = "official",
    seed: int = 0,
    fractions: dict[str, float] | None = None,
    min_duration: float = MIN_DURATION,
    channels: str = MIX,
    options: dict[str, Any] | None = None,
    workers: int | None = None,
) -> int:
    """Read a corpus folder as published, and write a manifest: one row per utterance.

    What could not be used is listed in a table and, whole, in a CSV file beside the manifest. An interrupted run
    goes on where it stopped.

    Args:
        format: corpus: msp-podcast, ravdess, emodb, crema-d, savee, tess, iemocap, emovo, urdu, nemo, meld or
            common-voice; a table of your own: vad-csv, emotion-csv, table; a folder for each emotion: folder; segments
            of recordings: table, rttm, textgrid. What each reads stands below.
        path: the corpus folder, or the table.
        out: manifest to write (Parquet).
        split: official keeps the corpus's own splits; ablation turns a tenth of train into validation and development
            into test, as in the source's ablations; speakers makes new, speaker-disjoint splits,
            sentence-disjoint where no speaker is known. Strategies beyond these are those of `vibespeaker split`.
        seed: of the ablation and speakers splits.
        fractions: shares of the speakers split, by default 0.7 train, 0.15 development, 0.15 test.
        min_duration: shorter audio is dropped, in seconds.
        channels: of recordings with several: mix takes their mean; each makes an utterance of every channel, as of
            calls with a speaker on each; a number takes that channel alone, counted from 1.
        options: options of the format, e.g. --options.channel song for RAVDESS, --options.columns.audio clip and
            --options.columns.speaker who for a table; each value is taken as it is typed.
        workers: files decoded at the same time, by default as many as there are cores.

    Returns:
        0, or 1 when something was dropped, or when splits share speakers, takes, or identical or near-identical audio.
    """
    problems_file = out.with_suffix(".problems.csv")
    table = [path] if path.is_file() else []
    check_output(out, inputs=table, suffixes=(".parquet",))
    check_output(problems_file, inputs=table)
    corpus = adapter(format, options)
    journal = out.with_name(f".{out.name}.examined")
    require(NOT_NEGATIVE, min_duration=min_duration)
    require(WORKERS, workers=workers)
    require(SEED, seed=seed)
    prepared = prepare_corpus(corpus, path, journal, options or {}, min_duration, workers, channels)
    prepared = replace(prepared, manifest=apply_split(prepared.manifest, split, seed, fractions))
    prepared.manifest.write(out)
    leaks = leaks_of(prepared.manifest)
    said = [*prepared.warnings, *without_speaker(prepared.manifest)] if split == "speakers" else [*prepared.warnings]
    said += [f"{leak}: scores are optimistic" for leak in leaks]
    write_problems(problems_file, prepared.problems)
    journal.unlink(missing_ok=True)
    print_report(prepared.manifest, prepared.problems, said, out, problems_file, ablation=split == "ablation")
    return 0 if prepared.complete and not leaks else 1


def prepare_corpus(
    corpus: CorpusAdapter,
    path: Path,
    journal: Path,
    options: Mapping[str, Any] | None = None,
    min_duration: float = MIN_DURATION,
    workers: int | None = None,
    channels: str = MIX,
) -> Prepared:
    """Read a corpus and examine its audio.

    Args:
        corpus: the adapter.
        path: the corpus folder.
        journal: where the findings on audio are kept meanwhile; remove it when the manifest is written.
        options: the adapter's options, for the manifest's history.
        min_duration: shorter audio is dropped, in seconds.
        workers: files decoded at the same time, by default as many as there are cores.
        channels: `mix`, `each` or a number from 1, see `prepare`.

    Raises:
        ConfigError: `channels` is none of these.
        CorpusError: the folder does not look like the corpus, or none of its audio can be used.
    """
    root = Path(os.path.abspath(path))
    chosen = chosen_channels(channels)
    reading = corpus.read(root)
    logger.info("%s: %d utterances listed", corpus.name, len(reading.utterances))
    root = corpus.audio_root(root)
    reading = by_channel(reading, chosen, root)
    facts = _examine(root, reading.utterances, journal, workers)
    reading, facts, copies = leave_out_copies(reading, facts)
    usable, problems = usable_rows(reading, facts, min_duration)
    if not usable:
        first = problems[0]
        raise CorpusError(f"{root} holds no usable audio", found=f"{first.item}: {first.reason}")
    synthetic = corpus.synthetic or reading.synthetic
    metadata = ManifestMetadata(
        root=str(root),
        label_set=reading.label_set or corpus.label_set,
        corpora=(corpus.name,),
        synthetic=synthetic,
        history=(
            {
                "step": "prepare",
                "format": corpus.name,
                "options": dict(options or {}),
                "min_duration": min_duration,
                **({} if channels == MIX else {"channels": channels}),
                # what is generated in a corpus's layout is not that corpus
                "licence": GENERATED if synthetic else corpus.licence,
                "citation": "nobody" if synthetic else corpus.citation,
            },
        ),
    )
    warnings = [*reading.warnings, *copies, *_count_warnings(corpus, reading.utterances)]
    return Prepared(build(_columns(usable), metadata), tuple(problems), tuple(warnings))


def apply_split(
    manifest: Manifest, split: Split, seed: int = 0, fractions: Mapping[str, float] | None = None
) -> Manifest:
    """Return the manifest with its splits as the option `--split` names them."""
    if split == "ablation":
        return ablation_split(manifest, seed=seed)
    if split == "speakers":
        return split_by_group(manifest, "speaker", fractions or DEFAULT_FRACTIONS, seed)
    return manifest


def write_problems(path: Path, problems: Sequence[Problem]) -> None:
    """Write all problems as CSV: `item`, `dropped` (yes or no), `reason`."""
    # what a partial copy lacks comes last, behind the faults of what is there
    ordered = sorted(problems, key=lambda problem: problem.absent)
    rows = ((problem.item, "yes" if problem.dropped else "no", problem.reason) for problem in ordered)
    write_csv(path, ("item", "dropped", "reason"), rows)


def _examine(root: Path, utterances: Sequence[Utterance], journal: Path, workers: int | None) -> list[AudioFacts]:
    """Examine what has audio; of a text alone there is nothing to find."""
    recorded = [row for row, utterance in enumerate(utterances) if utterance.audio]
    facts = [AudioFacts()] * len(utterances)
    paths, excerpts = [root / utterances[row].audio for row in recorded], [utterances[row].excerpt for row in recorded]
    found = examine_all(paths, excerpts, journal, workers)
    for row, fact in zip(recorded, found, strict=True):
        facts[row] = fact
    return facts


def _columns(usable: Sequence[tuple[Utterance, AudioFacts]]) -> dict[str, Sequence[Any]]:
    measured = ("duration", "fingerprint", "level_db", "snr_db")
    columns: dict[str, Sequence[Any]] = {
        name: [getattr(utterance, name) for utterance, _ in usable]
        for name in SCHEMA.names
        if name not in (*measured, "audio_sha256", "recording_sha256", "votes")
    }
    columns["votes"] = [[_vote(vote) for vote in utterance.votes] for utterance, _ in usable]
    columns.update((name, [getattr(fact, name) for _, fact in usable]) for name in measured)
    columns["audio_sha256"] = [fact.sha256 for _, fact in usable]
    columns["recording_sha256"] = [fact.recording_sha256 for _, fact in usable]
    return columns


def _vote(vote: Vote) -> dict[str, Any]:
    return {**vars(vote), "secondary": list(vote.secondary)}


def _count_warnings(corpus: CorpusAdapter, utterances: Sequence[Utterance]) -> list[str]:
    """Compare with the published counts: of all utterances, and of each category."""
    warnings = []
    if corpus.expected_utterances not in (None, len(utterances)):
        published = f"{corpus.name} as published has {corpus.expected_utterances:,}"
        warnings.append(f"{len(utterances):,} utterances listed where {published}")
    found = Counter(utterance.category for utterance in utterances)
    expected = corpus.expected_categories
    differing = [f"{found[name]:,} of {count:,} {name}" for name, count in expected.items() if found[name] != count]
    if differing:
        warnings.append(f"categories differ from {corpus.name} as published: {', '.join(differing)}")
    return warnings
