"""Emotion classes with their letters, the attributes and their range: the only home of labels.

The challenge's order is A S H U F D C N (anger, sadness, happiness, surprise, fear, disgust, contempt, neutral), O.
The attributes' order is arousal, valence, dominance. Nothing reorders either except the writer of submissions.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from vibespeaker.errors import ConfigError

ATTRIBUTES = ("arousal", "valence", "dominance")
ATTRIBUTE_MIN = 1.0
ATTRIBUTE_MAX = 7.0
ATTRIBUTE_CENTRE = 4.0

#: Class index of an utterance without a usable class; the `ignore_index` of cross-entropy.
NO_CATEGORY = -100

NO_AGREEMENT = "no_agreement"
OTHER = "other"

#: MSP-Podcast's consensus letters, in the challenge's order.
MSP_LETTERS = {
    "A": "anger",
    "S": "sadness",
    "H": "happiness",
    "U": "surprise",
    "F": "fear",
    "D": "disgust",
    "C": "contempt",
    "N": "neutral",
    "O": OTHER,
    "X": NO_AGREEMENT,
}
LETTER_OF = {emotion: letter for letter, emotion in MSP_LETTERS.items()}

#: Every category a manifest may hold.
EMOTIONS = (*MSP_LETTERS.values(), "calm", "boredom", "excitement", "frustration")


#: Common spellings, in lower case with single blanks between words → emotion. Single letters are no spellings: `A` is
#: anger in MSP-Podcast and fear (Angst) in EmoDB.
_SPELLINGS = {
    "anger": ("angry", "ang"),
    "sadness": ("sad",),
    "happiness": ("happy", "hap", "joy", "joyful"),
    "surprise": ("surprised", "sur", "ps", "pleasant surprise", "pleasant surprised", "pleasantly surprised"),
    "fear": ("fearful", "fea", "afraid", "scared", "frightened"),
    "disgust": ("disgusted", "dis"),
    "contempt": ("contemptuous",),
    "neutral": ("neu", "neutrality", "neutral state"),
    OTHER: ("oth", "others"),
    NO_AGREEMENT: ("no agreement", "xxx"),
    "calm": ("calmness",),
    "boredom": ("bored",),
    "excitement": ("excited", "exc"),
    "frustration": ("frustrated", "fru"),
}
ALIASES = {spelling: emotion for emotion, spellings in _SPELLINGS.items() for spelling in (emotion, *spellings)}

#: What the name of a label set begins with whose classes are words of a table's own, in the order listed behind it.
OWN = "own:"


def plain_label(text: str) -> str:
    """Return a label in lower case, with single blanks for what parts its words: `Pleasant_Surprise`."""
    return " ".join(re.split(r"[\s_-]+", text.casefold().strip(" _-\t")))


def emotion_named(text: str) -> str | None:
    """Return the emotion that a label spells, whatever its case and blanks; null where it is none."""
    return ALIASES.get(plain_label(text))


@dataclass(frozen=True)
class LabelSet:
    """A named, ordered set of classes; the order is the order of the logits.

    Args:
        name: what configs, tables and checkpoints call it.
        classes: emotions, each one of `EMOTIONS`; any words where the name begins with `own:`.
    """

    name: str
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = [emotion for emotion in self.classes if not emotion or not (self.is_own or emotion in EMOTIONS)]
        if unknown or len(set(self.classes)) != len(self.classes) or not self.classes:
            raise ConfigError(
                f"label set {self.name!r} must list distinct " + ("classes" if self.is_own else "known emotions"),
                found=self.classes,
                allowed="names without commas" if self.is_own else EMOTIONS,
                remedy=None if self.is_own else f"begin it with {OWN} to list classes of your own",
            )

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def is_own(self) -> bool:
        """True where the classes are words of a table's own; none of them has a meaning here, not even `other`."""
        return self.name.startswith(OWN)

    def index(self, emotion: str) -> int:
        """Return the position of `emotion` among the logits."""
        try:
            return self.classes.index(emotion)
        except ValueError:
            raise ConfigError(
                f"label set {self.name!r} has no such class", found=emotion, allowed=self.classes
            ) from None

    @property
    def scored(self) -> "LabelSet":
        """The classes that scores compare: the challenge trains `other` at most, and never scores it."""
        if self.name.startswith(OWN) or OTHER not in self.classes or len(self.classes) == 1:
            return self
        scored = tuple(emotion for emotion in self.classes if emotion != OTHER)
        return label_set_in_order(scored)

    @property
    def logit_columns(self) -> tuple[str, ...]:
        """Names of the logits in a prediction table."""
        return tuple(f"logit_{emotion}" for emotion in self.classes)


