"""Cross-fitting: folds keep speakers together and no value comes from a fit that saw the speaker."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.crossfit import cross_fit, folds_by_group


@given(st.lists(st.integers(0, 9), min_size=30, max_size=80), st.integers(2, 4))
def test_a_speaker_is_in_one_fold_and_folds_are_about_equal(speakers, folds):
    speakers = [*speakers, *range(10)]
    home = folds_by_group(speakers, folds)
    assert set(home.tolist()) == set(range(folds))
    for speaker in set(speakers):
        assert len({fold for fold, name in zip(home, speakers, strict=True) if name == speaker}) == 1
    sizes = np.bincount(home)
    assert sizes.max() - sizes.min() <= max(np.bincount(speakers))


def test_folds_depend_on_the_seed_only():
    speakers = [f"s{number % 40}" for number in range(200)]
    assert (folds_by_group(speakers, 5, seed=1) == folds_by_group(speakers, 5, seed=1)).all()
    assert (folds_by_group(speakers, 5, seed=1) != folds_by_group(speakers, 5, seed=2)).any()


def test_too_few_speakers_are_refused():
    with pytest.raises(PredictionsError, match=r"Found: 2 speakers for 3 folds"):
        folds_by_group(["a", "b", "a"], 3)


def test_cross_fit_uses_the_other_folds_only_and_keeps_the_row_order():
    values = np.array([1.0, 10.0, 100.0, 1000.0])
    # each row gets the sum of what the other folds hold
    out = cross_fit(lambda rows: values[rows].sum(), lambda total, rows: np.full(len(rows), total), [1, 0, 1, 2])
    assert out.tolist() == [1010, 1101, 1010, 111]
