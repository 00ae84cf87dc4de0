import numpy as np
import pytest

from vibespeaker.evaluation.effects import (
    codes_of,
    explained_variance,
    neighbours_alike,
    standardized_differences,
)


def test_the_share_of_variance_between_groups_is_that_of_its_formula():
    values = np.array([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0], [6.0, 5.0], [9.0, 5.0]])
    found = explained_variance(values, np.array([0, 0, 1, 1, -1]))
    eta = ((1.5 - 3.25) ** 2 * 2 + (5.0 - 3.25) ** 2 * 2) / np.square(np.array([1, 2, 4, 6]) - 3.25).sum()
    assert found[0] == pytest.approx(1 - (1 - eta) * 3 / 2)
    assert np.isnan(found[1])


def test_groups_without_meaning_explain_nothing_on_average_however_many_they_are():
    random = np.random.default_rng(0)
    values = random.normal(size=(60, 400))
    found = explained_variance(values, random.integers(0, 20, 60))
    assert abs(found.mean()) < 0.02
    assert np.isnan(explained_variance(values, np.arange(60))).all()
    assert np.isnan(explained_variance(values, np.zeros(60, np.int64))).all()


def test_a_class_is_compared_with_all_others_in_their_pooled_deviation():
    values = np.array([[1.0], [2.0], [4.0], [6.0], [5.0]])
    found = standardized_differences(values, np.array([0, 0, 1, 1, 1]), 3)
    pooled = np.sqrt((np.var([1, 2]) * 2 + np.var([4, 6, 5]) * 3) / 3)
    assert found[0, 0] == pytest.approx((1.5 - 5.0) / pooled * (1 - 3 / (4 * 3 - 1)))
    assert found[0, 1] == pytest.approx(-found[0, 0])
    assert np.isnan(found[0, 2])


def test_neighbours_are_compared_with_chance():
    vectors = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]])
    assert neighbours_alike(vectors, np.array([0, 0, 1, 1, -1])) == (1.0, pytest.approx(4 / 12))
    assert neighbours_alike(vectors, np.array([0, 1, 0, 1, -1]))[0] == 0.0
    assert np.isnan(neighbours_alike(vectors, np.full(5, -1))[0])


def test_groups_become_codes():
    assert codes_of(["b", None, "a"]).tolist() == [1, -1, 0]
    assert codes_of(["b", None, "a"], ["b"]).tolist() == [0, -1, -1]
