"""Which recogniser a command line means: a Whisper checkpoint, a class, or a YAML file of one or several."""

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vibespeaker import transcribe
from vibespeaker.config_files.classes import check_spec, class_of, make
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.errors import ConfigError

if TYPE_CHECKING:
    from vibespeaker.transcribe.base import Transcriber

_PACKAGE = "vibespeaker.transcribe"
#: What a recogniser takes of a command line where its own description leaves it out, and what stands there unless said.
DEFAULTS: Mapping[str, Any] = {
    "beams": 1,
    "batch_size": 8,
    "device": "auto",
    "precision": "float32",
    "vad": "energy",
    "suppress": False,
    "fallback": False,
    "times": False,
}
#: What a recogniser may do without: those that do not take it have times anyway.
_WISHES = ("times",)


def read_transcriber(reference: str) -> dict[str, Any]:
    """Return the one recogniser that a reference means.

    Args:
        reference: as `read_transcribers`.

    Raises:
        ConfigError: as `read_transcribers`, or there are several.
    """
    specs = read_transcribers(reference)
    if len(specs) != 1:
        raise ConfigError(
            f"{reference} describes several transcribers, where one is needed",
            found=", ".join(map(str, specs)),
            remedy="keep one a file",
        )
    (spec,) = specs.values()
    return spec


def read_transcribers(reference: str) -> dict[str | None, dict[str, Any]]:
    """Return the recognisers that a reference means.

    Args:
        reference: class path, such as `vibespeaker.transcribe.SphinxTranscriber` or `SphinxTranscriber`; or YAML file,
            of `class_path` and `init_args`, or of a name of texts for each of several of them; or else a Whisper
            checkpoint, as folder or name on the hub.

    Returns:
        Name of the texts that it makes, None for the default → `class_path` and `init_args`.

    Raises:
        ConfigError: the file is missing or does not describe transcribers.
    """
    if reference.endswith((".yaml", ".yml")):
        return _of_file(Path(reference))
    if not Path(reference).exists() and _is_class(reference):
        return {None: check_spec({"class_path": reference}, "transcriber", _PACKAGE)}
    return {None: whisper_spec(reference)}


def whisper_spec(checkpoint: str) -> dict[str, Any]:
    """Return the description of a Whisper, given as folder or name on the hub."""
    return {"class_path": f"{_PACKAGE}.WhisperTranscriber", "init_args": {"checkpoint": checkpoint}}


def build_transcriber(spec: Mapping[str, Any], settings: Mapping[str, Any] = DEFAULTS) -> "Transcriber":
    """Make a recogniser.

    Args:
        spec: its `class_path` and `init_args`.
        settings: by the names in `DEFAULTS`, for what `init_args` leaves out.

    Raises:
        ConfigError: there is no such class, it is no transcriber, or it does not take an argument or a setting.
        EncoderError: its checkpoint cannot be had.
    """
    from vibespeaker.transcribe.base import Transcriber

    place = "transcriber"
    known = [f"{_PACKAGE}.{name}" for name in transcribe.__all__]
    kind: type[Transcriber] = class_of(spec, Transcriber, place, known)  # type: ignore[type-abstract]
    takes = inspect.signature(kind).parameters
    binding = {name: value for name, value in settings.items() if name not in _WISHES}
    if idle := [name for name, value in binding.items() if name not in takes and value != DEFAULTS.get(name)]:
        raise ConfigError(
            f"{kind.__name__} does not take --{idle[0]}", found=settings[idle[0]], allowed=", ".join(takes) or "nothing"
        )
    arguments = {name: value for name, value in settings.items() if name in takes} | dict(spec["init_args"])
    if arguments.get("device") == "auto":
        from vibespeaker.encoders.transfer import resolve_device

        arguments["device"] = str(resolve_device("auto"))
    return make({**spec, "init_args": arguments}, Transcriber, place, known)  # type: ignore[type-abstract]


def _of_file(path: Path) -> dict[str | None, dict[str, Any]]:
    content = read_mapping(path)
    if "class_path" in content:
        return {None: check_spec(content, str(path), _PACKAGE)}
    if not content:
        raise ConfigError(f"{path} describes no transcriber", remedy="write class_path: vibespeaker.transcribe.…")
    from vibespeaker.manifest.texts import check_text_name

    for name in content:
        check_text_name(name, f"{path}: the name of a transcriber's texts")
    return {str(name): check_spec(spec, f"{path}: {name}", _PACKAGE) for name, spec in content.items()}


def _is_class(reference: str) -> bool:
    """Return True for a dotted path, or the name of a class of this package; names on the hub have a slash."""
    words = reference.split(".")
    return all(word.isidentifier() for word in words) and (len(words) > 1 or reference in transcribe.__all__)
