"""The checkpoint of an encoder in a folder of one's own: network, tokenizer or feature extractor, generation settings.

What is shared with strangers, or used without a hub, holds these beside its own weights. They are tensors and JSON.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vibespeaker.encoders.checkpoints import load, quiet_transformers
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.errors import CheckpointError

#: What a carried checkpoint consists of; anything else is refused when it is read.
SUFFIXES = (".json", ".txt", ".safetensors", ".model", ".jinja")


def carry(spec: Mapping[str, Any], folder: Path) -> bool:
    """Write the checkpoint that an encoder begins with into a folder, as it was before any training.

    Args:
        spec: `class_path` and `init_args` of the encoder, see `encoders.specs`.
        folder: made when missing.

    Returns:
        False where the encoder needs no checkpoint.

    Raises:
        EncoderError: the checkpoint cannot be had.
    """
    inner = _reading(spec)
    settings = {key: value for key, value in inner.get("init_args", {}).items() if key != "precision"}
    whole = {"train": "all"} if spec.get("train") == "all" else {}  # which random weights beside a tokenizer need
    encoder: Any = build_encoders({"carried": {**inner, "init_args": settings, **whole}})["carried"]
    checkpoint = getattr(encoder, "checkpoint", None)
    if checkpoint is None:
        return False
    folder.mkdir(parents=True, exist_ok=True)
    with quiet_transformers():
        if hasattr(encoder, "network"):
            encoder.network.save_pretrained(folder, save_original_format=False)
        for part in load(checkpoint, type(encoder).__name__, _processors):
            part.save_pretrained(folder)
    return True


def carried(spec: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the specification of an encoder whose checkpoint lies in a folder.

    Raises:
        CheckpointError: the folder holds something else than tensors and settings.
    """
    foreign = sorted(path.name for path in folder.rglob("*") if path.is_file() and path.suffix not in SUFFIXES)
    if foreign:
        raise CheckpointError(
            f"{folder} holds files that are no part of an encoder", found=foreign[:3], allowed=", ".join(SUFFIXES)
        )
    made = {**spec, "init_args": dict(spec.get("init_args", {}))}
    if isinstance(made["init_args"].get("encoder"), Mapping):
        made["init_args"]["encoder"] = carried(made["init_args"]["encoder"], folder)
    else:
        made["init_args"]["checkpoint"] = str(folder)
    return made


def _reading(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return class path and arguments of the encoder that reads the input, within those that reduce it."""
    inner = spec.get("init_args", {}).get("encoder")
    if isinstance(inner, Mapping):
        return _reading(inner)
    return {key: spec[key] for key in ("class_path", "init_args") if key in spec}


def _processors(name: str, local: bool) -> list[Any]:
    """Return what a checkpoint has beside its network."""
    from transformers import AutoFeatureExtractor, AutoTokenizer, GenerationConfig

    found = []
    for kind in (AutoTokenizer, AutoFeatureExtractor, GenerationConfig):
        try:
            found.append(kind.from_pretrained(name, local_files_only=local))
        except Exception:
            continue
    return found
