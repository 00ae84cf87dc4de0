"""Several channels become one, and samples beyond full scale are brought within it: what is done is said.

The mean of two channels of which one is the other turned over is rounding noise. Where the mean has lost most of what
the channels hold, the loudest channel is taken instead.
"""

import math

import numpy as np
import numpy.typing as npt

from vibespeaker.audio.opening import UnusableError

Waveform = npt.NDArray[np.float32]

#: Channels that have nothing to do with one another keep 1/channels of their summed power in their mean. In a block
#: that keeps less than this share of that they cancel: two equally loud channels, correlated below −0.75.
_CANCELLED = 0.25
#: Samples on the scale of 32-bit integers are the largest that are believed to be samples.
_LARGEST = 2.0**31
#: Decoders of lossy formats overshoot full scale by themselves.
_LOSSY_OVERSHOOT = 1.5
#: Floating-point samples beyond this are on the scale of integers; up to 2^15, on that of 16 bits.
_INTEGER_SCALE = 32.0


class Mixer:
    """Collects blocks of channels as one.

    Args:
        channels: of each block.
        channel: the one to take, counted from 1; null for the mean of all.
        expected: samples to make room for.
    """

    def __init__(self, channels: int, channel: int | None, expected: int) -> None:
        self.size = 0
        #: Least and greatest sample that was collected.
        self.lowest, self.highest = math.inf, -math.inf
        self._channel = channel if channels > 1 else 1
        self._buffer = np.empty(max(1, expected), np.float32)
        self._scratch = np.empty((0, channels), np.float32)
        self._powers = np.zeros(channels)
        self._mixed_power = 0.0
        self._cancelled_power = 0.0

    def room(self, samples: int) -> Waveform:
        """Return where to read a block `(samples, channels)` to; of one channel, the place where it stays."""
        if len(self._powers) > 1:
            if len(self._scratch) < samples:
                self._scratch = np.empty((samples, len(self._powers)), np.float32)
            return self._scratch[:samples]
        self._make_room(self.size + samples)
        return self._buffer[self.size : self.size + samples, None]

    def add(self, block: Waveform) -> None:
        """Take a block `(samples, channels)`, what was read to `room` or the end of it.

        Raises:
            UnusableError: it holds what can be no sample.
        """
        if len(block) == 0:
            return
        lowest, highest = float(block.min()), float(block.max())
        peak = max(highest, -lowest)
        if not math.isfinite(peak):
            raise UnusableError("it holds samples that are NaN or infinite")
        if peak > _LARGEST:
            raise UnusableError(f"it holds samples of {peak:.3g} times full scale: they are on no scale of audio")
        mono = block.mean(axis=1, dtype=np.float32) if self._channel is None else block[:, self._channel - 1]
        self._make_room(self.size + len(mono))
        place = self._buffer[self.size : self.size + len(mono)]
        if place.ctypes.data != mono.ctypes.data:
            place[:] = mono
        if len(self._powers) > 1:
            lowest, highest = float(mono.min()), float(mono.max())
        self.lowest, self.highest = min(self.lowest, lowest), max(self.highest, highest)
        self.size += len(mono)
        if self._channel is None:
            self._watch(block, mono)

    def samples(self) -> Waveform:
        """Return what was collected, `(samples,)`."""
        return self._buffer[: self.size]

    @property
    def cancels(self) -> bool:
        """True when most of what the channels hold is lost in their mean."""
        return self._cancelled_power > 0.5 * float(self._powers.sum())

    @property
    def loudest(self) -> int:
        """The channel with most power, counted from 1; of those that are as loud up to rounding, the first."""
        return int(np.argmax(self._powers >= 0.99 * self._powers.max())) + 1

    def cancellation(self) -> str:
        """Return what to say where channels cancel."""
        each = 10 * math.log10(float(self._powers.max()) / self.size)
        together = 10 * math.log10(max(self._mixed_power / self.size, 1e-12))
        return (
            f"the channels cancel: {-each:.0f} dB below full scale each, {together:.0f} dB together; "
            f"channel {self.loudest} is used alone"
        )

    def _watch(self, block: Waveform, mono: Waveform) -> None:
        powers = np.einsum("sc,sc->c", block, block, dtype=np.float64)
        mixed = float(np.dot(mono, mono))
        self._powers += powers
        self._mixed_power += mixed
        total = float(powers.sum())
        if mixed * len(powers) ** 2 < _CANCELLED * total:
            self._cancelled_power += total

    def _make_room(self, size: int) -> None:
        if size > len(self._buffer):
            self._buffer.resize(max(size, 2 * len(self._buffer)), refcheck=False)


def fitted(samples: Waveform, peak: float, subtype: str) -> tuple[Waveform, tuple[str, ...]]:
    """Bring samples within full scale ±1, by one factor for all.

    Samples on the scale of 16-bit integers are divided by 32,768, so that their level comes out right; others by their
    peak. What a decoder of a lossy format overshoots is not worth a remark.

    Args:
        samples: `(samples,)`, at least one; changed in place.
        peak: their largest magnitude.
        subtype: libsndfile's name for how samples are stored.

    Returns:
        The samples, and what was done to them.
    """
    if peak <= 1:
        return samples, ()
    if _INTEGER_SCALE < peak <= 2**15:
        samples /= np.float32(2**15)
        scale = "as on the scale of 16-bit integers: divided by 32,768"
    else:
        samples /= np.float32(peak)
        scale = "scaled down to fit"
    # division may round beyond
    np.clip(samples, -1, 1, out=samples)
    is_remarkable = peak > _LOSSY_OVERSHOOT or subtype in ("FLOAT", "DOUBLE")
    text = f"samples reach {peak:,.4g} times full scale, {scale}"
    return samples, (text,) if is_remarkable else ()
