"""What the corpus will hold before a sound is made: who says what, how, in which split, and what raters think of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vibespeaker.corpora.synthetic.delivery import Delivery, draw_attributes, draw_delivery
from vibespeaker.corpora.synthetic.raters import Answer, Rater, consensus, draw_raters, mean_attributes, rate
from vibespeaker.corpora.synthetic.speakers import Speaker, draw_speaker
from vibespeaker.corpora.synthetic.texts import draw_text, mishear
from vibespeaker.errors import ConfigError
from vibespeaker.labels import CHALLENGE, OTHER

#: Shares of clips and of speakers: Train, Development, Test3.
SHARES = (0.6, 0.2, 0.2)
UNKNOWN_SHARE = 0.05
RATERS = 40

#: What the training and development splits mean to express: uneven, as in conversations.
_MEANT = {
    "anger": 0.14,
    "sadness": 0.13,
    "happiness": 0.16,
    "surprise": 0.10,
    "fear": 0.09,
    "disgust": 0.09,
    "contempt": 0.10,
    "neutral": 0.14,
    OTHER: 0.05,
}
_ATTEMPTS = 60


@dataclass(frozen=True)
class Clip:
    """One clip to be spoken.

    Args:
        file_name: published name.
        split: `Train`, `Development` or `Test3`.
        speaker: who speaks.
        delivery: how.
        text: what is said.
        heard: what the simulated recogniser makes of it.
        category: the raters' consensus.
        attributes: the raters' mean arousal, valence, dominance.
        answers: their votes.
        snr: background noise, dB below the speech.
        seed: of the synthesis.
    """

    file_name: str
    split: str
    speaker: Speaker
    delivery: Delivery
    text: str
    heard: str
    category: str
    attributes: tuple[float, float, float]
    answers: tuple[Answer, ...]
    snr: float
    seed: tuple[int, int, int]


def draw_clips(seed: int, speakers: int, utterances: int) -> tuple[Clip, ...]:
    """Plan the whole corpus.

    Args:
        seed: the same seed gives the same plan.
        speakers: named speakers of all splits together, at least 3.
        utterances: clips, at least 40.

    Raises:
        ConfigError: too few of either.
    """
    if speakers < 3 or utterances < 40:
        raise ConfigError(
            "a generated corpus needs at least 3 speakers and 40 utterances",
            found=f"{speakers} speakers, {utterances} utterances",
        )
    rng = np.random.default_rng([seed, 0])
    raters = draw_raters(RATERS, rng)
    people = _people(speakers, rng)
    per_class = max(1, round(utterances * SHARES[2] / len(CHALLENGE)))
    development = round(utterances * SHARES[1])
    train = utterances - development - per_class * len(CHALLENGE)
    clips: list[Clip] = []
    for number, (split, count) in enumerate((("Train", train), ("Development", development))):
        emotions = rng.choice(list(_MEANT), size=count, p=list(_MEANT.values()))
        voices = _voices(people[number], count, rng)
        names = _podcast_names(voices, number)
        for index in range(count):
            clips.append(
                _draw_clip(names[index], split, voices[index], str(emotions[index]), raters, (seed, number + 1, index))
            )
    targets = rng.permutation(np.repeat(CHALLENGE.classes, per_class))
    voices = _voices(people[2], len(targets), rng)
    for index, target in enumerate(targets):
        name = f"MSP-PODCAST_test3_{index + 1:04d}.wav"
        clips.append(_draw_agreed(name, voices[index], str(target), raters, (seed, 3, index)))
    return tuple(clips)


def _people(speakers: int, rng: np.random.Generator) -> list[list[Speaker]]:
    """Return the speakers of the three splits; no speaker is in two."""
    apart = [max(1, round(speakers * share)) for share in SHARES[1:]]
    counts = (speakers - sum(apart), *apart)
    genders = ("female", "male")
    everyone = [draw_speaker(number + 1, genders[number % 2], rng) for number in range(speakers)]
    starts = np.cumsum((0, *counts))
    return [everyone[start : start + count] for start, count in zip(starts, counts, strict=False)]


def _voices(people: Sequence[Speaker], count: int, rng: np.random.Generator) -> list[Speaker]:
    """Return who speaks each clip: the split's people in turn, now and then somebody unknown, heard only once."""
    voices = []
    for index in range(count):
        if rng.uniform() < UNKNOWN_SHARE:
            voices.append(draw_speaker(None, str(rng.choice(["female", "male"])), rng))
        else:
            voices.append(people[index % len(people)])
    return voices


def _podcast_names(voices: Sequence[Speaker], split: int) -> list[str]:
    """Name clips by podcast and position: one podcast per speaker, one more for all unknown speakers."""
    positions: dict[int, int] = {}
    names = []
    for speaker in voices:
        podcast = 1000 * split + (speaker.number or 999)
        positions[podcast] = positions.get(podcast, 0) + 1
        names.append(f"MSP-PODCAST_{podcast:04d}_{positions[podcast]:04d}.wav")
    return names


def _draw_clip(
    name: str, split: str, speaker: Speaker, emotion: str, raters: Sequence[Rater], seed: tuple[int, int, int]
) -> Clip:
    rng = np.random.default_rng(seed)
    intensity = float(np.clip(rng.beta(3.5, 1.4) * speaker.expressiveness, 0.0, 1.0))
    attributes = draw_attributes(emotion, intensity, rng)
    text = draw_text(emotion, rng)
    answers = rate(emotion, intensity, attributes, raters, rng)
    votes = [answer.vote for answer in answers]
    return Clip(
        file_name=name,
        split=split,
        speaker=speaker,
        delivery=draw_delivery(emotion, intensity, attributes, rng),
        text=text,
        heard=mishear(text, rng),
        category=consensus(votes),
        attributes=mean_attributes(votes),
        answers=answers,
        snr=float(rng.uniform(18.0, 38.0)),
        seed=(*seed[:2], seed[2] + 1_000_000),
    )


def _draw_agreed(
    name: str, speaker: Speaker, emotion: str, raters: Sequence[Rater], seed: tuple[int, int, int]
) -> Clip:
    """Draw until the raters agree on `emotion`: the test split is balanced by consensus, as the challenge's is."""
    for attempt in range(_ATTEMPTS):
        clip = _draw_clip(name, "Test3", speaker, emotion, raters, (seed[0], seed[1], seed[2] + 10_000 * attempt))
        if clip.category == emotion:
            return clip
    raise AssertionError(f"raters never agreed on {emotion}: their certainty is set too low")
