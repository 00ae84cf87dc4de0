"""What of an encoder is trained: its stages from input to output, which of them learn, and how fast.

The keys stand beside an encoder's `class_path`, and this module alone reads them:

| `train`               | what learns                                                                       |
|-----------------------|-----------------------------------------------------------------------------------|
| `none`                | nothing                                                                           |
| `all`                 | everything that the output depends on                                             |
| `transformer`         | everything behind the convolutions, or behind the embeddings of tokens            |
| `{top: k}`            | the last k transformer layers that the output depends on, and what closes them    |
| `{convolutions: k}`   | the last k convolutions, and nothing else                                         |
| `{lora: {rank: r}}`   | adapters of rank r within the transformer layers (Hu et al. 2021), see `lora`     |
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

from torch import nn

from vibespeaker.arguments.ranges import NOT_NEGATIVE, SHARE_BELOW_ONE, Range, require
from vibespeaker.errors import ConfigError

StageKind = Literal["convolution", "embedding", "input", "layer", "closing"]
Kind = Literal["none", "all", "transformer", "top", "convolutions", "lora"]

#: Of adapters: beyond it they are as large as what they adapt.
_RANK = Range(1, 1024, whole=True)
#: Kinds that say how many.
_COUNTED = ("top", "convolutions")
_ALLOWED = "none, all, transformer, {top: COUNT}, {convolutions: COUNT}, {lora: {rank: RANK}}"


@dataclass(frozen=True)
class Stage:
    """A piece of an encoder between its input and its output; those that the output does not depend on are left out.

    Args:
        kind: `convolution` (of waveforms or mel frames), `embedding` (of tokens), `input` (what else precedes the
            layers), `layer` (of the transformer) or `closing` (what follows them).
        modules: all of it.
    """

    kind: StageKind
    modules: tuple[nn.Module, ...]

    def parameters(self) -> list[nn.Parameter]:
        """Return all its weights."""
        return [weight for module in self.modules for weight in module.parameters()]

    @property
    def is_trained(self) -> bool:
        """True when any of its weights is trained."""
        return any(weight.requires_grad for weight in self.parameters())


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters beside linear maps, which stay as they are (Hu et al. 2021).

    Args:
        rank: width of an adapter, r.
        alpha: an adapter's output is multiplied by alpha / rank; null takes the rank, so that it is left as it is.
        dropout: probability of dropping a value of an adapter's input.
        targets: last words of the names of the linear maps; null takes the attention's queries and values.
    """

    rank: int = 8
    alpha: float | None = None
    dropout: float = 0.0
    targets: list[str] | None = None


@dataclass(frozen=True)
class Training:
    """How an encoder is trained.

    Args:
        kind: what learns.
        count: how many layers or convolutions, for the kinds that count.
        lora: the adapters, for the kind `lora`.
        learning_rate: of the topmost layer at the schedule's maximum; None takes the optimiser's.
        layer_decay: each layer's learning rate by that of the layer above, above 0 to 1; what precedes the first layer
            counts as one layer.
        gradient_checkpointing: whether the transformer layers are computed a second time in the backward pass instead
            of kept in memory.
    """

    kind: Kind = "none"
    count: int = 0
    lora: Lora | None = None
    learning_rate: float | None = None
    layer_decay: float = 1.0
    gradient_checkpointing: bool = False

    @property
    def has_own_rate(self) -> bool:
        """True when a learning rate differs from the optimiser's."""
        return self.learning_rate is not None or self.layer_decay != 1.0


def read_training(spec: Mapping[str, Any], place: str) -> Training:
    """Read how an encoder is trained from its specification.

    Args:
        spec: with the keys `train`, `learning_rate`, `layer_decay` and `gradient_checkpointing`, where they are given.
        place: what errors call it.

    Raises:
        ConfigError: naming the key that is wrong.
    """
    kind, count, lora = _read_kind(spec.get("train", "none"), f"{place}: train")
    beside = {name: spec[name] for name in ("learning_rate", "layer_decay", "gradient_checkpointing") if name in spec}
    if kind == "none" and beside:
        raise ConfigError(
            f"{place}: {', '.join(beside)} is of encoders that are trained",
            found="train: none",
            remedy="say beside it what is trained, such as train: all, or leave it out",
        )
    require(NOT_NEGATIVE, **{f"{place}: learning_rate": beside.get("learning_rate")})
    require(Range(0, 1, above=True), **{f"{place}: layer_decay": beside.get("layer_decay")})
    return Training(kind, count, lora, **beside)


def _read_kind(given: Any, place: str) -> tuple[Kind, int, Lora | None]:
    if isinstance(given, str) and given in get_args(Kind) and given not in (*_COUNTED, "lora"):
        return given, 0, None  # type: ignore[return-value]
    if isinstance(given, Mapping) and len(given) == 1:
        kind, value = next(iter(given.items()))
        if kind in _COUNTED and type(value) is int and value > 0:
            return kind, value, None
        if kind == "lora" and isinstance(value, Mapping | None):
            return "lora", 0, _read_lora(value or {}, f"{place}: lora")
    raise ConfigError(f"{place} says what of an encoder learns", found=given, allowed=_ALLOWED)


def _read_lora(given: Mapping[str, Any], place: str) -> Lora:
    known = [field.name for field in fields(Lora)]
    if unknown := [str(name) for name in given if name not in known]:
        raise ConfigError(f"{place} has unknown keys", found=", ".join(unknown), allowed=known)
    lora = Lora(**given)
    require(_RANK, **{f"{place}.rank": lora.rank})
    require(NOT_NEGATIVE, **{f"{place}.alpha": lora.alpha})
    require(SHARE_BELOW_ONE, **{f"{place}.dropout": lora.dropout})
    targets = lora.targets
    if targets is not None and not (isinstance(targets, list) and targets and all(isinstance(t, str) for t in targets)):
        raise ConfigError(f"{place}.targets", found=targets, allowed="names such as [q_proj, v_proj]")
    return lora


def chosen_stages(stages: Iterable[Stage], training: Training, purpose: str) -> list[Stage]:
    """Return the stages whose own weights are trained; adapters are none of them.

    Args:
        stages: of the encoder, from input to output.
        training: what learns.
        purpose: what errors call the encoder.

    Raises:
        ConfigError: it has no weights, or not as many layers or convolutions.
    """
    stages = list(stages)
    if not any(stage.parameters() for stage in stages) and training.kind != "none":
        raise ConfigError(f"{purpose} has no weights to train", found=f"train: {training.kind}", allowed="none")
    if training.kind in ("none", "lora"):
        return []
    if training.kind == "all":
        return stages
    if training.kind == "transformer":
        return [stage for stage in stages if stage.kind not in ("convolution", "embedding")]
    wanted = "layer" if training.kind == "top" else "convolution"
    places = [place for place, stage in enumerate(stages) if stage.kind == wanted]
    if training.count > len(places):
        raise ConfigError(
            f"{purpose}: train: {training.kind} counts {wanted}s that the output depends on",
            found=training.count,
            allowed=f"1 to {len(places)}" if places else f"it has no {wanted}",
        )
    first = places[-training.count]
    return stages[first:] if training.kind == "top" else [stages[place] for place in places[-training.count :]]


def keep_frozen_still(module: nn.Module) -> None:
    """Put norms whose weights are frozen into evaluation mode: in training mode their running statistics would move.

    Args:
        module: in training mode; all within it count.
    """
    for each in module.modules():
        weights = list(each.parameters(recurse=False))
        if getattr(each, "running_mean", None) is not None and not any(weight.requires_grad for weight in weights):
            each.eval()
