"""MSP-Podcast: podcast speech with crowd-sourced categories and attributes, releases 1.6 to 2.0.

A clip is in the corpus when the consensus labels, `Partitions.txt` or the audio folder name it. The challenge's test
clips are in the last two only: they come without labels. A clip of unknown speaker is a speaker of its own.
"""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading, Problem
from vibespeaker.corpora.copies import Chosen, one_file_each
from vibespeaker.corpora.folder import list_files, require_folder, without_suffix
from vibespeaker.corpora.msp_lists import (
    Consensus,
    Speakers,
    find_entry,
    find_labels,
    read_consensus,
    read_partitions,
    read_speakers,
    read_transcripts,
)
from vibespeaker.corpora.msp_votes import Votes, read_votes
from vibespeaker.errors import CorpusError
from vibespeaker.labels import NO_AGREEMENT
from vibespeaker.utterance import Utterance, speaker_name

#: A file of this name in the corpus folder says that the speech is generated.
SYNTHETIC_MARK = "SYNTHETIC.json"

#: Release 1.12 as given to the challenge's teams.
_EXPECTED = {
    "train clips": 84_260,
    "development clips": 31_961,
    "test3 clips": 3_200,
    "train clips with agreement": 68_428,
    "development clips with agreement": 25_900,
    "votes": 649_102,
}
_UNLABELLED = Consensus(None, None, None, None, None, None, None)


@dataclass(frozen=True)
class _Lists:
    """All that is known of the clips, by file name without suffix."""

    audio: dict[str, str]
    consensus: dict[str, Consensus | None]
    partitions: dict[str, str]
    speakers: Speakers
    votes: Votes
    transcripts: dict[str, str]


class MSPPodcast(CorpusAdapter):
    """The MSP-Podcast corpus as published; challenge order of categories, O and X included."""

    name = "msp-podcast"
    label_set = "challenge"
    licence = "academic or commercial licence of The University of Texas at Dallas, on request"
    citation = "Lotfian & Busso (2019), IEEE Trans. Affective Computing 10(4), doi:10.1109/TAFFC.2017.2736999"

    def read(self, root: Path) -> CorpusReading:
        """Read a release: `Audios/`, the label folder, and where present the lists and transcripts.

        Raises:
            CorpusError: the audio folder or the consensus labels are missing, or a label file cannot be read.
        """
        require_folder(root, "MSP-Podcast")
        lists, problems, warnings = _read_lists(root)
        named = sorted({*lists.audio, *lists.consensus, *lists.partitions})
        problems += [
            Problem(f"{stem}.wav", "listed, but the audio folder has no such file", absent=True)
            for stem in named
            if stem not in lists.audio
        ]
        # null labels: the row was wrong and is among the problems
        stems = [stem for stem in named if stem in lists.audio and lists.consensus.get(stem, _UNLABELLED)]
        problems += [problem for stem in stems for problem in _remarks(stem, lists)]
        problems += [
            Problem(f"{stem}.wav", "rated in the detailed labels, but in no list and no audio folder")
            for stem in sorted(set(lists.votes.by_clip) - set(named))
        ]
        utterances = sorted((_utterance(stem, lists) for stem in stems), key=lambda found: found.utterance_id)
        synthetic = (root / SYNTHETIC_MARK).is_file()
        if not synthetic:
            warnings += _count_warning(utterances)
        return CorpusReading(tuple(utterances), tuple(sorted(problems)), tuple(warnings), synthetic)


