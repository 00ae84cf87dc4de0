"""Late fusion: members of any label sets and modalities, joined over the union of their classes.

    fusion: weighted                              # or confidence
    members: {voice: emodb, words: my-words}      # each whatever --model takes, relative to the file
    weights: {text: 0.6, audio: 0.4}              # by member, or by modality
    label_maps: {words: {love: happiness, confusion: null}}
    labels: basic                                 # what is answered in; by default the union of the members' classes
    calibrations: {words: words.calibration.json} # for members that come without one
    gate: fused.gate.json                         # made by vibespeaker ensemble --method gate

A class that a member does not know has probability 0 in its answer. The fused distribution is the members' mean by
weight; members that read words alone count for nothing where nothing was said. One rule serves a recording, a manifest
and prediction tables.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from vibespeaker.config_files.typed import make_as
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.ensemble.means import check_weights
from vibespeaker.errors import ConfigError
from vibespeaker.labels import EMOTIONS, LABEL_SETS, LabelSet, emotion_named, label_set_in_order

Floats = npt.NDArray[np.float64]
LabelMap = Mapping[str, str | None]
Modality = Literal["audio", "text", "both"]
#: By weight alone, or also by each member's calibrated confidence.
Rule = Literal["weighted", "confidence"]
MODALITIES = ("audio", "text", "both")


@dataclass(frozen=True)
class FusionFile:
    """A late fusion, as YAML or JSON.

    Args:
        members: name → what `systems.open_system` takes, relative to the file.
        fusion: `weighted`: by weight alone; `confidence`: each member also by the calibrated probability of its best
            class, utterance by utterance.
        weights: member, or modality (`audio`, `text`, `both`), whose members share it → weight, relative to the
            others; all members alike by default.
        label_maps: member → its class → the class of the fusion, or null for a class that is left out; classes that
            are not named keep their name.
        labels: label set to answer in; by default all classes of all members.
        calibrations: member → file that `vibespeaker calibrate` wrote, relative to this one.
        gate: file of a gate, relative to this one; it stands for the weights.
    """

    members: dict[str, str]
    fusion: Rule = "weighted"
    weights: dict[str, float] | None = None
    label_maps: dict[str, dict[str, str | None]] | None = None
    labels: str | None = None
    calibrations: dict[str, str] | None = None
    gate: str | None = None

    def __post_init__(self) -> None:
        if not self.members:
            raise ConfigError("a fusion needs members", remedy="name them under members, such as words: my-words")
        for key, named in {"label_maps": self.label_maps, "calibrations": self.calibrations}.items():
            if unknown := [name for name in named or {} if name not in self.members]:
                raise ConfigError(
                    f"{key} of a fusion go by member", found=", ".join(unknown), allowed=list(self.members)
                )
        if self.weights is not None:
            check_weights([*self.weights.values()], "a fusion's members")
            unknown = [name for name in self.weights if name not in (*self.members, *MODALITIES)]
            if unknown:
                allowed = [*self.members, *MODALITIES]
                raise ConfigError(
                    "weights of a fusion go by member or by modality", found=", ".join(unknown), allowed=allowed
                )

    def map_of(self, member: str) -> LabelMap:
        """Return the label map of a member, empty where it has none."""
        return (self.label_maps or {}).get(member, {})


def is_fusion(content: Mapping[str, object]) -> bool:
    """Return whether a file that describes systems describes a fusion."""
    return "fusion" in content


def read_fusion(path: Path) -> FusionFile:
    """Read a fusion's file.

    Raises:
        ConfigError: it is missing, or a key or value is wrong.
    """
    content = read_mapping(path)
    if not is_fusion(content):
        allowed = "fusion: weighted, or fusion: confidence"
        raise ConfigError(f"{path} describes no fusion", found=", ".join(content) or "nothing", allowed=allowed)
    return make_as(content, FusionFile, str(path))


def joint_modality(kinds: Collection[str]) -> Modality:
    """Return what somebody goes by whose encoders have these modalities: `audio` where there are none."""
    found = set(kinds)
    return "both" if len(found) > 1 else "text" if found == {"text"} else "audio"


def member_weights(file: FusionFile, modalities: Mapping[str, Modality]) -> dict[str, float]:
    """Return the weight of every member; those of one modality share its weight.

    Args:
        file: the fusion.
        modalities: member → what it goes by.

    Raises:
        ConfigError: a member has no weight, or none that is positive is left.
    """
    if file.weights is None:
        return dict.fromkeys(modalities, 1.0)
    given = file.weights
    sharing = {kind: [m for m, own in modalities.items() if own == kind and m not in given] for kind in MODALITIES}
    found = {}
    for member, modality in modalities.items():
        if member in given:
            found[member] = float(given[member])
        elif modality in given:
            found[member] = float(given[modality]) / len(sharing[modality])
        else:
            raise ConfigError(
                f"member {member} of the fusion has no weight",
                found=", ".join(given),
                remedy=f"add weights.{member}, or weights.{modality} for all that go by it",
            )
    check_weights([*found.values()], "a fusion's members")
    return found


def union(sets: Mapping[str, LabelSet], maps: Mapping[str, LabelMap]) -> LabelSet:
    """Return all classes that members have once their classes are mapped, in the order of `labels.EMOTIONS`.

    Args:
        sets: member → its own classes.
        maps: member → its label map.

    Raises:
        ConfigError: a map names classes that the member lacks, or a class is no emotion and not known to all members.
    """
    called = {name: mapped_classes(name, labels, maps.get(name, {})) for name, labels in sets.items()}
    distinct = list(dict.fromkeys(target for targets in called.values() for target in targets if target is not None))
    for name, targets in called.items():
        words = [one for one in targets if one is not None and one not in EMOTIONS]
        if words and any(set(targets) != set(others) for others in called.values()):
            near = {word: emotion_named(word) for word in words}
            meant = ", ".join(f"{word}: {emotion or 'EMOTION or null'}" for word, emotion in near.items())
            raise ConfigError(
                f"member {name} of the fusion has classes that are no emotions, and no map says what they count for",
                found=", ".join(words),
                allowed=EMOTIONS,
                remedy=f"add label_maps.{name}: {{{meant}}}",
            )
    named = next((known for known in LABEL_SETS.values() if set(known.classes) == set(distinct)), None)
    place = {emotion: number for number, emotion in enumerate(EMOTIONS)}
    ordered = sorted(distinct, key=lambda one: place.get(one, len(place)))
    return named or label_set_in_order(tuple(ordered))


def mapped_classes(member: str, labels: LabelSet, label_map: LabelMap) -> list[str | None]:
    """Return what each class of a member counts for; None where it is left out.

    Raises:
        ConfigError: the map names other classes, or leaves out all.
    """
    if unknown := [name for name in label_map if name not in labels.classes]:
        raise ConfigError(
            f"the label map of member {member} names other classes", found=", ".join(unknown), allowed=labels.classes
        )
    called = [label_map.get(name, name) for name in labels.classes]  # null leaves a class out
    if all(target is None for target in called):
        raise ConfigError(f"the label map of member {member} leaves out all of its classes")
    return called


def widened(probabilities: Floats, called: Sequence[str | None], labels: LabelSet) -> Floats:
    """Return a member's answer over the classes of the fusion.

    Args:
        probabilities: `(N, C)` in the member's own classes.
        called: what each of them counts for, see `mapped_classes`.
        labels: the classes of the fusion.

    Returns:
        `(N, len(labels))`, each row adding up to 1: classes that count for one add up, those that the member does not
        know have 0.
    """
    table = np.zeros((len(called), len(labels)))
    for row, target in enumerate(called):
        if target is not None:
            table[row, labels.index(target)] = 1.0
    kept = probabilities @ table
    total = kept.sum(axis=1, keepdims=True)
    shares: Floats = np.where(total > 0, kept / np.where(total > 0, total, 1.0), table.any(axis=0) / table.any(0).sum())
    return shares


def only(probabilities: Floats, labels: LabelSet, wanted: LabelSet) -> Floats:
    """Return fused probabilities of some classes, adding up to 1 again.

    Args:
        probabilities: `(N, C)` over `labels`.
        labels: the classes of the fusion.
        wanted: those to answer in.

    Raises:
        ConfigError: a wanted class is none of the fusion's.
    """
    kept = probabilities[:, [labels.index(emotion) for emotion in wanted.classes]]
    shares: Floats = kept / np.maximum(kept.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    return shares
