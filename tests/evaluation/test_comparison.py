"""Paired comparison: exact small cases, calibration of p-values, Holm's worked example."""

import math
from itertools import product

import numpy as np
import pytest

from tests.evaluation.example import random_case, targets_of
from vibespeaker.evaluation.bootstrap import bootstrap, clusters_of
from vibespeaker.evaluation.comparison import bootstrap_p, compare, holm, permutation_p, permuted_differences
from vibespeaker.evaluation.statistics import System, layout_of, sums
from vibespeaker.metrics import concordance, confusion_matrix, uar

NAMES = ("a", "b", "c", "d")


def prepared(targets, *systems):
    clusters, count = clusters_of(targets)
    layouts = [layout_of(system, NAMES) for system in systems]
    tables = [sums(s, targets, layout, clusters, count) for s, layout in zip(systems, layouts, strict=True)]
    return tables, layouts


def test_all_swaps_of_few_speakers_are_made_once():
    targets, one = random_case(speakers=4)
    _, other = random_case(seed=1, speakers=4)
    tables, layouts = prepared(targets, one, other)
    found = permuted_differences(tuple(tables), tuple(layouts), 10_000, seed=0)
    observed, null = found["uar"]
    assert len(null) == 16
    expected = []
    for swap in product([False, True], repeat=4):
        swapped = np.array(swap)[targets.speakers]
        first = np.where(swapped, other.predicted, one.predicted)
        second = np.where(swapped, one.predicted, other.predicted)
        expected.append(
            float(
                uar(confusion_matrix(targets.categories, first, 4))
                - uar(confusion_matrix(targets.categories, second, 4))
            )
        )
    assert sorted(null.tolist()) == pytest.approx(sorted(expected))
    assert observed == pytest.approx(expected[0])
    share = np.mean(np.abs(expected) >= abs(observed) - 1e-12)
    assert permutation_p(observed, null, exact=True) == pytest.approx(share)


def test_attribute_swaps_equal_a_plain_computation():
    targets, one = random_case(speakers=3)
    _, other = random_case(seed=1, speakers=3)
    tables, layouts = prepared(targets, one, other)
    observed, null = permuted_differences(tuple(tables), tuple(layouts), 100, seed=0)["ccc_valence"]
    x = targets.attributes[:, 1]
    assert observed == pytest.approx(concordance(x, one.attributes[:, 1]) - concordance(x, other.attributes[:, 1]))
    swapped = targets.speakers == 0
    first = np.where(swapped, other.attributes[:, 1], one.attributes[:, 1])
    second = np.where(swapped, one.attributes[:, 1], other.attributes[:, 1])
    assert null[1] == pytest.approx(concordance(x, first) - concordance(x, second))


def test_equal_systems_do_not_differ():
    targets, one = random_case()
    tables, layouts = prepared(targets, one, one)
    drawn = bootstrap(tables, layouts, 200, seed=0, full=False)
    for found in compare(["x", "y"], tables, layouts, drawn, 200, 0.95, 0):
        assert (found.difference.value, found.difference.low, found.difference.high) == (0, 0, 0)
        assert (found.p_bootstrap, found.p_permutation, found.p_holm) == (1, 1, 1)


def test_a_clearly_better_system_is_found_and_pairs_are_corrected():
    targets, good = random_case(size=400, speakers=40, noise=0.3)
    _, poor = random_case(size=400, speakers=40, noise=3.0)
    _, fair = random_case(size=400, speakers=40, noise=1.0)
    tables, layouts = prepared(targets, good, poor, fair)
    drawn = bootstrap(tables, layouts, 999, seed=0, full=False)
    found = [
        one for one in compare(["good", "poor", "fair"], tables, layouts, drawn, 999, 0.95, 0) if one.score == "uar"
    ]
    assert [(one.first, one.second) for one in found] == [("good", "poor"), ("good", "fair"), ("poor", "fair")]
    assert found[0].difference.low > 0
    assert found[0].p_permutation == pytest.approx(0.001)
    assert found[0].p_holm == pytest.approx(0.003)
    assert found[0].p_bootstrap < 0.01


def test_p_values_are_uniform_when_systems_are_alike():
    generator = np.random.default_rng(0)
    p_values = []
    for _ in range(150):
        categories = np.repeat([0, 1], 60)
        targets = targets_of(categories, np.full((120, 3), np.nan), np.tile(np.arange(24), 5))
        # each system has speakers that it hears well and others that it does not
        systems = []
        for skill in generator.random((2, 24)):
            right = generator.random(120) < skill[targets.speakers]
            answer = np.where(right, categories, 1 - categories)
            systems.append(System("s", answer, np.full((120, 3), np.nan)))
        tables, layouts = prepared(targets, *systems)
        observed, null = permuted_differences(tuple(tables), tuple(layouts), 200, seed=1)["uar"]
        p_values.append(permutation_p(observed, null, exact=False))
    assert np.mean(np.array(p_values) <= 0.1) < 0.17
    assert np.mean(np.array(p_values) <= 0.5) > 0.4


def test_systems_are_compared_by_what_both_have():
    targets, one = random_case()
    no_categories = System("n", None, np.where([True, False, True], one.attributes, np.nan))
    tables, layouts = prepared(targets, one, no_categories)
    found = permuted_differences(tuple(tables), tuple(layouts), 50, seed=0)
    assert set(found) == {"ccc_arousal", "ccc_dominance"}
    nothing = System("z", None, np.full((60, 3), np.nan))
    tables, layouts = prepared(targets, one, nothing)
    assert permuted_differences(tuple(tables), tuple(layouts), 50, seed=0) == {}


def test_p_values_by_hand():
    null = np.array([-3.0, -1.0, 0.0, 2.0])
    assert permutation_p(2.0, null, exact=False) == 3 / 5
    assert permutation_p(2.0, null, exact=True) == 2 / 4
    assert math.isnan(permutation_p(math.nan, null, exact=True))
    assert bootstrap_p(np.array([1.0, 2, 3, 4])) == pytest.approx(2 / 5)
    assert bootstrap_p(np.array([1.0, -2, 3, np.nan])) == 1.0
    assert math.isnan(bootstrap_p(np.array([np.nan])))


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    corrected = holm([0.02, math.nan])
    assert corrected[0] == 0.02
    assert math.isnan(corrected[1])
