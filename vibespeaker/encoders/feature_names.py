"""What the values of a frame are called: hand-crafted features have names, what a network learned has numbers."""

from collections.abc import Mapping
from typing import Any

from vibespeaker.config_files.trust import find_class
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.specs import build_encoders, check_trusted

_OURS = "vibespeaker.encoders."


def feature_names(spec: Mapping[str, Any], dim: int, source: object) -> tuple[str, ...]:
    """Return the names of the values of an encoder's frames, `dim` of them.

    Args:
        spec: `class_path` and `init_args`, as a cache keeps them.
        dim: width of a frame.
        source: what errors call the file that the specification is from.

    An encoder whose class gives its features no names, or is none of this package, is not built: values have numbers.

    Raises:
        CheckpointError: the specification names what is no encoder.
        ConfigError: an encoder with names cannot be built, such as openSMILE's where it is not installed.
    """
    path = str(spec.get("class_path", ""))
    if path.startswith(_OURS):
        found = find_class(path, Encoder, source, "class_path")
        if found.feature_names is not Encoder.feature_names:
            check_trusted({"encoder": spec}, source)
            names = build_encoders({"encoder": spec})["encoder"].feature_names()
            if len(names) == dim:
                return names
    return tuple(f"value {number}" for number in range(1, dim + 1))
