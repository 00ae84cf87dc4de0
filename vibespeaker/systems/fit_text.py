"""`vibespeaker fit-text`: emotions of texts, learned from a manifest in seconds and without a hub."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.table import Table

from vibespeaker.arguments.ranges import COUNT, require
from vibespeaker.errors import ConfigError
from vibespeaker.files import file_sha256
from vibespeaker.files.outputs import check_folder
from vibespeaker.labels import LabelSet, label_set
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.texts import origin_column, text_column
from vibespeaker.metrics import accuracy, confusion_matrix, macro_f1, uar
from vibespeaker.progress import plain_console, tracked
from vibespeaker.systems.kinds import CONFIG
from vibespeaker.systems.ngrams import TermRange, learn_vocabulary, weighted_terms
from vibespeaker.systems.text_emotion import (
    WEIGHTS,
    TextEmotion,
    TextWeights,
    provenance_of,
    write_text_emotion,
)

log = logging.getLogger(__name__)

#: Inverse strengths of the penalty that are tried.
STRENGTHS = (0.1, 0.3, 1.0, 3.0)
_ITERATIONS, _TOLERANCE = 500, 1e-3
Rows = npt.NDArray[np.int64]


def fit_text(
    manifest: Path,
    out: Path = Path("text-emotion"),
    text: str | None = None,
    labels: str | None = None,
    train_split: str = "train",
    choose_split: str = "development",
    least_texts: int = 2,
) -> int:
    """Learn emotions of texts, and write a folder that --model takes.

    TF-IDF of words and characters with logistic regression, every class weighing the same. The penalty's strength is
    the one with the best macro-F1 on another split. The folder is yours: a model learned from texts that may not be
    shared, such as MELD's (GPL-3.0), stays under their licence.

    Args:
        manifest: utterances with texts and categories, such as those of `vibespeaker prepare meld FOLDER`.
        out: the folder to write.
        text: name of the texts to read, such as that of a recogniser; by default the manifest's own.
        labels: label set to learn, that of the manifest by default.
        train_split: the split that is learned from.
        choose_split: the split that chooses the strength; where there is none, 1 is taken.
        least_texts: texts that a term must occur in.

    Raises:
        ManifestError: the manifest has no such texts.
        ConfigError: there is nothing to learn from.
    """
    require(COUNT, least_texts=least_texts)
    check_folder(out, inputs=[manifest], names=(WEIGHTS, CONFIG))
    read = Manifest.read(manifest, ("utterance_id", "split", "category", text_column(text), origin_column(text)))
    known = label_set(labels or read.metadata.label_set)
    texts = [said or "" for said in read.column(text_column(text))]
    splits = read.column("split")
    place = {emotion: number for number, emotion in enumerate(known.classes)}
    truth = np.array([place.get(category or "", -1) for category in read.column("category")], np.int64)
    usable = (truth >= 0) & np.array([bool(said.strip()) for said in texts], np.bool_)
    rows = {name: np.flatnonzero(usable & (np.array(splits) == name)) for name in sorted({*splits} - {None})}
    training = _training(rows, train_split, truth, known, manifest)
    learned = _fit(texts, truth, known, training, rows.get(choose_split, np.zeros(0, np.int64)), least_texts)
    origins = {origin for origin in np.array(read.column(origin_column(text)), object)[training] if origin}
    provenance = provenance_of(
        learned,
        known.name,
        text,
        manifest=file_sha256(manifest),
        corpora=read.metadata.corpora,
        transcripts=tuple(sorted(origins)),
        synthetic=read.metadata.synthetic,
    )
    write_text_emotion(out, learned, provenance)
    _show(TextEmotion(learned, provenance), texts, truth, {n: r for n, r in rows.items() if n != train_split})
    log.info("wrote %s: %d terms from %d texts", out, len(learned.vocabulary), len(training))
    return 0


def _training(rows: dict[str, Rows], split: str, truth: Rows, known: LabelSet, manifest: Path) -> Rows:
    training = rows.get(split, np.zeros(0, np.int64))
    found = np.unique(truth[training])
    if len(found) < len(known):
        absent = [known.classes[number] for number in range(len(known)) if number not in found]
        raise ConfigError(
            f"split {split} of {manifest} has no text for some classes",
            found=f"{len(training)} texts, none of {', '.join(absent)}",
            allowed=[f"{name} ({len(own)} texts)" for name, own in rows.items()] or "a manifest with splits and texts",
            remedy="name another split with --train-split, or fewer classes with --labels",
        )
    return training


def _fit(
    texts: Sequence[str], truth: Rows, known: LabelSet, training: Rows, choosing: Rows, least_texts: int
) -> TextWeights:
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    ranges = TermRange()
    vocabulary, idf = learn_vocabulary([texts[row] for row in training], ranges, least_texts)
    if not vocabulary:
        raise ConfigError("the texts have no term in common", remedy="lower --least-texts")
    places = {term: place for place, term in enumerate(vocabulary)}
    found = [weighted_terms(texts[row], ranges, places, idf) for row in training]
    starts = np.cumsum([0, *(len(own) for own, _ in found)])
    columns, values = (np.concatenate(parts) for parts in zip(*found, strict=True))
    table = csr_matrix((values, columns, starts), shape=(len(training), len(vocabulary)))

    # each strength begins from what the weaker one found
    model = LogisticRegression(class_weight="balanced", max_iter=_ITERATIONS, tol=_TOLERANCE, warm_start=True)

    def fitted(strength: float) -> TextWeights:
        model.set_params(C=strength).fit(table, truth[training])
        weights, offsets = model.coef_, model.intercept_
        if len(known) == 2:  # of two classes the library keeps the second alone
            weights, offsets = np.vstack([-weights, weights]) / 2, np.concatenate([-offsets, offsets]) / 2
        return TextWeights(
            known.classes,
            ranges,
            tuple(vocabulary),
            *(part.astype(np.float32) for part in (idf, weights, offsets)),
        )

    if not len(choosing):
        return fitted(1.0)
    chosen_texts = [texts[row] for row in choosing]
    best: tuple[float, TextWeights] | None = None
    with tracked("fit-text", len(STRENGTHS), "fits") as progress:
        for strength in STRENGTHS:
            learned = fitted(strength)
            system = TextEmotion(learned, provenance_of(learned, known.name, None))
            predicted = system.logits(chosen_texts).argmax(axis=1)
            score = float(macro_f1(confusion_matrix(truth[choosing], predicted, len(known))))
            best = (score, learned) if best is None or score > best[0] else best
            progress.advance()
    assert best is not None
    return best[1]


def _show(system: TextEmotion, texts: Sequence[str], truth: Rows, rows: dict[str, Rows]) -> None:
    table = Table("split", "texts", "macro-F1", "UAR", "accuracy")
    for name, own in rows.items():
        if len(own):
            predicted = system.logits([texts[row] for row in own]).argmax(axis=1)
            counts = confusion_matrix(truth[own], predicted, len(system.provenance.classes))
            scores = (macro_f1(counts), uar(counts), accuracy(counts))
            table.add_row(name, str(len(own)), *(f"{float(score):.4f}" for score in scores))
    if table.row_count:
        plain_console().print(table)
