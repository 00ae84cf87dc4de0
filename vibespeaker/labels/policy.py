"""How utterances without a consensus class are treated: one rule for training, validation and scores of tables."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

from vibespeaker.errors import ConfigError
from vibespeaker.labels import NO_AGREEMENT, OTHER, LabelSet

#: What an emotion counts for, from nothing to everything.
Use = Literal["exclude", "attributes", "soft", "class"]


@dataclass(frozen=True)
class LabelPolicy:
    """How utterances without a consensus class are treated, in training and in scores alike.

    Args:
        no_agreement: MSP-Podcast's X. `exclude` leaves the utterance out, `attributes` keeps its attributes only,
            `soft` keeps attributes and the distribution of the raters' votes.
        other: MSP-Podcast's O; as above, and `class` makes it a class of its own (the label set must have it).
        unlisted: any other emotion that the label set does not list: `error`, `exclude` or `attributes`.
    """

    no_agreement: Literal["exclude", "attributes", "soft"] = "exclude"
    other: Literal["exclude", "attributes", "soft", "class"] = "exclude"
    unlisted: Literal["error", "exclude", "attributes"] = "error"

    def use_of(self, emotion: str, labels: LabelSet) -> Use:
        """Return what utterances of an emotion count for.

        Raises:
            ConfigError: the label set does not list the emotion, and the policy calls that an error.
        """
        if labels.is_own and emotion in labels.classes:
            return "class"
        if emotion == NO_AGREEMENT:
            return self.no_agreement
        if emotion == OTHER:
            return self.other
        if emotion in labels.classes:
            return "class"
        if self.unlisted == "error":
            raise ConfigError(
                f"the manifest has categories that label set {labels.name!r} does not list",
                found=emotion,
                allowed=labels.classes,
                remedy="choose the label set of the corpus, or set policy.unlisted to exclude or attributes",
            )
        return self.unlisted

    def scored_use_of(self, emotion: str, labels: LabelSet) -> Use:
        """Return what utterances of an emotion count for in scores of the classes of `labels`.

        Scores read no votes, an unlisted emotion has attributes to score, and a class that is not scored counts for
        its attributes: a system of nine classes is scored on eight.
        """
        if emotion not in (NO_AGREEMENT, OTHER) and emotion not in labels.classes and self.unlisted == "error":
            return "attributes"
        use = self.use_of(emotion, labels)
        return "attributes" if use == "soft" or (use == "class" and emotion not in labels.classes) else use

    def changed(self, changes: Mapping[str, str]) -> "LabelPolicy":
        """Return the policy with some fields set.

        Raises:
            ConfigError: there is no such field, or it does not allow the value.
        """
        allowed = {name: get_args(hint) for name, hint in get_type_hints(LabelPolicy).items()}
        for name, value in changes.items():
            if name not in allowed:
                raise ConfigError("a label policy has no such field", found=name, allowed=allowed)
            if value not in allowed[name]:
                raise ConfigError(f"policy.{name} is unknown", found=value, allowed=allowed[name])
        return LabelPolicy(**{**asdict(self), **changes})

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in asdict(self).items())


#: What is assumed of tables that record no policy: every class of the label set and every known attribute is scored.
UNRECORDED = LabelPolicy("attributes", "class", "attributes")
_WIDTH: dict[str, int] = {"exclude": 0, "attributes": 1, "soft": 1, "error": 1, "class": 2}


def narrowest(policies: Sequence[LabelPolicy]) -> LabelPolicy:
    """Return the policy by which an utterance counts only for what it counts for by all of `policies`, at least one."""
    chosen: dict[str, Any] = {}
    for field in fields(LabelPolicy):
        values = [getattr(policy, field.name) for policy in policies]
        chosen[field.name] = min(values, key=lambda value: _WIDTH[value])
    return LabelPolicy(**chosen)
