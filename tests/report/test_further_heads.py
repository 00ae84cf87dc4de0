"""The section about further heads."""

from dataclasses import replace
from types import SimpleNamespace

from vibespeaker.evaluation.head_scores import HeadScores
from vibespeaker.report.further_heads import further_heads


def test_a_row_tells_kind_counts_and_scores() -> None:
    gender = HeadScores("classification", 1200, ("female", "male"), {"female": 700, "male": 500}, {"uar": 0.5})
    speakers = {f"s{number}": 1 for number in range(14)}
    heads = {"gender": gender, "speaker": replace(gender, counts=speakers, scores={})}
    systems = [SimpleNamespace(name="full", scores=SimpleNamespace(heads=heads))]
    (table,) = further_heads(systems).blocks
    assert table.rows[0][:6] == ("full", "gender", "classification", "female 700, male 500", "1,200", "0.500")
    assert table.rows[1][3].endswith("s11 1 and 2 more")
    assert all(len(row) == len(table.header) for row in table.rows)


def test_without_further_heads_there_is_no_section() -> None:
    assert further_heads([SimpleNamespace(name="full", scores=SimpleNamespace(heads={}))]).blocks == ()
