"""URDU: talk shows on YouTube, four emotions, no transcripts.

A file name such as `SM20_F8_N012.wav` holds speaker with gender, the speaker's file number, and emotion with number.
The corpus is described with 38 speakers; its file names distinguish 29.
"""

import re
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading
from vibespeaker.corpora.folder import without_suffix
from vibespeaker.corpora.named import meaning, read_named
from vibespeaker.utterance import Utterance

_NAME = re.compile(r"(?P<speaker>S(?P<gender>[MF])\d+)_F\d+_(?P<emotion>[A-Z])\d+")
_EMOTIONS = {"A": "anger", "H": "happiness", "N": "neutral", "S": "sadness"}
_GENDERS = {"F": "female", "M": "male"}


class URDU(CorpusAdapter):
    """URDU dataset of emotional talk-show speech."""

    name = "urdu"
    label_set = "four"
    licence = "research only"
    citation = (
        "Latif, Qayyum, Usman & Qadir (2018), Cross Lingual Speech Emotion Recognition: Urdu vs. Western Languages, "
        "arXiv:1812.10411"
    )
    expected_utterances = 400
    expected_categories = dict.fromkeys(_EMOTIONS.values(), 100)

    def read(self, root: Path) -> CorpusReading:
        """Read all audio files below `root`, in one folder per emotion or flat.

        Raises:
            CorpusError: no file has a name of URDU.
        """
        return read_named(root, "URDU", "Neutral/SM20_F8_N012.wav", _utterance)


def _utterance(path: str) -> Utterance:
    stem = PurePosixPath(path).stem.upper()
    name = _NAME.fullmatch(stem)
    if name is None:
        raise ValueError("the name is not of the form SM20_F8_N012")
    return Utterance(
        utterance_id=f"urdu/{without_suffix(path)}",
        corpus="urdu",
        audio=path,
        file_name=PurePosixPath(path).name,
        speaker=f"urdu/{name['speaker']}",
        language="ur",
        gender=_GENDERS[name["gender"]],
        category=meaning("emotion", name["emotion"], _EMOTIONS),
        take=f"urdu/{stem}",
    )
