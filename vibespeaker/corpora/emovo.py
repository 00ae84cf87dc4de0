"""EMOVO: acted Italian, six actors, fourteen sentences, seven emotions, at 48 kHz in stereo.

A file name such as `gio-f2-b2.wav` holds emotion, actor and sentence: short (b), long (l), nonsense (n), question (d).
"""

import re
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading
from vibespeaker.corpora.folder import without_suffix
from vibespeaker.corpora.named import meaning, read_named
from vibespeaker.utterance import Utterance

_NAME = re.compile(r"(?P<emotion>[a-z]+)-(?P<actor>[a-z]\d)-(?P<sentence>[a-z]\d)")
_EMOTIONS = {
    "dis": "disgust",
    "gio": "happiness",
    "pau": "fear",
    "rab": "anger",
    "sor": "surprise",
    "tri": "sadness",
    "neu": "neutral",
}
_GENDERS = {"f1": "female", "f2": "female", "f3": "female", "m1": "male", "m2": "male", "m3": "male"}
_SENTENCES = {
    "b1": "Gli operai si alzano presto.",
    "b2": "I vigili sono muniti di pistola.",
    "b3": "La cascata fa molto rumore.",
    "l1": "L'autunno prossimo Tony partirà per la Spagna nella prima metà di ottobre.",
    "l2": "Ora prendo la felpa di là ed esco per fare una passeggiata.",
    "l3": "Un attimo dopo s'è incamminato ed è inciampato.",
    "l4": "Vorrei il numero telefonico del Signor Piatti.",
    "n1": "La casa forte vuole col pane.",
    "n2": "La forza trova il passo e l'aglio rosso.",
    "n3": "Il gatto sta scorrendo nella pera.",
    "n4": "Insalata pastasciutta coscia d'agnello limoncello.",
    "n5": "Uno quarantatré dieci mille cinquantasette venti.",
    "d1": "Sabato sera cosa farà?",
    "d2": "Porti con te quella cosa?",
}


class EMOVO(CorpusAdapter):
    """EMOVO corpus of Italian emotional speech."""

    name = "emovo"
    label_set = "basic"
    licence = "free for research; no licence text is published with it"
    citation = (
        "Costantini, Iaderola, Paoloni & Todisco (2014), EMOVO Corpus: an Italian Emotional Speech Database, LREC"
    )
    expected_utterances = 588
    expected_categories = dict.fromkeys(_EMOTIONS.values(), 84)

    def read(self, root: Path) -> CorpusReading:
        """Read all audio files below `root`, in one folder per actor or flat.

        Raises:
            CorpusError: no file has a name of EMOVO.
        """
        return read_named(root, "EMOVO", "f2/gio-f2-b2.wav", _utterance, speaker_folder=r"([fm]\d)")


def _utterance(path: str) -> Utterance:
    stem = PurePosixPath(path).stem.lower()
    name = _NAME.fullmatch(stem)
    if name is None:
        raise ValueError("the name is not of the form gio-f2-b2")
    return Utterance(
        utterance_id=f"emovo/{without_suffix(path)}",
        corpus="emovo",
        audio=path,
        file_name=PurePosixPath(path).name,
        speaker=f"emovo/{name['actor']}",
        language="it",
        gender=meaning("actor", name["actor"], _GENDERS),
        text=meaning("sentence", name["sentence"], _SENTENCES),
        text_origin="script",
        category=meaning("emotion", name["emotion"], _EMOTIONS),
        sentence=f"emovo/{name['sentence']}",
        take=f"emovo/{stem}",
    )
