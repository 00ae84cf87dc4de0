"""TESS: acted Canadian English, two women of 26 and 64 years, 200 words in a carrier phrase, seven emotions.

A file name such as `OAF_back_angry.wav` holds the speaker (older or younger adult female), the word and the emotion;
`ps` is pleasant surprise. One published file is called `OA_bite_neutral.wav`. Two speakers make no speaker-disjoint
split into train, development and test.
"""

import re
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading
from vibespeaker.corpora.folder import without_suffix
from vibespeaker.corpora.named import meaning, read_named
from vibespeaker.utterance import Utterance

_NAME = re.compile(r"(?P<speaker>[a-z]+)_(?P<word>[a-z'-]+)_(?P<emotion>[a-z_]+)")
_SPEAKERS = {"oaf": "OAF", "yaf": "YAF"}
_EMOTIONS = {
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "happy": "happiness",
    "neutral": "neutral",
    "ps": "surprise",
    "sad": "sadness",
}
_LONG_FORMS = dict.fromkeys(("pleasant_surprise", "pleasant_surprised"), "ps")


class TESS(CorpusAdapter):
    """Toronto Emotional Speech Set."""

    name = "tess"
    label_set = "basic"
    licence = "CC BY-NC-ND 4.0"
    citation = "Pichora-Fuller & Dupuis (2020), Toronto emotional speech set (TESS), Borealis, doi:10.5683/SP2/E8H2MF"
    expected_utterances = 2800
    expected_categories = dict.fromkeys(_EMOTIONS.values(), 400)

    def read(self, root: Path) -> CorpusReading:
        """Read all audio files below `root`, in one folder per speaker and emotion (in any case) or flat.

        Raises:
            CorpusError: no file has a name of TESS.
        """
        return read_named(root, "TESS", "OAF_angry/OAF_back_angry.wav", _utterance, speaker_folder="(OAF|YAF)(?:_.*)?")


def _utterance(path: str) -> Utterance:
    name = _NAME.fullmatch(PurePosixPath(path).stem.lower())
    if name is None:
        raise ValueError("the name is not of the form OAF_back_angry")
    code = _LONG_FORMS.get(name["emotion"], name["emotion"])
    emotion = meaning("emotion", code, _EMOTIONS)
    speaker = meaning("speaker", _speaker(path, name["speaker"]), _SPEAKERS)
    return Utterance(
        utterance_id=f"tess/{without_suffix(path)}",
        corpus="tess",
        audio=path,
        file_name=PurePosixPath(path).name,
        speaker=f"tess/{speaker}",
        language="en",
        gender="female",
        text=f"Say the word {name['word']}",
        text_origin="script",
        category=emotion,
        sentence=f"tess/{name['word']}",
        take=f"tess/{speaker}_{name['word']}_{code}",
    )


def _speaker(path: str, in_name: str) -> str:
    """Return the speaker's code: the name's, or the folder's where the name's is wrong, as in `OA_bite_neutral`."""
    if in_name in _SPEAKERS:
        return in_name
    in_folder = PurePosixPath(path).parent.name.lower()[:3]
    # without its folder, the misnamed file still tells older from younger
    return in_folder if in_folder in _SPEAKERS else {"oa": "oaf", "ya": "yaf"}.get(in_name, in_name)
