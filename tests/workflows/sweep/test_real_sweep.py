import pytest
import yaml

from tests.toy import SMALL_TASK, make_toy
from vibespeaker.cli.main import main
from vibespeaker.predictions import Predictions
from vibespeaker.workflows.sweep.trials import DONE, read_trials


@pytest.mark.slow
def test_a_grid_over_loss_weights_from_training_to_the_report(tmp_path):
    toy = make_toy(tmp_path, {"train": 24, "development": 16, "test": 16})
    (tmp_path / "task.yaml").write_text(SMALL_TASK)
    data = {"manifest": str(toy.manifest), "cache": str(toy.cache), "batch_size": 8}
    paths = {"data": {"class_path": "vibespeaker.tasks.EmotionDataModule", "init_args": data}}
    (tmp_path / "paths.yaml").write_text(yaml.safe_dump(paths))
    weights = "model.init_args.loss.weights"
    trials = [{f"{weights}.attributes": alpha, f"{weights}.categories": 1 - alpha} for alpha in (0.25, 0.75)]
    plan = {
        "config": str(tmp_path / "task.yaml"),
        "settings": {"trainer.max_epochs": 2},
        "predict": ["test"],
        "trials": trials,
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    out = tmp_path / "sweep"
    options = ["--out", str(out), "--overlay", str(tmp_path / "paths.yaml")]
    assert main(["sweep", str(tmp_path / "plan.yaml"), *options]) == 0
    found = read_trials(out)
    assert [trial.state for trial in found] == [DONE, DONE]
    assert all(0 <= trial.score <= 1 for trial in found)
    table = Predictions.read(out / found[0].name / "predictions.parquet")
    assert len(table) == 16
    assert table.metadata.system == found[0].name
    report = (out / "report" / "report.md").read_text()
    assert "Weights of the losses" in report
    assert f"| {found[1].name} | 0.75 | 0.25 |" in report
