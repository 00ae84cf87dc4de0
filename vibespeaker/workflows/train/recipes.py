"""Recipes: which shipped configs a training takes, and what of them follows from the data at hand."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vibespeaker.manifest import Manifest
from vibespeaker.utterance import is_unknown_speaker
from vibespeaker.workflows.quickstart.data import EMBEDDED, VIEWS, VOICES

Recipe = Literal["embedded", "wavlm", "published"]
#: Fewer speakers than this cannot be parted into training, validation and test.
LEAST_SPEAKERS = 3
#: Of fewer speakers than this more are kept from training.
_FEW_SPEAKERS, _FEW = 20, {"train": 0.6, "development": 0.2, "test": 0.2}
#: A calibration needs this much of a split that was not trained on.
_LEAST_FITTED, _LEAST_FITTED_SPEAKERS = 30, 2
_VALIDATION = ("validation", "development")


@dataclass(frozen=True)
class Configs:
    """What a recipe names of the shipped configs.

    Args:
        encoders: of `extract`.
        experiment: of `fit`.
        views: options of `extract` for augmented views of the training split.
        reads_text: whether it needs transcripts.
        large: whether it is meant for a GPU.
    """

    encoders: str
    experiment: str
    views: tuple[str, ...]
    reads_text: bool = False
    large: bool = True


def _voices(count: int) -> tuple[str, ...]:
    """Return the options of `extract` for so many other voices of each training clip."""
    return "--views", str(count), "--augmentation", VOICES


RECIPES: dict[str, Configs] = {
    "embedded": Configs(EMBEDDED, "experiment/embedded", _voices(VIEWS), large=False),
    "wavlm": Configs("encoders/wavlm", "experiment/wavlm", _voices(2)),
    "published": Configs("encoders/published", "experiment/pretrain-task1-attentive", _voices(2), reads_text=True),
}


@dataclass(frozen=True)
class Data:
    """What decides how a manifest is trained on.

    Args:
        utterances: rows.
        speakers: known ones.
        unknown: rows whose speaker is not known.
        is_split: whether it has a training split and one to validate on.
        heads: of `categories` and `attributes`, those with labels.
        label_set: of the manifest.
        lacks_text: whether a row has no transcript.
    """

    utterances: int
    speakers: int
    unknown: int
    is_split: bool
    heads: tuple[str, ...]
    label_set: str
    lacks_text: bool

    @staticmethod
    def of(manifest: Path) -> "Data":
        """Read what decides."""
        read = Manifest.read(manifest, ("speaker", "split", "category", "arousal", "text"))
        named = [speaker for speaker in read.column("speaker") if not is_unknown_speaker(speaker)]
        splits = set(read.column("split"))
        labels = {"categories": read.column("category"), "attributes": read.column("arousal")}
        return Data(
            len(read),
            len(set(named)),
            len(read) - len(named),
            "train" in splits and not splits.isdisjoint(_VALIDATION),
            tuple(head for head, values in labels.items() if any(value is not None for value in values)),
            read.metadata.label_set,
            any(not text for text in read.column("text")),
        )

    def split_words(self) -> tuple[list[str], str]:
        """Return the options of `split`, none where the splits stay as they are, and what is assumed."""
        if self.is_split:
            return [], "the splits are those that come with the data"
        if self.speakers == 0:
            told = (
                "no speakers are known: each recording counts as a speaker of its own, so that a voice may be trained "
            )
            return ["--by", "speakers"], told + "and tested on, and scores are optimistic; name speakers by folders"
        if self.has_few_speakers:
            told = f"{self.speakers} speakers cannot be parted into three splits: they are in all of them, and scores "
            return ["--by", "utterances"], told + "say nothing of other speakers"
        told = f"split by speakers, of whom {self.speakers} are known"
        told += f"; {self.unknown} recordings name none" if self.unknown else ""
        # else of ten speakers a single one would validate, too few to calibrate on
        shares = (
            [f"--fractions.{name}={share}" for name, share in _FEW.items()] if self.speakers < _FEW_SPEAKERS else []
        )
        return ["--by", "speakers", *shares], told

    @property
    def has_few_speakers(self) -> bool:
        """Whether speakers are known, and too few to be parted."""
        return 0 < self.speakers < LEAST_SPEAKERS - (self.unknown > 0)

    @property
    def leaks(self) -> tuple[str, ...]:
        """Kinds of leaks that a split of so few speakers cannot avoid."""
        return ("speaker", "take") if self.has_few_speakers and not self.is_split else ()

    def fit_words(self, configs: Configs, seed: int, epochs: int | None) -> list[str]:
        """Return options of `fit` that follow from the data."""
        on_data, model = "--data.init_args", "--model.init_args"
        words = [f"--seed_everything={seed + 1}"]
        if self.leaks:
            words.append(f"{on_data}.allow_leaks=[{','.join(self.leaks)}]")
        if configs.reads_text:
            words += [f"{on_data}.samples_per_epoch=null", f"{on_data}.label_set={self.label_set}"]
            words += [f"{on_data}.policy.other=exclude"] if self.label_set != "challenge+other" else []
        usual = ("categories", "attributes") if configs.reads_text else ("categories",)
        if self.heads != usual:
            words += [
                f"{model}.network.init_args.heads=[{','.join(self.heads)}]",
                f"{model}.loss.init_args.terms={json.dumps({head: _TERMS[head] for head in self.heads})}",
                f"{model}.loss.init_args.weights={json.dumps(dict.fromkeys(self.heads, 1 / len(self.heads)))}",
            ]
            words += [] if "categories" in self.heads else [f"{model}.checkpoints.monitor=val/ccc_mean"]
        if epochs is not None:
            words += [f"--trainer.max_epochs={epochs}", f"{model}.schedule.warmup_epochs=0"]
        return words


_TERMS = {
    "categories": {
        "class_path": "vibespeaker.losses.CrossEntropy",
        "init_args": {
            "weighting": {"class_path": "vibespeaker.losses.InverseFrequency", "init_args": {"power": 0.5}},
        },
    },
    "attributes": {"class_path": "vibespeaker.losses.AttributeMSE"},
}


def fitted_split(manifest: Path) -> str | None:
    """Return the split that a calibration can be fitted on, null where there is too little of one."""
    read = Manifest.read(manifest, ("split", "speaker", "category", "arousal"))
    columns = [read.column(name) for name in ("split", "speaker", "category", "arousal")]
    for split in _VALIDATION:
        rows = [who for name, who, *labels in zip(*columns, strict=True) if name == split and any(labels)]
        if len(rows) >= _LEAST_FITTED and len(set(rows)) >= _LEAST_FITTED_SPEAKERS:
            return split
    return None


def scored_split(manifest: Path) -> str | None:
    """Return the labelled split that scores are for: a test split, else one that was validated on."""
    read = Manifest.read(manifest, ("split", "category", "arousal"))
    columns = (read.column(name) for name in ("split", "category", "arousal"))
    labelled = {split for split, *labels in zip(*columns, strict=True) if any(label is not None for label in labels)}
    wanted = ("test", "test1", "test2", "test3", "development", "validation")
    return next((split for split in wanted if split in labelled), None)
