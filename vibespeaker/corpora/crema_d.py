"""CREMA-D: acted American English, 91 actors, twelve sentences, six emotions at up to three levels.

A file name such as `1001_IEO_ANG_HI.wav` holds actor, sentence, emotion and level. The repository also has what the
crowd answered (`finishedResponses.csv`): answers to the voice alone become votes. Its folder of MP3 is a second copy.
"""

import logging
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading, Problem
from vibespeaker.corpora.folder import list_files, without_suffix
from vibespeaker.corpora.named import meaning, read_named
from vibespeaker.corpora.tables import open_table
from vibespeaker.utterance import Utterance, Vote

logger = logging.getLogger(__name__)

_NAME = re.compile(r"(?P<actor>\d{4})_(?P<sentence>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<level>[A-Z]{1,2})")
_ACTORS = range(1001, 1092)
#: From `VideoDemographics.csv`, which many copies lack.
_WOMEN = frozenset(
    [
        *(1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025, 1028, 1029, 1030),
        *(1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060, 1061, 1063, 1072, 1073, 1074, 1075),
        *(1076, 1078, 1079, 1082, 1084, 1089, 1091),
    ]
)
_SENTENCES = {
    "IEO": "It's eleven o'clock",
    "TIE": "That is exactly what happened",
    "IOM": "I'm on my way to the meeting",
    "IWW": "I wonder what this is about",
    "TAI": "The airplane is almost full",
    "MTI": "Maybe tomorrow it will be cold",
    "IWL": "I would like a new alarm clock",
    "ITH": "I think I have a doctor's appointment",
    "DFA": "Don't forget a jacket",
    "ITS": "I think I've seen this before",
    "TSI": "The surface is slick",
    "WSI": "We'll stop in a couple of minutes",
}
_EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
# XX: no level was asked for
_LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": None}
_COUNTS = {**dict.fromkeys(_EMOTIONS.values(), 1271), "neutral": 1087}
_ANSWERS = {code[0]: emotion for code, emotion in _EMOTIONS.items()}
_VOICE_ALONE = "1"
_RESPONSES = "finishedResponses.csv"


class CREMAD(CorpusAdapter):
    """Crowd-sourced Emotional Multimodal Actors Dataset."""

    name = "crema-d"
    label_set = "crema-d"
    licence = "Open Database License 1.0, contents under the Database Contents License 1.0"
    citation = (
        "Cao, Cooper, Keutmann, Gur, Nenkova & Verma (2014), IEEE Trans. Affective Computing 5(4): 377–390, "
        "doi:10.1109/TAFFC.2014.2336244"
    )
    expected_utterances = 7442
    expected_categories = _COUNTS

    def read(self, root: Path) -> CorpusReading:
        """Read all audio files below `root`, and the crowd's answers where they are in it.

        Raises:
            CorpusError: no file has a name of CREMA-D, or the table of answers lacks columns.
        """
        reading = read_named(root, "CREMA-D", "AudioWAV/1001_IEO_ANG_HI.wav", _utterance)
        tables = [path for path in list_files(root, (".csv",)) if PurePosixPath(path).name == _RESPONSES]
        if not tables:
            logger.info("%s has no %s: the manifest has no votes", root, _RESPONSES)
            return reading
        votes, problems = _read_votes(root / tables[0])
        utterances = [replace(row, votes=tuple(votes.get(str(row.take), ()))) for row in reading.utterances]
        return replace(reading, utterances=tuple(utterances), problems=tuple(sorted((*reading.problems, *problems))))


def _utterance(path: str) -> Utterance:
    name = _parse(PurePosixPath(path).stem)
    actor = int(name["actor"])
    if actor not in _ACTORS:
        raise ValueError(f"actor {actor} lies outside {_ACTORS[0]} to {_ACTORS[-1]}")
    return Utterance(
        utterance_id=f"crema-d/{without_suffix(path)}",
        corpus="crema-d",
        audio=path,
        file_name=PurePosixPath(path).name,
        speaker=f"crema-d/{actor}",
        language="en",
        gender="female" if actor in _WOMEN else "male",
        text=meaning("sentence", name["sentence"], _SENTENCES),
        text_origin="script",
        category=meaning("emotion", name["emotion"], _EMOTIONS),
        sentence=f"crema-d/{name['sentence']}",
        intensity=meaning("level", name["level"], _LEVELS),
        take=_take(name),
    )


def _parse(stem: str) -> Mapping[str, str]:
    name = _NAME.fullmatch(stem.upper())
    if name is None:
        raise ValueError("the name is not of the form 1001_IEO_ANG_HI")
    # one published file is called 1040_ITH_SAD_X
    return {**name.groupdict(), "level": {"X": "XX"}.get(name["level"], name["level"])}


def _take(name: Mapping[str, str]) -> str:
    return f"crema-d/{name['actor']}_{name['sentence']}_{name['emotion']}_{name['level']}"


def _read_votes(path: Path) -> tuple[dict[str, list[Vote]], list[Problem]]:
    """Read the answers to the voice alone, by take."""
    table = open_table(path, needed=("localid", "queryType", "clipName", "respEmo"))
    votes = defaultdict(list)
    problems = []
    for line, row in table.rows():
        if row["queryType"] != _VOICE_ALONE:
            continue
        try:
            take = _take(_parse(row["clipName"]))
            primary = meaning("respEmo", row["respEmo"], _ANSWERS)
        except ValueError as error:
            problems.append(Problem(f"{path.name}:{line}", f"clip {row['clipName']}: {error}"))
            continue
        votes[take].append(Vote(row["localid"] or None, primary))
    return votes, [*problems, *table.all_problems()]
