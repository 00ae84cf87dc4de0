"""What every recogniser of speech is: samples in, a text out, with times where it knows them, and what it is."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from vibespeaker.audio.speech import Vad, holds_speech
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import Fingerprint
from vibespeaker.utterance import SAMPLE_RATE

Waveform = npt.NDArray[np.float32]
_Timed = TypeVar("_Timed", bound="Timed")

WINDOW_SAMPLES = 30 * SAMPLE_RATE
#: Long clips are cut where the last five seconds of a window are quietest for a tenth of a second.
_SEARCH_SAMPLES = 5 * SAMPLE_RATE
_QUIET_SAMPLES = SAMPLE_RATE // 10
NO_SPEECH = "holds no speech"


@dataclass(frozen=True)
class Timed:
    """What was said, and when.

    Args:
        text: words with one blank between them.
        start: seconds from the beginning of the clip.
        end: seconds from the beginning of the clip, `start` or later.
    """

    text: str
    start: float
    end: float


class Word(Timed):
    """One word, without blanks."""


class Segment(Timed):
    """Words that were said in a row, such as a sentence."""


@dataclass(frozen=True)
class Transcript:
    """What was said in a clip.

    Args:
        text: words with one blank between them; empty where nothing was said.
        words: the words in order with their times; None where the recogniser does not know them.
        segments: the text in stretches with their times, as finely as the recogniser knows them. `recognize` may leave
            them out; `transcribe` then has the text of each window at the window's times.
    """

    text: str
    words: tuple[Word, ...] | None = None
    segments: tuple[Segment, ...] = ()

    @property
    def timed(self) -> tuple[Timed, ...]:
        """The finest times known: words, or else segments."""
        return self.words or self.segments


class Transcriber(ABC):
    """Turns waveforms into texts, the same texts every time, whatever clips came before.

    A clip over 30 s is cut at pauses into windows of at most 30 s, whose texts are joined. A window that certainly
    holds no speech (`audio.speech`) has an empty text, where recognisers would make words up.

    Attributes:
        name: of the model, as `text_origin` has it.
        batch_size: windows that are transcribed together.
        vad: detector of `audio.speech`.
    """

    name: str
    batch_size: int = 1
    vad: Vad = "energy"

    @cached_property
    def notes(self) -> Counter[str]:
        """What kept windows from having a text, or changed it → how many of them since it was made."""
        return Counter()

    @property
    @abstractmethod
    def languages(self) -> tuple[str, ...]:
        """ISO codes of the languages that it knows; empty where it cannot tell which, and takes any."""

    @abstractmethod
    def fingerprint(self) -> Fingerprint:
        """Return what decides the texts besides the language, such as class, weights, search and `vad`."""

    @abstractmethod
    def recognize(self, windows: Sequence[Waveform], language: str | None) -> list[Transcript]:
        """Return what is said in each window.

        Args:
            windows: up to `batch_size`, at least one, each `(samples,)`, float32 at 16 kHz, of at most 30 s, with what
                may be speech.
            language: one of `languages`; None where nobody said which.
        """

    @property
    def origin(self) -> str:
        """What a manifest's `text_origin` says of its texts: `asr:<model>@<12 digits of the fingerprint>`."""
        return f"asr:{self.name}@{self.fingerprint().digest[:12]}"

    def __call__(self, samples: Waveform, language: str | None = None) -> Transcript:
        """Return what is said in `(samples,)`, float32 at 16 kHz; otherwise as `transcribe`."""
        return self.transcribe([samples], language)[0]

    def transcribe(self, clips: Sequence[Waveform], language: str | None = None) -> list[Transcript]:
        """Return what is said in each clip.

        Args:
            clips: each `(samples,)`, float32 at 16 kHz.
            language: ISO code of the language of all of them; None lets the model detect it, clip by clip.

        Raises:
            ConfigError: it does not know the language.
        """
        self.check_language(language)
        windows = [(row, *window) for row, clip in enumerate(clips) for window in _windows(np.asarray(clip))]
        audible = [window for window in windows if holds_speech(window[2], self.vad)]
        if len(audible) < len(windows):
            self.notes[NO_SPEECH] += len(windows) - len(audible)
        found: list[list[Transcript]] = [[] for _ in clips]
        for start in range(0, len(audible), self.batch_size):
            batch = audible[start : start + self.batch_size]
            said = self.recognize([window for _, _, window in batch], language)
            for (row, first, window), transcript in zip(batch, said, strict=True):
                found[row].append(_placed(transcript, first / SAMPLE_RATE, len(window) / SAMPLE_RATE))
        return [_joined(own) for own in found]

    def check_language(self, language: str | None) -> None:
        """Refuse a language that it does not know.

        Raises:
            ConfigError: listing those that it knows.
        """
        known = self.languages
        if language is not None and known and language not in known:
            raise ConfigError(
                f"{self.name} does not know the language", found=language, allowed=known, remedy="use language auto"
            )


def split_at_pauses(clip: Waveform) -> list[Waveform]:
    """Cut a clip into windows of at most 30 s, where it is quiet.

    Args:
        clip: `(samples,)` at 16 kHz.
    """
    windows = []
    while len(clip) > WINDOW_SAMPLES:
        first = WINDOW_SAMPLES - _SEARCH_SAMPLES
        energy = np.cumsum(np.square(clip[first:WINDOW_SAMPLES], dtype=np.float64))
        quietest = int(np.argmin(energy[_QUIET_SAMPLES:] - energy[:-_QUIET_SAMPLES]))
        cut = first + quietest + _QUIET_SAMPLES // 2
        windows.append(clip[:cut])
        clip = clip[cut:]
    return [*windows, clip]


def _windows(clip: Waveform) -> list[tuple[int, Waveform]]:
    """Return windows with the number of their first sample."""
    windows = split_at_pauses(clip)
    ends = np.cumsum([len(window) for window in windows]).tolist()
    return list(zip([0, *ends[:-1]], windows, strict=True))


def _placed(transcript: Transcript, start: float, duration: float) -> Transcript:
    """Return a window's transcript with times in its clip; a text without any has those of the window."""
    segments = transcript.segments
    if transcript.text and not segments:
        segments = (Segment(transcript.text, 0.0, duration),)
    words = None if transcript.words is None else _later(transcript.words, start)
    return Transcript(transcript.text, words, _later(segments, start))


def _later(timed: tuple[_Timed, ...], seconds: float) -> tuple[_Timed, ...]:
    return tuple(replace(one, start=one.start + seconds, end=one.end + seconds) for one in timed)


def _joined(transcripts: Sequence[Transcript]) -> Transcript:
    """Join a clip's windows; without any, nothing was said."""
    text = " ".join(transcript.text for transcript in transcripts if transcript.text)
    segments = tuple(segment for transcript in transcripts for segment in transcript.segments)
    if any(transcript.words is None for transcript in transcripts):
        return Transcript(text, None, segments)
    return Transcript(text, tuple(word for transcript in transcripts for word in transcript.words or ()), segments)
