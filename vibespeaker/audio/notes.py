"""What a listener must know of a recording: what reading it changed, and what was noticed in it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vibespeaker.audio.decoding import Decoded
from vibespeaker.audio.files import MIN_DURATION, SILENT, decode_file, resample
from vibespeaker.audio.speech import Vad, holds_speech, seconds_of, speech_spans
from vibespeaker.errors import AudioError
from vibespeaker.utterance import SAMPLE_RATE, WHOLE, Excerpt

Waveform = npt.NDArray[np.float32]

#: Samples this near to the peak, of a peak this near to full scale, in at least this share, are clipped.
_AT_PEAK, _FULL_SCALE, _CLIPPED_SHARE = 0.999, 0.99, 1e-3
_BLOCK = 1 << 20
#: Of recordings from this length on (seconds), a share of speech below this is worth a note.
_LONG, _MOSTLY = 10.0, 0.5


@dataclass(frozen=True, eq=False)
class Heard:
    """A recording as the encoders take it, and the notes on it.

    Args:
        samples: `(samples,)` at 16 kHz, full scale ±1.
        notes: half a sentence each.
    """

    samples: Waveform
    notes: tuple[str, ...]


def hear(path: Path, excerpt: Excerpt = WHOLE) -> Heard:
    """Read as `read_audio` does, with notes on what was changed and noticed.

    Raises:
        AudioError: the file cannot be used.
    """
    decoded = decode_file(path, excerpt)
    return Heard(resample(decoded.samples, decoded.rate, SAMPLE_RATE), reading_notes(decoded, excerpt))


def reading_notes(decoded: Decoded, excerpt: Excerpt = WHOLE) -> tuple[str, ...]:
    """Return what was odd, mixed, resampled, clipped or silent about a recording that was read."""
    notes = list(decoded.remarks)
    if decoded.is_mixed:
        notes.append(f"the mean of {decoded.channels} channels")
    elif excerpt.channel is not None:
        notes.append(f"channel {excerpt.channel} of {decoded.channels}")
    if decoded.rate != SAMPLE_RATE:
        notes.append(f"resampled from {decoded.rate:,} Hz to {SAMPLE_RATE:,} Hz")
    if decoded.is_constant:
        notes.append(SILENT)
        return tuple(notes)
    samples = decoded.samples
    peak = max(float(samples.max()), -float(samples.min()))
    # block by block: an hour's magnitudes would take as much memory as the hour
    blocks = (samples[start : start + _BLOCK] for start in range(0, len(samples), _BLOCK))
    clipped = sum(int(np.count_nonzero(np.abs(block) >= _AT_PEAK * peak)) for block in blocks) / len(samples)
    if peak >= _FULL_SCALE and clipped > _CLIPPED_SHARE:
        notes.append(f"clipped: {100 * clipped:.1f} % of its samples lie at full scale")
    return tuple(notes)


def speech_notes(samples: Waveform, vad: Vad = "energy") -> tuple[str, ...]:
    """Return what is to be said where a recording holds little or no speech; nothing where it holds enough.

    Args:
        samples: `(samples,)` at 16 kHz.
        vad: the detector (`audio.speech`).
    """
    seconds, total = seconds_of(speech_spans(samples, vad)), len(samples) / SAMPLE_RATE
    if seconds == 0 and not holds_speech(samples, vad):
        return (f"no speech found (detector: {vad}): the numbers say nothing of a person",)
    if seconds == 0:
        return (f"speech is not clearly told from noise (detector: {vad})",)
    if total >= _LONG and seconds < _MOSTLY * total:
        return (f"{_length(seconds)} of {_length(total)} are speech (detector: {vad})",)
    return ()


def require_audible_length(samples: Waveform) -> None:
    """Refuse what is too short for any answer.

    Raises:
        AudioError: it lasts less than `MIN_DURATION`, as `prepare` drops it.
    """
    seconds = len(samples) / SAMPLE_RATE
    if seconds < MIN_DURATION:
        raise AudioError(
            "the recording is too short to hear anything in",
            found=f"{len(samples)} samples at {SAMPLE_RATE:,} Hz, {seconds:.4f} s",
            allowed=f"at least {MIN_DURATION:g} s",
        )


def _length(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} minutes"
