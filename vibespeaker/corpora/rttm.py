"""RTTM, what diarisers write: who speaks when, without emotions.

A line `SPEAKER call1 1 6.29 1.95 <NA> <NA> SPEAKER_00 <NA> <NA>` holds type, recording, channel, start and duration in
seconds, orthography, subtype, speaker, and confidences (NIST RT-09 evaluation plan, appendix A).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusReading, Problem
from vibespeaker.corpora.folder import without_suffix
from vibespeaker.corpora.lookup import AudioLookup
from vibespeaker.corpora.segment_files import SegmentAdapter
from vibespeaker.corpora.segments import seconds, segment_bounds, stem_of
from vibespeaker.corpora.tables import read_lines
from vibespeaker.corpora.text_files import normal
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Excerpt, Utterance, speaker_name

#: Names that a diariser gives, anew in every recording.
_ANONYMOUS = re.compile(r"(?:speaker|spk|spkr|s)?[_ -]?\d+|[a-z]", re.IGNORECASE)
_SPEAKERS = ("auto", "recording", "corpus")


@dataclass(frozen=True)
class RTTMTurn:
    """One line: recording, channel as written, start and end in seconds, speaker as written, empty for none."""

    recording: str
    channel: str
    start: float
    end: float
    speaker: str

    @property
    def channel_number(self) -> int:
        """The channel, from 1.

        Raises:
            ValueError: it is neither a number nor A or B.
        """
        return _channel(self.channel)


def rttm_turns(path: Path) -> tuple[list[RTTMTurn], list[Problem]]:
    """Return the lines of speakers in a file, and what cannot be read.

    Raises:
        CorpusError: the file cannot be read.
    """
    problems: list[Problem] = []
    return [turn for _, turn in _turns(path, path.name, problems, Counter())], problems


class RTTM(SegmentAdapter):
    """Rich Transcription Time Marked files: each SPEAKER line is an unlabelled utterance.

    The recording is found by its name, whatever its suffix. A channel counts where a recording has lines of several.

    Args:
        speakers: recording where a speaker's name means nothing outside of its recording, corpus where it is the same
            person everywhere; auto takes names such as SPEAKER_00 for the first, others for the second.
        corpus: the corpus's name.
        language: ISO 639-1 code.
        audio_folder: folder of the recordings; null for that of the annotations.
        licence: how the corpus may be used.
        citation: what to cite.
    """

    name = "rttm"
    licence = "not stated"
    citation = "not stated"

    def __init__(
        self,
        speakers: str = "auto",
        corpus: str = "rttm",
        language: str = "en",
        audio_folder: str | None = None,
        licence: str = "not stated",
        citation: str = "not stated",
    ) -> None:
        super().__init__(".rttm", corpus, language, audio_folder, licence, citation)
        if speakers not in _SPEAKERS:
            raise CorpusError("option speakers of rttm", found=speakers, allowed=_SPEAKERS)
        self._speakers = speakers

    def read(self, root: Path) -> CorpusReading:
        """Read a file, or all `.rttm` files below a folder.

        Raises:
            CorpusError: there is no file, or no line of one can be used.
        """
        audio = AudioLookup(self.audio_root(root))
        utterances: dict[str, Utterance] = {}
        places: dict[str, str] = {}
        problems: list[Problem] = []
        others: Counter[str] = Counter()
        turns = [turn for path, item in self._files(root) for turn in _turns(path, item, problems, others)]
        channels = defaultdict(set)
        for _, turn in turns:
            channels[turn.recording].add(turn.channel)
        for place, turn in turns:
            try:
                utterance = self._utterance(turn, audio, len(channels[turn.recording]) > 1)
                if utterance.utterance_id in utterances:
                    raise ValueError(f"{places[utterance.utterance_id]} names the same segment: it is used")
                utterances[utterance.utterance_id] = utterance
                places[utterance.utterance_id] = place
            except ValueError as error:
                problems.append(Problem.of(place, error))
        warnings = [f"{count:,} lines of type {kind} say nothing of speakers" for kind, count in sorted(others.items())]
        return self._reading(root, utterances, places, problems, warnings, self.label_set)

    def _utterance(self, turn: RTTMTurn, audio: AudioLookup, has_channels: bool) -> Utterance:
        path = audio.find(turn.recording)
        excerpt = Excerpt(turn.start, turn.end, turn.channel_number if has_channels else None)
        stem = stem_of(without_suffix(path), excerpt)
        local = self._speakers == "recording" or (self._speakers == "auto" and _ANONYMOUS.fullmatch(turn.speaker))
        speaker = f"{without_suffix(path)}/{turn.speaker}" if local else turn.speaker
        return Utterance(
            utterance_id=f"{self.name}/{stem}",
            corpus=self.name,
            audio=path,
            file_name=normal(PurePosixPath(path).name),
            speaker=speaker_name(self.name, speaker if turn.speaker else None, stem),
            language=self._language,
            start=excerpt.start,
            end=excerpt.end,
            channel=excerpt.channel,
        )


def _turns(path: Path, item: str, problems: list[Problem], others: Counter[str]) -> list[tuple[str, RTTMTurn]]:
    """Return the lines of speakers with their places; add what cannot be read, and count lines of other types."""
    turns = []
    for number, line in read_lines(path):
        fields = line.split()
        if not fields or line.startswith(";;"):
            continue
        if fields[0].upper() != "SPEAKER":
            others[fields[0][:20]] += 1
            continue
        try:
            turns.append((f"{item}:{number}", _turn(fields)))
        except ValueError as error:
            problems.append(Problem(f"{item}:{number}", str(error)))
    return turns


def _turn(fields: Sequence[str]) -> RTTMTurn:
    """Read the fields of a line.

    Raises:
        ValueError: there are too few or too many, or times are none.
    """
    if not 8 <= len(fields) <= 10:
        raise ValueError(f"{len(fields)} fields, a SPEAKER line has 9 or 10")
    _, recording, channel, first, lasting, _, _, speaker = (normal(field) for field in fields[:8])
    start, duration = seconds("start", first), seconds("duration", lasting)
    if start is None or duration is None:
        raise ValueError("start or duration is missing")
    _, end = segment_bounds(start, None, duration)
    assert end is not None
    return RTTMTurn(recording, channel, start, end, "" if speaker == "<NA>" else speaker)


def _channel(text: str) -> int:
    """Return a channel from 1: a number, or the letters A and B of telephone calls.

    Raises:
        ValueError: it is neither.
    """
    channel = {"A": 1, "B": 2}.get(text.upper()) or (int(text) if text.isdecimal() else 0)
    if channel < 1:
        raise ValueError(f"channel {text!r} is none of 1, 2, …")
    return channel
