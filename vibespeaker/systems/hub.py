"""Classifiers and regressors of a hub as systems: any of audio or text that transformers loads, by name or folder.

What their outputs mean is said by a YAML file, which is a system, too; those of well-known checkpoints are shipped
(`configs/hub`) and found by name:

    checkpoint: superb/hubert-large-superb-er    # or a folder, relative to the file
    labels: {ang: anger, hap: happiness, neu: neutral, sad: null}   # null is left out
    corpora: [iemocap]
    licence: Apache 2.0

or, for a regressor, `attributes: {arousal: arousal, …}` with `range: [0, 1]`, mapped to 1–7. Without a file, labels
that spell emotions (`labels.ALIASES`), or the three attributes, speak for themselves.
"""

import hashlib
import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.config_files.shipped import shipped_configs
from vibespeaker.config_files.typed import read_as
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.ensemble.fusion import mapped_classes, union, widened
from vibespeaker.ensemble.means import LEAST_PROBABILITY
from vibespeaker.errors import ConfigError
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, CHALLENGE, EMOTIONS, LabelSet, emotion_named
from vibespeaker.labels.heads import ATTRIBUTES_HEAD, CATEGORIES_HEAD
from vibespeaker.provenance import TUNED_FOR, EncoderProvenance, Provenance
from vibespeaker.systems.base import finite
from vibespeaker.systems.facts import ModelFacts
from vibespeaker.systems.hub_networks import HubNetwork, load_hub_network
from vibespeaker.systems.trained import class_positions

log = logging.getLogger(__name__)

#: What such a system calls its only encoder, and the folder of shipped files.
ENCODER, SHIPPED = "checkpoint", "hub"
_NAME = re.compile(r"[\w][\w.-]*/[\w][\w.-]*(@[\w./-]+)?")
_NO_CLASSIFIERS = (".ckpt", ".parquet", ".yaml", ".yml", ".json")


@dataclass(frozen=True)
class HubFile:
    """What the outputs of a checkpoint mean, as YAML.

    Args:
        checkpoint: a name on the hub, or a folder, relative to the file.
        labels: its label → the emotion that it counts for, or null for one that is left out.
        attributes: its label → the attribute that it predicts; of a regressor.
        range: ends of its scale, which become 1 and 7.
        corpora: what it was trained on, as far as that is known.
        licence: of its weights.
    """

    checkpoint: str
    labels: dict[str, str | None] | None = None
    attributes: dict[str, str] | None = None
    range: tuple[float, float] = (0.0, 1.0)
    corpora: tuple[str, ...] = ()
    licence: str | None = None

    def __post_init__(self) -> None:
        if self.labels and self.attributes:
            raise ConfigError("a checkpoint has labels or attributes", found="both", remedy="leave one of them out")
        wrong = [target for target in (self.labels or {}).values() if target is not None and target not in EMOTIONS]
        if wrong:
            raise ConfigError("labels of a checkpoint count for no emotion", found=", ".join(wrong), allowed=EMOTIONS)
        if self.attributes is not None and sorted(self.attributes.values()) != sorted(ATTRIBUTES):
            found = self.attributes
            raise ConfigError("attributes of a checkpoint must name each once", found=found, allowed=ATTRIBUTES)
        if not self.range[0] < self.range[1]:
            raise ConfigError("range of a checkpoint must rise", found=self.range, allowed="[low, high]")


