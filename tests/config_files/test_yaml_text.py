"""YAML texts that would fill the memory, hide a key or are none at all: one sentence each, at once."""

import pytest
import yaml

from vibespeaker.config_files.yaml_text import MOST_BYTES, parse_yaml, read_mapping, read_yaml
from vibespeaker.errors import ConfigError


def bomb(joint: str) -> str:
    """Ten lines, each naming the one before ten times."""
    lines = ["a0: &a0 {x: 1}" if "<<" in joint else "a0: &a0 [1, 1]"]
    for n in range(1, 11):
        names = ", ".join([f"*a{n - 1}"] * 10)
        lines.append(f"a{n}: &a{n} " + joint.format(names))
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bomb("[{}]"), "holds too many values once its aliases are written out"),
        (bomb("{{<<: [{}]}}"), "holds too many values once its aliases are written out"),
        ("a: &a [*a]", "holds an alias of itself. Found: line 1"),
        ("[" * 500 + "]" * 500, "is nested too deeply. Allowed: 60 levels"),
        ("[" * 100_000, "is not a YAML file. Found: .*nesting depth"),
        ("a: {b: 1, c: 2,\n  b: 3}", "has the key b twice. Found: line 2"),
        ("a: {5: .1, '5': .2}", "has the key 5 twice. Found: line 1"),
        ("a: [1", "is not a YAML file. Found: while parsing"),
        ("a: !!python/object/apply:os.system [ls]", "is not a YAML file"),
        ("a: !!int words", "is not a YAML file"),
        ("a: {[1, 2]: 3}", "is not a YAML file"),
        ("a: 1\n---\nb: 2", "is not a YAML file. Found: expected a single document"),
    ],
)
def test_what_a_config_may_not_hold_is_refused(text, message):
    with pytest.raises(ConfigError, match=rf"^plan\.yaml {message}"):
        parse_yaml(text, "plan.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x89PNG\r\n\x1a\n\x00\xff", "is not a text file"),
        (b"a" * (MOST_BYTES + 1), "is too large for a config. Allowed: 4 MiB"),
        (b"a: \x00", "is not a YAML file"),
        (b"- 1", "must be a mapping. Found: list"),
        (b"1: 2", "has keys that are no words. Found: 1"),
    ],
)
def test_files_that_are_no_configs_are_refused(tmp_path, content, message):
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"x\.yaml {message}"):
        read_mapping(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.yaml"):
        with pytest.raises(ConfigError, match=f"^{path} cannot be read"):
            read_yaml(path)


def test_values_are_those_of_safe_yaml_but_for_dates_and_exponents(tmp_path):
    text = "a: [1, -2.5, .5, 1_000, 0x10, true, no, null, ~, .inf, '1', x: y]\nb: {<<: {c: 1}, d: &d [2], e: *d}"
    assert parse_yaml(text, "x") == yaml.safe_load(text)
    assert parse_yaml("[1e-3, 1.5E+3, 2e5, 2026-01-01, 3e, e3, 1.2.3, '1e-3']", "x") == [
        0.001, 1500.0, 200000.0, "2026-01-01", "3e", "e3", "1.2.3", "1e-3",
    ]  # fmt: skip
    (tmp_path / "empty.yaml").write_text("# nothing\n")
    assert read_mapping(tmp_path / "empty.yaml") == {}
