import pytest

from vibespeaker import errors
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
