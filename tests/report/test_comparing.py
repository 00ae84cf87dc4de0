from tests.report.test_scores import evaluation, system
from vibespeaker.evaluation.scores import Comparison
from vibespeaker.evaluation.uncertainty import Interval
from vibespeaker.report.comparing import comparisons


def pairs(names, score):
    return tuple(
        Comparison(score, first, second, Interval(0.1, 0.0, 0.2), 0.2, 0.0004, 0.04)
        for number, first in enumerate(names)
        for second in names[number + 1 :]
    )


def test_few_comparisons_are_all_shown():
    found = evaluation(system("a", macro_f1=0.4), system("b", macro_f1=0.5), comparisons=pairs("ab", "macro_f1"))
    decided, table = comparisons(found).blocks
    assert decided.points == ("b over a: macro-F1 -0.100 [-0.200, -0.000], p 0.040 after Holm",)
    assert table.folded
    assert table.caption.startswith("1 paired comparison over the same utterances, 1 of them hardly chance")
    assert table.rows == (("macro-F1", "a", "b", "0.100 [0.000, 0.200]", "0.200", "< 0.001", "0.040"),)


def test_of_many_comparisons_those_with_the_best_are_shown():
    systems = [system(name, macro_f1=0.1 * number) for number, name in enumerate("abcdefgh", start=1)]
    _, table = comparisons(evaluation(*systems, comparisons=pairs("abcdefgh", "macro_f1"))).blocks
    assert len(table.rows) == 7
    assert all("h" in row[1:3] for row in table.rows)
    assert "evaluation.json" in table.caption
