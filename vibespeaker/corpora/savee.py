"""SAVEE: acted British English, four men, seven emotions, at 44.1 kHz.

A file name such as `JE_n23.wav`, or `n23.wav` in a folder `JE`, holds speaker, emotion and number. Numbers 1 to 3 are
the same three sentences in every emotion. Of the others, neutral repeats twelve of the emotions' own, but the names do
not tell which: those count as different sentences here.
"""

import re
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading
from vibespeaker.corpora.folder import without_suffix
from vibespeaker.corpora.named import meaning, read_named
from vibespeaker.utterance import Utterance

# sa and su before their first letter
_NAME = re.compile(r"(?:(?P<speaker>[a-z]{2})_)?(?P<emotion>sa|su|[adfhn])(?P<number>\d\d)", re.IGNORECASE)
_SPEAKERS = ("DC", "JE", "JK", "KL")
_EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
_COUNTS = {**dict.fromkeys(_EMOTIONS.values(), 60), "neutral": 120}
_COMMON = 3
_NUMBERS = 15
_NEUTRAL_NUMBERS = 30


class SAVEE(CorpusAdapter):
    """Surrey Audio-Visual Expressed Emotion database; all speakers are male."""

    name = "savee"
    label_set = "basic"
    licence = "free for research after registration with the University of Surrey"
    citation = "Haq & Jackson (2010), Multimodal Emotion Recognition, in Machine Audition, IGI Global, pp. 398–423"
    expected_utterances = 480
    expected_categories = _COUNTS

    def read(self, root: Path) -> CorpusReading:
        """Read all audio files below `root`: flat with the speaker in the name, or in one folder per speaker.

        Raises:
            CorpusError: no file has a name of SAVEE.
        """
        example = "JE_n23.wav or AudioData/JE/n23.wav"
        return read_named(root, "SAVEE", example, _utterance, speaker_folder="(DC|JE|JK|KL)")


def _utterance(path: str) -> Utterance:
    name = _NAME.fullmatch(PurePosixPath(path).stem)
    if name is None:
        raise ValueError("the name is not of the form JE_n23 or n23")
    speaker = (name["speaker"] or PurePosixPath(path).parent.name).upper()
    if speaker not in _SPEAKERS:
        raise ValueError(f"speaker {speaker!r} is none of {', '.join(_SPEAKERS)}")
    code = name["emotion"].lower()
    emotion = meaning("emotion", code, _EMOTIONS)
    number, most = int(name["number"]), _NEUTRAL_NUMBERS if emotion == "neutral" else _NUMBERS
    if not 1 <= number <= most:
        raise ValueError(f"number {number} of {emotion} lies outside 1 to {most}")
    return Utterance(
        utterance_id=f"savee/{without_suffix(path)}",
        corpus="savee",
        audio=path,
        file_name=PurePosixPath(path).name,
        speaker=f"savee/{speaker}",
        language="en",
        gender="male",
        category=emotion,
        sentence=f"savee/common{number:02d}" if number <= _COMMON else f"savee/{code}{number:02d}",
        take=f"savee/{speaker}_{code}{number:02d}",
    )
