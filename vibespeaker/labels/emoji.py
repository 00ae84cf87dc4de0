"""A face for each emotion, for terminals and pictures; people read faces differently, so that words stand beside."""

#: All of them are in DejaVu Sans, which pictures are written with.
EMOJI = {
    "anger": "😠",
    "sadness": "😢",
    "happiness": "😄",
    "surprise": "😲",
    "fear": "😨",
    "disgust": "😖",
    "contempt": "😒",
    "neutral": "😐",
    "calm": "😌",
    "boredom": "😪",
    "excitement": "😆",
    "frustration": "😣",
}


def emoji_of(category: str | None) -> str:
    """Return the face of a category, nothing where there is none."""
    return EMOJI.get(category or "", "")
