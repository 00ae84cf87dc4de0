"""What annotators write with Praat: intervals on tiers, in both text formats and all encodings."""

from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora import adapter
from vibespeaker.corpora.base import CorpusReading
from vibespeaker.corpora.textgrid_files import read_textgrid
from vibespeaker.errors import CorpusError

Tiers = dict[str, list[tuple[float, float, str]]]

TIERS: Tiers = {
    "Emotion": [(0, 0.5, "angry"), (0.5, 0.75, ""), (0.75, 2, "Sad")],
    "words": [(0, 0.2, 'I "said"'), (0.2, 0.5, "no"), (0.5, 0.75, ""), (0.75, 2, "oh! 1")],
    "speaker": [(0, 0.6, "Ana"), (0.6, 2, "Bogdan")],
}


def short(tiers: Tiers) -> str:
    """The short text format: values alone."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", "2", "<exists>", str(len(tiers))]
    for name, intervals in tiers.items():
        lines += ['"IntervalTier"', f'"{name}"', "0", "2", str(len(intervals))]
        for start, end, text in intervals:
            doubled = text.replace('"', '""')
            lines += [str(start), str(end), f'"{doubled}"']
    return "\n".join(lines) + "\n"


def long(tiers: Tiers) -> str:
    """The long text format, with points and a comment."""
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", "xmax = 2 ", "tiers? <exists> "]
    lines += [f"size = {len(tiers) + 1} ", "item []: ! of 3 tiers"]
    for number, (name, intervals) in enumerate(tiers.items(), 1):
        lines += [f"    item [{number}]:", '        class = "IntervalTier" ', f'        name = "{name}" ']
        lines += ["        xmin = 0 ", "        xmax = 2 ", f"        intervals: size = {len(intervals)} "]
        for place, (start, end, text) in enumerate(intervals, 1):
            doubled = text.replace('"', '""')
            lines += [f"        intervals [{place}]:", f"            xmin = {start} ", f"            xmax = {end} "]
            lines += [f'            text = "{doubled}" ']
    lines += ["    item [9]:", 'class = "TextTier" ', 'name = "clicks" ', "xmin = 0 ", "xmax = 2 ", "points: size = 1 "]
    lines += ["points [1]:", "number = 0.3 ", 'mark = "click" ']
    return "\n".join(lines) + "\n"


def read(root: Path, content: Tiers, **options: object) -> CorpusReading:
    touch(root, "a.wav")
    (root / "a.TextGrid").write_text(short(content))
    return adapter("textgrid", options).read(root)


@pytest.mark.parametrize("write", [short, long])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "cp1252"])
def test_both_formats_and_all_encodings(tmp_path: Path, write: object, encoding: str) -> None:
    assert callable(write)
    path = tmp_path / "a.TextGrid"
    path.write_bytes(write({**TIERS, "notes": [(0, 2, "café")]}).encode(encoding))
    tiers, remark = read_textgrid(path)
    assert [tier.name for tier in tiers if not tier.is_points] == ["Emotion", "words", "speaker", "notes"]
    assert (remark is None) == (encoding == "utf-8")
    for tier, intervals in zip(tiers, TIERS.values(), strict=False):
        assert [(one.start, one.end, one.text) for one in tier.intervals] == intervals
    assert tiers[3].intervals[0].text == "café"
    lines = write(TIERS).splitlines()
    assert all(one.text.replace('"', '""') in lines[one.line - 1] for one in tiers[1].intervals)


def test_intervals_are_utterances_that_other_tiers_describe(tmp_path: Path) -> None:
    reading = read(tmp_path, TIERS, language="ro")
    assert [
        (row.utterance_id, row.category, row.text, row.speaker, row.start, row.end) for row in reading.utterances
    ] == [
        ("textgrid/a#0.000-0.500", "anger", 'I "said" no', "textgrid/Ana", 0.0, 0.5),
        ("textgrid/a#0.750-2.000", "sadness", "oh! 1", "textgrid/Bogdan", 0.75, 2.0),
    ]
    assert reading.label_set == "anger,sadness"
    assert reading.problems == ()
    assert reading.warnings == ()


def test_tiers_by_name_and_a_single_one_without(tmp_path: Path) -> None:
    reading = read(tmp_path, {"x": [(0, 1, "low"), (1, 2, "high")]}, label_set="own:low,high")
    assert [row.category for row in reading.utterances] == ["low", "high"]
    named = {"A": [(0, 1, "angry")], "B": [(0, 1, "hello")], "C": [(0, 1, "x")]}
    reading = read(tmp_path, named, tiers={"category": "a", "text": "B"})
    assert [(row.category, row.text) for row in reading.utterances] == [("anger", "hello")]
    assert reading.warnings[0] == "tiers that nothing reads: C (1 files); --options.tiers.FIELD NAME has one read"
    with pytest.raises(CorpusError, match=r"has no tier of emotions or texts\. Found: A, B, C\."):
        read(tmp_path, named)
    with pytest.raises(CorpusError, match=r"has 0 tiers for text\. Found: A, B, C\. Allowed: one of d\."):
        read(tmp_path, named, tiers={"category": "a", "text": "d"})
    with pytest.raises(CorpusError, match=r"option tiers of textgrid\. Found: emotion\. Allowed: category, text"):
        adapter("textgrid", {"tiers": {"emotion": "a"}})


def test_annotations_and_recordings_may_lie_apart(tmp_path: Path) -> None:
    touch(tmp_path, "audio/a.wav", "annotations/notes.txt", "audio/b/c.wav", "annotations/b/c.wav")
    for name in ("a.textgrid", "b/c.TextGrid"):
        (tmp_path / "annotations" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "annotations" / name).write_text(short({"emotion": [(0, 1, "sad")]}))
    reading = adapter("textgrid").read(tmp_path)
    assert [row.audio for row in reading.utterances] == ["annotations/b/c.wav", "audio/a.wav"]
    assert reading.problems == ()


def test_what_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    tiers: Tiers = {"emotion": [(0, 1, "angry"), (1, 1, "sad"), (-1, 1, "sad"), (1, 2, "hapy"), (0, 1, "joy")]}
    reading = read(tmp_path, tiers)
    assert {problem.item: problem.reason for problem in reading.problems} == {
        "a.TextGrid:18": "the segment ends at 1 s, not behind its start at 1 s",
        "a.TextGrid:21": "start -1 is negative",
        "a.TextGrid:24": "label 'hapy' is no emotion that is known",
        "a.TextGrid:27": "a.TextGrid:15 names the same segment: it is used",
    }
    (tmp_path / "b.TextGrid").write_text(short(TIERS))
    (tmp_path / "c.TextGrid").write_text(short(TIERS)[:150])
    reading = adapter("textgrid").read(tmp_path)
    reasons = {problem.item: problem.reason for problem in reading.problems}
    assert reasons["b.TextGrid:15"] == "there is no audio file b"
    assert "c.TextGrid cannot be read: its end" in reasons["c.TextGrid"]
    numbers = short({"emotion": [(0, 1, "sad")]})
    endless = numbers.replace('\n1\n0\n1\n"sad"', '\n1e400\n0\n1\n"sad"')
    infinite = numbers.replace('\n1\n"sad"', '\n1e400\n"sad"')
    assert len({numbers, endless, infinite}) == 3
    (tmp_path / "a.TextGrid").write_text(infinite)
    with pytest.raises(CorpusError, match=r"a\.TextGrid:15: its times are infinite"):
        adapter("textgrid").read(tmp_path / "a.TextGrid")
    cases = (("ooBinaryFile\0", "a binary file of Praat"), ("hello", "Found: nothing. Allowed: a text"))
    for content, said in (*cases, (endless, "line 12. Found: 1e400. Allowed: a number of items")):
        (tmp_path / "d.TextGrid").write_text(content)
        with pytest.raises(CorpusError) as raised:
            read_textgrid(tmp_path / "d.TextGrid")
        assert said in str(raised.value)
