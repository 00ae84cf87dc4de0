import datetime

import pytest

from vibespeaker.corpora.cells import as_text, clip_stem, number


@pytest.mark.parametrize(("value", "expected"), [("4.5", 4.5), (4, 4.0), ("1e2", 100.0), ("", None), (" nan ", None)])
def test_numbers(value: object, expected: float | None) -> None:
    assert number(value) == expected
    assert number(None) is None


def test_what_is_no_number_is_quoted() -> None:
    for text in ("4,5", "1_000", "1,234.5", "five"):
        with pytest.raises(ValueError, match=f"'{text}' is not a number"):
            number(text)
    assert number("4,5", decimal_comma=True) == 4.5
    with pytest.raises(ValueError, match="is not a number"):
        number("1.234,5", decimal_comma=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("MSP-PODCAST_0001_0002.wav", "MSP-PODCAST_0001_0002"),
        ("Audios/a.b.WAV ", "a.b"),
        ("C:\\clips\\a.mp3", "a"),
        ("a.0001", "a.0001"),
        ("", ""),
    ],
)
def test_clip_names(name: str, expected: str) -> None:
    assert clip_stem(name) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (float("nan"), ""),
        (7.0, "7"),
        (0.1, "0.1"),
        (" x ", "x"),
        (datetime.datetime(2024, 1, 2), "2024-01-02"),
        (datetime.datetime(2024, 1, 2, 3, 4), "2024-01-02T03:04:00"),
        (datetime.time(1, 30), "01:30:00"),
    ],
)
def test_typed_values_as_one_would_type_them(value: object, expected: str) -> None:
    assert as_text(value) == expected
