"""Mappings on a command line: entries merge, text stays text, and what contradicts itself is refused."""

from typing import Any

import pytest

from vibespeaker.arguments.calling import call
from vibespeaker.errors import ConfigError


def parsed(*words: str) -> tuple[dict[str, Any] | None, dict[str, float] | None]:
    """Return what a command makes of its mappings."""
    found = []

    def command(place: str, options: dict[str, Any] | None = None, shares: dict[str, float] | None = None) -> None:
        """Take two mappings."""
        found.append((options, shares))

    call(command, "command", ["here", *words])
    return found[0]


def test_entries_merge_in_whatever_form_they_come() -> None:
    words = ("--options.columns.category", "emo", "--options.columns.speaker=spk", "--shares.a", ".5", "--shares.b=1")
    more = ("--options", "{columns: {audio: file}, range: [0, 1]}", "--options.emotions", '{"yes": "anger"}')
    assert parsed(*words, *more) == (
        {
            "columns": {"category": "emo", "speaker": "spk", "audio": "file"},
            "range": ["0", "1"],
            "emotions": {"yes": "anger"},
        },
        {"a": 0.5, "b": 1.0},
    )
    assert parsed() == (None, None)


@pytest.mark.parametrize("text", ["no", "on", "null", "~", "2024", "007", "1e5", "1_000", "-1", "2024-01-01", "0x1F"])
def test_text_stays_as_it_is_typed(text: str) -> None:
    assert parsed("--options.language", text)[0] == {"language": text}
    assert parsed("--options", f"{{language: {text}}}")[0] == {"language": text}
    # a name, too
    assert parsed(f"--options.emotions.{text}", "anger")[0] == {"emotions": {text: "anger"}}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--options.a"], r"--options\.a has no value\. Remedy: write --options\.a VALUE"),
        (["--options.a", "--options.b", "x"], r"--options\.a has no value"),
        (["--options.", "x"], r"names no entry\. Allowed: --options\.NAME VALUE"),
        (["--options", "x"], r"--options is no mapping\. Found: x\."),
        (["--options", "{a: 1, a: 2}"], r"--options has the key a twice"),
        (["--options", "{a: " + "[" * 99 + "]" * 99 + "}"], r"--options is nested too deeply"),
        (["--options", "{a: &a [x, x], b: &b [*a, *a], c: &c [*b, *b], d: &d {c: *d}}"], r"holds an alias of itself"),
        (["--options.a", "x", "--options.a", "y"], r"options\.a is given twice\. Found: x and y"),
        (["--options.a", "x", "--options.a.b", "y"], r"options\.a is given twice"),
        (["--shares.a", "x"], r"shares has an unusable value\. Found: x\. Allowed: float"),
    ],
)
def test_what_contradicts_itself_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parsed(*words)
