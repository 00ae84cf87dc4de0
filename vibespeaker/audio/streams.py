"""Sound as it comes: from a pipe or a microphone, in blocks at 16 kHz with the time at which each arrived."""

import queue
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import soxr

from vibespeaker.arguments.ranges import Range, require
from vibespeaker.audio.decoding import MAX_CHANNELS, MAX_RATE, MIN_RATE
from vibespeaker.audio.packages import installed
from vibespeaker.errors import AudioError
from vibespeaker.utterance import SAMPLE_RATE

Waveform = npt.NDArray[np.float32]
Encoding = Literal["auto", "s16", "s32", "f32"]

_TYPES = {"s16": "<i2", "s32": "<i4", "f32": "<f4"}
#: Seconds in a block, and bytes of a WAV's header before which its samples must begin.
_BLOCK, _MOST_HEADER = 0.1, 1 << 20


@dataclass(frozen=True)
class StreamFormat:
    """How samples come through a pipe.

    Args:
        rate: Hz.
        channels: interleaved.
        encoding: `s16`, `s32` or `f32`, little-endian.
    """

    rate: int
    channels: int
    encoding: str


@dataclass(frozen=True, eq=False)
class Block:
    """A little sound.

    Args:
        samples: `(samples,)` at 16 kHz, the mean of the channels, within full scale ±1.
        arrived: when it came, by `time.monotonic`.
    """

    samples: Waveform
    arrived: float


def pipe_blocks(
    stream: BinaryIO, rate: int = SAMPLE_RATE, channels: int = 1, encoding: Encoding = "auto"
) -> Iterator[Block]:
    """Yield what comes through a pipe, until it ends.

    A thread reads, so that a block's time is that of its arrival and not of its use.

    Args:
        stream: WAV, which says what it is; or bare samples, such as `arecord -t raw` and `ffmpeg -f s16le -` write.
        rate: Hz of bare samples.
        channels: of bare samples.
        encoding: of bare samples; `auto` is `s16`.

    Raises:
        AudioError: a WAV's header means nothing.
        ConfigError: rate or channels are out of range.
    """
    require(Range(MIN_RATE, MAX_RATE, whole=True), rate=rate)
    require(Range(1, MAX_CHANNELS, whole=True), channels=channels)
    first = stream.read(4)
    if first == b"RIFF" and encoding == "auto":
        found, first = _wav_format(stream), b""
    else:
        found = StreamFormat(rate, channels, "s16" if encoding == "auto" else encoding)
    arriving: queue.Queue[tuple[bytes, float] | None] = queue.Queue()
    size = max(1, round(_BLOCK * found.rate)) * found.channels * np.dtype(_TYPES[found.encoding]).itemsize

    def read() -> None:
        rest = first
        while content := stream.read(size - len(rest)):
            arriving.put((rest + content, time.monotonic()))
            rest = b""
        arriving.put(None)

    threading.Thread(target=read, daemon=True).start()
    yield from _blocks(arriving, found)


def microphone_blocks(name: str | None = None) -> Iterator[Block]:
    """Yield what a microphone hears, without end.

    Args:
        name: part of a device's name, or its number, as `python -m sounddevice` lists them; null for the usual one.

    Raises:
        ConfigError: sounddevice is not installed.
        AudioError: there is no such microphone.
    """
    installed("sounddevice", "live")
    return _microphone(name)


def _microphone(name: str | None) -> Iterator[Block]:
    try:
        import sounddevice
    except OSError as error:  # the library behind it, PortAudio, is missing
        raise AudioError(
            "no microphone can be heard", found=error, remedy="install PortAudio (apt install libportaudio2)"
        ) from error
    arriving: queue.Queue[tuple[bytes, float] | None] = queue.Queue()
    chosen = int(name) if name is not None and name.isdecimal() else name
    try:
        found = sounddevice.query_devices(chosen, "input")
        rate = round(found["default_samplerate"])
        stream = sounddevice.RawInputStream(
            rate,
            round(_BLOCK * rate),
            chosen,
            1,
            "float32",
            callback=lambda content, frames, at, status: arriving.put((bytes(content), time.monotonic())),
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise AudioError(
            "there is no such microphone",
            found=error,
            remedy="python -m sounddevice lists them; or pipe sound in: vibespeaker listen -",
        ) from error
    with stream:
        yield from _blocks(arriving, StreamFormat(rate, 1, "f32"))


def _blocks(arriving: "queue.Queue[tuple[bytes, float] | None]", form: StreamFormat) -> Iterator[Block]:
    """Decode, mix and resample blocks as they come."""
    resampler = None if form.rate == SAMPLE_RATE else soxr.ResampleStream(form.rate, SAMPLE_RATE, 1, dtype="float32")
    kind = np.dtype(_TYPES[form.encoding])
    scale = np.float32(1.0 if kind.kind == "f" else 2.0 ** (8 * kind.itemsize - 1))
    whole = kind.itemsize * form.channels
    rest = b""
    while (came := arriving.get()) is not None:
        content, arrived = rest + came[0], came[1]
        used = len(content) // whole * whole
        rest = content[used:]
        values = np.frombuffer(content[:used], kind).astype(np.float32).reshape(-1, form.channels)
        mono = np.clip(np.nan_to_num(values.mean(axis=1, dtype=np.float32) / scale), -1, 1)
        samples = mono if resampler is None else resampler.resample_chunk(mono)
        if len(samples):
            yield Block(samples, arrived)


def _wav_format(stream: BinaryIO) -> StreamFormat:
    """Read a WAV's header up to its samples, behind its first four bytes; its lengths say nothing in a pipe.

    Raises:
        AudioError: it is damaged, or its samples are of another kind.
    """
    _exactly(stream, 4)
    if _exactly(stream, 4) != b"WAVE":
        raise AudioError("what comes through the pipe is no WAV", remedy="say how samples come: --encoding s16")
    found: StreamFormat | None = None
    left = _MOST_HEADER
    while True:
        name, size = struct.unpack("<4sI", _exactly(stream, 8))
        if name == b"data" and found is not None:
            return found
        left -= size + 8
        if left < 0 or name == b"data":
            raise AudioError("the WAV that comes through the pipe has a damaged header")
        content = _exactly(stream, size + size % 2)
        if name == b"fmt " and size >= 16:
            found = _sample_format(content)


def _sample_format(content: bytes) -> StreamFormat:
    tag, channels, rate, _, _, bits = struct.unpack("<HHIIHH", content[:16])
    if tag == 0xFFFE and len(content) >= 26:
        (tag,) = struct.unpack("<H", content[24:26])
    encoding = {(1, 16): "s16", (1, 32): "s32", (3, 32): "f32"}.get((tag, bits))
    if encoding is None or not (1 <= channels <= MAX_CHANNELS and MIN_RATE <= rate <= MAX_RATE):
        raise AudioError(
            "the WAV that comes through the pipe cannot be used",
            found=f"format {tag}, {bits} bits, {channels} channels, {rate} Hz",
            allowed="16 or 32 bits, or 32-bit floating point",
        )
    return StreamFormat(rate, channels, encoding)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise AudioError("the pipe ended within a WAV's header")
    return content
