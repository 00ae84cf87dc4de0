"""From an open file to samples of one channel, block by block: the only place where libsndfile is asked to read.

Memory is bounded by `MAX_SAMPLES` and one block, whatever the header says: the number of samples that it promises is
compared with what was read, never believed.
"""

import io
import os
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import soundfile

from vibespeaker.audio.containers import require_whole
from vibespeaker.audio.mixing import Mixer, fitted
from vibespeaker.audio.mp3 import DECODER_DELAY, Frames, Stream, find_frames
from vibespeaker.audio.opening import UnusableError
from vibespeaker.corpora.audio_formats import DECODED
from vibespeaker.utterance import Excerpt

Waveform = npt.NDArray[np.float32]

#: Most samples of one recording, at its own rate: 9 hours at 16 kHz, 3 at 48 kHz; 2 GiB while it is read.
MAX_SAMPLES = 1 << 29
#: Rates of speech: below there is none left, above no converter works.
MIN_RATE, MAX_RATE = 4_000, 768_000
MAX_CHANNELS = 64
#: Samples read at a time; fewer where the length is unknown, since a damaged end costs the whole block.
_BLOCK, _SMALL_BLOCK = 1 << 18, 1 << 12
#: Formats in which going to a sample lands on it.
_EXACT = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "FLAC")
#: What libsndfile calls the length of a stream that does not tell it.
_UNKNOWN_LENGTH = (1 << 63) - 1


@dataclass(frozen=True, eq=False)
class Decoded:
    """What was read of a recording.

    Args:
        samples: `(samples,)` at the recording's own rate, at least one, finite, within full scale ±1.
        rate: Hz.
        channels: of the recording.
        is_constant: True when all samples are equal: silence.
        is_mixed: True when the samples are the mean of several channels.
        remarks: what was odd and what was done about it, half a sentence each.
    """

    samples: Waveform
    rate: int
    channels: int
    is_constant: bool = False
    is_mixed: bool = False
    remarks: tuple[str, ...] = ()


class _Forward(soundfile.SoundFile):
    """A file read from beginning to end; of one that can be sought, soundfile would read no further than `frames`."""

    def seekable(self) -> bool:
        return False


class _CancellingError(Exception):
    """Says that the mean of the channels is not to be used, and which channel is instead."""

    def __init__(self, channel: int, remark: str) -> None:
        super().__init__(remark)
        self.channel, self.remark = channel, remark


def decode(file: io.FileIO, excerpt: Excerpt) -> Decoded:
    """Decode an excerpt of an open file.

    Args:
        file: libsndfile reads it by its number, since calls back into Python would hold up other threads.
        excerpt: which stretch and channel.

    Raises:
        UnusableError: saying why it cannot be used.
    """
    require_whole(file, os.fstat(file.fileno()).st_size)
    try:
        return _decode(file, excerpt)
    except _CancellingError as cancelling:
        alone = _decode(file, replace(excerpt, channel=cancelling.channel))
        return replace(alone, remarks=(cancelling.remark, *alone.remarks))
    except (soundfile.LibsndfileError, RuntimeError, TypeError, ValueError, MemoryError) as error:
        raise UnusableError(f"it cannot be decoded ({_detail(error)})") from error


def channels_of(file: io.FileIO) -> int:
    """Return the number of channels that a header names.

    Raises:
        UnusableError: the file cannot be decoded.
    """
    file.seek(0)
    try:
        with _Forward(file.fileno(), closefd=False) as audio:
            return int(audio.channels)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise UnusableError(f"it cannot be decoded ({_detail(error)})") from error


def _decode(file: io.FileIO, excerpt: Excerpt) -> Decoded:
    """Choose how to read: an MP3 without a right number of frames, as a stream."""
    file.seek(0)
    with _Forward(file.fileno(), closefd=False) as audio:
        _require_usable(audio, excerpt)
        if audio.format != "MP3":
            return _read(audio, excerpt)
    file.seek(0)
    data = file.readall()
    frames = find_frames(data)
    _require_whole_stream(frames)
    if not frames.count or frames.is_told:
        file.seek(0)
        with _Forward(file.fileno(), closefd=False) as audio:
            return _read(audio, excerpt, is_promised=False)
    with _Forward(Stream(data, frames)) as audio:
        audio.read(DECODER_DELAY)
        return _read(audio, excerpt, _stream_remarks(frames), is_promised=False)


