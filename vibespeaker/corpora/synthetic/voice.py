"""A source–filter voice: glottal pulses and breath through formants, steered by the letters of a text.

The source is the derivative of the KLGLOTT88 pulse (Klatt & Klatt, JASA 87, 1990): `2x − 3x²` over the open part of
each period. Its period and amplitude vary from pulse to pulse (jitter, shimmer); noise joins it while the glottis is
open (breathiness). The vocal tract is a cascade of second-order resonators (Klatt, JASA 67, 1980), evaluated at the
bins of a short-time Fourier transform and multiplied there, which lets a whole clip be filtered at once although its
formants move. Consonants are letters with their own noise band. Nobody will understand the words; their lengths,
vowels and pauses are those of the text.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vibespeaker.corpora.synthetic.delivery import Delivery
from vibespeaker.corpora.synthetic.speakers import Speaker
from vibespeaker.utterance import SAMPLE_RATE

Array = npt.NDArray[np.float64]
Spectrum = npt.NDArray[np.complex128]

HOP = 160
WINDOW = 480
FFT = 768
#: Samples per second of the tracks (pitch, formants, amplitudes).
TRACK_RATE = SAMPLE_RATE / HOP
REFERENCE_LEVEL = 0.06
OPEN_QUOTIENT = 0.62
_BANDWIDTHS = np.array([70.0, 90.0, 130.0, 200.0])

#: Vowel → first three formants of an average male voice, Hz (textbook values, rounded).
_VOWELS = {
    "a": (700.0, 1220.0, 2600.0),
    "e": (500.0, 1800.0, 2500.0),
    "i": (320.0, 2250.0, 2950.0),
    "o": (500.0, 900.0, 2450.0),
    "u": (330.0, 1000.0, 2300.0),
    "y": (380.0, 2050.0, 2700.0),
}
_NASALS, _LIQUIDS, _FRICATIVES = "mn", "lrwj", "sfhzvcx"
_NOISE_CENTRE = {"s": 5800.0, "z": 5600.0, "f": 6600.0, "v": 6200.0, "h": 1600.0, "c": 4200.0, "x": 4800.0}
_PLOSIVE_CENTRE = {"p": 900.0, "b": 800.0, "t": 4200.0, "d": 3800.0, "k": 2000.0, "g": 1800.0, "q": 1800.0}


class _Sound(NamedTuple):
    seconds: float
    formants: tuple[float, float, float]
    voicing: float
    noise: float
    centre: float


def _sounds(text: str, pauses: float) -> list[_Sound]:
    """Turn letters into sounds at one syllable per 0.2 s; runs of vowels are one sound."""
    sounds = [_Sound(0.06, _VOWELS["e"], 0.0, 0.0, 2000.0)]
    previous = ""
    for letter in text.lower():
        formants = sounds[-1].formants
        if letter in _VOWELS:
            if previous not in _VOWELS or not previous:
                sounds.append(_Sound(0.115, _VOWELS[letter], 1.0, 0.0, 2000.0))
        elif letter in _NASALS:
            sounds.append(_Sound(0.055, (260.0, formants[1], formants[2]), 0.45, 0.0, 2000.0))
        elif letter in _LIQUIDS:
            sounds.append(_Sound(0.050, (380.0, 1200.0, 2300.0), 0.6, 0.0, 2000.0))
        elif letter in _FRICATIVES and letter != previous:
            voicing = 0.3 if letter in "zv" else 0.0
            sounds.append(_Sound(0.070, formants, voicing, 0.30, _NOISE_CENTRE[letter]))
        elif letter in _PLOSIVE_CENTRE and letter != previous:
            sounds.append(_Sound(0.040, formants, 0.0, 0.02, _PLOSIVE_CENTRE[letter]))
            sounds.append(_Sound(0.015, formants, 0.2, 0.6, _PLOSIVE_CENTRE[letter]))
        elif letter == " ":
            sounds.append(_Sound(0.025 * pauses, formants, 0.25, 0.0, 2000.0))
        elif letter in ",.!?":
            sounds.append(_Sound(0.110 * pauses, formants, 0.0, 0.0, 2000.0))
        previous = letter
    return [*sounds, _Sound(0.08, sounds[-1].formants, 0.0, 0.0, 2000.0)]


def _smooth(track: Array, frames: int) -> Array:
    """Average `(frames, …)` over a few neighbours, edges repeated: coarticulation."""
    half = frames // 2
    padded = np.pad(track, [(half, half)] + [(0, 0)] * (track.ndim - 1), mode="edge")
    total = np.cumsum(np.concatenate([np.zeros_like(padded[:1]), padded]), axis=0)
    return (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)


def _pitch_track(frames: int, speaker: Speaker, delivery: Delivery, rng: np.random.Generator) -> Array:
    """Return `(frames,)` pitch in Hz: accents, a declination, the final movement and tremor."""
    time = np.arange(frames) / TRACK_RATE
    knots = max(3, int(time[-1] * 3.5) + 2)
    accents = np.interp(np.linspace(0, knots - 1, frames), np.arange(knots), rng.normal(0.0, 1.0, knots))
    accents = _smooth(accents, 13)
    accents = (accents - accents.mean()) / (accents.std() + 1e-9)
    place = np.linspace(0.0, 1.0, frames)
    semitones = (
        delivery.pitch_range * accents
        + 1.0
        - 2.0 * place
        + delivery.final_slope * np.clip((place - 0.67) / 0.33, 0.0, 1.0)
        + delivery.tremor * np.sin(2 * np.pi * (6.0 * time + rng.uniform()))
    )
    return np.clip(speaker.pitch * 2.0 ** (delivery.pitch + semitones / 12.0), 55.0, 520.0)


def _pulses(pitch: Array, delivery: Delivery, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the glottal pulses `(samples,)` and where the glottis is open, 0 or 1 `(samples,)`."""
    rate = pitch / SAMPLE_RATE
    period = np.floor(np.cumsum(rate)).astype(np.int64)
    periods = int(period[-1]) + 1
    # the second pass lets each period found by the first have its own length
    phase = np.cumsum(rate * (1.0 + delivery.jitter * rng.normal(0.0, 1.0, periods)[period]))
    period = np.floor(phase).astype(np.int64)
    opening = (phase - period) / OPEN_QUOTIENT
    is_open = opening < 1.0
    amplitude = 1.0 + delivery.shimmer * rng.normal(0.0, 1.0, int(period.max()) + 1)[period]
    return np.where(is_open, (2.0 * opening - 3.0 * opening**2) * amplitude, 0.0), is_open.astype(np.float64)


