"""Encoders as they were used: what their output depends on, and what of them was trained."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vibespeaker.errors import CheckpointError

Modality = Literal["audio", "text"]

#: Key of an encoder's specification: what a classifier of a hub was trained to tell, in words.
TUNED_FOR = "tuned_for"


@dataclass(frozen=True)
class Fingerprint:
    """Everything that an encoder's output depends on.

    Args:
        parts: named ingredients, e.g. `weights`, `layer`, `preprocessing`; each a short string. The same checkpoint
            gives the same parts from a folder and from a hub.
    """

    parts: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 over all parts, 64 hexadecimal digits."""
        return hashlib.sha256(json.dumps(dict(self.parts), sort_keys=True).encode()).hexdigest()

    def difference(self, other: "Fingerprint") -> dict[str, tuple[str | None, str | None]]:
        """Return the parts that differ: name → (this one's, the other's)."""
        names = sorted({*self.parts, *other.parts})
        pairs = {name: (self.parts.get(name), other.parts.get(name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


@dataclass(frozen=True)
class EncoderProvenance:
    """An encoder as it was used.

    Args:
        dim: width of its frames.
        modality: `audio` or `text`.
        spec: `class_path` and `init_args` that build it, and `text` where it reads texts that have a name.
        fingerprint: its fingerprint's parts.
        trained: True when weights of it are trained; they stand in the checkpoint.
        rest_sha256: SHA-256 over those of its weights that are not trained and so stand in no checkpoint; None of a
            frozen encoder, which its fingerprint names, and of one from before checkpoints left them out.
        live: True when it ran inside the model, on audio or texts, False when its frames were read from a cache; None
            where that was not recorded yet.
    """

    dim: int
    modality: str
    spec: Mapping[str, Any]
    fingerprint: Mapping[str, str]
    trained: bool = False
    rest_sha256: str | None = None
    live: bool | None = None

    def check_rest(self, stored: "EncoderProvenance", name: str) -> None:
        """Compare the weights of a trained encoder that a checkpoint does not hold with those at hand.

        Raises:
            CheckpointError: they are others.
        """
        if stored.rest_sha256 is not None and stored.rest_sha256 != self.rest_sha256:
            raise CheckpointError(
                f"encoder {name} was trained from other weights than those at hand",
                found=f"weights that were not trained {self.rest_sha256}",
                allowed=stored.rest_sha256,
                remedy="give the encoder's checkpoint that it was trained from, and the same train beside its "
                "class_path",
            )

    def described(self) -> dict[str, Any]:
        """Return plain values for the metadata of predictions: `class_path`, `init_args`, and what was recorded."""
        facts = {"modality": self.modality, "fingerprint": dict(self.fingerprint), "trained": self.trained}
        return {**self.spec, **facts}


def texts_called(name: str | None) -> str:
    """Return what errors call the texts that an encoder reads."""
    return "the default texts" if name is None else f"text: {name}"


def texts_read(encoders: Mapping[str, EncoderProvenance]) -> tuple[str | None, ...]:
    """Return the names of the texts that encoders read, sorted; None is the default, which stands for none, too."""
    read = {encoder.spec.get("text") for encoder in encoders.values() if encoder.modality == "text"}
    return tuple(sorted(read, key=lambda name: name or "")) or (None,)
