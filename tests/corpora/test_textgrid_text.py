"""What is written as a TextGrid is read again as it was, without gaps and with every quotation mark."""

from vibespeaker.corpora.textgrid_files import Interval, Tier, read_textgrid
from vibespeaker.corpora.textgrid_text import textgrid_text


def test_round_trip(tmp_path):
    tiers = [
        Tier("emotion", (Interval(0, 0.5, 1.25, "anger"), Interval(0, 1.25, 2.0, 'a "quoted" word'))),
        Tier("text", ()),
    ]
    (tmp_path / "a.TextGrid").write_text(textgrid_text(tiers, 3.0), encoding="utf-8")
    read, remark = read_textgrid(tmp_path / "a.TextGrid")
    assert remark is None
    spans = [(one.start, one.end, one.text) for one in read[0].intervals]
    assert spans == [(0, 0.5, ""), (0.5, 1.25, "anger"), (1.25, 2, 'a "quoted" word'), (2, 3, "")]
    assert [(one.start, one.end, one.text) for one in read[1].intervals] == [(0, 3, "")]
    assert [tier.name for tier in read] == ["emotion", "text"]