class HubSystem(nn.Module):
    """Answers as a checkpoint of the hub does; see `System`.

    Logits are logarithms of the probabilities of the classes that its labels count for. Attributes beyond the ends of
    the checkpoint's scale are taken for its ends.

    Args:
        hub: the loaded checkpoint.
        meaning: what its outputs mean.
        file: what it was opened from, beside which its calibration may lie.

    Raises:
        ConfigError: labels have no map, or it names others than the checkpoint has.
    """

    def __init__(self, hub: HubNetwork, meaning: HubFile, file: Path | None = None) -> None:
        super().__init__()
        self.hub, self.meaning, self.file, self.network = hub, meaning, file, hub.network
        self._own, self._called, self._columns = _meant(hub, meaning)
        self._kept = list(range(len(self._own)))
        tells = ", ".join(hub.labels[:12])
        module, name = type(self).__module__, type(self).__name__
        spec = {"class_path": f"{module}.{name}", "init_args": {"checkpoint": meaning.checkpoint}, TUNED_FOR: tells}
        fingerprint = {"class": name, "weights": hub.sha256}
        encoder = EncoderProvenance(hub.width, hub.modality, spec, fingerprint, live=True)
        self.provenance = Provenance(self._own.name, self._own.classes, {ENCODER: encoder}, corpora=meaning.corpora)
        origin = ", ".join(meaning.corpora) or "what its repository says"
        self.facts = ModelFacts(
            f"{origin}, as {meaning.checkpoint}; licence: {meaning.licence or 'see its repository'}"
        )

    @property
    def heads(self) -> tuple[str, ...]:
        """Categories, or attributes."""
        return (ATTRIBUTES_HEAD,) if self._columns else (CATEGORIES_HEAD,)

    @property
    def identity(self) -> str:
        """SHA-256 over its weights and what they mean."""
        meaning = [self.hub.sha256, self._own.classes, self._called, self._columns, self.meaning.range]
        return hashlib.sha256(json.dumps(meaning).encode()).hexdigest()

    def prepare(self, frames: Mapping[str, EncoderProvenance] | None) -> Mapping[str, EncoderProvenance]:
        """Return its encoder, which hears or reads whatever frames there are; see `System`."""
        return self.provenance.encoders

    def restrict_classes(self, labels: LabelSet) -> None:
        """Answer in the classes and the order of `labels` from now on; see `System`."""
        if not self._columns:
            self._kept = class_positions(self._own, labels, self.meaning.checkpoint)
        self.provenance = replace(self.provenance, label_set=labels.name, classes=labels.classes)

    def answer(self, batch: EmotionBatch) -> EmotionOutput:
        """Return logits `(batch, classes)`, or attributes `(batch, 3)` on 1–7."""
        outputs = self._outputs(batch)
        if self._columns:
            low, high = self.meaning.range
            shares = ((outputs[:, self._columns] - low) / (high - low)).clamp(0, 1)
            output = EmotionOutput(None, ATTRIBUTE_MIN + shares * (ATTRIBUTE_MAX - ATTRIBUTE_MIN))
        else:
            output = EmotionOutput(self._logits(outputs)[:, self._kept], None)
        return finite(output, self.meaning.checkpoint)

    def record(self, transcripts: Sequence[str]) -> dict[str, Any]:
        """Return what is known of its training; see `System`."""
        return self.provenance.record(transcripts)

    def _outputs(self, batch: EmotionBatch) -> Tensor:
        inputs = batch.audio if self.hub.modality == "audio" else batch.texts
        if len(inputs) != len(batch):
            missing = "audio" if self.hub.modality == "audio" else "texts"
            raise ConfigError(f"{self.meaning.checkpoint} needs {missing}, and the data has none")
        return self.hub.of_audio(batch.audio) if self.hub.modality == "audio" else self.hub.of_texts(batch.texts)

    def _logits(self, outputs: Tensor) -> Tensor:
        if self.hub.is_multilabel:
            shares = outputs.double().sigmoid()
            probabilities = shares / shares.sum(dim=1, keepdim=True)
        else:
            probabilities = outputs.double().softmax(dim=1)
        known = widened(probabilities.cpu().numpy(), self._called, self._own)
        return torch.from_numpy(np.log(np.maximum(known, LEAST_PROBABILITY))).float().to(outputs.device)


def is_hub_file(content: Mapping[str, object]) -> bool:
    """Return whether a file that describes systems describes a checkpoint of a hub."""
    return "checkpoint" in content and "members" not in content


