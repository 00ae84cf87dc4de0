"""Further heads: what a network predicts beside categories and attributes, such as gender, speaker or a coarser class.

They are declared once, under `data.init_args.heads`; the network takes their sizes from the data, a checkpoint's
provenance and a prediction table's metadata keep them.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from vibespeaker.errors import ConfigError, VibeSpeakerError
from vibespeaker.files.stored_fields import stored_as
from vibespeaker.labels import ATTRIBUTES

log = logging.getLogger(__name__)

CATEGORIES_HEAD = "categories"
ATTRIBUTES_HEAD = "attributes"
#: The heads with scores, submissions and calibration of their own.
HEADS = (CATEGORIES_HEAD, ATTRIBUTES_HEAD)

Kind = Literal["classification", "multilabel", "regression"]
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN = (*HEADS, *ATTRIBUTES, "loss")


@dataclass(frozen=True)
class HeadSpec:
    """A further head, its classes known.

    Args:
        kind: `classification` predicts one of the classes, `multilabel` any number of them, `regression` one value.
        column: column of a manifest that holds the truth.
        classes: in the order of the logits; none for regression.
        mapping: value of the column → class, or null for no label; None takes values as they are.
        low: least value of a regression, whose output is scaled by a sigmoid; None leaves it unbounded.
        high: greatest value.
    """

    kind: Kind
    column: str
    classes: tuple[str, ...] = ()
    mapping: Mapping[str, str | None] | None = None
    low: float | None = None
    high: float | None = None

    @property
    def outputs(self) -> int:
        """Width of the head's output: one logit per class, or one value."""
        return 1 if self.kind == "regression" else len(self.classes)

    def columns(self, name: str) -> tuple[str, ...]:
        """Return the columns of a prediction table: `head.NAME.CLASS` for each logit, `head.NAME` for a value."""
        return (f"head.{name}",) if self.kind == "regression" else tuple(f"head.{name}.{one}" for one in self.classes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON and checkpoints."""
        return {**asdict(self), "classes": list(self.classes)}

    @staticmethod
    def from_dict(fields: Mapping[str, Any], source: str, error: type[VibeSpeakerError]) -> "HeadSpec":
        """Return what `to_dict` wrote; `stored_as` raises what is wrong with it."""
        return stored_as(HeadSpec, fields, source, error)


def check_head_names(names: Mapping[str, object]) -> None:
    """Refuse names of further heads that other things have.

    Raises:
        ConfigError: naming the head.
    """
    for name in names:
        if name in _TAKEN or not _NAME.fullmatch(name):
            raise ConfigError(
                "a further head cannot have this name",
                found=name,
                allowed=f"lower-case letters, digits and _, and none of {', '.join(_TAKEN)}",
            )


def shared_heads(members: Mapping[str, Mapping[str, HeadSpec]]) -> dict[str, HeadSpec]:
    """Return the further heads that are averaged: those that mean the same wherever a member has them.

    Where the truth is read is the first member's choice. Heads that members have in different ways are left out, and
    heads that some members lack are averaged over the others; both are said.

    Args:
        members: name → its further heads.
    """
    having: dict[str, dict[str, HeadSpec]] = {}
    for member, heads in members.items():
        for head, spec in heads.items():
            having.setdefault(head, {})[member] = spec
    shared = {}
    for head, specs in having.items():
        first, *others = specs.values()
        if any(_meaning(spec) != _meaning(first) for spec in others):
            found = "; ".join(f"{member}: {_meaning(spec)}" for member, spec in specs.items())
            log.warning("the head %s is left out, since members do not mean the same by it: %s", head, found)
            continue
        if len(specs) < len(members):
            log.warning("the head %s is that of %s alone, since other members lack it", head, ", ".join(specs))
        shared[head] = first
    return shared


def _meaning(spec: HeadSpec) -> tuple[object, ...]:
    """Return what two heads must have in common to be averaged, output by output."""
    return spec.kind, spec.classes, spec.low, spec.high
