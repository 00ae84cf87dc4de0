"""Recordings that lie in a folder for each emotion: `angry/anna/001.wav`, `anna/Happy/001.wav`, `train/sad/001.wav`."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusAdapter, CorpusReading, Problem
from vibespeaker.corpora.copies import one_file_each
from vibespeaker.corpora.folder import list_files, require_folder, without_suffix
from vibespeaker.corpora.labelling import Labelling
from vibespeaker.corpora.named import folder_emotion
from vibespeaker.corpora.options import require_corpus_name
from vibespeaker.corpora.table_rows import SPLIT_NAMES
from vibespeaker.corpora.text_files import normal
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Utterance, is_unknown_speaker, speaker_name


class EmotionFolders(CorpusAdapter):
    """Any folder of recordings whose subfolders are called as emotions.

    The last folder of a path that names an emotion is its label; common spellings (Angry, happy, 05_sad …) count. A
    folder called train, validation, dev or test is the official split. What other folders there are, above the
    emotion's or in it, are the speaker; without any, each recording counts as a speaker of its own. Folders that hold
    everything mean nothing.

    Args:
        emotions: folder → emotion, for names that are no common spelling.
        label_set: a label set's name, or emotions such as anger,sadness; null for those that there are; own to make a
            class of every top folder.
        speakers: false where other folders are no speakers.
        language: ISO 639-1 code.
        corpus: the corpus's name.
        licence: how the corpus may be used.
        citation: what to cite.
    """

    name = "folder"
    label_set = "challenge"
    licence = "not stated"
    citation = "not stated"

    def __init__(
        self,
        emotions: Mapping[str, str] | None = None,
        label_set: str | None = None,
        speakers: bool = True,
        language: str = "en",
        corpus: str = "folder",
        licence: str = "not stated",
        citation: str = "not stated",
    ) -> None:
        self._emotions, self._wanted_labels = dict(emotions or {}), label_set
        # refused here rather than when the folder is read
        Labelling(self._emotions, label_set)
        self._speakers = speakers
        self._language = language
        self.name = require_corpus_name(corpus)
        self.licence = licence
        self.citation = citation

    def read(self, root: Path) -> CorpusReading:
        """Read all audio files below `root`.

        Raises:
            CorpusError: no folder names an emotion, or most name none.
        """
        require_folder(root, "the recordings")
        labelling = Labelling(self._emotions, self._wanted_labels)
        chosen = one_file_each(root, list_files(root), without_suffix)
        wrappers = _shared_folders(list(chosen.paths.values()), labelling)
        utterances, problems = [], list(chosen.problems)
        for path in chosen.paths.values():
            try:
                utterances.append(self._utterance(path, wrappers, labelling))
            except ValueError as error:
                problems.append(Problem(path, str(error)))
        labelling.require_known(root)
        if not utterances:
            raise CorpusError(
                f"{root} holds no recordings in folders of emotions",
                found=f"{problems[0].item}: {problems[0].reason}" if problems else "no audio file",
                allowed="paths such as angry/001.wav or angry/anna/001.wav",
            )
        unknown = sum(is_unknown_speaker(utterance.speaker) for utterance in utterances)
        remark = f"{unknown:,} recordings lie in no speaker's folder: each counts as a speaker of its own"
        return CorpusReading(
            utterances=tuple(sorted(utterances, key=lambda utterance: utterance.utterance_id)),
            problems=tuple(sorted(problems)),
            warnings=(*chosen.warnings, *([remark] if unknown else []), *labelling.remarks()),
            label_set=labelling.label_set(utterance.category for utterance in utterances),
        )

    def _utterance(self, path: str, wrappers: int, labelling: Labelling) -> Utterance:
        folders = [normal(folder) for folder in PurePosixPath(path).parts[wrappers:-1]]
        split = next((folder for folder in folders if folder.lower() in SPLIT_NAMES), None)
        others = [folder for folder in folders if folder is not split]
        if not others:
            raise ValueError("it lies in no folder of an emotion")
        place = _label_place(others, labelling)
        named = labelling.named(others[place])
        # 05_sad is counted as what it says, anything unknown under its own name
        category = labelling.category(others[place] if named else folder_emotion(others[place]) or others[place])
        stem = without_suffix(path)
        speaker = "/".join(others[:place] + others[place + 1 :]) if self._speakers else ""
        return Utterance(
            utterance_id=f"{self.name}/{stem}",
            corpus=self.name,
            audio=path,
            file_name=normal(PurePosixPath(path).name),
            speaker=speaker_name(self.name, speaker, stem),
            language=self._language,
            split=None if split is None else SPLIT_NAMES[split.lower()],
            category=category,
        )


def _label_place(folders: list[str], labelling: Labelling) -> int:
    """Return which of a path's folders is its label: the last that names an emotion, else the first."""
    if labelling.is_own:
        return 0
    telling = [place for place, folder in enumerate(folders) if labelling.named(folder) or folder_emotion(folder)]
    return telling[-1] if telling else 0


def _shared_folders(paths: list[str], labelling: Labelling) -> int:
    """Return how many folders all paths begin with that say nothing: a folder within a folder of the same name."""
    shared = 0
    for folders in zip(*(PurePosixPath(path).parts[:-1] for path in paths), strict=False):
        telling = folder_emotion(folders[0]) or folders[0].lower() in SPLIT_NAMES
        if len(set(folders)) > 1 or telling or (labelling.named(folders[0]) and not labelling.is_own):
            break
        shared += 1
    return shared
