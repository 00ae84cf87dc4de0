"""Simulated raters: each with their own accuracy and bias; the consensus is made of their votes, as in MSP-Podcast.

A rater perceives the intended emotion with a probability that grows with its intensity and with the rater's care; else
neutral, a neighbouring emotion, or something that is not on the list. Attributes are whole points on 1–7 with the
rater's own bias. The consensus is the plurality of the primary votes; a tie is no agreement.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vibespeaker.corpora.synthetic.delivery import PLACES
from vibespeaker.corpora.synthetic.texts import NEIGHBOURS
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, NO_AGREEMENT, OTHER
from vibespeaker.utterance import Vote

#: Emotion → its spelling as a primary vote in `labels_detailed.csv`.
PRIMARY_NAMES = {
    "anger": "Angry",
    "sadness": "Sad",
    "happiness": "Happy",
    "surprise": "Surprise",
    "fear": "Fear",
    "disgust": "Disgust",
    "contempt": "Contempt",
    "neutral": "Neutral",
}
_OTHER_NAMES = ("Other-nervous", "Other-bored", "Other-sarcastic", "Other-Dissapointed", "Other-unsure")
#: Emotion → secondary emotions that raters tick along with it.
_SECONDARY = {
    "anger": ("Frustrated", "Annoyed"),
    "sadness": ("Disappointed", "Depressed"),
    "happiness": ("Excited", "Amused"),
    "surprise": ("Confused", "Excited"),
    "fear": ("Concerned", "Confused"),
    "disgust": ("Annoyed", "Frustrated"),
    "contempt": ("Annoyed", "Amused"),
    "neutral": ("Concerned",),
    OTHER: ("Frustrated", "Confused"),
}


@dataclass(frozen=True)
class Rater:
    """One simulated rater.

    Args:
        name: `WORKER` and eight digits.
        care: 0–1, how often the expressed emotion is perceived.
        bias: `(3,)` points added to arousal, valence and dominance.
    """

    name: str
    care: float
    bias: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answer:
    """A vote and the names under which the label file publishes it."""

    vote: Vote
    primary_name: str
    secondary_names: tuple[str, ...]


def draw_raters(count: int, rng: np.random.Generator) -> tuple[Rater, ...]:
    """Return `count` raters."""
    return tuple(
        Rater(f"WORKER{number:08d}", float(rng.uniform(0.55, 1.0)), rng.normal(0.0, 0.35, 3))
        for number in range(1, count + 1)
    )


def rate(
    emotion: str,
    intensity: float,
    attributes: npt.NDArray[np.float64],
    raters: Sequence[Rater],
    rng: np.random.Generator,
) -> tuple[Answer, ...]:
    """Let five to seven of the raters rate one utterance.

    Args:
        emotion: what was meant, a key of `PLACES`.
        intensity: 0–1, how clearly it was expressed.
        attributes: `(3,)` arousal, valence, dominance as spoken, on 1–7.
        raters: at least seven.
        rng: source of who rates and what they perceive.
    """
    count = int(rng.choice([5, 6, 7], p=[0.8, 0.12, 0.08]))
    chosen = rng.choice(len(raters), size=count, replace=False)
    return tuple(_answer(emotion, intensity, attributes, raters[number], rng) for number in chosen)


def _answer(
    emotion: str, intensity: float, attributes: npt.NDArray[np.float64], rater: Rater, rng: np.random.Generator
) -> Answer:
    perceived = _perceived_emotion(emotion, (0.42 + 0.52 * intensity) * rater.care, rng)
    points = np.clip(np.rint(attributes + rater.bias + rng.normal(0.0, 0.6, 3)), ATTRIBUTE_MIN, ATTRIBUTE_MAX)
    primary_name = PRIMARY_NAMES[perceived] if perceived != OTHER else str(rng.choice(_OTHER_NAMES))
    named = (primary_name,) if perceived != OTHER else ()
    extra = tuple(name for name in _SECONDARY[perceived] if rng.uniform() < 0.4)
    secondary = (*named, *extra)
    arousal, valence, dominance = (float(point) for point in points)
    vote = Vote(rater.name, perceived, tuple(name.lower() for name in secondary), arousal, valence, dominance)
    return Answer(vote, primary_name, secondary)


def _perceived_emotion(emotion: str, certainty: float, rng: np.random.Generator) -> str:
    if rng.uniform() < certainty:
        return emotion
    chance = rng.uniform()
    if chance < 0.50:
        return str(rng.choice(NEIGHBOURS[emotion]))
    if chance < 0.75:
        return "neutral"
    if chance < 0.85:
        return OTHER
    return str(rng.choice(list(PLACES)))


def consensus(votes: Sequence[Vote]) -> str:
    """Return the emotion with the most primary votes, `no_agreement` when two share the first place."""
    counts = Counter(vote.primary for vote in votes if vote.primary is not None).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return NO_AGREEMENT
    return counts[0][0]


def mean_attributes(votes: Sequence[Vote]) -> tuple[float, float, float]:
    """Return the raters' mean arousal, valence and dominance."""
    points = np.array([(vote.arousal, vote.valence, vote.dominance) for vote in votes], dtype=np.float64)
    arousal, valence, dominance = points.mean(axis=0)
    return float(arousal), float(valence), float(dominance)


def detail(answer: Answer) -> str:
    """Return the `EmoDetail` field of `labels_detailed.csv` (releases 1.7 to 1.12)."""
    vote = answer.vote
    fields = [vote.rater or "", answer.primary_name]
    if answer.secondary_names:
        fields.append(",".join(answer.secondary_names))
    fields += [f"A:{vote.arousal:.6f}", f"V:{vote.valence:.6f}", f"D:{vote.dominance:.6f}"]
    return "; ".join(fields) + ";"
