"""Which weights of an encoder a checkpoint holds: those that were trained. The rest is named by a hash.

An encoder of 300 million weights of which four layers are trained, or adapters, would otherwise be stored whole with
every state of a run. Checkpoints from before hold all weights of their trained encoders, and load as they did.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from vibespeaker.models.checkpoint import weights_sha256


def trained_names(module: nn.Module) -> set[str]:
    """Return the names, in the module's state, of its trained weights and of the statistics that training moves."""
    names = {name for name, weight in _parameters(module) if weight.requires_grad}
    for prefix, each in module.named_modules():
        weights = list(each.parameters(recurse=False))
        if not weights or any(weight.requires_grad for weight in weights):
            names |= {f"{prefix}.{name}".lstrip(".") for name, _ in each.named_buffers(recurse=False)}
    return names


def rest_sha256(module: nn.Module) -> str:
    """Return the SHA-256 over names and bytes of all that is in a module's state without being trained."""
    trained = trained_names(module)
    return weights_sha256({name: value for name, value in _own(module).items() if name not in trained})


def keep_trained_alone(module: nn.Module) -> None:
    """Let a module's `state_dict` leave out what is not trained, and let it load states without it."""
    module.register_state_dict_post_hook(_leave_out)  # type: ignore[no-untyped-call]
    module.register_load_state_dict_pre_hook(_fill_in)  # type: ignore[no-untyped-call]


def _leave_out(module: nn.Module, state: dict[str, Any], prefix: str, local_metadata: Mapping[str, Any]) -> None:
    trained = trained_names(module)
    for name in [*_own(module)]:
        if name not in trained:
            state.pop(f"{prefix}{name}", None)


def _fill_in(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    trained = trained_names(module)
    for name, value in _own(module).items():
        if name not in trained:
            state.setdefault(f"{prefix}{name}", value)


def _own(module: nn.Module) -> dict[str, Tensor]:
    """Return weights and buffers as of `state_dict`, also those that are left out there."""
    own: dict[str, Tensor] = dict(_parameters(module))
    for prefix, each in module.named_modules():
        for name, buffer in each.named_buffers(recurse=False):
            if name not in each._non_persistent_buffers_set:
                own[f"{prefix}.{name}".lstrip(".")] = buffer
    return own


def _parameters(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield weights under all names that a state has for them: some serve in two places, as input and output."""
    return module.named_parameters(remove_duplicate=False)
