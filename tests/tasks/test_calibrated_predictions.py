import pandas as pd
import pytest

from tests.tasks.conftest import Run
from tests.toy import Toy
from vibespeaker.calibration.command import calibrate
from vibespeaker.calibration.store import Calibration, calibration_path
from vibespeaker.errors import PredictionsError
from vibespeaker.predictions import Predictions


def test_predict_applies_the_calibration_beside_its_checkpoint(run: Run, toy: Toy, tmp_path):
    run("fit", "--trainer.max_epochs=1")
    folder = tmp_path / "runs" / "toy"
    run("predict", "--ckpt_path=best")
    before = Predictions.read(folder / "predictions.parquet")
    checkpoint = folder / "checkpoints" / "best.ckpt"
    calibrate(folder / "predictions.parquet", toy.manifest, split="development", checkpoint=checkpoint)
    calibration = Calibration.read(calibration_path(checkpoint))
    assert calibration.checkpoint == before.metadata.checkpoint

    run("predict", "--ckpt_path=best")
    after = Predictions.read(folder / "predictions.parquet")
    assert after.metadata.provenance["calibration"]["fitted_on"]["split"] == "development"
    pd.testing.assert_frame_equal(after.frame[["utterance_id", "split"]], before.frame[["utterance_id", "split"]])
    expected = calibration.logits(before.logits())
    assert abs(after.logits() - expected).max() < 1e-5
    assert abs(after.attributes() - calibration.values(before.attributes())).max() < 1e-5
    sets = pd.read_parquet(folder / "predictions.sets.parquet")
    assert list(sets["utterance_id"]) == list(after.frame["utterance_id"])

    # means over views are other answers than those that the calibration was fitted on
    run("predict", "--ckpt_path=best", "--views=1")
    assert "calibration" not in Predictions.read(folder / "predictions.parquet").metadata.provenance
    with pytest.raises(PredictionsError, match="the predictions were not made by"):
        calibrate(folder / "predictions.parquet", toy.manifest, split="development", checkpoint=checkpoint)
