"""Small model folders of audio alone, written without training."""

from pathlib import Path

import torch

from vibespeaker.calibration.conformal import Conformal
from vibespeaker.calibration.scaling import CategoryScaling
from vibespeaker.calibration.store import Calibration, FittedOn
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.labels import label_set
from vibespeaker.models import LateFusion, NormedPooling, StatisticsPooling
from vibespeaker.models.checkpoint import WEIGHTS_KEY, weights_sha256
from vibespeaker.provenance import CHECKPOINT_KEY, EncoderProvenance, Provenance
from vibespeaker.systems import TrainedModel
from vibespeaker.systems.facts import ModelFacts
from vibespeaker.systems.folder import write_model_folder

_MODELS, _ENCODERS = "vibespeaker.models.", "vibespeaker.encoders."
NETWORK = {
    "class_path": f"{_MODELS}LateFusion",
    "init_args": {
        "pooling": {
            "class_path": f"{_MODELS}NormedPooling",
            "init_args": {"limit": float("inf"), "pooling": {"class_path": f"{_MODELS}StatisticsPooling"}},
        }
    },
}
ENCODERS = {
    "hear": {"class_path": f"{_ENCODERS}AcousticDescriptors", "init_args": {"mels": 8, "frames_per_second": 50}},
    "random": {"class_path": f"{_ENCODERS}Rocket", "init_args": {"kernels": 10}},
}
CLASSES = label_set("emodb").classes
FACTS = ModelFacts(
    "noise",
    {"noise left out": {"UAR": 0.143}},
    "train one",
    {"level_db": (-30.0, -5.0), "bandwidth_hz": (7000.0, 8000.0), "seconds": (0.5, 6.0)},
)


def calibration(temperature: float = 2.0) -> Calibration:
    """Divide logits by a temperature; sets hold every class of probability 0.1 and more."""
    count = len(CLASSES)
    scaling = CategoryScaling("temperature", (1 / temperature,) * count, (0.0,) * count)
    return Calibration(
        "emodb", CLASSES, None, FittedOn("left out", "0" * 64, 9, 3), scaling, conformal=Conformal(0.9, "lac", 0.9)
    )


def write_checkpoint(path: Path, seed: int = 0) -> Path:
    """Write the checkpoint of an untrained network; its answers differ between sounds."""
    built = build_encoders(ENCODERS)
    encoders = {
        name: EncoderProvenance(module.dim, module.modality, ENCODERS[name], dict(module.fingerprint().parts))
        for name, module in built.items()
    }
    provenance = Provenance("emodb", CLASSES, encoders, corpora=("noise",))
    torch.manual_seed(seed)
    network = LateFusion(
        provenance.encoder_dims,
        len(CLASSES),
        pooling=lambda dim: NormedPooling(dim, StatisticsPooling),
        heads=["categories"],
    )
    for output in network.outputs:
        for layer in output.layers():
            torch.nn.init.normal_(layer.weight, std=0.3)
    state = {f"network.{name}": value for name, value in network.state_dict().items()}
    spec = {**NETWORK, "init_args": {**NETWORK["init_args"], "heads": ["categories"]}}
    content = {
        "state_dict": state,
        "hyper_parameters": {"network": spec},
        CHECKPOINT_KEY: {**provenance.to_checkpoint(), WEIGHTS_KEY: weights_sha256(state)},
    }
    torch.save(content, path)
    return path


def write_folder(folder: Path, calibrated: bool = True) -> Path:
    """Write a model folder, and the checkpoint that it is made of beside it."""
    checkpoint = write_checkpoint(folder.with_suffix(".ckpt"))
    fitted = calibration() if calibrated else None
    write_model_folder(folder, TrainedModel.from_checkpoint(checkpoint), "# A card\n", fitted, FACTS)
    return folder
