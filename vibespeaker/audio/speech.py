"""Where a recording holds speech: the only home of speech detection.

`energy`, the default, needs no model. It takes 25 ms frames that stand out: above the steps of 16-bit samples and at
most 35 dB below the loudest of the two seconds around them. Of these it keeps the ones around which the shape of the
spectrum changes as it does when sounds follow one another: silence, hum, hiss, rain and engines keep their shape,
whatever their level does; single and double tones change it, but put all their power into a few bins.

Its measure is the standard deviation over two seconds of the level of each of 20 bands relative to their mean, averaged
over the bands. On RAVDESS and EmoDB it is 6.8 dB at the least, in white noise 2.4, in rain, sea, fire, chainsaws and
helicopters 2.6 to 4.4, in ticking clocks up to 5.3. White noise brings speech down to 4.1 dB or more when it lies 10 dB
below, and to 3.1 when it is as loud: what changes less than `CLEAR` may be speech in noise, what changes less than
`POSSIBLE` is none. Singing, music and animals can pass for speech.

`silero` is the Silero detector, a small network that comes with its weights (extra `clean`).
"""

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vibespeaker.audio.packages import installed
from vibespeaker.utterance import SAMPLE_RATE

Waveform = npt.NDArray[np.float32]
#: First and last + 1 sample.
Span = tuple[int, int]
Vad = Literal["energy", "silero"]

_FRAME, _HOP, _FFT = 400, 160, 512
#: Root mean square of what may be dither: four steps of 16-bit samples.
_FLOOR_DB = 20 * np.log10(4 / 2**15)
_BELOW_LOUDEST_DB = 35.0
#: Change of the spectrum's shape, in dB: from here on there is speech; below this there is none.
CLEAR, POSSIBLE = 4.8, 3.1
#: Share of a frame's power in its strongest bins, from which on it is a tone or two; and the share of such frames from
#: which on the sounds around are tones.
_TONAL_BINS, _TONAL_POWER, _TONAL_FRAMES = 14, 0.995, 0.5
#: Least level of a band below the frame's loudest.
_DYNAMIC_DB = 50.0
#: Frames that are looked at together: two seconds; so many of them must stand out.
_CONTEXT, _LEAST_FRAMES = 200, 25
#: Frames: pauses up to here belong to the speech around them; what is shorter than the second is no word.
_SHORTEST_PAUSE, _SHORTEST_SPEECH = 30, 10
#: Frames worked on at a time, one minute.
_CHUNK = 6_000
#: The detector's own least: it looks at windows of 512 samples.
_SHORTEST_SPEECH_MS = 100
#: Hz; wider with frequency, as those of the ear.
_EDGES = (
    *(100, 200, 300, 400, 510, 630, 770, 920, 1_080, 1_270, 1_480),
    *(1_720, 2_000, 2_320, 2_700, 3_150, 3_700, 4_400, 5_300, 6_400, 7_700),
)


def speech_spans(waveform: Waveform, vad: Vad = "energy") -> list[Span]:
    """Return where there is speech.

    Args:
        waveform: `(samples,)` mono at 16 kHz, full scale ±1.
        vad: the detector.

    Returns:
        First and last + 1 sample of each stretch, in order, apart from one another; none where there is no speech.

    Raises:
        ConfigError: the detector needs a package that is not installed.
    """
    detectors: dict[str, Callable[[Waveform], list[Span]]] = {"energy": speech_by_energy, "silero": speech_by_silero}
    return detectors[vad](waveform)


def holds_speech(waveform: Waveform, vad: Vad = "energy") -> bool:
    """Return False where there is certainly no speech: silence, dither, tones, steady noise."""
    return bool(speech_by_energy(waveform, POSSIBLE) if vad == "energy" else speech_spans(waveform, vad))


def speech_by_energy(waveform: Waveform, least_change: float = CLEAR) -> list[Span]:
    """Return the spans that stand out and change as speech does; see the module's description.

    Args:
        waveform: `(samples,)` mono at 16 kHz, full scale ±1.
        least_change: of the spectrum's shape, dB.
    """
    frames = _frames(waveform)
    is_speech = np.zeros(len(frames), bool)
    margin = _CONTEXT // 2
    for start in range(0, len(frames), _CHUNK):
        end = min(len(frames), start + _CHUNK)
        first = max(0, start - margin)
        found = _is_speech(frames[first : end + margin], least_change)
        is_speech[start:end] = found[start - first : end - first]
    return _joined(is_speech, len(waveform))


