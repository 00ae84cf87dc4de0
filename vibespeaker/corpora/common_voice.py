"""Common Voice: sentences read aloud by volunteers, for speech to text; no emotions.

A language's folder holds `clips/*.mp3` and lists of them: `validated.tsv` (read here), `train.tsv`, `dev.tsv` and
`test.tsv`, which are drawn from it and name the official splits. Quotation marks in sentences are characters like any
other. The sentences of a list of another name, such as one's own `path` and `sentence`, can be read as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading, Problem
from vibespeaker.corpora.cells import sentence_id
from vibespeaker.corpora.folder import list_files, require_folder, without_suffix
from vibespeaker.corpora.lookup import AudioLookup
from vibespeaker.corpora.tables import open_table
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Utterance, is_unknown_speaker, speaker_name

_SPLITS = {"train": "train", "dev": "development", "test": "test"}
#: Spellings before and after release 17.
_GENDERS = {
    "male": "male",
    "male_masculine": "male",
    "female": "female",
    "female_feminine": "female",
}


@dataclass(frozen=True)
class _Listing:
    """One table and what holds for all its rows: its folder, its language, and the official splits of its clips."""

    path: str
    folder: str
    language: str | None
    splits: Mapping[str, str]


class CommonVoice(CorpusAdapter):
    """Mozilla Common Voice.

    Args:
        table: file name of the list.
        language: ISO 639-1 code of rows that have no `locale`.
    """

    name = "common-voice"
    label_set = "challenge"
    licence = "CC0 1.0"
    citation = "Ardila et al. (2020), Common Voice: A Massively-Multilingual Speech Corpus, LREC"

    def __init__(self, table: str = "validated.tsv", language: str | None = None) -> None:
        self.table = table
        self.language = language

    def read(self, root: Path) -> CorpusReading:
        """Read the list of every language below `root`.

        Raises:
            CorpusError: there is no list, it lacks columns, its language is not stated, or none of its clips is there.
        """
        require_folder(root, "Common Voice")
        tables = [path for path in list_files(root, (".tsv",)) if PurePosixPath(path).name == self.table]
        if not tables:
            raise CorpusError(
                f"{root} holds no {self.table}",
                remedy="give the folder of a language, or name another list with --options.table",
            )
        audio = AudioLookup(root)
        utterances: dict[str, Utterance] = {}
        problems: list[Problem] = []
        for path in tables:
            folder = PurePosixPath(path).parent.as_posix()
            splits = _splits(root, folder, problems)
            problems += _read(root, _Listing(path, folder, self.language, splits), audio, utterances)
        if not utterances:
            found = f"{problems[0].item}: {problems[0].reason}" if problems else "no row"
            raise CorpusError(f"{root} holds no clip that {self.table} names", found=found)
        ordered = sorted(utterances.values(), key=lambda utterance: utterance.utterance_id)
        unknown = sum(is_unknown_speaker(utterance.speaker) for utterance in ordered)
        warnings = [f"{unknown:,} clips name no client: each counts as a speaker of its own"] if unknown else []
        return CorpusReading(tuple(ordered), tuple(sorted(problems)), tuple(warnings))


def _read(root: Path, listing: _Listing, audio: AudioLookup, utterances: dict[str, Utterance]) -> list[Problem]:
    """Add the rows of one list to `utterances`, by audio path; return what was wrong with the others."""
    optional = ("client_id", "gender", "locale")
    table = open_table(root / listing.path, optional, ("path", "sentence"), quoted=False, item=listing.path)
    if listing.language is None and "locale" not in table.columns:
        raise CorpusError(
            f"{root / listing.path} does not state its language",
            allowed="a column locale",
            remedy="name it: --options.language en",
        )
    problems = []
    for line, row in table.rows():
        try:
            utterance = _utterance(row, listing, audio)
            if utterance.audio in utterances:
                raise ValueError(f"{row['path']} was listed before: the first row is used")
            utterances[utterance.audio] = utterance
        except ValueError as error:
            problems.append(Problem.of(f"{listing.path}:{line}", error))
    return [*problems, *table.all_problems()]


def _utterance(row: Mapping[str, str], listing: _Listing, audio: AudioLookup) -> Utterance:
    if not row["path"]:
        raise ValueError("path is empty")
    if not row["sentence"]:
        raise ValueError(f"{row['path']} has no sentence")
    path = audio.find(row["path"], "clips" if listing.folder == "." else f"{listing.folder}/clips")
    language = _language(row.get("locale", "")) or listing.language
    if language is None:
        raise ValueError(f"{row['path']}: locale {row['locale']!r} is no language code")
    stem = without_suffix(path)
    return Utterance(
        utterance_id=f"common-voice/{stem}",
        corpus="common-voice",
        audio=path,
        file_name=PurePosixPath(row["path"]).name,
        speaker=speaker_name("common-voice", row.get("client_id"), stem),
        language=language,
        gender=_GENDERS.get(row.get("gender", "").lower()),
        split=listing.splits.get(row["path"]),
        text=row["sentence"],
        text_origin="script",
        sentence=sentence_id("common-voice", row["sentence"]),
    )


def _splits(root: Path, folder: str, problems: list[Problem]) -> dict[str, str]:
    """Return clip → official split, from the lists beside; add to `problems` what cannot be read of them."""
    splits: dict[str, str] = {}
    for name, split in _SPLITS.items():
        path = root / folder / f"{name}.tsv"
        if path.is_file():
            table = open_table(path, needed=("path",), quoted=False, item=path.relative_to(root).as_posix())
            splits.update((row["path"], split) for _, row in table.rows())
            problems += table.all_problems()
    return splits


def _language(name: str) -> str | None:
    """Return the language of a locale such as `ro` or `zh-CN`; null for a name that is none."""
    language = name.lower().partition("-")[0]
    return language if len(language) in (2, 3) and language.isalpha() else None
