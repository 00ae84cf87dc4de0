"""The steps on a waveform: noise, silence, loudness; and how much each changed."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibespeaker.audio.cleaning.recipe import CleaningRecipe
from vibespeaker.audio.packages import installed
from vibespeaker.audio.speech import Span, loud_spans, speech_by_silero
from vibespeaker.utterance import SAMPLE_RATE

Waveform = npt.NDArray[np.float32]
#: The step to loudness keeps the peak below full scale.
_HEADROOM = 0.99


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A recording and what was done to it.

    Args:
        samples: `(samples,)` at 16 kHz; none when no speech was found.
        seconds_before: duration of the original.
        seconds_after: duration of what is left.
        noise_db: level of what the noise reduction took away, against the level before; null without the step.
        gain_db: change of level of the last step; null without the step.
    """

    samples: Waveform
    seconds_before: float
    seconds_after: float
    noise_db: float | None = None
    gain_db: float | None = None

    @property
    def measures(self) -> dict[str, float | None]:
        """Everything but the samples, rounded to what can be heard."""
        return {
            "seconds_before": round(self.seconds_before, 4),
            "seconds_after": round(self.seconds_after, 4),
            "noise_db": None if self.noise_db is None else round(self.noise_db, 2),
            "gain_db": None if self.gain_db is None else round(self.gain_db, 2),
        }


def clean_audio(waveform: Waveform, recipe: CleaningRecipe) -> Cleaned:
    """Apply the steps of a recipe.

    Args:
        waveform: `(samples,)` mono at 16 kHz, at least one sample.
        recipe: which steps.

    Raises:
        ConfigError: a step needs a package that is not installed.
    """
    samples = waveform
    noise_db = gain_db = None
    if recipe.denoise:
        samples = denoised(waveform, recipe.denoise)
        noise_db = level_db(waveform - samples) - level_db(waveform)
    if recipe.silence != "none":
        spans = loud_spans(samples, recipe.below_db) if recipe.silence == "energy" else speech_by_silero(samples)
        samples = kept(samples, spans, recipe.margin)
    if recipe.loudness is not None and len(samples):
        samples, gain_db = at_loudness(samples, recipe.loudness)
    seconds = (len(waveform) / SAMPLE_RATE, len(samples) / SAMPLE_RATE)
    return Cleaned(samples, *seconds, noise_db=noise_db, gain_db=gain_db)


def denoised(waveform: Waveform, share: float) -> Waveform:
    """Return the recording after spectral gating by noisereduce, its noise floor followed over time.

    Raises:
        ConfigError: noisereduce is not installed.
    """
    installed("noisereduce")
    import noisereduce

    if not waveform.any():
        return waveform
    with warnings.catch_warnings():
        # divisions by the zeros of digital silence, which come out as silence again
        warnings.simplefilter("ignore")
        cleaned = noisereduce.reduce_noise(waveform, SAMPLE_RATE, stationary=False, prop_decrease=share, n_jobs=1)
    # gating may leave no number where a band is silent throughout
    return np.nan_to_num(cleaned).astype(np.float32)


def kept(waveform: Waveform, spans: list[Span], margin: float) -> Waveform:
    """Return the spans with `margin` seconds on either side, one behind the other; no samples without a span."""
    is_kept = np.zeros(len(waveform), dtype=bool)
    for start, end in spans:
        is_kept[max(0, start - round(margin * SAMPLE_RATE)) : end + round(margin * SAMPLE_RATE)] = True
    return waveform[is_kept]


def at_loudness(waveform: Waveform, target_db: float) -> tuple[Waveform, float]:
    """Return the recording at a level (root mean square, dB of full scale) and the gain in dB; silence stays.

    The gain is less where the peak would otherwise pass full scale.
    """
    peak = float(np.abs(waveform).max())
    if peak == 0:
        return waveform, 0.0
    gain = min(10 ** ((target_db - level_db(waveform)) / 20), _HEADROOM / peak)
    return (waveform * gain).astype(np.float32), float(20 * np.log10(gain))


def level_db(waveform: Waveform) -> float:
    """Return the root mean square in dB of full scale; −120 at the least."""
    power = float(np.mean(np.square(waveform, dtype=np.float64)))
    return float(10 * np.log10(max(power, 1e-12)))
