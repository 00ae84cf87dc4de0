import logging
from pathlib import Path

import pytest

from vibespeaker import errors
from vibespeaker.cli.main import main
from vibespeaker.errors import AudioError, VibeSpeakerError


def test_an_error_says_what_was_found_what_is_allowed_and_what_to_do() -> None:
    error = AudioError("file a.wav is odd", found=3, allowed=("1", 2), remedy="look at it.")
    assert str(error) == "file a.wav is odd. Found: 3. Allowed: 1, 2. Remedy: look at it."
    assert error.problem == "file a.wav is odd"
    assert isinstance(error, VibeSpeakerError)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, "wrong."),
        ({"found": 0}, "wrong. Found: 0."),
        ({"allowed": "a number"}, "wrong. Allowed: a number."),
        ({"found": "", "remedy": "stop"}, "wrong. Found: . Remedy: stop."),
    ],
)
def test_parts_that_are_not_given_are_left_out(parts: dict[str, object], expected: str) -> None:
    assert str(VibeSpeakerError("wrong.", **parts)) == expected  # type: ignore[arg-type]


def test_every_error_of_the_project_can_be_caught_as_one() -> None:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert len(found) >= 10
    assert all(issubclass(error, VibeSpeakerError) for error in found)


def test_what_files_say_is_no_command_for_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = VibeSpeakerError("odd \x1b[31m", found="a\nerror: b", allowed=["\u202e", "\udcff"], remedy="\r")
    assert str(error) == "odd \\x1b[31m. Found: a\\nerror: b. Allowed: \\u202e, \\xff. Remedy: \\r."
    assert error.problem == "odd \\x1b[31m"
    root, before = logging.getLogger(), logging.getLogger().handlers
    root.handlers = []
    try:
        assert main(["stats", str(tmp_path / "\x1b]0;title\x07.parquet")]) == 2
        root.warning("%s\nfound", "\x1b[2J")
    finally:
        root.handlers = before
    said = capsys.readouterr().err
    assert "\\x1b]0;title\\x07.parquet" in said
    assert "WARNING \\x1b[2J\nfound\n" in said
    assert "\x1b" not in said
