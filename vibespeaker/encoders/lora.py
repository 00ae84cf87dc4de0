"""Adapters within an encoder's transformer layers: a few weights that learn beside those that stay (Hu et al. 2021).

peft puts them beside linear maps. Where a network hands a map's weights on instead of calling it, as the stock
attention of WavLM does, the adapter is never run and silently learns nothing: encoders refuse such a choice, and
`gradients.check_gradients` finds any other.
"""

import warnings
from collections.abc import Sequence

from torch import nn

from vibespeaker.encoders.training import Lora
from vibespeaker.errors import ConfigError


def add_adapters(
    root: nn.Module, layers: Sequence[nn.Module], lora: Lora, targets: Sequence[str], purpose: str
) -> None:
    """Put adapters beside linear maps; they alone are trained afterwards.

    Args:
        root: the encoder, changed in place.
        layers: modules within it whose maps are meant.
        lora: their sizes.
        targets: last words of the names of the maps, where `lora` names none.
        purpose: what errors call the encoder.

    Raises:
        ConfigError: there is no such map.
    """
    from peft import LoraConfig, inject_adapter_in_model

    wanted = lora.targets or list(targets)
    within = {id(module) for layer in layers for module in layer.modules()}
    maps = {name: one for name, one in root.named_modules() if id(one) in within and isinstance(one, nn.Linear)}
    known = sorted({name.rpartition(".")[2] for name in maps})
    missing = [target for target in wanted if target not in known]
    if missing or not wanted:
        raise ConfigError(
            f"{purpose}: train: lora.targets names no linear map of a transformer layer",
            found=", ".join(missing) or "none",
            allowed=known or "it has none",
        )
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=lora.rank if lora.alpha is None else lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=[name for name in maps if name.rpartition(".")[2] in wanted],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what only other kinds of models need
        inject_adapter_in_model(config, root)
