import math

from vibespeaker.evaluation.scores import Evaluation, Settings, SystemScores
from vibespeaker.evaluation.uncertainty import Interval, Spread
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
