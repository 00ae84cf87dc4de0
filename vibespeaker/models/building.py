"""Networks from the words of a checkpoint: classes by name, of the kind that each place expects, and no other code.

The types of a constructor's arguments say what each place expects: a pooling's class where a pooling is made, a number
where a number stands. Sizes are tried out first without memory, and compared with the weights that wait for them.
"""

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import is_dataclass
from functools import partial
from typing import Any, Literal, Union, get_args, get_origin

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from vibespeaker.config_files.trust import find_class
from vibespeaker.errors import CheckpointError, VibeSpeakerError
from vibespeaker.models.base import EmotionModel
from vibespeaker.models.weights import check_state
from vibespeaker.provenance import Provenance

_MAPPINGS: tuple[Any, ...] = (dict, Mapping)
_PLAIN = (bool, int, float, str, type(None))


class _UnfitError(Exception):
    """A value is not what its place expects."""


def build_network(spec: Any, provenance: Provenance, state: Mapping[str, Tensor], source: object) -> EmotionModel:
    """Build a network of which a file says `class_path` and `init_args`, with the file's weights, in evaluation mode.

    Args:
        spec: what the file says.
        provenance: its encoders, classes and further heads.
        state: its weights.
        source: what errors call the file.

    Raises:
        CheckpointError: a class is not of the kind that its place expects, an argument does not fit, or the network has
            other weights than the file.
    """
    with _building_errors(source):
        make = _sketched(spec, provenance, state, source)
        network: EmotionModel = make()
        network.load_state_dict(dict(state))
    return network.eval()


def check_spec(spec: Any, provenance: Provenance, state: Mapping[str, Tensor], source: object) -> None:
    """Refuse a network that a file describes and that has other weights than the file; nothing of its size is made.

    Args:
        spec: what the file says, as for `build_network`.
        provenance: its encoders, classes and further heads.
        state: its weights.
        source: what errors call the file.

    Raises:
        CheckpointError: as `build_network`.
    """
    with _building_errors(source):
        _sketched(spec, provenance, state, source)


def _sketched(
    spec: Any, provenance: Provenance, state: Mapping[str, Tensor], source: object
) -> Callable[[], EmotionModel]:
    """Return what makes a network, of which a sketch without memory has the weights of `state`, whatever its sizes."""
    make = _maker(spec, EmotionModel, source, "network")
    made = partial(make, provenance.encoder_dims, len(provenance.classes), provenance.heads)
    with torch.device("meta"), _at_most(len(state), source):
        sketch = made()
    check_state(sketch, state, str(source))
    return made


@contextmanager
def _building_errors(source: object) -> Iterator[None]:
    """Turn whatever constructors meet in the numbers of a damaged or hostile file into one clear error."""
    try:
        yield
    except CheckpointError:
        raise
    except (_UnfitError, VibeSpeakerError) as error:
        raise CheckpointError(f"{source} holds a network that cannot be built: {error}") from error
    except Exception as error:
        raise CheckpointError(
            f"{source} holds a network that cannot be built", found=" ".join(str(error).split())[:200]
        ) from error


@contextmanager
def _at_most(parameters: int, source: object) -> Iterator[None]:
    """Refuse to go on making a network that has more parameters than there are weights, as with a billion layers."""
    made = 0

    def count(module: nn.Module, name: str, parameter: Any) -> None:
        nonlocal made
        made += 1
        if made > parameters:
            raise CheckpointError(f"{source} is of another network: it has {parameters} weights, the network more")

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


def _maker(spec: Any, kind: type[Any], source: object, place: str) -> Callable[..., Any]:
    """Return what makes an object of a class, with the arguments that a file gives."""
    if not isinstance(spec, Mapping) or not set(spec) <= {"class_path", "init_args"}:
        found = sorted(spec) if isinstance(spec, Mapping) else spec
        raise _UnfitError(f"{place} must have class_path and may have init_args, it says {found}")
    found_class = find_class(spec.get("class_path"), kind, source, place)
    if inspect.isabstract(found_class):
        raise _UnfitError(f"{place} names {spec['class_path']}, which is only the base of others")
    arguments = spec.get("init_args") or {}
    constructor: Callable[..., Any] = found_class.__init__
    make: Callable[..., Any] = found_class
    return partial(make, **_arguments(constructor, arguments, source, place))


def _arguments(function: Callable[..., Any], given: Any, source: object, place: str) -> dict[str, Any]:
    hints = typing.get_type_hints(function)
    if not isinstance(given, Mapping) or not set(given) <= set(hints):
        raise _UnfitError(f"{place} takes {', '.join(hints)}, it says {given}")
    return {name: _value(value, hints[name], source, f"{place}.{name}") for name, value in given.items()}


def _value(value: Any, hint: Any, source: object, place: str) -> Any:
    """Return what a value of a file stands for where `hint` is expected."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _first_fitting(value, inner, source, place)
    if origin is Callable:
        return _maker(value, inner[1], source, place)
    if origin is Literal and value in inner:
        return value
    if origin in _MAPPINGS and isinstance(value, Mapping):
        return {key: _value(item, inner[1], source, f"{place}.{key}") for key, item in value.items()}
    if origin in (list, tuple, Sequence) and isinstance(value, list | tuple):
        return (tuple if origin is tuple else list)(_value(item, inner[0], source, place) for item in value)
    if hint in _PLAIN or hint is None:
        return _plain(value, hint, place)
    if isinstance(hint, type) and is_dataclass(hint):
        constructor: Callable[..., Any] = hint.__init__
        return hint(**_arguments(constructor, value, source, place))
    if isinstance(hint, type) and origin is None and isinstance(value, Mapping):
        return _maker(value, hint, source, place)()
    raise _UnfitError(f"{place} says {value}, where {hint} is expected")


def _first_fitting(value: Any, hints: Sequence[Any], source: object, place: str) -> Any:
    problems = []
    # a mapping with a class path is never meant as one of names
    is_spec = isinstance(value, Mapping) and "class_path" in value
    for hint in sorted(hints, key=lambda hint: is_spec and get_origin(hint) in _MAPPINGS):
        try:
            return _value(value, hint, source, place)
        except _UnfitError as error:
            problems.append(str(error))
    raise _UnfitError(problems[0])


def _plain(value: Any, kind: Any, place: str) -> Any:
    expected = type(None) if kind is None else kind
    is_number = expected is float and type(value) is int
    if type(value) is not expected and not is_number:
        raise _UnfitError(f"{place} says {value}, where {expected.__name__} is expected")
    return float(value) if is_number else value
