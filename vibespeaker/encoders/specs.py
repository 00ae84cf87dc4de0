"""Encoder specifications: `{name: {class_path, init_args, text, train, …}}`, from YAML to modules."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vibespeaker import encoders
from vibespeaker.config_files import find_config
from vibespeaker.config_files.classes import ClassSpec, check_spec, make
from vibespeaker.config_files.renamed import UNFREEZE, class_now
from vibespeaker.config_files.trust import find_class
from vibespeaker.config_files.typed import FreeMapping
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.masking import read_masking
from vibespeaker.encoders.training import read_training
from vibespeaker.errors import CheckpointError, ConfigError

_PACKAGE = "vibespeaker.encoders"
#: Encoders that a file from somebody else may name, and the widest frame: each encoder bounds its own memory.
MOST_ENCODERS, WIDEST = 16, 1 << 20
_EXAMPLE = "descriptors: {class_path: vibespeaker.encoders.AcousticDescriptors, init_args: {mels: 64}}"


@dataclass(frozen=True)
class EncoderSpec(ClassSpec):
    """How an encoder is made, and what it reads.

    Args:
        text: name of the texts that an encoder of text reads, of the column `text.<name>`; None reads `text`.
        train: what of it is trained, see `encoders.training`; None trains nothing.
        learning_rate: of its topmost layer; None takes the optimiser's.
        layer_decay: each layer's learning rate by that of the layer above; None takes 1.
        gradient_checkpointing: whether its layers are computed twice instead of kept in memory.
        masking: what of its transformer's input is masked in training, see `encoders.masking`; None masks nothing.
    """

    text: str | None = None
    train: str | FreeMapping | None = None
    learning_rate: float | None = None
    layer_decay: float | None = None
    gradient_checkpointing: bool | None = None
    masking: FreeMapping | None = None


def read_specs(path: Path) -> dict[str, dict[str, Any]]:
    """Read the encoders that a YAML file names, in its order.

    Args:
        path: a mapping from encoder name to `class_path`, `init_args` and `text`, or the same under a top key
            `encoders`; or the name of a shipped file, e.g. `encoders/embedded`.

    Returns:
        Encoder name → `{"class_path": str, "init_args": dict}`, with `text` where it is given; see `check_specs`.

    Raises:
        ConfigError: the file is missing, is no YAML, or does not specify encoders.
    """
    path = find_config(str(path), "encoders")
    content = read_mapping(path)
    if set(content) == {"encoders"}:
        content = content["encoders"]
    return check_specs(content, str(path))


def check_specs(content: Any, source: str) -> dict[str, dict[str, Any]]:
    """Check specifications and complete them: class names without a module get this package's, no arguments become {}.

    Old class paths are replaced by the present ones.

    Args:
        content: what a configuration says.
        source: what to name in errors.

    Raises:
        ConfigError: naming the entry that is wrong.
    """
    if not isinstance(content, Mapping) or not content:
        raise ConfigError(
            f"{source} must map encoder names to class_path and init_args",
            found=type(content).__name__ if content else "nothing",
            remedy=f"write for example  {_EXAMPLE}",
        )
    return {str(name): _check(spec, f"{source}: encoder {str(name)!r}") for name, spec in content.items()}


def _check(spec: Any, place: str) -> dict[str, Any]:
    checked = check_spec(spec, place, _PACKAGE, EncoderSpec)
    if UNFREEZE in checked["init_args"]:
        raise ConfigError(
            f"{place}: init_args.{UNFREEZE} is now called train",
            found=checked["init_args"][UNFREEZE],
            remedy="write train: all beside class_path for an encoder that is trained, and nothing for a frozen one",
        )
    read_training(checked, place)
    read_masking(checked, place)
    if "text" in checked:
        from vibespeaker.manifest.texts import check_text_name  # tables come with it, which most encoders do not need

        check_text_name(checked["text"], f"{place}: text")
    return checked


def check_frozen(specs: Mapping[str, Mapping[str, Any]], source: object) -> None:
    """Refuse encoders that are to be trained where only frozen ones run.

    Raises:
        ConfigError: naming the encoder.
    """
    for name, spec in specs.items():
        if read_training(spec, str(name)).kind != "none" or "masking" in spec:
            raise ConfigError(
                f"{source}: encoder {name!r} is to be trained, but frames of a cache are those of a frozen one",
                found=", ".join(f"{key}: {spec[key]}" for key in ("train", "masking") if key in spec),
                remedy="leave it out here, and give it in model.init_args.encoders of a training config",
            )


def check_trusted(specs: Mapping[str, Any], source: object) -> None:
    """Check that specifications from somebody else's file name encoders of this package only, also within each other.

    Args:
        specs: encoder name → class_path and init_args.
        source: what errors call the file.

    Raises:
        CheckpointError: naming what else they name, or they are too many.
    """
    count = sum(_check_trusted(spec, source, f"encoders.{name}") for name, spec in specs.items())
    if count > MOST_ENCODERS:
        raise CheckpointError(f"{source} names too many encoders", found=count, allowed=f"{MOST_ENCODERS} at most")


def _check_trusted(tree: Any, source: object, place: str) -> int:
    """Check one specification and return how many encoders it names."""
    count = 0
    if isinstance(tree, Mapping):
        if "class_path" in tree:
            path = class_now(str(tree["class_path"]))
            find_class(path if "." in path else f"{_PACKAGE}.{path}", Encoder, source, place)
            count = 1
        count += sum(_check_trusted(value, source, f"{place}.{key}") for key, value in tree.items())
    elif isinstance(tree, list | tuple):
        count = sum(_check_trusted(value, source, place) for value in tree)
    return count


def build_encoders(specs: Mapping[str, Mapping[str, Any]]) -> dict[str, Encoder]:
    """Make the encoders that specifications describe, in their order, in evaluation mode.

    Args:
        specs: encoder name → class_path and init_args.

    Raises:
        ConfigError: no such class, no encoder, or wrong arguments.
        EncoderError: a checkpoint is missing, unreachable or of the wrong kind.
    """
    known = [f"{_PACKAGE}.{name}" for name in encoders.__all__]
    built: dict[str, Encoder] = {}
    for name, spec in check_specs(specs, "encoders").items():
        built[name] = make(spec, Encoder, f"encoder {name!r}", known)  # type: ignore[type-abstract]
        if built[name].dim > WIDEST:
            width = built[name].dim
            raise ConfigError(f"encoder {name!r} makes frames too wide", found=width, allowed=f"up to {WIDEST}")
        built[name].masking = read_masking(spec, f"encoder {name!r}")
        if built[name].masking is not None and not built[name].can_mask:
            raise ConfigError(f"encoder {name!r} has no transformer whose input could be masked", found="masking")
        built[name].set_training(read_training(spec, f"encoder {name!r}"))
        built[name].eval()
        if "text" in spec and built[name].modality != "text":
            raise ConfigError(
                f"encoder {name!r} hears audio and reads no text", found=f"text: {spec['text']}", remedy="leave it out"
            )
    return built
