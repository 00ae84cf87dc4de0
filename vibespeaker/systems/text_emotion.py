"""Emotions of texts by TF-IDF and logistic regression: a system of plain numbers, which reads words alone.

Its folder holds `model.safetensors` (weights `(classes, terms)`, offsets, idf, the vocabulary as UTF-8 bytes parted by
line ends, which no term has, and in its header the classes and which runs are terms) and `config.json` (what it is,
what it learned from, and the hash of the first file). `vibespeaker fit-text` makes one; reading it runs no code.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vibespeaker import __version__
from vibespeaker.audio.opening import UnusableError, open_regular
from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files import atomic_path, file_sha256, write_text
from vibespeaker.files.inputs import read_json
from vibespeaker.files.stored_fields import stored_as
from vibespeaker.labels import LabelSet
from vibespeaker.labels.heads import CATEGORIES_HEAD
from vibespeaker.models.checkpoint import checkpoint_errors
from vibespeaker.provenance import CHECKPOINT_KEY, EncoderProvenance, Provenance
from vibespeaker.systems.kinds import CONFIG, is_kind
from vibespeaker.systems.ngrams import TermRange, weighted_terms
from vibespeaker.systems.trained import class_positions

KIND, FORMAT = "vibespeaker text emotion", 1
WEIGHTS = "model.safetensors"
#: What the system calls its only encoder.
ENCODER = "words"
_REMEDY = "give a folder that vibespeaker fit-text wrote"
_HEADER = "settings"


@dataclass(frozen=True, eq=False)
class TextWeights:
    """What was learned.

    Args:
        classes: in the order of the rows.
        ranges: which runs are terms.
        vocabulary: `(F,)` terms, see `ngrams.terms`.
        idf: `(F,)`.
        weights: `(classes, F)`.
        offsets: `(classes,)`.
    """

    classes: tuple[str, ...]
    ranges: TermRange
    vocabulary: tuple[str, ...]
    idf: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.float32]


class TextEmotion:
    """Answers from texts; see `System`. A text without a known term gets what is said of no words at all.

    Args:
        learned: the weights.
        provenance: what they were learned from; its one encoder names the texts that are read.
        identity: SHA-256 of the file of weights; null before there is one.
        file: that file.
    """

    heads = (CATEGORIES_HEAD,)

    def __init__(
        self, learned: TextWeights, provenance: Provenance, identity: str | None = None, file: Path | None = None
    ) -> None:
        self.learned, self.provenance, self.identity, self.file = learned, provenance, identity, file
        self.name = "the text system" if file is None else str(file.parent)
        self.learned_provenance = provenance
        self._own = provenance.labels
        self._kept = list(range(len(self._own)))
        self._places = {term: place for place, term in enumerate(learned.vocabulary)}
        self._idf = learned.idf.astype(np.float64)
        self._columns = np.ascontiguousarray(learned.weights.T).astype(np.float64)  # (F, classes)

    def prepare(self, frames: Mapping[str, EncoderProvenance] | None) -> Mapping[str, EncoderProvenance]:
        """Return its encoder, which reads texts whatever frames there are; see `System`."""
        return self.provenance.encoders

    def restrict_classes(self, labels: LabelSet) -> None:
        """Answer in the classes and the order of `labels` from now on; see `System`."""
        self._kept = class_positions(self._own, labels, self.name)
        self.provenance = replace(self.provenance, label_set=labels.name, classes=labels.classes)

    def answer(self, batch: EmotionBatch) -> EmotionOutput:
        """Return logits `(batch, classes)`."""
        logits = torch.from_numpy(self.logits(self._texts(batch))[:, self._kept]).float()
        return EmotionOutput(logits.to(batch.rows.device), None)

    def record(self, transcripts: Sequence[str]) -> dict[str, Any]:
        """Return what it was trained on; see `System`."""
        return self.provenance.record(transcripts)

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """Return `(texts, classes)` logits, all classes that were learned."""
        rows = [weighted_terms(text, self.learned.ranges, self._places, self._idf) for text in texts]
        sums = [values @ self._columns[places] for places, values in rows]
        logits: npt.NDArray[np.float64] = np.array(sums).reshape(len(texts), -1) + self.learned.offsets
        return logits

    def _texts(self, batch: EmotionBatch) -> Sequence[str]:
        name = self.provenance.encoders[ENCODER].spec.get("text")
        texts = batch.texts if name is None else batch.named_texts.get(name, ())
        if len(texts) != len(batch):
            raise ConfigError(
                f"{self.name} reads words, and there are no texts" + ("" if name is None else f" called {name}"),
                remedy="give a manifest with texts: vibespeaker transcribe MANIFEST --out MANIFEST",
            )
        return texts


def provenance_of(learned: TextWeights, label_set: str, text: str | None, **facts: Any) -> Provenance:
    """Return what is recorded of a text system.

    Args:
        learned: the weights.
        label_set: name of its classes.
        text: name of the texts that it reads, null for the default ones.
        facts: manifest, corpora, transcripts, synthetic, leaks.
    """
    spec = {"class_path": f"{TextEmotion.__module__}.TextEmotion", "init_args": asdict(learned.ranges)}
    if text is not None:
        spec["text"] = text
    fingerprint = {"class": "TextEmotion", "terms": str(len(learned.vocabulary))}
    encoder = EncoderProvenance(len(learned.vocabulary), "text", spec, fingerprint, trained=True, live=True)
    return Provenance(label_set, learned.classes, {ENCODER: encoder}, trained_heads=(CATEGORIES_HEAD,), **facts)


def write_text_emotion(folder: Path, learned: TextWeights, provenance: Provenance) -> None:
    """Write the folder of a text system; files that are there already are replaced, the config last."""
    from safetensors.numpy import save

    settings = {"classes": learned.classes, **asdict(learned.ranges)}
    content = "\n".join(learned.vocabulary).encode()
    tensors = {
        "weights": np.ascontiguousarray(learned.weights, np.float32),
        "offsets": np.ascontiguousarray(learned.offsets, np.float32),
        "idf": np.ascontiguousarray(learned.idf, np.float32),
        "vocabulary": np.frombuffer(content, np.uint8),
    }
    with atomic_path(folder / WEIGHTS) as temporary:
        temporary.write_bytes(save(tensors, metadata={_HEADER: json.dumps(settings, sort_keys=True)}))
    config = {"kind": KIND, "format": FORMAT, "vibespeaker": __version__, "provenance": provenance.to_config()}
    config["weights_sha256"] = file_sha256(folder / WEIGHTS)
    write_text(folder / CONFIG, json.dumps(config, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def is_text_folder(path: Path) -> bool:
    """Return whether a folder's config says that it is a text system; what is wrong with it shows when it is read."""
    return is_kind(path, KIND)


