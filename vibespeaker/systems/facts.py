"""What a shared model says of itself: what it learned from, how well it does, and which recordings are like those."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from vibespeaker.audio.levels import bandwidth_hz, levels
from vibespeaker.provenance import Provenance
from vibespeaker.utterance import SAMPLE_RATE

#: What is measured of a recording → how a note calls it, with its unit and digits.
MEASURES = {
    "level_db": ("level", "dB below full scale", 0),
    "bandwidth_hz": ("bandwidth", "Hz", 0),
    "seconds": ("duration", "s", 1),
}


@dataclass(frozen=True)
class ModelFacts:
    """What a model folder tells beside its weights.

    Args:
        learned_from: half a sentence: corpus, kind of speech, language, licence.
        scores: what was scored and how → the scores by name, 0 to 1.
        better: half a sentence: how to get a better model.
        heard: measure (`MEASURES`) → least and greatest of the recordings that were learned from, but for the most
            unusual hundredth at each end.
    """

    learned_from: str
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    better: str | None = None
    heard: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def line(self) -> str:
        """Return all but the ranges as one line."""
        said = [
            f"{', '.join(f'{name} {value:.3f}' for name, value in values.items())} on {what}"
            for what, values in self.scores.items()
        ]
        better = [f"for a better one {self.better}"] if self.better else []
        return "; ".join([f"learned from {self.learned_from}", *said, *better])

    def ranges(self) -> tuple[str, ...]:
        """Return the ranges of `heard` in words: `duration: 1.5 to 5.9 s`."""
        return tuple(f"{MEASURES[name][0]}: {_span(name, *ends)}" for name, ends in self.heard.items())

    def notes(self, samples: npt.NDArray[np.float32], leave_out: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Say where a recording lies outside of what was learned from.

        Args:
            samples: `(samples,)` at 16 kHz.
            leave_out: measures that say nothing of it, such as the duration of a long recording that is cut.
        """
        found = measured(samples)
        notes = []
        for name, (low, high) in self.heard.items():
            if name in leave_out or name not in found or low <= found[name] <= high:
                continue
            title, _, digits = MEASURES[name]
            value = -found[name] if name == "level_db" else found[name]
            said = _span(name, low, high)
            notes.append(f"{title} {value:.{digits}f}, outside the {said} that the model learned from")
        return tuple(notes)


def _span(name: str, low: float, high: float) -> str:
    """Return a range of a measure in words; levels are told as what they lie below full scale."""
    _, unit, digits = MEASURES[name]
    first, last = (-high, -low) if name == "level_db" else (low, high)
    return f"{first:.{digits}f} to {last:.{digits}f} {unit}"


def corpora_in_words(provenance: Provenance) -> str:
    """Return which corpora a system learned from; what was generated in the layout of one is not called by its name."""
    named = ", ".join(provenance.corpora)
    if provenance.synthetic:
        return f"generated speech in the layout of {named}" if named else "generated speech"
    return named or "data without a name"


def measured(samples: npt.NDArray[np.float32]) -> dict[str, float]:
    """Return every measure of a recording, `(samples,)` at 16 kHz."""
    return {
        "level_db": levels(samples, SAMPLE_RATE)[0],
        "bandwidth_hz": bandwidth_hz(samples, SAMPLE_RATE),
        "seconds": len(samples) / SAMPLE_RATE,
    }
