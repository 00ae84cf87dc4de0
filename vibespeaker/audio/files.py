"""Recordings: any file libsndfile reads → mono float32 at 16 kHz; the only home of decoding and resampling.

WAV files cut off in the middle are refused: libsndfile would return what is left without error. The size in the header
is compared with the bytes that follow it. A stream that never knew its length (a size of all ones, as pipes write
them) is taken as it is.
"""

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from vibespeaker.audio.fingerprint import fingerprint
from vibespeaker.audio.levels import levels
from vibespeaker.errors import AudioError
from vibespeaker.files import atomic_path
from vibespeaker.utterance import SAMPLE_RATE

Waveform = npt.NDArray[np.float32]

#: Sizes that writers to a pipe leave in a WAV header when they cannot seek back.
_UNKNOWN_SIZES = (0x7FFF_FFFF, 0xFFFF_FFFF)


@dataclass(frozen=True)
class AudioFacts:
    """What `examine` finds in one file.

    Args:
        sha256: hash of the file's bytes, 64 hexadecimal digits; null when the file cannot be read at all.
        duration: seconds of audio; null when it cannot be used.
        problem: why the audio cannot be used, null when it can.
        silent: True when every sample has the same value: usable, but worth a remark.
        fingerprint: nearly the same for copies (`audio.fingerprint`); null when the audio cannot be used.
        level_db: level relative to full scale (`audio.levels`); null when the audio cannot be used.
        snr_db: rough signal-to-noise ratio (`audio.levels`); null when the audio cannot be used.
    """

    sha256: str | None = None
    duration: float | None = None
    problem: str | None = None
    silent: bool = False
    fingerprint: bytes | None = None
    level_db: float | None = None
    snr_db: float | None = None


def read_audio(path: Path) -> Waveform:
    """Read a recording of any sampling rate and any number of channels.

    Args:
        path: WAV, FLAC, OGG, MP3, AIFF or another format of libsndfile, whatever its suffix.

    Returns:
        `(samples,)` at 16 kHz, the mean of the channels, full scale ±1, at least one sample.

    Raises:
        AudioError: the file is missing, undecodable, truncated or without samples, or holds NaN or infinity.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            samples, rate = _decode(file, file.readall())
    except (_UnusableError, OSError) as error:
        raise AudioError(
            f"audio file {path} cannot be used: {_reason(error)}",
            remedy="replace the file, or leave it out: vibespeaker prepare lists all such files",
        ) from error
    return resample(samples, rate, SAMPLE_RATE)


def examine(path: Path) -> AudioFacts:
    """Read, hash and decode a file once; what is wrong with it is returned, not raised."""
    sha256 = None
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.readall()
            sha256 = hashlib.sha256(data).hexdigest()
            samples, rate = _decode(file, data)
    except (_UnusableError, OSError) as error:
        return AudioFacts(sha256, problem=_reason(error))
    silent = bool(samples.min() == samples.max())
    level, ratio = levels(samples, rate)
    cells = fingerprint(samples, rate)
    return AudioFacts(sha256, len(samples) / rate, silent=silent, fingerprint=cells, level_db=level, snr_db=ratio)


def resample(samples: Waveform, rate: int, new_rate: int) -> Waveform:
    """Change the sampling rate.

    Args:
        samples: `(samples,)`, at least one.
        rate: Hz of `samples`.
        new_rate: Hz wanted.

    Returns:
        `(new_samples,)`, at least one.
    """
    if rate == new_rate:
        return samples
    resampled: Waveform = soxr.resample(samples, rate, new_rate, quality="HQ").astype(np.float32, copy=False)
    # a handful of samples can shrink to none
    return resampled if len(resampled) else samples[:1]


def write_audio(path: Path, samples: Waveform, rate: int = SAMPLE_RATE) -> None:
    """Write 16-bit PCM WAV, whole or not at all; samples beyond ±1 are clipped.

    Args:
        path: the file to write.
        samples: `(samples,)` or `(samples, channels)`, full scale ±1.
        rate: Hz.
    """
    with atomic_path(path) as temporary:
        soundfile.write(temporary, np.clip(samples, -1.0, 1.0), rate, subtype="PCM_16", format="WAV")


class _UnusableError(Exception):
    """Says why the bytes of a file are not usable audio."""


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file does not exist"
    if isinstance(error, OSError):
        return f"the file cannot be read ({os.strerror(error.errno) if error.errno else error})"
    return str(error)


def _decode(file: io.FileIO, data: bytes) -> tuple[Waveform, int]:
    """Return `(samples,)` at the file's own rate, and that rate in Hz.

    Args:
        file: open file; libsndfile reads it itself, since calls back into Python would hold up other threads.
        data: the file's bytes.
    """
    if not data:
        raise _UnusableError("the file is empty")
    _require_whole_wave(data)
    file.seek(0)
    try:
        with soundfile.SoundFile(file.fileno(), closefd=False) as audio:
            promised, rate = audio.frames, audio.samplerate
            samples: Waveform = audio.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        detail = str(getattr(error, "error_string", error)).strip().rstrip(".")
        raise _UnusableError(f"it cannot be decoded ({detail})") from error
    if len(samples) == 0:
        raise _UnusableError("it holds no samples")
    if len(samples) < promised:
        raise _UnusableError(f"it is truncated: {promised} samples promised, {len(samples)} found")
    if not np.isfinite(samples).all():
        raise _UnusableError("it holds samples that are NaN or infinite")
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1, dtype=np.float32)
    return np.ascontiguousarray(mono), rate


def _require_whole_wave(data: bytes) -> None:
    """Compare the size of a RIFF file's data chunk with the bytes there are; other formats pass."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return
    position = 12
    while position + 8 <= len(data):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        there = len(data) - position - 8
        if name == b"data":
            if size > there and size not in _UNKNOWN_SIZES:
                raise _UnusableError(f"it is truncated: {size} bytes of samples promised, {there} found")
            return
        # chunks are padded to even sizes
        position += 8 + size + size % 2
    raise _UnusableError("it is truncated: the header ends before the samples")
