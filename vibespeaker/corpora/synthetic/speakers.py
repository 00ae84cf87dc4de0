"""Speakers who differ in pitch, vocal tract, tempo, breath and expressiveness."""

from dataclasses import dataclass

import numpy as np

#: Gender → mean pitch in Hz and vocal tract factor on the formants of an average male voice.
_VOICES = {"male": (112.0, 1.0), "female": (198.0, 1.15)}


@dataclass(frozen=True)
class Speaker:
    """A parametric voice.

    Args:
        number: identifier within the corpus, from 1; None when the corpus does not tell who speaks.
        gender: `female` or `male`.
        pitch: mean pitch of the neutral voice, Hz.
        tract: factor on the formants; above 1 for short vocal tracts.
        tempo: syllables per second of the neutral voice.
        corner: corner frequency of the source's spectral tilt, Hz.
        breath: added to the breathiness of every delivery, 0–0.15.
        expressiveness: factor on the intensity of emotions.
    """

    number: int | None
    gender: str
    pitch: float
    tract: float
    tempo: float
    corner: float
    breath: float
    expressiveness: float


def draw_speaker(number: int | None, gender: str, rng: np.random.Generator) -> Speaker:
    """Return a new voice of the given gender."""
    pitch, tract = _VOICES[gender]
    return Speaker(
        number=number,
        gender=gender,
        pitch=pitch * float(2.0 ** rng.normal(0.0, 0.13)),
        tract=tract * float(2.0 ** rng.normal(0.0, 0.05)),
        tempo=float(rng.normal(4.9, 0.35)),
        corner=float(1400.0 * 2.0 ** rng.normal(0.0, 0.25)),
        breath=float(rng.uniform(0.0, 0.12)),
        expressiveness=float(rng.uniform(0.75, 1.2)),
    )