def is_hub_folder(path: Path) -> bool:
    """Return whether a folder holds a checkpoint of transformers."""
    try:
        fields = json.loads((path / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(fields, dict) and "model_type" in fields and "kind" not in fields


def is_hub_name(reference: str) -> bool:
    """Return whether a reference may be a name on the hub: USER/NAME, perhaps with @ and a revision."""
    return bool(_NAME.fullmatch(reference)) and not reference.lower().endswith(_NO_CLASSIFIERS)


def open_hub(reference: str) -> HubSystem:
    """Open a checkpoint by its name on the hub, or by its folder, with the shipped file where there is one.

    Raises:
        EncoderError: see `hub_networks.load_hub_network`.
        ConfigError: nobody says what its labels mean.
    """
    meaning = next((file for file in _shipped() if file.checkpoint == reference), HubFile(reference))
    folder = Path(reference)
    beside = folder / "model.safetensors" if folder.is_dir() else None
    return _opened(meaning, beside)


def open_hub_file(path: Path) -> HubSystem:
    """Open a checkpoint as a file says.

    Raises:
        EncoderError: see `hub_networks.load_hub_network`.
        ConfigError: the file is wrong, or does not fit the checkpoint.
    """
    meaning = read_as(path, HubFile)
    beside = path.parent / meaning.checkpoint
    return _opened(replace(meaning, checkpoint=str(beside)) if beside.is_dir() else meaning, path)


def _opened(meaning: HubFile, file: Path | None) -> HubSystem:
    system = HubSystem(load_hub_network(meaning.checkpoint), meaning, file)
    log.info("%s: licence %s", meaning.checkpoint, meaning.licence or "not known here, see its repository")
    return system


def _shipped() -> list[HubFile]:
    files = sorted((shipped_configs() / SHIPPED).glob("*.yaml"))
    return [read_as(path, HubFile) for path in files if is_hub_file(read_mapping(path))]


def _meant(hub: HubNetwork, meaning: HubFile) -> tuple[LabelSet, list[str | None], list[int]]:
    """Return the classes, what each label counts for, and the places of arousal, valence and dominance.

    Of a regressor the classes are the challenge's, which nothing answers; of a classifier there are no places.
    """
    spelled = {label: label.strip().lower() for label in hub.labels}
    attributes = meaning.attributes
    if attributes is None and meaning.labels is None and sorted(spelled.values()) == sorted(ATTRIBUTES):
        attributes = spelled
    if attributes is not None:
        if set(attributes) != set(hub.labels):
            raise _other_labels(meaning, "attributes", attributes, hub.labels)
        place = {attribute: hub.labels.index(label) for label, attribute in attributes.items()}
        return CHALLENGE, [], [place[attribute] for attribute in ATTRIBUTES]
    given: Mapping[str, str | None] = meaning.labels or {label: emotion_named(label) for label in hub.labels}
    if meaning.labels is None and None in given.values():
        nameless = [label for label, emotion in given.items() if emotion is None]
        raise ConfigError(
            f"nobody says what the labels of {meaning.checkpoint} mean",
            found=", ".join(nameless),
            remedy="write a YAML file with checkpoint and labels, {LABEL: EMOTION or null, …}, and give it to --model",
        )
    if set(given) != set(hub.labels):
        raise _other_labels(meaning, "labels", given, hub.labels)
    own = LabelSet("own:" + ",".join(hub.labels), hub.labels)
    known = union({meaning.checkpoint: own}, {meaning.checkpoint: given})
    return known, mapped_classes(meaning.checkpoint, own, given), []


def _other_labels(meaning: HubFile, key: str, given: Mapping[str, Any], labels: Sequence[str]) -> ConfigError:
    return ConfigError(
        f"{key} of {meaning.checkpoint} are not those of its config", found=", ".join(given), allowed=labels
    )
