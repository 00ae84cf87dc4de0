"""The truth in the rows of the predictions, and what of it belongs together."""

import pytest

from tests.manifests import manifest_of
from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.crossfit import folds_by_group
from vibespeaker.evaluation.targets import Truth


def test_cross_fitting_keeps_a_recording_under_two_speakers_in_one_fold(tmp_path):
    path = tmp_path / "manifest.parquet"
    rows = [{"name": str(n), "speaker": f"toy/{n % 6}"} for n in range(18)]
    rows[0]["audio_sha256"] = rows[17]["audio_sha256"] = "same"
    rows[1]["take"] = rows[2]["take"] = "one"
    manifest_of(rows).write(path)
    truth = Truth.read(path)
    groups = truth.groups([f"toy/{n}" for n in (17, 3, 2, 0, 9, 1)], "table")
    assert [(groups == group).nonzero()[0].tolist() for group in groups] == [[0, 3], [1, 4], [2, 5]] * 2
    folds = folds_by_group(truth.groups([f"toy/{n}" for n in range(18)], "table"), 3)
    assert folds[0] == folds[5] == folds[17]
    with pytest.raises(PredictionsError, match="table: 1 utterances are not in manifest"):
        truth.groups(["toy/1", "toy/x"], "table")
