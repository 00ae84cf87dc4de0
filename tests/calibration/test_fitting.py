from dataclasses import replace

import numpy as np
import pytest

from vibespeaker.calibration.conformal import interval_coverage, set_coverage
from vibespeaker.calibration.fitting import fit, folds_of
from vibespeaker.calibration.reliability import calibration_error
from vibespeaker.errors import PredictionsError
from vibespeaker.metrics import softmax


def test_no_more_folds_than_speakers(evidence):
    folds = folds_of(replace(evidence, groups=np.arange(len(evidence)) % 2), 5)
    assert sorted(set(folds)) == [0, 1]
    with pytest.raises(PredictionsError, match="a speaker for each"):
        folds_of(replace(evidence, groups=np.zeros(len(evidence), int)))


def test_a_fold_whose_others_have_no_label_keeps_its_values(evidence):
    categories = np.where(evidence.speakers == 0, evidence.categories, -1)
    fitted = fit(replace(evidence, categories=categories), folds=24, level=None)
    np.testing.assert_array_equal(fitted.unseen.logits[evidence.speakers == 0], evidence.logits[evidence.speakers == 0])
    assert not np.isclose(fitted.unseen.logits[1], evidence.logits[1]).any()


def test_fit_repairs_a_system_that_is_overconfident(evidence):
    fitted = fit(evidence)
    assert fitted.categories.temperature == pytest.approx(2.5, rel=0.1)
    before = calibration_error(softmax(evidence.logits), evidence.categories)
    after = calibration_error(softmax(fitted.unseen.logits), evidence.categories)
    assert after < 0.06 < 0.15 < before
    np.testing.assert_allclose(fitted.prior, np.bincount(evidence.categories) / len(evidence), atol=1e-5)


def test_coverage_holds_for_speakers_not_seen(evidence):
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
