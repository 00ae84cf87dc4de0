"""Statistics by speaker, bootstrap draws and balanced tests against plain loops and independent libraries."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from tests.evaluation.example import random_case, targets_of
from vibespeaker.evaluation.bootstrap import balanced_tests, bootstrap, clusters_of, draw_counts, intervals, percentiles
from vibespeaker.evaluation.statistics import System, layout_of, scores, sums
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.metrics import concordance

NAMES = ("a", "b", "c", "d")


def table_of(system, targets, classes=NAMES):
    layout = layout_of(system, classes)
    clusters, count = clusters_of(targets)
    return layout, sums(system, targets, layout, clusters, count)


def test_scores_equal_scikit_learn_and_scipy():
    targets, system = random_case()
    layout, table = table_of(system, targets)
    found = scores(layout, table.sum(0))
    true, predicted = targets.categories, system.predicted
    options = {"labels": range(4), "zero_division": 0}
    assert found["macro_f1"] == pytest.approx(reference.f1_score(true, predicted, average="macro", **options))
    assert found["uar"] == pytest.approx(reference.balanced_accuracy_score(true, predicted))
    assert found["accuracy"] == found["micro_f1"] == pytest.approx(reference.accuracy_score(true, predicted))
    assert found["uar_plus_accuracy"] == pytest.approx(found["uar"] + found["accuracy"])
    for score, function in (("precision", reference.precision_score), ("f1", reference.f1_score)):
        expected = function(true, predicted, average=None, **options)
        assert [found[f"{score}_{name}"] for name in NAMES] == pytest.approx(list(expected))
    for i, name in enumerate(ATTRIBUTES):
        x, y = targets.attributes[:, i], system.attributes[:, i]
        assert found[f"ccc_{name}"] == pytest.approx(concordance(x, y))
        assert found[f"pearson_{name}"] == pytest.approx(stats.pearsonr(x, y).statistic)
        assert found[f"rmse_{name}"] == pytest.approx(reference.root_mean_squared_error(x, y))
        assert found[f"bias_{name}"] == pytest.approx((y - x).mean())
        assert found[f"slope_{name}"] == pytest.approx(stats.linregress(y, x).slope)
    assert found["ccc_mean"] == pytest.approx(np.mean([found[f"ccc_{name}"] for name in ATTRIBUTES]))


def test_balanced_scores_weigh_classes_alike():
    """Ten of the first class, one of the second: the same as ten copies of the second."""
    targets = targets_of([0] * 10 + [1], np.full((11, 3), 4.0) + np.arange(11)[:, None] / 10, [0] * 11)
    system = System("s", np.array([0] * 5 + [1] * 6), targets.attributes[::-1])
    copies = np.array([*range(10), *[10] * 10])
    layout, table = table_of(system, targets, ("a", "b"))
    found = scores(layout, table.sum(0))
    expected = reference.f1_score(targets.categories[copies], system.predicted[copies], average="macro")
    assert found["balanced_macro_f1"] == pytest.approx(expected)
    assert found["balanced_accuracy"] == pytest.approx(0.75)
    expected = concordance(targets.attributes[copies, 0], system.attributes[copies, 0])
    assert found["balanced_ccc_arousal"] == pytest.approx(expected)


def test_unknown_labels_count_nowhere():
    targets, system = random_case(size=40)
    targets.categories[:10] = -1
    targets.attributes[5:15, 1] = np.nan
    layout, table = table_of(system, targets)
    found = scores(layout, table.sum(0))
    assert layout.confusion(table.sum(0)).sum() == 30
    assert found["accuracy"] == pytest.approx((targets.categories[10:] == system.predicted[10:]).mean())
    known = np.r_[0:5, 15:40]
    assert found["ccc_valence"] == pytest.approx(concordance(targets.attributes[known, 1], system.attributes[known, 1]))


def test_absent_heads_have_no_scores():
    targets, system = random_case()
    only_valence = System("v", None, np.where([False, True, False], system.attributes, np.nan))
    layout, table = table_of(only_valence, targets)
    found = scores(layout, table.sum(0))
    assert {name.split("_")[-1] for name in found} == {"valence"}


def test_draws_equal_a_plain_loop_over_drawn_speakers():
    targets, system = random_case()
    layout, table = table_of(system, targets)
    drawn = bootstrap([table], [layout], draws=20, seed=5, full=True)[0]
    counts = np.concatenate(list(draw_counts(len(table), 20, seed=5)))
    clusters, _ = clusters_of(targets)
    for draw, count in enumerate(counts):
        rows = np.concatenate([np.flatnonzero(clusters == c) for c, n in enumerate(count) for _ in range(int(n))])
        true, predicted = targets.categories[rows], system.predicted[rows]
        expected = reference.f1_score(true, predicted, labels=range(4), average="macro", zero_division=0)
        assert drawn["macro_f1"][draw] == pytest.approx(expected)
        assert drawn["ccc_valence"][draw] == pytest.approx(
            concordance(targets.attributes[rows, 1], system.attributes[rows, 1])
        )


def test_draws_take_as_many_speakers_as_there_are_and_are_many_chunks():
    counts = np.concatenate(list(draw_counts(9, 1203, seed=0)))
    assert counts.shape == (1203, 9)
    assert (counts.sum(axis=1) == 9).all()
    assert abs(counts.mean(axis=0) - 1).max() < 0.15


def test_systems_share_the_draws():
    targets, system = random_case()
    layout, table = table_of(system, targets)
    first, second = bootstrap([table, table], [layout, layout], draws=50, seed=1, full=False)
    assert all((first[name] == second[name]).all() for name in first)


def test_intervals_are_percentiles_and_skip_undefined_draws():
    drawn = {"x": np.r_[np.arange(1, 101.0), np.nan]}
    found = intervals({"x": np.array(50.0), "y": np.array(1.0)}, drawn, level=0.9)
    assert (found["x"].low, found["x"].high) == pytest.approx((5.95, 95.05))
    assert math.isnan(found["y"].low)
    assert math.isnan(percentiles([np.full(5, np.nan)], 0.95)[0][0])


def test_intervals_over_speakers_cover_and_those_over_utterances_do_not():
    """Utterances of a speaker go right or wrong together; the true accuracy is one half."""
    generator = np.random.default_rng(0)
    covered = {"speakers": 0, "utterances": 0}
    for _ in range(200):
        right = np.repeat(generator.random(40) < 0.5, 10)
        for name, speakers in (("speakers", np.repeat(np.arange(40), 10)), ("utterances", np.arange(400))):
            targets = targets_of([0] * 400, np.full((400, 3), np.nan), speakers)
            system = System("s", np.where(right, 0, 1), np.full((400, 3), np.nan))
            layout, table = table_of(system, targets, ("a", "b"))
            drawn = bootstrap([table], [layout], 200, seed=0, full=False)[0]
            low, high = percentiles([drawn["accuracy"]], 0.9)[0]
            covered[name] += low <= 0.5 <= high
    assert covered["speakers"] >= 165
    assert covered["utterances"] <= 120


def test_with_one_speaker_utterances_are_drawn():
    targets, _ = random_case()
    targets.speakers[:] = 3
    clusters, count = clusters_of(targets)
    assert (count, clusters.tolist()) == (60, list(range(60)))


def test_balanced_tests_vary_around_the_balanced_score():
    targets, system = random_case(size=400)
    layout = layout_of(system, NAMES)
    (spreads,) = balanced_tests([system], targets, [layout], per_class=100, seed=0, tests=500)
    _, table = table_of(system, targets)
    found = scores(layout, table.sum(0))
    for name in ("accuracy", "ccc_arousal"):
        assert spreads[name].mean == pytest.approx(float(found[f"balanced_{name}"]), abs=0.01)
    # 400 independent answers: a binomial share's deviation
    p = float(found["balanced_accuracy"])
    assert spreads["accuracy"].deviation == pytest.approx(math.sqrt(p * (1 - p) / 400), rel=0.15)
    assert spreads["accuracy"].low < spreads["accuracy"].mean < spreads["accuracy"].high
    assert spreads["accuracy"].count == 500


def test_balanced_tests_of_nothing_are_empty():
    targets, system = random_case()
    targets.categories[:] = -1
    assert balanced_tests([system], targets, [layout_of(system, NAMES)], 10, seed=0) == [{}]