def loud_spans(waveform: Waveform, below_db: float) -> list[Span]:
    """Return the spans whose 25 ms frames are at most `below_db` quieter than the loudest one; none in silence.

    Whatever is loud counts, speech or not; what is no louder than dither does not.
    """
    # the last frame may reach beyond the end
    frames = 1 + max(0, -(-(len(waveform) - _FRAME) // _HOP))
    padded = np.pad(waveform.astype(np.float64), (0, max(0, _FRAME + (frames - 1) * _HOP - len(waveform))))
    energy = np.concatenate([[0.0], np.cumsum(padded**2)])
    starts = np.arange(frames) * _HOP
    power = energy[starts + _FRAME] - energy[starts]
    if power.max() <= _FRAME * 10 ** (_FLOOR_DB / 10):
        return []
    loud = np.flatnonzero(power >= power.max() * 10 ** (-below_db / 10))
    return [(int(starts[at]), min(len(waveform), int(starts[at]) + _FRAME)) for at in loud]


def speech_by_silero(waveform: Waveform) -> list[Span]:
    """Return the spans in which the Silero detector hears speech.

    Raises:
        ConfigError: silero-vad is not installed.
    """
    import torch

    detector, spans_of = _silero()
    with warnings.catch_warnings():
        # the detector resets itself by calls that newer versions of torch advise against
        warnings.simplefilter("ignore")
        found = spans_of(
            torch.from_numpy(np.ascontiguousarray(waveform)),
            detector,
            sampling_rate=SAMPLE_RATE,
            min_speech_duration_ms=_SHORTEST_SPEECH_MS,
            speech_pad_ms=0,
        )
    return [(int(span["start"]), int(span["end"])) for span in found]


def seconds_of(spans: list[Span]) -> float:
    """Return how long spans are together, in seconds."""
    return sum(end - start for start, end in spans) / SAMPLE_RATE


def _frames(waveform: Waveform) -> npt.NDArray[np.float32]:
    """View a waveform as overlapping frames, `(frames, _FRAME)`; a short one is padded to one frame."""
    if len(waveform) < _FRAME:  # padding copies, and an hour needs none
        waveform = np.pad(waveform, (0, _FRAME - len(waveform)))
    return np.lib.stride_tricks.sliding_window_view(waveform, _FRAME)[::_HOP]


def _is_speech(frames: npt.NDArray[np.float32], least_change: float) -> npt.NDArray[np.bool_]:
    """Judge frames by those around them.

    Args:
        frames: `(frames, _FRAME)`.
        least_change: of the spectrum's shape, dB.

    Returns:
        `(frames,)` booleans.
    """
    centred = frames - frames.mean(axis=1, keepdims=True)
    level = 10 * np.log10(np.einsum("fs,fs->f", centred, centred) / _FRAME + 1e-12)  # (frames,)
    loudest = _loudest_around(level)
    stands_out = (level > _FLOOR_DB) & (level > loudest - _BELOW_LOUDEST_DB)
    shape, tonal = _spectra(centred[stands_out])
    columns = np.zeros((len(frames), 2 + 2 * shape.shape[1]))
    columns[stands_out] = np.hstack([np.ones((len(shape), 1)), tonal[:, None], shape, shape**2])
    count, tones, *sums = np.split(_around(columns), [1, 2, 2 + shape.shape[1]], axis=1)
    share = np.maximum(count, 1)
    mean, square = (sum_ / share for sum_ in sums)
    change = np.sqrt(np.maximum(square - mean**2, 0)).mean(axis=1)
    enough = (count >= _LEAST_FRAMES) & (tones / share < _TONAL_FRAMES)
    return stands_out & enough[:, 0] & (change >= least_change)


def _spectra(centred: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return of centred frames, `(frames, _FRAME)`, the levels of bands less their mean, and which are tones.

    Only frames that stand out count, and their spectra take most of the time.
    """
    spectrum = np.fft.rfft(centred * np.hanning(_FRAME).astype(np.float32), _FFT)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)  # (frames, bins)
    bands = 10 * np.log10(np.add.reduceat(power, _band_starts(), axis=1) + 1e-10)
    if len(bands):  # what lies so far below is the window's leakage
        bands = np.maximum(bands, bands.max(axis=1, keepdims=True) - _DYNAMIC_DB)
    strongest = np.partition(power, -_TONAL_BINS, axis=1)[:, -_TONAL_BINS:].sum(axis=1)
    return bands - bands.mean(axis=1, keepdims=True), strongest > _TONAL_POWER * power.sum(axis=1)


def _loudest_around(level: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the highest level of the `_CONTEXT` frames around each of `(frames,)`, fewer at the ends."""
    half = _CONTEXT // 2
    padded = np.pad(level, (half, half - 1), constant_values=-np.inf)
    loudest: npt.NDArray[np.float32] = np.lib.stride_tricks.sliding_window_view(padded, _CONTEXT).max(axis=1)
    return loudest


def _around(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum `(frames, columns)` over the `_CONTEXT` frames around each, fewer at the ends."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    at = np.arange(len(values))
    first, last = np.maximum(0, at - _CONTEXT // 2), np.minimum(len(values), at + _CONTEXT // 2)
    around: npt.NDArray[np.float64] = sums[last] - sums[first]
    return around


def _joined(is_speech: npt.NDArray[np.bool_], samples: int) -> list[Span]:
    """Turn frames into spans: short pauses between them are bridged, and what is too short for a word is left out."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_speech, [False]]).astype(np.int8)))
    spans: list[list[int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if spans and start - spans[-1][1] <= _SHORTEST_PAUSE:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return [
        (start * _HOP, min(samples, (end - 1) * _HOP + _FRAME))
        for start, end in spans
        if end - start >= _SHORTEST_SPEECH
    ]


@lru_cache
def _band_starts() -> npt.NDArray[np.int64]:
    """Return the first frequency bin of each band; the last band goes on to the top."""
    return np.round(np.array(_EDGES[:-1]) * _FFT / SAMPLE_RATE).astype(np.int64)


@lru_cache
def _silero() -> tuple[Any, Any]:
    """Load the detector out of its package, once a process."""
    installed("silero-vad")
    from silero_vad import get_speech_timestamps, load_silero_vad

    with warnings.catch_warnings():
        # TorchScript is what the package ships
        warnings.simplefilter("ignore")
        return load_silero_vad(onnx=False), get_speech_timestamps
