"""One recorded utterance, what it takes of its recording, and what is known of it."""

import hashlib
from dataclasses import dataclass, field, replace

from vibespeaker.errors import ConfigError

SAMPLE_RATE = 16_000

#: Official splits as corpora name them; null where a corpus has none.
SPLITS = ("train", "validation", "development", "test", "test1", "test2", "test3")


_UNKNOWN = "unknown"


def speaker_name(corpus: str, name: str | None, stem: str) -> str:
    """Return the `speaker` column of an utterance: `corpus/name`, so that speakers of two corpora never coincide.

    Args:
        corpus: short name.
        name: what the corpus calls the speaker; an unknown one (null or empty) is a speaker of its own.
        stem: the utterance id without the corpus.
    """
    return f"{corpus}/{name or f'{_UNKNOWN}/{stem}'}"


def is_unknown_speaker(speaker: str) -> bool:
    """Return whether `speaker_name` was given no name."""
    return f"/{_UNKNOWN}/" in speaker


def own_name(name: str, corpus: str) -> str:
    """Return a speaker, session or take as its corpus calls it, without the corpus before it."""
    return name.removeprefix(f"{corpus}/")


@dataclass(frozen=True, order=True)
class Excerpt:
    """What an utterance takes of its recording; all of it by default.

    Args:
        start: where it begins, in seconds; null for the beginning of the recording.
        end: where it ends, in seconds; null for the end of the recording.
        channel: of several channels, counted from 1; null for the mean of all.
    """

    start: float | None = None
    end: float | None = None
    channel: int | None = None

    @property
    def bounds(self) -> tuple[int, int | None]:
        """First sample at `SAMPLE_RATE`, and the one after the last; null for the end of the recording."""
        first = 0 if self.start is None else round(self.start * SAMPLE_RATE)
        return first, None if self.end is None else round(self.end * SAMPLE_RATE)

    def content_sha256(self, recording_sha256: str) -> str:
        """Return the hash by which this excerpt's audio is known: equal for what sounds equal, else different.

        It is the SHA-256 of the recording's own hash with both sample positions and the channel; the recording's hash
        itself when the excerpt is all of it.

        Args:
            recording_sha256: hash of the audio file's bytes, 64 hexadecimal digits.
        """
        first, last = self.bounds
        if (first, last, self.channel) == (0, None, None):
            return recording_sha256
        return hashlib.sha256(f"{recording_sha256} {first} {last} {self.channel}".encode()).hexdigest()


#: All of a recording.
WHOLE = Excerpt()

#: Words for the channels of recordings on a command line: the mean of all, or one utterance per channel.
MIX, EACH = "mix", "each"


@dataclass(frozen=True)
class Channels:
    """Which channels of recordings are heard.

    Args:
        number: one, counted from 1; null for the mean of all, or for all.
        are_all: True for every channel by itself.
    """

    number: int | None = None
    are_all: bool = False

    def excerpts(self, excerpt: Excerpt, channels: int) -> list[Excerpt]:
        """Return an excerpt by channel.

        Args:
            excerpt: one that names a channel stays as it is.
            channels: of the recording; one needs no number.
        """
        if excerpt.channel is not None or (self.are_all and channels == 1):
            return [excerpt]
        numbers = range(1, channels + 1) if self.are_all else [self.number]
        return [replace(excerpt, channel=number) for number in numbers]


def chosen_channels(text: str) -> Channels:
    """Return what `--channels` says: `mix`, `each` or a number from 1.

    Raises:
        ConfigError: it says something else.
    """
    if text in (MIX, EACH):
        return Channels(are_all=text == EACH)
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ConfigError("--channels is not understood", found=text, allowed=f"{MIX}, {EACH}, or a number from 1")
    return Channels(int(text))


@dataclass(frozen=True)
class Vote:
    """One rater's answer; every field may be unknown.

    Args:
        rater: the rater's published identifier.
        primary: emotion (`labels.EMOTIONS`) or null; free-text "other" answers are `labels.OTHER`.
        secondary: lower-case names as published, in the order given.
        arousal: 1–7, calm to active.
        valence: 1–7, negative to positive.
        dominance: 1–7, weak to strong.
    """

    rater: str | None = None
    primary: str | None = None
    secondary: tuple[str, ...] = ()
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None


@dataclass(frozen=True)
class Utterance:
    """One row of a manifest, as an adapter reads it from a corpus; `prepare` adds duration and content hash.

    Args:
        utterance_id: `corpus/relative/path/without/suffix`, unique.
        corpus: short name, e.g. `msp-podcast`.
        audio: path of the audio file relative to the manifest's root, with forward slashes; empty for an utterance
            that is a text alone.
        file_name: the published file name, e.g. `MSP-PODCAST_0002_0033.wav`.
        speaker: `corpus/speaker`, so that speakers of two corpora never coincide; never null: an utterance of
            unknown speaker is a speaker of its own.
        language: ISO 639-1 code.
        gender: `female`, `male` or null.
        split: one of `SPLITS` or null where the corpus has no official one.
        text: what was said, or null when unknown.
        text_origin: `human`, `script` (a prompt that was read) or `asr:<model>@<fingerprint>`; null without text.
        category: one of `labels.EMOTIONS` (`no_agreement` and `other` included) or null.
        arousal: 1–7 or null.
        valence: 1–7 or null.
        dominance: 1–7 or null.
        votes: every rater's answer, empty where unknown.
        sentence: identifier of the scripted sentence, or null for free speech.
        intensity: `normal`, `strong` or another published level; null where there is none.
        take: equal for copies of the same take (e.g. audio-only and audio-visual releases); null where unique.
        session: recording session or dialogue, null where there is none.
        start: where the utterance begins in the recording, in seconds; null for its beginning.
        end: where it ends, in seconds; null for the recording's end.
        channel: of a recording's channels, counted from 1; null for the mean of all.
    """

    utterance_id: str
    corpus: str
    audio: str
    file_name: str
    speaker: str
    language: str
    gender: str | None = None
    split: str | None = None
    text: str | None = None
    text_origin: str | None = None
    category: str | None = None
    arousal: float | None = None
    valence: float | None = None
    dominance: float | None = None
    votes: tuple[Vote, ...] = field(default=())
    sentence: str | None = None
    intensity: str | None = None
    take: str | None = None
    session: str | None = None
    start: float | None = None
    end: float | None = None
    channel: int | None = None

    @property
    def excerpt(self) -> Excerpt:
        """What the utterance takes of its recording."""
        return Excerpt(self.start, self.end, self.channel)
