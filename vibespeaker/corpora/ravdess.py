"""RAVDESS: acted North American English, 24 actors, two sentences, eight emotions in two intensities.

A file name holds seven two-digit fields: modality, vocal channel, emotion, intensity, statement, repetition, actor.
Modality 01 (audio and video) is the same take as 03 (audio only); both may lie in one folder.
"""

from dataclasses import replace
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading
from vibespeaker.corpora.folder import without_suffix
from vibespeaker.corpora.named import file_stem, read_named
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Utterance

_EXAMPLE = "Actor_18/03-01-05-01-02-01-18.wav"
_FIELDS = 7
_CHANNELS = {"01": "speech", "02": "song"}
_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}
_INTENSITIES = {"01": "normal", "02": "strong"}
_STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
_ALLOWED = (
    ("modality", ("01", "03")),
    ("vocal channel", tuple(_CHANNELS)),
    ("emotion", tuple(_EMOTIONS)),
    ("intensity", tuple(_INTENSITIES)),
    ("statement", tuple(_STATEMENTS)),
    ("repetition", ("01", "02")),
    ("actor", tuple(f"{actor:02d}" for actor in range(1, 25))),
)


class RAVDESS(CorpusAdapter):
    """Ryerson Audio-Visual Database of Emotional Speech and Song.

    Args:
        channel: `speech`, `song` or `both`.
    """

    name = "ravdess"
    label_set = "ravdess"
    licence = "CC BY-NC-SA 4.0"
    citation = "Livingstone & Russo (2018), PLoS ONE 13(5): e0196391, doi:10.1371/journal.pone.0196391"

    def __init__(self, channel: str = "speech") -> None:
        if channel not in ("speech", "song", "both"):
            raise CorpusError("unknown RAVDESS channel", found=channel, allowed=("speech", "song", "both"))
        self.channel = channel
        # song lacks actor 18, and has no disgust and no surprise
        self.expected_utterances = {"speech": 1440, "song": 1012, "both": 2452}[channel]

    def read(self, root: Path) -> CorpusReading:
        """Read all audio files below `root`, named as published.

        Raises:
            CorpusError: no file has a name of RAVDESS.
        """
        everything = read_named(root, "RAVDESS", _EXAMPLE, _utterance, file_stem, r"actor[ _-]?(\d\d)")
        utterances = [row for row in everything.utterances if self.channel in ("both", _channel(row))]
        if not utterances:
            raise CorpusError(
                f"{root} holds no RAVDESS audio of channel {self.channel!r}",
                found=f"{len(everything.utterances):,} files of another",
                allowed=f"names such as {_EXAMPLE}",
            )
        left_out = len(everything.utterances) - len(utterances)
        warnings = [f"{left_out} files of another channel than {self.channel} left out"] if left_out else []
        return replace(everything, utterances=tuple(utterances), warnings=(*everything.warnings, *warnings))


def _channel(utterance: Utterance) -> str:
    return _CHANNELS[utterance.file_name.split("-")[1]]


def _mistake(fields: list[str]) -> str | None:
    if len(fields) != _FIELDS:
        return f"the name has {len(fields)} fields instead of {_FIELDS}"
    for value, (field, allowed) in zip(fields, _ALLOWED, strict=True):
        if value not in allowed:
            return f"{field} {value!r} is none of {', '.join(allowed)}"
    return None


def _utterance(path: str) -> Utterance:
    fields = PurePosixPath(path).stem.split("-")
    reason = _mistake(fields)
    if reason is not None:
        raise ValueError(reason)
    _, _, emotion, intensity, statement, _, actor = fields
    return Utterance(
        utterance_id=f"ravdess/{without_suffix(path)}",
        corpus="ravdess",
        audio=path,
        file_name=PurePosixPath(path).name,
        speaker=f"ravdess/{actor}",
        language="en",
        gender="male" if int(actor) % 2 else "female",
        text=_STATEMENTS[statement],
        text_origin="script",
        category=_EMOTIONS[emotion],
        sentence=f"ravdess/{statement}",
        intensity=_INTENSITIES[intensity],
        # all fields but the modality
        take="ravdess/" + "-".join(fields[1:]),
    )
