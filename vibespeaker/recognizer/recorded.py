"""What is to be answered, in main memory: samples with what is known of them, from files, bytes or arrays."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from vibespeaker.arguments.ranges import Range, require
from vibespeaker.audio.decoding import MAX_RATE, MIN_RATE
from vibespeaker.audio.files import Waveform, resample
from vibespeaker.audio.foreign import hear_any
from vibespeaker.audio.mixing import Mixer, fitted
from vibespeaker.audio.opening import UnusableError
from vibespeaker.errors import AudioError
from vibespeaker.utterance import SAMPLE_RATE, WHOLE, Excerpt

#: A path, a file's bytes, or samples `(samples,)` or `(samples, channels)`.
Sound: TypeAlias = str | Path | bytes | npt.ArrayLike


@dataclass(frozen=True)
class Turn:
    """When somebody speaks.

    Args:
        start: seconds from the beginning of the recording.
        end: seconds, behind `start`.
        speaker: who; null when unknown.
    """

    start: float
    end: float
    speaker: str | None = None


@dataclass(frozen=True, eq=False)
class Recorded:
    """A recording, or a stretch of one.

    Args:
        samples: `(samples,)` at 16 kHz, full scale ±1.
        notes: what reading changed and noticed, half a sentence each.
        file: its name, null for samples.
        start: where it begins in its recording, in seconds.
        end: where it ends, null for the recording's end.
        channel: counted from 1, null for the mean of all.
        text: the transcript where it is known.
        speaker: who speaks, null when unknown.
        turns: stretches to answer by themselves; without any, the recogniser cuts it where it is long.
    """

    samples: Waveform
    notes: tuple[str, ...] = ()
    file: str | None = None
    start: float = 0.0
    end: float | None = None
    channel: int | None = None
    text: str | None = None
    speaker: str | None = None
    turns: Sequence[Turn] = ()

    @property
    def seconds(self) -> float:
        """Its duration."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def ends(self) -> float:
        """Where it ends in its recording, in seconds."""
        return self.start + self.seconds if self.end is None else self.end

    def part(self, turn: Turn) -> "Recorded":
        """Return a stretch of it, its times those of the recording."""
        first, last = round(turn.start * SAMPLE_RATE), round(turn.end * SAMPLE_RATE)
        return replace(
            self,
            samples=self.samples[first:last],
            notes=(),
            start=self.start + turn.start,
            end=self.start + turn.end,
            speaker=turn.speaker,
            turns=(),
        )


def recorded(sound: Sound, rate: int | None = None, excerpt: Excerpt = WHOLE) -> Recorded:
    """Read a recording.

    Args:
        sound: see `Sound`; samples are floating-point numbers within full scale ±1, or integers of their type's scale.
        rate: Hz of samples; null where it is a file.
        excerpt: what to read of a file, or of its bytes.

    Raises:
        AudioError: it cannot be used, or samples come without their rate.
    """
    if isinstance(sound, str | Path):
        heard = hear_any(Path(sound), excerpt)
        start = excerpt.start or 0.0
        return Recorded(heard.samples, heard.notes, str(sound), start, excerpt.end, excerpt.channel)
    if isinstance(sound, bytes):
        return _of_bytes(sound, excerpt)
    if rate is None:
        raise AudioError("samples come without their rate", remedy="say it: recognizer(samples, rate=16_000)")
    return _of_samples(np.asarray(sound), rate)


def _of_bytes(content: bytes, excerpt: Excerpt) -> Recorded:
    """Read a file's bytes; decoders read files, by their number."""
    with tempfile.NamedTemporaryFile(prefix="vibespeaker-") as file:
        file.write(content)
        file.flush()
        try:
            heard = hear_any(Path(file.name), excerpt)
        except AudioError as error:
            said = error.problem.replace(f"audio file {file.name}", "the audio that was given")
            said = said.replace(f"file:{file.name}: ", "")  # as ffmpeg calls it
            raise AudioError(said, remedy="give another recording, or convert it to WAV or FLAC") from error
    return Recorded(heard.samples, heard.notes, None, excerpt.start or 0.0, excerpt.end, excerpt.channel)


def _of_samples(samples: npt.NDArray[np.generic], rate: int) -> Recorded:
    require(Range(MIN_RATE, MAX_RATE), rate=rate)
    if samples.ndim not in (1, 2) or samples.size == 0 or samples.dtype.kind not in "fiu":
        raise AudioError(
            "samples are no recording",
            found=f"{samples.dtype} of shape {samples.shape}",
            allowed="numbers of shape (samples,) or (samples, channels), at least one",
        )
    scale = 1.0 if samples.dtype.kind == "f" else float(2 ** (8 * samples.dtype.itemsize - 1))
    values = samples.astype(np.float32)
    if samples.dtype.kind == "u":
        values -= np.float32(scale)
    values = (values / np.float32(scale)).reshape(len(samples), -1)
    mixer = Mixer(values.shape[1], None, len(values))
    try:
        mixer.add(values)
        if mixer.cancels:
            alone = mixer.loudest
            notes: tuple[str, ...] = (mixer.cancellation(),)
            mixer = Mixer(values.shape[1], alone, len(values))
            mixer.add(values)
        else:
            notes = (f"the mean of {values.shape[1]} channels",) if values.shape[1] > 1 else ()
    except UnusableError as error:
        raise AudioError(f"the samples cannot be used: {error}") from error
    mono, changes = fitted(mixer.samples().copy(), max(mixer.highest, -mixer.lowest), "FLOAT")
    if rate != SAMPLE_RATE:
        changes = (*changes, f"resampled from {rate:,} Hz to {SAMPLE_RATE:,} Hz")
    return Recorded(resample(mono, rate, SAMPLE_RATE), (*notes, *changes))
