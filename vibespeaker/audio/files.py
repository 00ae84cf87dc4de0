"""Recordings: any file that libsndfile reads → mono float32 at 16 kHz; the only home of resampling and of writing.

`opening` and `containers` say which files are read at all, `decoding` reads them.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from vibespeaker.audio.decoding import Decoded, channels_of, decode
from vibespeaker.audio.fingerprint import fingerprint
from vibespeaker.audio.levels import levels
from vibespeaker.audio.opening import UnusableError, open_regular, reason, sha256_of
from vibespeaker.errors import AudioError
from vibespeaker.files import atomic_path
from vibespeaker.utterance import SAMPLE_RATE, WHOLE, Excerpt

Waveform = npt.NDArray[np.float32]

#: Below this no encoder has a frame to look at, and nothing can be heard; in seconds.
MIN_DURATION = 0.1
SILENT = "all its samples are equal: silence"


@dataclass(frozen=True)
class AudioFacts:
    """What `examine` finds in an excerpt of a file.

    Args:
        sha256: hash of the excerpt's content (`Excerpt.content_sha256`), 64 hexadecimal digits; null when the file
            cannot be read at all.
        recording_sha256: hash of the file's bytes; null when the file cannot be read at all.
        duration: seconds of audio; null when it cannot be used.
        problem: why the audio cannot be used, null when it can.
        remarks: what is odd about audio that can be used, and what reading does about it.
        fingerprint: nearly the same for copies (`audio.fingerprint`); null when the audio cannot be used.
        level_db: level relative to full scale (`audio.levels`); null when the audio cannot be used.
        snr_db: rough signal-to-noise ratio (`audio.levels`); null when the audio cannot be used.
    """

    sha256: str | None = None
    recording_sha256: str | None = None
    duration: float | None = None
    problem: str | None = None
    remarks: tuple[str, ...] = ()
    fingerprint: bytes | None = None
    level_db: float | None = None
    snr_db: float | None = None


def read_audio(path: Path, excerpt: Excerpt = WHOLE) -> Waveform:
    """Read a recording of any sampling rate and any number of channels.

    Args:
        path: WAV, FLAC, OGG, MP3, AIFF or another of `corpora.audio_formats.DECODED`, whatever its suffix.
        excerpt: which stretch and channel; by default all of it, and the mean of the channels.

    Returns:
        `(samples,)` at 16 kHz, within full scale ±1, at least one sample.

    Raises:
        AudioError: the file is missing, no regular file, undecodable, truncated or without samples, or holds NaN or
            infinity.
    """
    decoded = decode_file(path, excerpt)
    return resample(decoded.samples, decoded.rate, SAMPLE_RATE)


def decode_file(path: Path, excerpt: Excerpt = WHOLE) -> Decoded:
    """Read as `read_audio` does, but at the recording's own rate and with what was remarkable.

    Raises:
        AudioError: as `read_audio`.
    """
    try:
        with open_regular(path) as file:
            return decode(file, excerpt)
    except (UnusableError, OSError) as error:
        raise AudioError(
            f"audio file {path} cannot be used: {reason(error)}",
            remedy="replace the file, or leave it out: vibespeaker prepare lists all such files",
        ) from error


def examine(path: Path) -> AudioFacts:
    """Read, hash and decode a file; what is wrong with it is returned, not raised."""
    return examine_excerpts(path, [WHOLE])[0]


def examine_excerpts(path: Path, excerpts: Sequence[Excerpt]) -> list[AudioFacts]:
    """Read and hash a file once, and decode each excerpt of it; what is wrong is returned, not raised.

    Returns:
        Facts of each excerpt, in their order.
    """
    digest = None
    try:
        with open_regular(path) as file:
            digest = sha256_of(file)
            facts = []
            for excerpt in excerpts:
                content = excerpt.content_sha256(digest)
                try:
                    facts.append(_measure(decode(file, excerpt), content, digest))
                except UnusableError as error:
                    facts.append(AudioFacts(content, digest, problem=reason(error)))
            return facts
    except (UnusableError, OSError) as error:
        problem = reason(error)
        return [AudioFacts(digest and one.content_sha256(digest), digest, problem=problem) for one in excerpts]


def count_channels(path: Path) -> int:
    """Return how many channels a file's header names; 1 for a file that cannot be used, which `examine` explains."""
    try:
        with open_regular(path) as file:
            return channels_of(file)
    except (UnusableError, OSError):
        return 1


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


def wav_bytes(samples: Waveform, rate: int = SAMPLE_RATE) -> bytes:
    """Return what `write_audio` writes, in memory."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(samples, -1.0, 1.0), rate, subtype="PCM_16", format="WAV")
    return file.getvalue()


def mp3_bytes(samples: Waveform, rate: int = SAMPLE_RATE) -> bytes:
    """Return a small MP3, some 4 kB a second, for listening alone; the same samples give the same bytes.

    Args:
        samples: `(samples,)`, full scale ±1; what is beyond is clipped.
        rate: Hz, one that MP3 has, such as 16,000.
    """
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(samples, -1.0, 1.0), rate, format="MP3")
    return buffer.getvalue()


def _measure(decoded: Decoded, content: str, recording: str) -> AudioFacts:
    samples, rate = decoded.samples, decoded.rate
    level, ratio = levels(samples, rate)
    return AudioFacts(
        sha256=content,
        recording_sha256=recording,
        duration=len(samples) / rate,
        remarks=(*decoded.remarks, *((SILENT,) if decoded.is_constant else ())),
        fingerprint=fingerprint(samples, rate),
        level_db=level,
        snr_db=ratio,
    )