def _read_lists(root: Path) -> tuple[_Lists, list[Problem], list[str]]:
    consensus_file = find_labels(root, "con[cs]ensus")
    if consensus_file is None:
        raise CorpusError(
            f"{root} holds no consensus labels",
            allowed="labels_consensus.csv or .json (up to release 1.9 labels_concensus) in Labels, labels or label",
            remedy="give the folder that holds Audios and Labels",
        )
    consensus, problems = read_consensus(consensus_file)
    chosen = _audio(root)
    audio = chosen.paths
    problems += chosen.problems
    warnings = list(chosen.warnings)
    votes = Votes()
    detailed_file = find_labels(root, "detailed")
    if detailed_file is None:
        warnings.append("no detailed labels (labels_detailed.csv or .json): the manifest has no votes")
    else:
        votes = read_votes(detailed_file)
        problems += votes.problems
    partitions: dict[str, str] = {}
    if (path := find_entry(root, r"partitions\.txt")) is not None:
        partitions, found = read_partitions(path)
        problems += found
    speakers = Speakers()
    if (path := find_entry(root, r"speaker_ids\.txt")) is not None:
        speakers, found = read_speakers(path)
        problems += found
    transcripts: dict[str, str] = {}
    if (path := find_entry(root, r"transcripts?")) is not None:
        transcripts = read_transcripts(path)
        stray = sorted(set(transcripts) - set(audio))
        if stray:
            warnings.append(f"{len(stray):,} transcripts of clips without audio, the first {stray[0]}.txt")
    return _Lists(audio, consensus, partitions, speakers, votes, transcripts), problems, warnings


def _audio(root: Path) -> Chosen:
    """Return the clips' audio paths relative to `root`."""
    folder = find_entry(root, r"audios?")
    if folder is None or not folder.is_dir():
        raise CorpusError(f"{root} holds no folder Audios", remedy="give the folder that holds Audios and Labels")
    paths = [f"{folder.name}/{path}" for path in list_files(folder)]
    chosen = one_file_each(root, paths, lambda path: PurePosixPath(path).stem)
    if not chosen.paths:
        raise CorpusError(f"{folder} holds no audio files")
    return chosen


def _labels(stem: str, lists: _Lists) -> Consensus:
    return lists.consensus.get(stem) or _UNLABELLED


def _split(stem: str, lists: _Lists) -> str | None:
    """Return a clip's split: from the labels, else the partitions, else a test clip's own name."""
    labelled = _labels(stem, lists).split
    in_name = re.match(r"MSP-PODCAST_(test[123])_", stem, re.IGNORECASE)
    return labelled or lists.partitions.get(stem) or (in_name[1].lower() if in_name else None)


def _remarks(stem: str, lists: _Lists) -> list[Problem]:
    labelled = _labels(stem, lists).split
    listed = lists.partitions.get(stem)
    if labelled and listed and labelled != listed:
        reason = f"{labelled} in the labels, {listed} in Partitions.txt: the labels are followed"
        return [Problem(lists.audio[stem], reason, dropped=False)]
    if _split(stem, lists) is None:
        return [Problem(lists.audio[stem], "no list names its split: kept without", dropped=False)]
    return []


def _utterance(stem: str, lists: _Lists) -> Utterance:
    labels = _labels(stem, lists)
    speaker = labels.speaker or lists.speakers.of_clip.get(stem)
    text = lists.transcripts.get(stem)
    podcast = re.match(r"MSP-PODCAST_(\d+)_", stem, re.IGNORECASE)
    return Utterance(
        utterance_id=f"msp-podcast/{without_suffix(lists.audio[stem])}",
        corpus="msp-podcast",
        audio=lists.audio[stem],
        file_name=f"{stem}.wav",
        speaker=speaker_name("msp-podcast", speaker, stem),
        language="en",
        gender=labels.gender or lists.speakers.gender.get(speaker or ""),
        split=_split(stem, lists),
        text=text,
        text_origin=None if text is None else "human",
        category=labels.category,
        arousal=labels.arousal,
        valence=labels.valence,
        dominance=labels.dominance,
        votes=tuple(lists.votes.by_clip.get(stem, ())),
        session=f"msp-podcast/{podcast[1]}" if podcast else None,
    )


def _count_warning(utterances: list[Utterance]) -> list[str]:
    """Compare with release 1.12; releases differ and copies may be partial, so this is a remark only."""
    counts = Counter[str]()
    for utterance in utterances:
        counts[f"{utterance.split} clips"] += 1
        counts[f"{utterance.split} clips with agreement"] += utterance.category not in (None, NO_AGREEMENT)
        counts["votes"] += len(utterance.votes)
    differing = [f"{counts[n]:,} instead of {wanted:,} {n}" for n, wanted in _EXPECTED.items() if counts[n] != wanted]
    return [f"counts differ from release 1.12 of the challenge: {', '.join(differing)}"] if differing else []
