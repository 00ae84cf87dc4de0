"""What a variant needs that this machine may lack: packages, checkpoints, and earlier runs that it begins from."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vibespeaker.baselines.classifiers import classifier
from vibespeaker.config_files import find_config
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.encoders.checkpoints import require_reachable
from vibespeaker.errors import ConfigError, EncoderError
from vibespeaker.trainer.layers import layers
from vibespeaker.workflows.ablation.plan import Variant

#: Key of a config that names a checkpoint on the hub or its folder, and the one that names runs to begin from.
_CHECKPOINT, _BEGINS = "checkpoint", "init_encoders"


def lacking(variant: Variant, config: str) -> str | None:
    """Return why this machine cannot run a variant, None where nothing is known to be lacking.

    Args:
        variant: the variant.
        config: what variants train that name no config of their own.

    Raises:
        ConfigError: a config is missing or cannot be read.
    """
    if variant.classifier is not None:
        try:
            classifier(variant.classifier)
        except ConfigError as error:
            return _first_sentence(error)
        return None
    files = layers(find_config(variant.config or config))
    if variant.encoders is not None:
        files.append(find_config(variant.encoders))
    for content in map(read_mapping, files):
        for key, value in _settings(content):
            if key == _BEGINS and isinstance(value, dict):
                absent = [str(path) for path in value.values() if not Path(str(path)).exists()]
                if absent:
                    return f"begins from {absent[0]}, which does not exist"
            if key == _CHECKPOINT and isinstance(value, str):
                try:
                    require_reachable(value, variant.name)
                except EncoderError as error:
                    return _first_sentence(error).removeprefix(f"{variant.name}: ")
    return None


def _settings(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key with its value, at any depth."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield str(key), value
            yield from _settings(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _settings(value)


def _first_sentence(error: Exception) -> str:
    return str(error).partition(". ")[0]
