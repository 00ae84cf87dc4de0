"""Times as annotators write them, identifiers of segments, and overlaps."""

import pytest

from vibespeaker.corpora.segments import overlaps, seconds, segment_bounds, stem_of
from vibespeaker.utterance import Excerpt, Utterance


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", None), ("0", 0.0), ("1.5", 1.5), ("1:02", 62.0), ("1:00:02.5", 3602.5), ("00:01,25", 1.25), ("1e1", 10.0)],
)
def test_times(text: str, expected: float | None) -> None:
    assert seconds("start", text) == expected
    assert seconds("start", "1,5", decimal_comma=True) == 1.5


@pytest.mark.parametrize("text", ["nan", "inf", "1,5", "one", "1:2:3:4", "1:x", ":", "1:nan"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=f"end '{text}' is no time"):
        seconds("end", text)


@pytest.mark.parametrize("text", ["-1", "-0:01", "-0.001"])
def test_negative_times(text: str) -> None:
    with pytest.raises(ValueError, match=f"start {text} is negative"):
        seconds("start", text)


def test_segments() -> None:
    assert segment_bounds(None, None) == (None, None)
    assert segment_bounds(1.0, None) == (1.0, None)
    assert segment_bounds(1.0, None, 0.5) == (1.0, 1.5)
    # how long the whole file is
    assert segment_bounds(None, None, 9.0) == (None, None)
    assert segment_bounds(None, 2.0, 9.0) == (None, 2.0)
    for start, end in ((2.0, 2.0), (3.0, 2.0), (None, 0.0)):
        with pytest.raises(ValueError, match=r"ends at \d s, not behind its start at \d s"):
            segment_bounds(start, end)


def test_identifiers_end_in_the_segment_bounds() -> None:
    assert stem_of("a/b", Excerpt()) == "a/b"
    assert stem_of("a/b", Excerpt(1.5, 3.25)) == "a/b#1.500-3.250"
    assert stem_of("a/b", Excerpt(None, 3, 2)) == "a/b#ch2#0.000-3.000"
    assert stem_of("a/b", Excerpt(2)) == "a/b#2.000-end"


def utterance(start: float | None, end: float | None, audio: str = "a.wav", channel: int | None = None) -> Utterance:
    name = stem_of(audio, Excerpt(start, end, channel))
    return Utterance(name, "t", audio, audio, "t/s", "en", start=start, end=end, channel=channel)


def test_overlaps_are_remarks_that_name_both_lines() -> None:
    apart = [utterance(0, 1), utterance(1, 2), utterance(1.99, 3), utterance(0, 3, "b.wav"), utterance(0, 3, channel=2)]
    assert overlaps(apart, {}) == []
    # a long one is remembered behind a short one
    found = [utterance(0, 9), utterance(1, 2), utterance(5, 6), utterance(9, 10)]
    places = {one.utterance_id: f"t.csv:{line}" for line, one in enumerate(found, 2)}
    assert [(problem.item, problem.reason, problem.dropped) for problem in overlaps(found, places)] == [
        ("t.csv:3", "its segment of a.wav overlaps with that of t.csv:2: both are kept", False),
        ("t.csv:4", "its segment of a.wav overlaps with that of t.csv:2: both are kept", False),
    ]
    assert len(overlaps([utterance(None, None), utterance(3, 4)], {})) == 1
