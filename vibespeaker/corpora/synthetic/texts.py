"""What is said: short sentences whose words lean towards the emotion, and what a recogniser would make of them.

One utterance in three says something that any mood could say; of the others one in six uses words of an emotion close
by. So the text is informative of the emotion, but does not determine it.
"""

import numpy as np

from vibespeaker.labels import OTHER

#: Share of utterances whose words have no mood, and share of the others whose words belong to a neighbour.
PLAIN_SHARE = 0.33
NEIGHBOUR_SHARE = 0.16

NEIGHBOURS: dict[str, tuple[str, ...]] = {
    "anger": ("disgust", "contempt"),
    "sadness": ("fear", "neutral"),
    "happiness": ("surprise", "neutral"),
    "surprise": ("happiness", "fear"),
    "fear": ("sadness", "surprise"),
    "disgust": ("anger", "contempt"),
    "contempt": ("disgust", "neutral"),
    "neutral": ("contempt", "sadness"),
    OTHER: ("anger", "sadness", "neutral"),
}

_OPENERS = ("well,", "so,", "you know,", "look,", "and then", "I mean,", "okay,", "right,", "", "", "", "")

_PLAIN = (
    "the meeting starts at ten",
    "we took the second road north",
    "the report has four parts",
    "he works two floors above us",
    "they moved the table over there",
    "the train leaves from platform six",
    "I put the papers in the box",
    "she called about the schedule",
    "we talked for about an hour",
    "the office opens on Monday",
    "they changed the number again",
    "he read the whole page",
    "the shop is near the river",
    "I saw them on the stairs",
    "we will do the rest tomorrow",
    "she said it twice today",
    "the list is on the desk",
    "there are nine of them left",
    "it was the same as last year",
    "he told me on the phone",
)

_MOODS: dict[str, tuple[str, ...]] = {
    "anger": (
        "I am furious with him",
        "stop shouting lies at me",
        "that makes me so mad",
        "how dare they cheat us",
        "I am sick of this rage",
        "get out and stay out",
        "they ruined it on purpose",
        "I hate how angry this makes me",
        "he keeps provoking a fight",
        "this is outrageous and unfair",
    ),
    "sadness": (
        "I miss her every day",
        "we lost him last winter",
        "I cried the whole night",
        "nothing helps and I feel empty",
        "it breaks my heart to leave",
        "she died so alone",
        "I am grieving and so tired",
        "the funeral was very lonely",
        "I wish he were still here",
        "everything feels hopeless now",
    ),
    "happiness": (
        "I love this so much",
        "we won and we danced",
        "what a wonderful happy day",
        "she laughed with joy",
        "I am so glad you came",
        "this is the best birthday",
        "we had great fun together",
        "that smile is lovely",
        "I am delighted and grateful",
        "it was beautiful and we celebrated",
    ),
    "surprise": (
        "oh wow, I never expected that",
        "no way, are you serious",
        "suddenly there he was",
        "what, that is unbelievable",
        "I was astonished to see it",
        "wow, where did that come from",
        "out of nowhere it appeared",
        "I had no idea, really",
        "oh, what a strange surprise",
        "that is amazing, how come",
    ),
    "fear": (
        "I am scared to go inside",
        "something is moving in the dark",
        "please hide, he is coming",
        "I was terrified and frozen",
        "what if they find us",
        "it is dangerous, be careful",
        "I panic when I hear it",
        "my hands shake with fear",
        "we have to run, hurry",
        "I dread the worst nightmare",
    ),
    "disgust": (
        "that smell is revolting",
        "it was rotten and slimy",
        "I almost threw up",
        "the filth was nauseating",
        "gross, it is covered in mould",
        "his dirty habits disgust me",
        "the food tasted foul",
        "there was vomit and garbage",
        "what a vile sticky mess",
        "I feel sick, it stinks",
    ),
    "contempt": (
        "he thinks he is so clever",
        "what a pathetic little excuse",
        "as if they could ever manage",
        "typical, another useless fool",
        "she is beneath us anyway",
        "such a worthless amateur",
        "oh please, spare me that nonsense",
        "they are laughably incompetent",
        "nobody respects that loser",
        "how very impressive, genius",
    ),
    "neutral": (
        "the average is about the same",
        "it depends on the season",
        "there are several options here",
        "that is the usual procedure",
        "the data covers three regions",
        "according to the manual it is standard",
        "we can describe this in general",
        "in most cases it takes a week",
        "the next topic is the budget",
        "it is a regular weekday",
    ),
    OTHER: (
        "I am frustrated and confused",
        "that is so annoying again",
        "I worry about the outcome",
        "we were disappointed by it",
        "I am a bit nervous today",
        "it is awkward and boring",
    ),
}

_CLOSERS = ("today", "again", "you see", "this time", "with them", "", "", "", "", "", "")

#: Simulated recognition errors: shares of words replaced by another word of the corpus, and dropped.
REPLACED_SHARE = 0.08
DROPPED_SHARE = 0.04

_VOCABULARY = sorted({word for texts in (_PLAIN, *_MOODS.values()) for text in texts for word in text.split()})


def draw_text(emotion: str, rng: np.random.Generator) -> str:
    """Return one sentence, first letter upper case, with a full stop.

    Args:
        emotion: a key of `NEIGHBOURS`.
        rng: source of the choice.
    """
    plain, neighbour = rng.uniform(size=2)
    source = emotion if neighbour >= NEIGHBOUR_SHARE else str(rng.choice(NEIGHBOURS[emotion]))
    sentences = _PLAIN if plain < PLAIN_SHARE else _MOODS[source]
    parts = (str(rng.choice(_OPENERS)), str(rng.choice(sentences)), str(rng.choice(_CLOSERS)))
    sentence = " ".join(part for part in parts if part)
    return f"{sentence[0].upper()}{sentence[1:]}."


def mishear(text: str, rng: np.random.Generator) -> str:
    """Return what a simulated recogniser makes of `text`: lower case, no punctuation, some words wrong or missing."""
    words = "".join(letter for letter in text.lower() if letter.isalpha() or letter == " ").split()
    heard: list[str] = []
    for word, fate in zip(words, rng.uniform(size=len(words)), strict=True):
        if fate < REPLACED_SHARE:
            heard.append(str(rng.choice(_VOCABULARY)).lower().strip(","))
        elif fate >= REPLACED_SHARE + DROPPED_SHARE:
            heard.append(word)
    return " ".join(heard)
