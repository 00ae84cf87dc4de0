import math

import pytest

from vibespeaker.evaluation.scores import Comparison, Evaluation, Settings, Slice, SystemScores
from vibespeaker.evaluation.uncertainty import Interval, Spread
from vibespeaker.report.comparing import comparisons, slices
from vibespeaker.report.compose import leader
from vibespeaker.report.scores import headline


def system(name, reference=False, **scores):
    found = {score: Interval(value, value - 0.1, value + 0.1) for score, value in scores.items()}
    return SystemScores(name, f"{name}.parquet", "0", reference, 100, 10, {}, found)


def evaluation(*systems, synthetic=False, **fields):
    settings = Settings("test", "challenge", 1000, 0.95, 0, 400)
    return Evaluation(settings, "m", synthetic, systems, **fields)


def test_headline_sets_the_best_off_and_leaves_absent_scores_out():
    found = evaluation(
        system("majority/mean", reference=True, macro_f1=0.1, ccc_mean=0.0),
        system("a", macro_f1=0.4),
        system("b", ccc_mean=0.5, macro_f1=0.3),
    )
    table, *pictures = headline(found).blocks
    assert table.header == ("system", "clips", "macro-F1", "mean CCC")
    assert table.rows[1] == ("a", "100", "0.400 [0.300, 0.500]", "–")
    assert table.best == {(1, 2), (2, 3)}
    assert [picture.name for picture in pictures] == ["headline-macro_f1", "headline-ccc_mean"]
    assert "95 % intervals from 1,000 bootstrap draws over speakers" in table.caption


def test_the_leader_is_no_reference():
    assert leader(evaluation(system("mean", reference=True, macro_f1=0.9), system("a", macro_f1=0.1))) == "a"
    assert leader(evaluation(system("a", ccc_mean=0.2), system("b", ccc_mean=0.3))) == "b"
    assert leader(evaluation(system("a", macro_f1=math.nan))) is None


def test_spread_over_seeds_and_notes():
    spread = {"macro_f1": Spread(0.4, 0.02, 0.38, 0.42, 3), "precision_fear": Spread(0.1, 0.1, 0.1, 0.1, 3)}
    found = evaluation(system("a", macro_f1=0.4), seeds={"a": spread}, notes=("few speakers",))
    _, seeds, notes = headline(found).blocks
    assert seeds.rows == (("a", "macro-F1", "3", "0.400", "0.020", "0.380", "0.420"),)
    assert notes.points == ("few speakers",)


def pairs(names, score):
    return tuple(
        Comparison(score, first, second, Interval(0.1, 0.0, 0.2), 0.2, 0.0004, 0.04)
        for number, first in enumerate(names)
        for second in names[number + 1 :]
    )


def test_few_comparisons_are_all_shown():
    found = evaluation(system("a", macro_f1=0.4), system("b", macro_f1=0.5), comparisons=pairs("ab", "macro_f1"))
    (table,) = comparisons(found).blocks
    assert table.rows == (("macro-F1", "a", "b", "0.100 [0.000, 0.200]", "0.200", "< 0.001", "0.040"),)


def test_of_many_comparisons_those_with_the_best_are_shown():
    systems = [system(name, macro_f1=0.1 * number) for number, name in enumerate("abcdefgh", start=1)]
    note, table = comparisons(evaluation(*systems, comparisons=pairs("abcdefgh", "macro_f1"))).blocks
    assert len(table.rows) == 7
    assert all("h" in row[1:3] for row in table.rows)
    assert "evaluation.json" in note.text


@pytest.mark.parametrize("synthetic", [False, True])
def test_groups_name_the_worst(synthetic):
    groups = tuple(
        Slice("a", "gender", name, 50, 5, {"uar": Interval(value)}, worst)
        for name, value, worst in (("female", 0.6, ()), ("male", 0.5, ("uar",)))
    )
    found = evaluation(system("a", uar=0.55), synthetic=synthetic, slices=groups)
    table, picture = slices(found, "a").blocks
    assert table.rows == (("female", "50", "5", "0.600", ""), ("male", "50", "5", "0.500", "UAR"))
    assert ("synthetic" in table.caption) == synthetic
    assert picture.figure.axes[0].lines[0].get_xdata()[0] == 0.55
    assert slices(found, "b").blocks == ()


def test_of_many_groups_the_lowest_are_shown():
    groups = tuple(Slice("a", "speaker", str(n), 50, 1, {"uar": Interval(1 - n / 50)}) for n in range(30))
    note, table, _ = slices(evaluation(system("a", uar=0.5), slices=groups), "a").blocks
    assert [row[0] for row in table.rows] == [str(n) for n in range(29, 19, -1)]
    assert "Of 30 groups by speaker, the 10 with the lowest UAR" in note.text
