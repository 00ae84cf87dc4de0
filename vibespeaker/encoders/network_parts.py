"""Where the transformer layers of any network stand, and what stands before and behind them."""

from typing import Any

from torch import nn

from vibespeaker.encoders.training import Stage
from vibespeaker.errors import EncoderError

#: Parts that no hidden state depends on.
_UNUSED = ("pooler", "adapter", "lm_head")
#: Names of attention's queries and values, alone or together, in the networks of transformers.
_ATTENTION = (
    ("q_proj", "v_proj"),
    ("query", "value"),
    ("query_proj", "value_proj"),
    ("q_lin", "v_lin"),
    ("linear_q", "linear_v"),
    ("q", "v"),
    ("Wqkv",),
    ("query_key_value",),
)


def stages_of(network: nn.Module, name: str, purpose: str) -> list[Stage]:
    """Return the stages of a network, in the order in which its parts were made, which is that of their use.

    Args:
        network: as `AutoModel` makes it; its config says how many transformer layers it has.
        name: of the checkpoint, for messages.
        purpose: what needs it, for messages.

    Raises:
        EncoderError: no list of that many layers is in it.
    """
    config: Any = network.config
    count = getattr(config, "num_hidden_layers", None)
    found = [
        (path, module)
        for path, module in network.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == count and "conv_layers" not in path
    ]
    if not found:
        raise EncoderError(
            f"{purpose}: {name} is of a kind that is not supported: its transformer layers stand in no list",
            found=config.model_type,
            remedy="choose a checkpoint whose network is one stack of transformer layers",
        )
    path, layers = found[0]
    before, behind = _around(network, path)
    # layers first, where nothing precedes them
    stages = [Stage("convolution", (layer,)) for part in before for layer in getattr(part, "conv_layers", ())]
    kind = "input" if stages else "embedding"
    rest = tuple(part for part in before if not hasattr(part, "conv_layers"))
    stages += [Stage(kind, rest)] if rest else []  # type: ignore[arg-type]
    stages += [Stage("layer", (layer,)) for layer in layers]
    return [*stages, Stage("closing", behind)] if any(True for one in behind for _ in one.parameters()) else stages


def _around(network: nn.Module, path: str) -> tuple[tuple[nn.Module, ...], tuple[nn.Module, ...]]:
    """Return the modules that were made before the one at `path`, and behind it, none within another."""
    before: list[nn.Module] = []
    behind: list[nn.Module] = []
    at = network
    for word in path.split("."):
        passed = False
        for name, child in at.named_children():
            if name == word:
                passed = True
            elif name not in _UNUSED:
                (behind if passed else before).append(child)
        at = at.get_submodule(word)
    return tuple(before), tuple(behind)


def attention_maps(network: nn.Module) -> tuple[str, ...]:
    """Return the last words of the names of attention's queries and values; none where they are called otherwise."""
    linear = {name.rpartition(".")[2] for name, one in network.named_modules() if isinstance(one, nn.Linear)}
    return next((names for names in _ATTENTION if linear.issuperset(names)), ())
