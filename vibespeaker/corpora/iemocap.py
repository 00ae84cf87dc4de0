"""IEMOCAP: acted American English dialogues, ten actors in five sessions, improvised and scripted.

A speaker is a session and the gender letter of the turn's last field: `Ses01F_impro01_M000` is spoken by the man of
session 1; the letter at the front only tells who wore the markers. Attributes are rescaled from 1–5 to 1–7, linearly.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading, Problem
from vibespeaker.corpora.copies import Chosen, one_file_each
from vibespeaker.corpora.folder import list_files, require_folder, without_suffix
from vibespeaker.corpora.iemocap_labels import Turn, read_evaluations, read_transcripts
from vibespeaker.corpora.named import file_stem
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Utterance

_NAME = re.compile(
    r"(?P<session>Ses\d\d)[FM]_(?P<dialogue>(?P<kind>impro|script)\w+?)_(?P<gender>[FM])[\dX]{3}", re.IGNORECASE
)
_GENDERS = {"F": "female", "M": "male"}
_COUNTS = {
    "neutral": 1708,
    "anger": 1103,
    "sadness": 1084,
    "happiness": 595,
    "excitement": 1041,
    "frustration": 1849,
    "surprise": 107,
    "fear": 40,
    "disgust": 2,
    "other": 3,
    "no_agreement": 2507,
}


class IEMOCAP(CorpusAdapter):
    """Interactive Emotional Dyadic Motion Capture database.

    Args:
        self_reports: whether the actors' judgements of themselves count as votes, beside the listeners'.
    """

    name = "iemocap"
    label_set = "iemocap"
    licence = "research licence of the University of Southern California, on request"
    citation = (
        "Busso, Bulut, Lee, Kazemzadeh, Mower, Kim, Chang, Lee & Narayanan (2008), Language Resources and Evaluation "
        "42(4): 335–359, doi:10.1007/s10579-008-9076-6"
    )
    expected_utterances = 10_039
    expected_categories = _COUNTS

    def __init__(self, self_reports: bool = False) -> None:
        self.self_reports = self_reports

    def read(self, root: Path) -> CorpusReading:
        """Read the turns of all evaluation files below `root` whose audio is there.

        Raises:
            CorpusError: there are no evaluation files, no turns' audio, or a file cannot be read.
        """
        require_folder(root, "IEMOCAP")
        turns, problems = _turns(root, self.self_reports)
        chosen = _audio(root)
        audio = chosen.paths
        problems += [*chosen.problems, *_contradictions(audio.values())]
        utterances = []
        texts = _texts(root)
        for name, turn in turns.items():
            match = _NAME.fullmatch(name)
            if match is None:
                problems.append(Problem(name, "the name is not of the form Ses01F_impro01_F000"))
            elif name.lower() not in audio:
                problems.append(Problem(name, "labelled, but there is no audio file of that name", absent=True))
            else:
                utterances.append(_utterance(match, turn, audio[name.lower()], texts.get(name)))
        labelled = {name.lower() for name in turns}
        problems += [Problem(path, "no evaluation file labels it") for n, path in audio.items() if n not in labelled]
        if not utterances:
            raise CorpusError(
                f"{root} holds no audio of labelled turns",
                found=f"{len(turns):,} labelled turns, {len(audio):,} audio files with names of turns",
                allowed="files such as Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
            )
        utterances.sort(key=lambda utterance: utterance.utterance_id)
        silent = sum(utterance.text is None for utterance in utterances)
        warnings = (f"{silent:,} turns have no transcript",) if silent else ()
        return CorpusReading(tuple(utterances), tuple(sorted(problems)), (*chosen.warnings, *warnings))


def _turns(root: Path, self_reports: bool) -> tuple[dict[str, Turn], list[Problem]]:
    files = _texts_in(root, "emoevaluation")
    if not files:
        raise CorpusError(
            f"{root} holds no evaluation files of IEMOCAP",
            allowed="files such as Session1/dialog/EmoEvaluation/Ses01F_impro01.txt",
            remedy="give the folder that holds Session1 to Session5",
        )
    turns: dict[str, Turn] = {}
    problems = []
    for path in files:
        found, wrong = read_evaluations(root / path, path, self_reports)
        problems += wrong
        for name, turn in found.items():
            if name in turns:
                problems.append(Problem(path, f"turn {name} was labelled before: the first is used"))
            turns.setdefault(name, turn)
    return turns, problems


def _texts(root: Path) -> dict[str, str]:
    return {name: text for path in _texts_in(root, "transcriptions") for name, text in read_transcripts(root / path)}


def _texts_in(root: Path, folder: str) -> list[str]:
    """Return the text files that lie directly in folders of that name; raters' own folders lie deeper."""
    return [path for path in list_files(root, (".txt",)) if PurePosixPath(path).parent.name.lower() == folder]


def _audio(root: Path) -> Chosen:
    """Return the path of each turn's audio by its name in lower case; whole dialogues are ignored."""
    paths = [path for path in list_files(root) if _NAME.fullmatch(PurePosixPath(path).stem) is not None]
    return one_file_each(root, paths, file_stem)


def _contradictions(paths: Iterable[str]) -> Iterator[Problem]:
    """Yield a remark for each file in the folder of another session than its name says."""
    for path in paths:
        session = PurePosixPath(path).stem[3:5]
        for folder in PurePosixPath(path).parts[:-1]:
            match = re.fullmatch(r"session[ _-]?0?(\d)", folder, re.IGNORECASE)
            if match is not None and int(match[1]) != int(session):
                yield Problem(path, f"its folder {folder!r} says another session: the name counts", dropped=False)


def _utterance(name: re.Match[str], turn: Turn, path: str, text: str | None) -> Utterance:
    session, gender = name["session"].capitalize(), name["gender"].upper()
    return Utterance(
        utterance_id=f"iemocap/{without_suffix(path)}",
        corpus="iemocap",
        audio=path,
        file_name=PurePosixPath(path).name,
        speaker=f"iemocap/{session}{gender}",
        language="en",
        gender=_GENDERS[gender],
        text=text,
        text_origin=None if text is None else "human",
        category=turn.category,
        arousal=turn.arousal,
        valence=turn.valence,
        dominance=turn.dominance,
        votes=tuple(turn.votes.values()),
        # which line of its script a turn speaks is not published
        sentence=f"iemocap/{name['dialogue']}" if name["kind"].lower() == "script" else None,
        session=f"iemocap/{session}",
    )
