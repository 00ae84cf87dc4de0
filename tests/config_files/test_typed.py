"""Dataclasses from YAML files: what is wrong is named with file and key."""

from dataclasses import dataclass, field
from typing import Literal

import pytest

from vibespeaker.config_files.typed import read_as
from vibespeaker.errors import ConfigError


@dataclass(frozen=True)
class Range:
    low: float
    high: float = 1.0

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ConfigError("a range is empty", found=f"{self.low} > {self.high}")


@dataclass(frozen=True)
class Plan:
    config: str
    mode: Literal["max", "min"] = "max"
    settings: dict = field(default_factory=dict)  # type: ignore[type-arg]
    ranges: dict[str, Range] = field(default_factory=dict)
    names: tuple[str, ...] = ()


def read(tmp_path, text, **changes):
    (tmp_path / "plan.yaml").write_text(text)
    return read_as(tmp_path / "plan.yaml", Plan, **changes)


def test_fields_have_their_types_and_free_mappings_their_values(tmp_path):
    text = "{config: base, settings: {a: '1e-3', b: 1e-3}, ranges: {r: {low: 0}}, names: [x, y]}"
    expected = Plan("base", "min", {"a": "1e-3", "b": 0.001}, {"r": Range(0.0)}, ("x", "y"))
    assert read(tmp_path, text, mode="min") == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("config: base\ncolour: red", "has unknown keys. Found: colour. Allowed: config, mode, settings"),
        ("mode: max", "needs config. Found: mode. Allowed: config, mode"),
        ("config: 3", ": config has an unusable value. Found: 3. Allowed: str"),
        ("{config: base, mode: best}", ": mode has an unusable value. Found: best. Allowed: max, min"),
        ("{config: base, names: x}", ": names has an unusable value. Found: x. Allowed: a list"),
        ("{config: base, settings: 3}", ": settings has an unusable value. Found: 3. Allowed: a mapping"),
        ("{config: base, ranges: {r: {lo: 0}}}", ": ranges.r has unknown keys. Found: lo. Allowed: low, high"),
        ("{config: base, ranges: {r: {}}}", ": ranges.r needs low. Found: nothing. Allowed: low, high"),
        ("{config: base, ranges: {r: 3}}", ": ranges.r must be a mapping. Found: 3"),
        ("{config: base, ranges: {r: {low: few}}}", ": ranges.low has an unusable value. Found: few. Allowed: float"),
        ("{config: base, ranges: {r: {low: 3}}}", ".*a range is empty. Found: 3.0 > 1.0"),
    ],
)
def test_a_mistake_is_one_sentence_with_file_and_key(tmp_path, text, message):
    with pytest.raises(ConfigError, match=rf"^{tmp_path}/plan\.yaml ?{message}") as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
