"""nEMO: acted Polish, nine actors, six emotions, labelled in one table.

`data.tsv` says all; a file name such as `samples/WR0_surprised_64.wav` repeats speaker and emotion. Speakers have
leading blanks in the table.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading, Problem
from vibespeaker.corpora.cells import sentence_id
from vibespeaker.corpora.folder import list_files, require_folder, without_suffix
from vibespeaker.corpora.lookup import AudioLookup
from vibespeaker.corpora.named import meaning
from vibespeaker.corpora.tables import open_table
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Utterance

TABLE = "data.tsv"
_COLUMNS = ("file_id", "emotion", "raw_text", "normalized_text", "speaker_id", "gender")
_EMOTIONS = {
    "anger": "anger",
    "fear": "fear",
    "happiness": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprised": "surprise",
    "surprise": "surprise",
}
_GENDERS = {"female": "female", "male": "male", "f": "female", "m": "male"}
_COUNTS = {"anger": 749, "fear": 736, "happiness": 749, "neutral": 809, "sadness": 769, "surprise": 669}


class NEMO(CorpusAdapter):
    """nEMO, dataset of emotional speech in Polish."""

    name = "nemo"
    label_set = "nemo"
    licence = "CC BY-NC-SA 4.0"
    citation = "Christop (2024), nEMO: Dataset of Emotional Speech in Polish, LREC-COLING"
    expected_utterances = 4481
    expected_categories = _COUNTS

    def read(self, root: Path) -> CorpusReading:
        """Read the rows of `data.tsv` whose audio is below `root`.

        Raises:
            CorpusError: there is no `data.tsv`, it lacks columns, or none of its rows can be used.
        """
        require_folder(root, "nEMO")
        tables = [path for path in list_files(root, (".tsv",)) if PurePosixPath(path).name.lower() == TABLE]
        if not tables:
            raise CorpusError(f"{root} holds no {TABLE}", remedy="give the folder that holds data.tsv and samples")
        table = open_table(root / tables[0], needed=_COLUMNS, item=tables[0])
        audio = AudioLookup(root)
        utterances: dict[str, Utterance] = {}
        problems = []
        for line, row in table.rows():
            try:
                utterance = _utterance(row, audio)
                if utterance.audio in utterances:
                    raise ValueError(f"{row['file_id']} was listed before: the first row is used")
                utterances[utterance.audio] = utterance
            except ValueError as error:
                problems.append(Problem.of(f"{tables[0]}:{line}", error))
        problems += table.all_problems()
        problems += [Problem(path, f"no row of {TABLE} names it") for path in audio.unused()]
        if not utterances:
            raise CorpusError(f"{root} holds no audio that {TABLE} names", found=f"{len(audio):,} audio files")
        ordered = sorted(utterances.values(), key=lambda utterance: utterance.utterance_id)
        return CorpusReading(tuple(ordered), tuple(sorted(problems)))


def _utterance(row: Mapping[str, str], audio: AudioLookup) -> Utterance:
    path = audio.find(row["file_id"])
    if not row["speaker_id"]:
        raise ValueError(f"{row['file_id']} has no speaker")
    text = row["raw_text"] or row["normalized_text"]
    return Utterance(
        utterance_id=f"nemo/{without_suffix(path)}",
        corpus="nemo",
        audio=path,
        file_name=PurePosixPath(path).name,
        speaker=f"nemo/{row['speaker_id']}",
        language="pl",
        gender=_GENDERS.get(row["gender"].lower()),
        text=text or None,
        text_origin="script" if text else None,
        category=meaning("emotion", row["emotion"].lower(), _EMOTIONS),
        sentence=sentence_id("nemo", row["normalized_text"] or text) if text else None,
    )
