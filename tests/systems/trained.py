"""Checkpoints of small networks, written without training, and edited as a stranger might edit them."""

import copy
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from tests.models.conftest import make_frames
from vibespeaker.batch import NO_CATEGORY, EmotionBatch
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.labels import label_set
from vibespeaker.models import LateFusion, StatisticsPooling
from vibespeaker.models.checkpoint import WEIGHTS_KEY, weights_sha256
from vibespeaker.provenance import CHECKPOINT_KEY, EncoderProvenance, Provenance

MODELS = "vibespeaker.models."
NETWORK = {
    "class_path": MODELS + "LateFusion",
    "init_args": {"pooling": {"class_path": MODELS + "StatisticsPooling", "init_args": {}}},
}
ENCODERS = {
    "hear": {"class_path": "vibespeaker.encoders.AcousticDescriptors", "init_args": {"mels": 8, "prosody": False}},
    "read": {"class_path": "vibespeaker.encoders.HashedText", "init_args": {"dim": 8}},
}


@functools.cache
def content(seed: int = 0, labels: str = "challenge", corpora: tuple[str, ...] = ("toy",)) -> dict[str, Any]:
    """What a checkpoint holds that matters here; its encoders exist and can be built."""
    built = build_encoders(ENCODERS)
    encoders = {
        name: EncoderProvenance(module.dim, module.modality, ENCODERS[name], dict(module.fingerprint().parts))
        for name, module in built.items()
    }
    provenance = Provenance(labels, label_set(labels).classes, encoders, corpora=corpora, transcripts=("human",))
    torch.manual_seed(seed)
    network = LateFusion(provenance.encoder_dims, len(provenance.classes), pooling=StatisticsPooling)
    for output in network.outputs:
        for layer in output.layers():
            torch.nn.init.normal_(layer.weight, std=0.1)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    return {
        "state_dict": state,
        "hyper_parameters": {"network": NETWORK},
        CHECKPOINT_KEY: {**provenance.to_checkpoint(), WEIGHTS_KEY: weights_sha256(state)},
    }


def write(path: Path, change: Callable[[dict[str, Any]], None] | None = None, **options: Any) -> Path:
    """Write a checkpoint, after a change to what it holds."""
    made = copy.deepcopy(content(**options))
    if change is not None:
        change(made)
    torch.save(made, path)
    return path


def with_network(**network: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change of the network's words."""

    def change(made: dict[str, Any]) -> None:
        made["hyper_parameters"] = {"network": {**NETWORK, **network}}

    return change


def batch(dims: Mapping[str, int], lengths: tuple[int, ...] = (9, 4, 6)) -> EmotionBatch:
    """Random frames of every encoder."""
    size = len(lengths)
    frames = {name: make_frames(list(lengths), dim, seed=seed) for seed, (name, dim) in enumerate(dims.items())}
    category, unknown = torch.full((size,), NO_CATEGORY), torch.full((size, 3), float("nan"))
    return EmotionBatch(torch.arange(size), category, torch.zeros(size, 0), unknown, frames)