def _require_usable(audio: soundfile.SoundFile, excerpt: Excerpt) -> None:
    """Refuse what no recording of speech is, before anything is read.

    Raises:
        UnusableError: naming what was found and what is allowed.
    """
    if audio.format not in DECODED:
        raise UnusableError(f"it is of the format {audio.format}, which is not read as a recording")
    if not MIN_RATE <= audio.samplerate <= MAX_RATE:
        raise UnusableError(f"its sampling rate is {audio.samplerate:,} Hz, not {MIN_RATE:,} to {MAX_RATE:,} Hz")
    if audio.channels > MAX_CHANNELS:
        raise UnusableError(f"it has {audio.channels:,} channels, more than {MAX_CHANNELS}")
    if excerpt.channel is not None and not 1 <= excerpt.channel <= audio.channels:
        raise UnusableError(f"it has no channel {excerpt.channel}, only {audio.channels}")
    if audio.frames != _UNKNOWN_LENGTH and audio.frames > MAX_SAMPLES and excerpt.end is None:
        raise _too_long(audio.samplerate, audio.frames)


def _require_whole_stream(frames: Frames) -> None:
    if frames.is_short:
        raise UnusableError(f"it is truncated: {frames.promised} frames of MP3 promised, {frames.count} found")
    if frames.samples > MAX_SAMPLES:
        raise UnusableError(f"it is too long: {frames.samples:,} samples, more than {MAX_SAMPLES:,}")


def _stream_remarks(frames: Frames) -> tuple[str, ...]:
    remarks = []
    if frames.is_cut:
        remarks.append("it ends within a frame of MP3 and may be cut short")
    if frames.promised is not None:
        remarks.append(f"its header tells {frames.promised} frames of MP3, though it has {frames.count}: all are read")
    return tuple(remarks)


def _read(audio: _Forward, excerpt: Excerpt, remarks: tuple[str, ...] = (), is_promised: bool = True) -> Decoded:
    """Read an excerpt from where the file stands, its beginning.

    Args:
        audio: the open recording.
        excerpt: which stretch and channel.
        remarks: those there are already.
        is_promised: False where `audio.frames` is no promise.
    """
    rate = int(audio.samplerate)
    promised = int(audio.frames) if is_promised and audio.frames != _UNKNOWN_LENGTH else None
    first = 0 if excerpt.start is None else round(excerpt.start * rate)
    last = None if excerpt.end is None else round(excerpt.end * rate)
    expected = min(MAX_SAMPLES, promised or _BLOCK) if last is None else min(MAX_SAMPLES, max(0, last - first))
    # with room for the block of which nothing comes
    mixer = Mixer(int(audio.channels), excerpt.channel, expected + _BLOCK)
    position, detail = _skip(audio, first), ""
    size = _SMALL_BLOCK if promised is None else _BLOCK
    # libsndfile reads no further than a length that it knows
    stop = min(_UNKNOWN_LENGTH if one is None else one for one in (last, promised))
    while position < stop:
        try:
            wanted = min(size, stop - position)
            block = audio.read(dtype="float32", out=mixer.room(wanted))
        except (soundfile.LibsndfileError, RuntimeError) as error:
            detail = _detail(error)
            break
        if len(block) == 0:
            break
        mixer.add(block[max(0, first - position) :])
        position += len(block)
        if mixer.size > MAX_SAMPLES:
            raise _too_long(rate, None)
    is_short = promised is not None and position < (promised if last is None else min(promised, last))
    if is_short or (detail and position == 0):
        ended = f" ({detail})" if detail else ""
        raise UnusableError(f"it is truncated: {promised} samples promised, {position} found{ended}")
    if detail:
        remarks += (f"decoding stopped after {position / rate:.3f} s ({detail}): what follows is damaged or missing",)
    if mixer.size == 0:
        where = f" between {excerpt.start or 0:g} s and its end" if first and position else ""
        raise UnusableError(f"it holds no samples{where}")
    if mixer.cancels:
        raise _CancellingError(mixer.loudest, mixer.cancellation())
    samples, changes = fitted(mixer.samples(), max(mixer.highest, -mixer.lowest), audio.subtype)
    is_mixed = audio.channels > 1 and excerpt.channel is None
    is_constant = mixer.lowest == mixer.highest
    return Decoded(samples, rate, int(audio.channels), is_constant, is_mixed, (*remarks, *changes))


def _skip(audio: _Forward, first: int) -> int:
    """Go straight to a sample where that is exact; return how far it went."""
    if first and audio.format in _EXACT and super(_Forward, audio).seekable() and first < audio.frames:
        return int(audio.seek(first))
    return 0


def _too_long(rate: int, promised: int | None) -> UnusableError:
    hours = MAX_SAMPLES / rate / 3600
    length = "" if promised is None else f", its header says {promised:,} samples"
    return UnusableError(f"it is longer than {hours:.1f} hours, the most at {rate:,} Hz{length}: cut it into pieces")


def _detail(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).strip().rstrip(".")
