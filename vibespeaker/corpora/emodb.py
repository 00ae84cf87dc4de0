"""EmoDB: acted German, ten speakers, ten sentences, seven emotions.

A file name such as `03a01Wa.wav` holds speaker, text, emotion (a German letter) and version.
"""

import re
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading
from vibespeaker.corpora.folder import without_suffix
from vibespeaker.corpora.named import file_stem, read_named
from vibespeaker.utterance import Utterance

_NAME = re.compile(r"(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[A-Z])(?P<version>[a-z])")
#: The letter of an emotion in a file's name → what it is called.
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
_GENDERS = {
    "03": "male",
    "08": "female",
    "09": "female",
    "10": "male",
    "11": "male",
    "12": "male",
    "13": "female",
    "14": "female",
    "15": "male",
    "16": "female",
}
_TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_ALLOWED = (("speaker", _GENDERS), ("text", _TEXTS), ("emotion", EMOTIONS))


class EmoDB(CorpusAdapter):
    """Berlin Database of Emotional Speech; the listeners' figures in `erkennung.txt` are not needed."""

    name = "emodb"
    label_set = "emodb"
    licence = "CC0 1.0"
    citation = (
        "Burkhardt, Paeschke, Rolfes, Sendlmeier & Weiss (2005), A Database of German Emotional Speech, Interspeech"
    )
    expected_utterances = 535

    def read(self, root: Path) -> CorpusReading:
        """Read all audio files below `root`, named as published, in `wav/` or flat.

        Raises:
            CorpusError: no file has a name of EmoDB.
        """
        return read_named(root, "EmoDB", "wav/03a01Wa.wav", _utterance, file_stem)


def _mistake(name: re.Match[str]) -> str | None:
    for field, allowed in _ALLOWED:
        if name[field] not in allowed:
            return f"{field} {name[field]!r} is none of {', '.join(allowed)}"
    return None


def _utterance(path: str) -> Utterance:
    name = _NAME.fullmatch(PurePosixPath(path).stem)
    reason = "the name is not of the form 03a01Wa" if name is None else _mistake(name)
    if name is None or reason is not None:
        raise ValueError(reason)
    return Utterance(
        utterance_id=f"emodb/{without_suffix(path)}",
        corpus="emodb",
        audio=path,
        file_name=PurePosixPath(path).name,
        speaker=f"emodb/{name['speaker']}",
        language="de",
        gender=_GENDERS[name["speaker"]],
        text=_TEXTS[name["text"]],
        text_origin="script",
        category=EMOTIONS[name["emotion"]],
        sentence=f"emodb/{name['text']}",
    )
