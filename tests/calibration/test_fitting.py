from dataclasses import replace

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold

from vibespeaker.calibration.conformal import interval_coverage, set_coverage
from vibespeaker.calibration.fitting import cross_fitted, fit, speaker_folds
from vibespeaker.calibration.reliability import calibration_error
from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.predictions import softmax


def test_folds_share_no_speaker_and_are_even():
    rng = np.random.default_rng(0)
    speakers = rng.choice(list("abcdefghij"), 300)
    folds = speaker_folds(speakers, 3)
    assert all(len(set(folds[speakers == name])) == 1 for name in "abcdefghij")
    reference = [len(test) for _, test in GroupKFold(3).split(speakers, groups=speakers)]
    assert sorted(np.bincount(folds)) == sorted(reference)


def test_no_more_folds_than_speakers():
    np.testing.assert_array_equal(speaker_folds(["a", "b", "a"], 5), [0, 1, 0])
    with pytest.raises(PredictionsError, match="two speakers"):
        speaker_folds(["a", "a"])
    with pytest.raises(ConfigError, match="two or more"):
        speaker_folds(["a", "b"], 1)


def test_cross_fitting_never_sees_its_own_fold():
    values, labelled = np.array([1.0, 2.0, 10.0, 20.0]), np.array([True, False, True, True])
    folds = np.array([0, 0, 1, 2])
    mapped = cross_fitted(folds, labelled, values, lambda rows: lambda part: part * 0 + values[rows].sum())
    np.testing.assert_allclose(mapped, [30, 30, 21, 11])


def test_cross_fitting_without_labels_elsewhere_keeps_the_values():
    mapped = cross_fitted(np.array([0, 1]), np.array([True, False]), np.array([3.0, 4.0]), lambda rows: np.zeros_like)
    np.testing.assert_allclose(mapped, [3, 0])


def test_fit_repairs_a_system_that_is_too_sure(evidence):
    fitted = fit(evidence)
    assert fitted.categories.temperature == pytest.approx(2.5, rel=0.1)
    before = calibration_error(softmax(evidence.logits), evidence.categories)
    after = calibration_error(softmax(fitted.unseen.logits), evidence.categories)
    assert after < 0.06 < 0.15 < before
    np.testing.assert_allclose(fitted.prior, np.bincount(evidence.categories) / len(evidence), atol=1e-5)


def test_promises_hold_for_speakers_not_seen(evidence):
    fitted = fit(evidence, level=0.8)
    covered, _ = set_coverage(fitted.conformal.sets(softmax(fitted.unseen.logits)), evidence.categories)
    assert covered == pytest.approx(0.8, abs=0.02)
    predicted, true = fitted.unseen.pairs("valence")
    covered, _ = interval_coverage(*fitted.conformal.interval("valence", predicted), true)
    assert covered == pytest.approx(0.8, abs=0.02)


def test_missing_labels_and_heads_are_left_out(evidence):
    attributes, categories = evidence.attributes.copy(), evidence.categories.copy()
    attributes[:, 1] = np.nan
    attributes[:600, 0] = np.nan
    categories[::3] = -1
    fitted = fit(replace(evidence, attributes=attributes, categories=categories))
    assert list(fitted.attributes) == ["arousal", "dominance"]
    assert list(fitted.conformal.attributes) == ["arousal", "dominance"]
    assert fitted.prior.sum() == pytest.approx(1)
    without = fit(replace(evidence, logits=None))
    assert without.categories is without.prior is without.conformal.categories is None


def test_nothing_labelled_is_refused(evidence):
    unlabelled = replace(evidence, attributes=evidence.attributes * np.nan, categories=evidence.categories * 0 - 1)
    with pytest.raises(PredictionsError, match="nothing to calibrate on"):
        fit(unlabelled)


def test_no_level_no_thresholds(evidence):
    assert fit(evidence, level=None).conformal is None