def _spectrum(signal: Array, frames: int) -> Spectrum:
    """Return the short-time transform `(frames, FFT // 2 + 1)` under a periodic Hann window."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    padded = np.pad(signal, (WINDOW // 2, WINDOW))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:frames]
    return np.fft.rfft(pieces * window, FFT, axis=1)


def _overlap_add(spectrum: Spectrum, samples: int) -> Array:
    """Invert `_spectrum`: `(frames, bins)` → `(samples,)`; the windows add up to 1.5."""
    pieces = np.fft.irfft(spectrum, FFT, axis=1)
    positions = np.arange(len(pieces))[:, None] * HOP + np.arange(FFT)
    total = np.bincount(positions.ravel(), pieces.ravel(), minlength=samples + 2 * FFT)
    return total[WINDOW // 2 : WINDOW // 2 + samples] / 1.5


def _tract(formants: Array) -> Spectrum:
    """Return the cascade's response `(frames, bins)` to formants `(frames, 4)` in Hz, each resonator 1 at 0 Hz."""
    delay = np.exp(-2j * np.pi * np.arange(FFT // 2 + 1) / FFT)
    response = np.ones((len(formants), len(delay)), np.complex128)
    for number, bandwidth in enumerate(_BANDWIDTHS):
        radius = np.exp(-np.pi * bandwidth / SAMPLE_RATE)
        middle = -2.0 * radius * np.cos(2 * np.pi * formants[:, number, None] / SAMPLE_RATE)
        response *= (1.0 + middle + radius**2) / (1.0 + middle * delay + radius**2 * delay**2)
    return response


def synthesize(text: str, speaker: Speaker, delivery: Delivery, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Speak a text.

    Args:
        text: letters, spaces and `,.!?`; other characters are silent.
        speaker: whose voice.
        delivery: how it is spoken.
        rng: source of accents, jitter, shimmer and noise.

    Returns:
        `(samples,)` mono at 16 kHz, within ±1; voiced segments near −24 dBFS at a level of 0 dB.
    """
    sounds = _sounds(text, delivery.pauses)
    # 0.2 s per syllable at 5 syllables per second
    stretch = 5.0 / (speaker.tempo * delivery.tempo)
    counts = np.maximum(1, np.rint([sound.seconds * stretch * TRACK_RATE for sound in sounds])).astype(np.int64)
    frames = int(counts.sum())
    samples = frames * HOP

    formants = (
        np.repeat(np.array([sound.formants for sound in sounds]), counts, axis=0) * speaker.tract * delivery.smile
    )
    fourth = np.full((frames, 1), 3500.0 * speaker.tract)
    formants = _smooth(np.concatenate([formants, fourth], axis=1), 5)
    voicing = _smooth(np.repeat([sound.voicing for sound in sounds], counts), 3)
    noise = _smooth(np.repeat([sound.noise for sound in sounds], counts), 1)
    centre = np.repeat([sound.centre for sound in sounds], counts)

    pitch = _pitch_track(frames, speaker, delivery, rng)
    pulses, is_open = _pulses(np.interp(np.arange(samples) / HOP, np.arange(frames), pitch), delivery, rng)
    breath = min(0.9, delivery.breathiness + speaker.breath)
    source = (1.0 - 0.5 * breath) * pulses + breath * is_open * rng.normal(0.0, 0.6, samples)
    hiss = rng.normal(0.0, 0.12, samples)

    hertz = np.arange(FFT // 2 + 1) * SAMPLE_RATE / FFT
    tilt = np.asarray(1.0 / (1.0 + 1j * hertz / (speaker.corner * delivery.brightness)), np.complex128)
    band = 1.0 / (1.0 + ((hertz - centre[:, None]) / 900.0) ** 2)
    spectrum = _spectrum(source, frames) * _tract(formants) * tilt * voicing[:, None]
    spectrum = spectrum + _spectrum(hiss, frames) * band * noise[:, None]
    wave = _overlap_add(spectrum, samples)

    loud = np.repeat(voicing, HOP) > 0.5
    level = np.sqrt(np.mean(wave[loud] ** 2)) if loud.any() else np.sqrt(np.mean(wave**2))
    wave *= REFERENCE_LEVEL * 10.0 ** (delivery.level / 20.0) / (level + 1e-9)
    return np.clip(wave, -1.0, 1.0).astype(np.float32)
