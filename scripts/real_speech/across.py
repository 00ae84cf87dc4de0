"""Two corpora in the classes that both have: folds that train on one, on the other or on both, and their answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from real_speech.corpora import ACTOR_FOLDS, Corpus, write_fold
from real_speech.functionals import Features, functionals
from vibespeaker.labels import label_set
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.prepare.combine import combine_files
from vibespeaker.prepare.label_map import read_label_map
from vibespeaker.workflows.quickstart.data import extract_embedded

#: The label map of what both corpora have.
LABELS = "corpora/six"
#: EmoDB's speakers that are left out together with a fold of RAVDESS's actors; women and men in each.
SPEAKER_FOLDS = (("03", "08", "12"), ("09", "10", "13"), ("11", "14"), ("15", "16"))
ELSEWHERE = "elsewhere"
#: What is trained: on one corpus; on both with one output for each class; on both with outputs for each corpus.
BOTH, APART = "both", "apart"


@dataclass(frozen=True)
class Together:
    """RAVDESS and EmoDB as one table.

    Args:
        corpora: both, prepared.
        folder: where everything made from them goes.
    """

    corpora: tuple[Corpus, Corpus]
    folder: Path

    @property
    def name(self) -> str:
        """What tables call it."""
        return "+".join(corpus.name for corpus in self.corpora)

    @property
    def manifest(self) -> Path:
        """Manifest of the utterances of the shared classes."""
        return self.folder / "manifest.parquet"

    @property
    def cache(self) -> Path:
        """Embedding cache of all of them, with the views of other voices that the embedded default trains on."""
        return self.folder / "cache"

    def prepare(self) -> None:
        """Write the manifest."""
        for corpus in self.corpora:
            corpus.folder.mkdir(parents=True, exist_ok=True)
            corpus.prepare()
        combine_files([corpus.manifest for corpus in self.corpora], read_label_map(LABELS)).manifest.write(
            self.manifest
        )

    def make(self) -> None:
        """Write the manifest, and extract what is not there yet."""
        self.prepare()
        extract_embedded(self.manifest, self.cache, processes=1)

    def functionals(self) -> Features:
        """Return openSMILE's functionals of the manifest's utterances, in its order."""
        rows: dict[str, npt.NDArray[np.float32]] = {}
        for corpus in self.corpora:
            table = functionals(corpus.manifest, corpus.folder / "compare2016.npy")
            rows.update(
                zip(Manifest.read(corpus.manifest, ["utterance_id"]).column("utterance_id"), table, strict=True)
            )
        return np.stack([rows[name] for name in Manifest.read(self.manifest, ["utterance_id"]).column("utterance_id")])

    def folds(self, trained_on: str) -> dict[str, Path]:
        """Write the folds of one training; name → manifest.

        Args:
            trained_on: a corpus by name, which leaves out four groups of its speakers in turn, and is tested on the
                other corpus when all of it was learned (`ELSEWHERE`); or `BOTH` or `APART`, which leave out a group of
                each corpus at a time.
        """
        read = Manifest.read(self.manifest)
        corpus, group = np.array(read.column("corpus")), self._groups(read)
        learned = np.ones(len(read), bool) if trained_on in (BOTH, APART) else corpus == trained_on
        splits = {
            str(number + 1): np.where(learned, np.where(group == number, "test", "train"), None)
            for number in range(len(ACTOR_FOLDS))
        }
        if trained_on not in (BOTH, APART):
            splits[ELSEWHERE] = np.where(learned, "train", "test")
        if trained_on == APART:
            read = _apart(read)
        found = {}
        for name, split in splits.items():
            made = read.with_columns(
                {"split": split.tolist()}, {"step": "split", "trained on": trained_on, "fold": name}
            )
            found[name] = write_fold(made, self.folder, trained_on, name)
        return found

    def _groups(self, read: Manifest) -> npt.NDArray[np.int64]:
        """Return the group of each row's speaker, in which it is left out."""
        place = {f"ravdess/{actor:02d}": number for number, fold in enumerate(ACTOR_FOLDS) for actor in fold}
        place |= {f"emodb/{one}": number for number, fold in enumerate(SPEAKER_FOLDS) for one in fold}
        return np.array([place[speaker] for speaker in read.column("speaker")])


def answers_of(tables: Mapping[str, Path], corpus: str, is_elsewhere: bool, out: Path) -> Path:
    """Write what folds say of one corpus's utterances, in the shared classes alone.

    Args:
        tables: fold → its predictions.
        corpus: the corpus.
        is_elsewhere: take the fold `ELSEWHERE`, not the others.
        out: prediction table to write, in the order of identifiers.
    """
    classes = read_label_map(LABELS).labels
    chosen = [path for name, path in tables.items() if (name == ELSEWHERE) == is_elsewhere]
    rows: dict[str, tuple[str, npt.NDArray[np.float64]]] = {}
    for path in chosen:
        table = Predictions.read(path)
        of = [table.labels.classes.index(_own(corpus, name, table.labels.is_own)) for name in classes.classes]
        for name, file, logits in zip(
            table.frame["utterance_id"], table.frame["file_name"], table.logits()[:, of], strict=True
        ):
            if name.startswith(f"{corpus}/"):
                rows[name] = (file, logits)
    ids = sorted(rows)
    files, logits = [rows[name][0] for name in ids], np.stack([rows[name][1] for name in ids])
    metadata = PredictionsMetadata(classes.name, classes.classes, Predictions.read(chosen[0]).metadata.system)
    out.parent.mkdir(parents=True, exist_ok=True)
    Predictions.build(ids, files, ["test"] * len(ids), logits, None, metadata).write(out)
    return out


def _apart(read: Manifest) -> Manifest:
    """Return the manifest with classes of each corpus's own: emodb-anger is not ravdess-anger."""
    corpora: Sequence[str] = read.metadata.corpora
    shared = label_set(read.metadata.label_set).classes
    named = label_set("own:" + ",".join(_own(corpus, one, True) for corpus in corpora for one in shared))
    pairs = zip(read.column("corpus"), read.column("category"), strict=True)
    columns = {"category": [_own(corpus, one, True) for corpus, one in pairs]}
    made = read.with_columns(columns, {"step": "classes of each corpus"})
    return replace(made, metadata=replace(made.metadata, label_set=named.name))


def _own(corpus: str, category: str, is_apart: bool) -> str:
    return f"{corpus}-{category}" if is_apart else category
