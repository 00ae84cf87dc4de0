"""What encoders with pretrained weights share: choice of layers, stages, precision, fingerprint."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.checkpoints import weights_sha256
from vibespeaker.encoders.masking import mask_input
from vibespeaker.encoders.training import Stage, Training
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import Fingerprint

Precision = Literal["float32", "bfloat16", "float16"]
#: What becomes of several layers: their mean, or all of them one beside the other in a frame.
Join = Literal["mean", "side_by_side"]
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class PretrainedEncoder(Encoder):
    """An encoder around a transformer with pretrained weights.

    Layers are counted as everywhere in the field: 0 is the input of the first transformer layer, i the output of the
    i-th, and the last one what the network returns, after its closing layer norm if it has one. Negative numbers count
    from the end. Frames are float32 whatever the precision.

    Args:
        checkpoint: folder, or name on the hub.
        layer: a layer, several, or None for the last.
        join: what becomes of several layers: their mean, or frames that hold them all, lowest first, as wide as that
            (`models.LayerWeightedSum` then learns how much each counts).
        precision: type of weights and arithmetic; encoders that are trained need float32 (mixed precision is the
            trainer's).
    """

    network: nn.Module
    can_mask = True
    #: The class's name in fingerprints; it stays when the class is renamed, since caches hold it.
    fingerprint_class: str

    def __init__(
        self, checkpoint: str, layer: int | Sequence[int] | None, precision: Precision, join: Join = "mean"
    ) -> None:
        super().__init__()
        if join not in get_args(Join):
            raise ConfigError(f"{self._purpose}: unknown way to join layers", found=join, allowed=get_args(Join))
        if precision not in _DTYPES:
            raise ConfigError(f"{self._purpose}: unknown precision", found=precision, allowed=_DTYPES)
        self.checkpoint = checkpoint
        self.layer = layer
        self.precision = precision
        self.join = join
        self._fingerprint: Fingerprint | None = None

    @property
    def _purpose(self) -> str:
        return type(self).__name__

    def _adopt(self, network: nn.Module, stages: Sequence[Stage], preprocessing: Mapping[str, Any]) -> None:
        """Take the loaded network.

        Args:
            network: holds the weights, float32.
            stages: of all its weights, from input to output, each transformer layer one.
            preprocessing: whatever else decides the output, for the fingerprint.
        """
        self.network = network
        self._all_stages = tuple(stages)
        # in a list, so that they are not registered a second time
        self._blocks = [stage.modules[0] for stage in stages if stage.kind == "layer"]
        self.layers = _layer_numbers(self.layer, len(self._blocks), self._purpose)
        self.dim *= len(self.layers) if self.join == "side_by_side" else 1
        self._preprocessing = json.dumps(preprocessing, sort_keys=True)
        if self.precision != "float32":
            self.fingerprint()  # while the weights are still the checkpoint's
        network.to(_DTYPES[self.precision])
        network.requires_grad_(False)
        self.eval()

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages up to the topmost layer that is chosen, and what closes them where that is the last."""
        deepest, last = self.layers[-1], len(self._blocks)
        beyond = {id(block) for block in self._blocks[deepest:]}
        return tuple(
            stage
            for stage in self._all_stages
            if id(stage.modules[0]) not in beyond and not (stage.kind == "closing" and deepest < last)
        )

    def set_training(self, training: Training) -> None:
        """Choose what is trained, and take the fingerprint while the weights are still the checkpoint's.

        Raises:
            ConfigError: it has no such parts, or the precision is not float32.
        """
        if training.kind != "none":
            if self.precision != "float32":
                raise ConfigError(
                    f"{self._purpose}: an encoder that is trained needs precision float32",
                    found=self.precision,
                    remedy="set the trainer's precision to bf16-mixed instead",
                )
            self.fingerprint()
        super().set_training(training)

    def fingerprint(self) -> Fingerprint:
        """Return class, hash of the loaded weights, layers, precision and preprocessing."""
        if self._fingerprint is None:
            last = len(self._blocks)
            self._fingerprint = Fingerprint(
                {
                    "class": self.fingerprint_class,
                    "weights": weights_sha256(self.network),
                    "layer": "last" if self.layers == (last,) else ",".join(str(layer) for layer in self.layers),
                    "precision": self.precision,
                    "preprocessing": self._preprocessing,
                    # caches hold fingerprints from before layers could be joined otherwise
                    **({} if self.join == "mean" else {"join": self.join}),
                }
            )
        return self._fingerprint

    def compile_layers(self, backend: str = "inductor") -> None:
        """Let `torch.compile` fuse what a transformer layer does, at its first batches.

        The layers are compiled one by one: being alike they share one result, which takes seconds where the whole
        network takes minutes. Like batching it changes frames by rounding only, and so is no part of the fingerprint.

        Args:
            backend: the compiler, as `torch.compile` names it.
        """
        torch.compiler.reset()  # an encoder compiled before in this process would count towards the limit on versions
        for block in self._blocks:
            block.compile(backend=backend)

    @property
    def _weights(self) -> Tensor:
        """Any weight: its device and type are those of all."""
        return next(self.network.parameters())

    def _hidden(
        self, run: Callable[[], Tensor], lengths: Sequence[int] = (), seeds: Sequence[int] | None = None
    ) -> Tensor:
        """Run the network and return the chosen layers, joined, `(batch, frames, dim)`, float32.

        Args:
            run: calls the network and returns its last layer.
            lengths: real frames of each row.
            seeds: of each row's masks; None for no masks.
        """
        states: dict[int, Tensor] = {}
        blocks = self._blocks
        handles = []
        if seeds is not None and self.masking is not None:
            handles.append(mask_input(blocks[0], self.masking, seeds, lengths))
        handles += [
            _keep_input(blocks[0], states) if layer == 0 else _keep_output(blocks[layer - 1], states, layer)
            for layer in sorted({*self.layers} - {len(blocks)})
        ]
        try:
            with torch.set_grad_enabled(self.is_trained and torch.is_grad_enabled()):
                states[len(blocks)] = run()
        finally:
            for handle in handles:
                handle.remove()
        chosen = [states[layer].float() for layer in self.layers]
        if self.join == "side_by_side":
            return torch.cat(chosen, dim=-1)
        return chosen[0] if len(chosen) == 1 else torch.stack(chosen).mean(dim=0)


def window_seeds(seeds: Sequence[int] | None, counts: Sequence[int]) -> list[int] | None:
    """Return a seed for every window of every clip, None without seeds.

    Args:
        seeds: of the clips.
        counts: windows of each clip.
    """
    if seeds is None:
        return None
    return [seed ^ window for seed, count in zip(seeds, counts, strict=True) for window in range(count)]


def _keep_output(block: nn.Module, states: dict[int, Tensor], layer: int) -> torch.utils.hooks.RemovableHandle:
    def keep(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> None:
        states[layer] = output[0] if isinstance(output, tuple) else output

    return block.register_forward_hook(keep)


def _keep_input(block: nn.Module, states: dict[int, Tensor]) -> torch.utils.hooks.RemovableHandle:
    def keep(module: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        states[0] = arguments[0] if arguments else named["hidden_states"]

    return block.register_forward_pre_hook(keep, with_kwargs=True)


def _layer_numbers(layer: int | Sequence[int] | None, last: int, purpose: str) -> tuple[int, ...]:
    """Return the chosen layers, 0 to `last`, in ascending order."""
    wanted = [last] if layer is None else [layer] if isinstance(layer, int) else list(layer)
    numbers = [number + last + 1 if number < 0 else number for number in wanted]
    if not numbers or len(set(numbers)) != len(numbers) or not all(0 <= number <= last for number in numbers):
        raise ConfigError(
            f"{purpose}: no such choice of layers",
            found=layer,
            allowed=f"distinct numbers 0 to {last}, or -1 to {-last - 1}",
        )
    return tuple(sorted(numbers))