def read_text_emotion(folder: Path) -> TextEmotion:
    """Read the folder of a text system.

    Raises:
        CheckpointError: it is damaged or something else.
    """
    config = read_json(folder / CONFIG, CheckpointError, "config of a text system", _REMEDY)
    if (config.get("kind"), config.get("format")) != (KIND, FORMAT):
        found = f"{config.get('kind')}, format {config.get('format')}"
        raise CheckpointError(f"{folder} is no text system that this version reads", found=found, remedy=_REMEDY)
    file = folder / WEIGHTS
    try:
        open_regular(file).close()
    except (UnusableError, OSError) as error:
        raise CheckpointError(f"{file} cannot be read", found=error, remedy=_REMEDY) from error
    identity = file_sha256(file)
    if identity != config.get("weights_sha256"):
        raise CheckpointError(f"the weights in {folder} are not those that were written", remedy=_REMEDY)
    with checkpoint_errors(folder):
        learned = _learned(file)
        provenance = Provenance.from_checkpoint({CHECKPOINT_KEY: config.get("provenance")}, folder)
    if provenance.classes != learned.classes or ENCODER not in provenance.encoders:
        raise CheckpointError(f"{folder} does not fit together: its config is for other weights", remedy=_REMEDY)
    return TextEmotion(learned, provenance, identity, file)


@dataclass(frozen=True)
class _Settings:
    """What the header of the weights holds."""

    classes: tuple[str, ...]
    words: tuple[int, int]
    characters: tuple[int, int]


def _learned(file: Path) -> TextWeights:
    from safetensors import safe_open

    with safe_open(str(file), framework="numpy") as opened:
        header = json.loads((opened.metadata() or {}).get(_HEADER, "null"))
        tensors = {name: opened.get_tensor(name) for name in ("weights", "offsets", "idf", "vocabulary")}
    settings = stored_as(_Settings, header, str(file), CheckpointError, _REMEDY)
    vocabulary = tuple(tensors["vocabulary"].tobytes().decode().split("\n"))
    count, terms = len(settings.classes), len(vocabulary)
    shapes = [tensors[name].shape for name in ("weights", "offsets", "idf")]
    finite = all(np.isfinite(tensors[name]).all() for name in ("weights", "offsets", "idf"))
    bounds = (*settings.words, *settings.characters)
    if shapes != [(count, terms), (count,), (terms,)] or not finite or not all(1 <= one <= 10 for one in bounds):
        raise CheckpointError(f"{file} does not fit together", found=shapes, remedy=_REMEDY)
    ranges = TermRange(settings.words, settings.characters)
    return TextWeights(settings.classes, ranges, vocabulary, tensors["idf"], tensors["weights"], tensors["offsets"])