_CHALLENGE_CLASSES = tuple(MSP_LETTERS.values())[:8]

CHALLENGE = LabelSet("challenge", _CHALLENGE_CLASSES)
CHALLENGE_OTHER = LabelSet("challenge+other", (*_CHALLENGE_CLASSES, OTHER))
RAVDESS = LabelSet("ravdess", ("anger", "sadness", "happiness", "surprise", "fear", "disgust", "neutral", "calm"))
EMODB = LabelSet("emodb", ("anger", "sadness", "happiness", "fear", "disgust", "neutral", "boredom"))
#: The seven classes of Speech and Text-Based Emotion Recognizer (arXiv 2312.11503): neutral is dropped.
SEVEN = LabelSet("seven", ("calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"))
#: The same with neutral, for the comparison that its review asks for.
SEVEN_NEUTRAL = LabelSet("seven+neutral", (*SEVEN.classes, "neutral"))

#: Ekman's six and neutral: SAVEE, TESS, EMOVO, MELD.
BASIC = LabelSet("basic", ("anger", "sadness", "happiness", "surprise", "fear", "disgust", "neutral"))
CREMA_D = LabelSet("crema-d", ("anger", "sadness", "happiness", "fear", "disgust", "neutral"))
NEMO = LabelSet("nemo", ("anger", "sadness", "happiness", "surprise", "fear", "neutral"))
#: URDU, and what most of the literature makes of IEMOCAP.
FOUR = LabelSet("four", ("anger", "sadness", "happiness", "neutral"))
#: All that IEMOCAP's raters could choose, but for other.
IEMOCAP = LabelSet("iemocap", (*BASIC.classes, "excitement", "frustration"))
#: The eight classes of the source's CSV corpus; its euphoria is excitement here, apart from its joy.
EMOTION_CSV = LabelSet("emotion-csv", (*BASIC.classes, "excitement"))

LABEL_SETS = {
    labels.name: labels
    for labels in (
        *(CHALLENGE, CHALLENGE_OTHER, RAVDESS, EMODB, SEVEN, SEVEN_NEUTRAL),
        *(BASIC, CREMA_D, NEMO, FOUR, IEMOCAP, EMOTION_CSV),
    )
}


def label_set(name: str) -> LabelSet:
    """Return the label set called `name`, or the one spelled by it: `anger,sadness`, or `own:low,high`, in this order.

    Raises:
        ConfigError: there is none of that name, or an unknown emotion in its spelling.
    """
    if name.startswith(OWN):
        return LabelSet(name, tuple(part.strip() for part in name.removeprefix(OWN).split(",")))
    if "," in name:
        return LabelSet(name, tuple(name.split(",")))
    if name not in LABEL_SETS:
        raise ConfigError("unknown label set", found=name, allowed=LABEL_SETS)
    return LABEL_SETS[name]


def label_set_in_order(classes: tuple[str, ...]) -> LabelSet:
    """Return the label set of these classes in this order: a named one, else a spelled one."""
    named = next((known for known in LABEL_SETS.values() if known.classes == classes), None)
    spelled = ",".join(classes)
    are_emotions = set(classes) <= set(EMOTIONS)
    return named or LabelSet(spelled if are_emotions else OWN + spelled, classes)


def label_set_of(emotions: Collection[str]) -> LabelSet:
    """Return the label set that has just these emotions: a named one, else a spelled one.

    What is no emotion, other and missing agreement, is left to the label policy. Of a single emotion, which is nothing
    to tell apart, the first named set that has it.
    """
    classes = [emotion for emotion in EMOTIONS if emotion in emotions and emotion not in (NO_AGREEMENT, OTHER)]
    for labels in LABEL_SETS.values():
        if set(labels.classes) == set(classes) or (len(classes) < 2 and set(classes) <= set(labels.classes)):
            return labels
    return label_set(",".join(classes))


def rescale(value: float, low: float, high: float) -> float:
    """Map an attribute linearly from `low`–`high` to 1–7.

    Raises:
        ValueError: the value lies outside.
    """
    if not low <= value <= high:
        raise ValueError(f"{value:g} lies outside {low:g} to {high:g}")
    return ATTRIBUTE_MIN + (value - low) * (ATTRIBUTE_MAX - ATTRIBUTE_MIN) / (high - low)
