"""How an emotion is spoken: from a category and its attributes to pitch, range, tempo, level, breath and brightness.

Every emotion has a place in the arousal–valence–dominance space and a few habits that the attributes do not explain
(surprise rises at the end, fear trembles, disgust creaks …). An utterance lies between neutral and that place, as far
as its intensity says, plus personal noise; its delivery follows the attributes continuously, so that both categories
and attributes can be heard, and neither is certain.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibespeaker.labels import ATTRIBUTE_CENTRE, ATTRIBUTE_MAX, ATTRIBUTE_MIN, OTHER

#: Emotion → arousal, valence, dominance on 1–7 when it is expressed fully.
PLACES: dict[str, tuple[float, float, float]] = {
    "anger": (6.1, 2.0, 5.9),
    "sadness": (2.2, 2.2, 2.5),
    "happiness": (5.4, 6.1, 4.9),
    "surprise": (5.6, 4.8, 3.9),
    "fear": (5.1, 2.1, 2.1),
    "disgust": (4.1, 2.0, 4.7),
    "contempt": (3.4, 2.8, 5.6),
    "neutral": (3.7, 4.1, 4.2),
    OTHER: (4.4, 3.4, 3.7),
}

#: Spread of the attributes around their place, in points of the 1–7 scale.
ATTRIBUTE_SPREAD = 0.45


@dataclass(frozen=True)
class Delivery:
    """How one utterance is spoken, relative to the speaker's own neutral voice.

    Args:
        pitch: shift of the mean pitch, octaves.
        pitch_range: standard deviation of the intonation, semitones.
        final_slope: pitch movement over the last third, semitones.
        tempo: factor on the speaker's syllable rate.
        level: change of loudness, dB.
        breathiness: aspiration noise relative to the pulses, 0–1.
        brightness: factor on the corner frequency of the source's spectral tilt.
        jitter: relative standard deviation of the period.
        shimmer: relative standard deviation of the pulses' amplitude.
        tremor: depth of a slow pitch oscillation, semitones.
        smile: factor on the formants; spread lips shorten the tract.
        pauses: factor on the pauses between words.
    """

    pitch: float
    pitch_range: float
    final_slope: float
    tempo: float
    level: float
    breathiness: float
    brightness: float
    jitter: float
    shimmer: float
    tremor: float
    smile: float
    pauses: float


@dataclass(frozen=True)
class Habit:
    """What an emotion adds to a delivery beyond its attributes, at full intensity; fields as in `Delivery`."""

    pitch: float = 0.0
    pitch_range: float = 0.0
    final_slope: float = 0.0
    tempo: float = 0.0
    breathiness: float = 0.0
    jitter: float = 0.0
    tremor: float = 0.0
    pauses: float = 0.0


HABITS: dict[str, Habit] = {
    "anger": Habit(final_slope=-3.0, pitch_range=0.8, jitter=0.012),
    "sadness": Habit(final_slope=-2.0, pitch_range=-0.6, breathiness=0.20, pauses=1.0),
    "happiness": Habit(pitch=0.12, pitch_range=1.8, final_slope=1.5),
    "surprise": Habit(pitch=0.34, pitch_range=1.6, final_slope=10.0),
    "fear": Habit(pitch=0.28, pitch_range=-0.5, tempo=0.18, breathiness=0.14, tremor=1.2),
    "disgust": Habit(pitch=-0.22, tempo=-0.18, jitter=0.045),
    "contempt": Habit(pitch=-0.16, pitch_range=-0.6, final_slope=-6.0, tempo=-0.08, breathiness=-0.05),
    "neutral": Habit(),
    OTHER: Habit(),
}


def draw_attributes(emotion: str, intensity: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return `(3,)` arousal, valence and dominance of one utterance, on 1–7.

    Args:
        emotion: a key of `PLACES`.
        intensity: 0 (neutral) to 1 (the emotion's place).
        rng: source of the spread.
    """
    neutral, place = np.array(PLACES["neutral"]), np.array(PLACES[emotion])
    spread = rng.normal(0.0, ATTRIBUTE_SPREAD, 3)
    return np.clip(neutral + intensity * (place - neutral) + spread, ATTRIBUTE_MIN, ATTRIBUTE_MAX)


def draw_delivery(
    emotion: str, intensity: float, attributes: npt.NDArray[np.float64], rng: np.random.Generator
) -> Delivery:
    """Return how the utterance is spoken.

    Args:
        emotion: a key of `HABITS`.
        intensity: 0–1, scales the habits.
        attributes: `(3,)` arousal, valence, dominance on 1–7.
        rng: source of what differs from one utterance to the next for no reason.
    """
    arousal, valence, dominance = (attributes - ATTRIBUTE_CENTRE) / (ATTRIBUTE_MAX - ATTRIBUTE_CENTRE)
    habit = HABITS[emotion]
    noise = rng.normal(0.0, 1.0, 8)
    return Delivery(
        pitch=0.30 * arousal - 0.08 * dominance + intensity * habit.pitch + 0.07 * noise[0],
        pitch_range=max(0.4, 2.0 + 1.3 * arousal + intensity * habit.pitch_range + 0.4 * noise[1]),
        final_slope=-1.5 + intensity * habit.final_slope + 1.3 * noise[2],
        tempo=float(np.clip(1.0 + 0.22 * arousal + intensity * habit.tempo + 0.08 * noise[3], 0.6, 1.7)),
        level=7.0 * arousal + 2.5 * dominance + 1.6 * noise[4],
        breathiness=float(
            np.clip(0.16 - 0.10 * dominance + intensity * habit.breathiness + 0.05 * noise[5], 0.02, 0.8)
        ),
        brightness=float(2.0 ** (0.9 * arousal + 0.3 * dominance + 0.25 * noise[6])),
        jitter=max(0.002, 0.006 + intensity * habit.jitter + 0.002 * noise[7]),
        shimmer=0.04 + 0.04 * max(0.0, -valence),
        tremor=max(0.0, intensity * habit.tremor),
        smile=float(2.0 ** (0.07 * valence)),
        pauses=float(np.clip(1.0 - 0.4 * arousal + intensity * habit.pauses, 0.3, 2.5)),
    )
