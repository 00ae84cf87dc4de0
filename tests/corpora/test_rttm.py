"""What diarisers write: each line is a segment of its speaker."""

from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora import adapter
from vibespeaker.corpora.base import CorpusReading
from vibespeaker.errors import CorpusError

LINES = """\
;; made by hand
SPKR-INFO call1 1 <NA> <NA> <NA> unknown SPEAKER_00 <NA>
SPEAKER call1 1 0.5 1.25 <NA> <NA> SPEAKER_00 <NA> <NA>
SPEAKER call1 1 1.50 1.00 <NA> <NA> SPEAKER_01 <NA>

SPEAKER call2 1 0.000 2.000 <NA> <NA> SPEAKER_00 <NA> <NA>
"""


def read(root: Path, text: str = LINES, **options: object) -> CorpusReading:
    touch(root, "call1.wav", "more/call2.flac")
    (root / "turns.rttm").write_text(text)
    return adapter("rttm", options).read(root)


def test_lines_are_segments_of_speakers(tmp_path: Path) -> None:
    reading = read(tmp_path)
    assert [(row.utterance_id, row.audio, row.start, row.end, row.speaker) for row in reading.utterances] == [
        ("rttm/call1#0.500-1.750", "call1.wav", 0.5, 1.75, "rttm/call1/SPEAKER_00"),
        ("rttm/call1#1.500-2.500", "call1.wav", 1.5, 2.5, "rttm/call1/SPEAKER_01"),
        ("rttm/more/call2#0.000-2.000", "more/call2.flac", 0.0, 2.0, "rttm/more/call2/SPEAKER_00"),
    ]
    assert {(row.category, row.text, row.channel) for row in reading.utterances} == {(None, None, None)}
    assert reading.places["rttm/call1#0.500-1.750"] == "turns.rttm:3"
    assert reading.warnings == ("1 lines of type SPKR-INFO say nothing of speakers",)
    one = adapter("rttm", {"speakers": "corpus", "corpus": "calls"}).read(tmp_path / "turns.rttm")
    assert {row.speaker for row in one.utterances} == {"calls/SPEAKER_00", "calls/SPEAKER_01"}


def test_names_of_people_hold_everywhere_and_channels_where_there_are_several(tmp_path: Path) -> None:
    text = "SPEAKER call1 A 0 1 <NA> <NA> anna <NA>\nSPEAKER call1 B 0 1 <NA> <NA> bert <NA>\n"
    reading = read(tmp_path, text + "SPEAKER call2 1 0 1 <NA> <NA> anna <NA>\n")
    assert [(row.utterance_id, row.speaker, row.channel) for row in reading.utterances] == [
        ("rttm/call1#ch1#0.000-1.000", "rttm/anna", 1),
        ("rttm/call1#ch2#0.000-1.000", "rttm/bert", 2),
        ("rttm/more/call2#0.000-1.000", "rttm/anna", None),
    ]


def test_wrong_lines_are_named(tmp_path: Path) -> None:
    speaker = "<NA> <NA> SPEAKER_00 <NA>"
    wrong = ("call1 1 1 0", "call1 1 -1 2", "call1 1 nan 2", "call1 1 1 -2", "call3 1 0 1", "call1 1 0.5 1.25")
    text = LINES + "".join(f"SPEAKER {line} {speaker}\n" for line in wrong) + "SPEAKER call1 1 3\n"
    assert {problem.item: problem.reason for problem in read(tmp_path, text).problems} == {
        "turns.rttm:7": "the segment ends at 1 s, not behind its start at 1 s",
        "turns.rttm:8": "start -1 is negative",
        "turns.rttm:9": "start 'nan' is no time",
        "turns.rttm:10": "duration -2 is negative",
        "turns.rttm:11": "there is no audio file call3",
        "turns.rttm:12": "turns.rttm:3 names the same segment: it is used",
        "turns.rttm:13": "4 fields, a SPEAKER line has 9 or 10",
    }
    with pytest.raises(CorpusError, match=r"holds no segment that can be used\. Found: turns\.rttm:1: 2 fields"):
        read(tmp_path, "SPEAKER call1\n")
    with pytest.raises(CorpusError, match=r"holds no \.rttm file"):
        adapter("rttm").read(touch(tmp_path / "empty", "a.wav"))
    with pytest.raises(CorpusError, match=r"option speakers of rttm\. Found: file\. Allowed: auto, recording, corpus"):
        adapter("rttm", {"speakers": "file"})
