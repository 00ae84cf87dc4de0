import json

import pytest
import yaml
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from vibespeaker.errors import ConfigError
from vibespeaker.workflows.sweep import trials as trials_module
from vibespeaker.workflows.sweep.command import sweep
from vibespeaker.workflows.sweep.trials import DONE, FAILED, read_trials


class Trainer:
    """Stands in for the processes: logs the dropout it is configured with as the score."""

    def __init__(self):
        self.calls, self.failing, self.interrupted = [], set(), set()

    def __call__(self, arguments, run):
        self.calls.append((arguments[0], run.name))
        settings = yaml.safe_load((run / "trial.yaml").read_text())
        if settings["dropout"] in self.interrupted:
            raise KeyboardInterrupt
        (run / "trial.log").write_text("something\nout of memory\n")
        if settings["dropout"] in self.failing:
            return False
        if arguments[0] == "fit":
            writer = EventFileWriter(str(run))
            for step, value in enumerate((0.0, settings["dropout"], float("nan"), 0.1)):
                event = Event(step=step, wall_time=float(step))
                event.summary.value.add(tag="val/macro_f1", simple_value=value)
                writer.add_event(event)
            writer.close()
        return True

    @property
    def fits(self):
        return [name for command, name in self.calls if command == "fit"]


@pytest.fixture
def trainer(monkeypatch):
    stand_in = Trainer()
    monkeypatch.setattr(trials_module, "_call", stand_in)
    return stand_in


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("config: base\nsettings: {trainer.max_epochs: 2}\ngrid: {dropout: [0.2, 0.5, 0.3]}\n")
    return str(path)


def test_every_trial_is_trained_once_and_judged_by_its_best_score(tmp_path, plan, trainer, capsys):
    out = tmp_path / "sweep"
    assert sweep(plan, out) == 0
    assert trainer.fits == ["000-dropout-0.2", "001-dropout-0.5", "002-dropout-0.3"]
    found = read_trials(out)
    assert [trial.state for trial in found] == [DONE] * 3
    assert [trial.score for trial in found] == pytest.approx([0.2, 0.5, 0.3])
    overlay = yaml.safe_load((out / "001-dropout-0.5" / "trial.yaml").read_text())
    assert overlay == {"dropout": 0.5, "trainer": {"max_epochs": 2}}
    assert "0.5000" in capsys.readouterr().out
    assert sweep(plan, out) == 0
    assert len(trainer.fits) == 3  # all was done


def test_an_interrupted_sweep_goes_on(tmp_path, plan, trainer):
    trainer.interrupted = {0.5}
    with pytest.raises(KeyboardInterrupt):
        sweep(plan, tmp_path / "sweep")
    assert [trial.state for trial in read_trials(tmp_path / "sweep")] == [DONE, "running"]
    trainer.interrupted = set()
    assert sweep(plan, tmp_path / "sweep") == 0
    assert trainer.fits == ["000-dropout-0.2", "001-dropout-0.5", "001-dropout-0.5", "002-dropout-0.3"]


def test_failed_trials_are_named_and_tried_again(tmp_path, plan, trainer, caplog):
    trainer.failing = {0.5}
    assert sweep(plan, tmp_path / "sweep") == 1
    assert [trial.state for trial in read_trials(tmp_path / "sweep")] == [DONE, FAILED, DONE]
    assert "trial 001-dropout-0.5 failed" in caplog.text
    assert "out of memory" in caplog.text
    trainer.failing = set()
    assert sweep(plan, tmp_path / "sweep") == 0
    assert trainer.fits[3:] == ["001-dropout-0.5"]


def test_a_search_takes_results_into_account_and_may_grow(tmp_path, trainer):
    path = tmp_path / "plan.yaml"
    path.write_text("config: base\nsearch: {dropout: {low: 0.0, high: 1.0}}\ncount: 3\n")
    sweep(str(path), tmp_path / "short")
    path.write_text(path.read_text().replace("3", "5"))
    sweep(str(path), tmp_path / "short")
    sweep(str(path), tmp_path / "long")
    short, long = (read_trials(tmp_path / name) for name in ("short", "long"))
    assert len(long) == 5
    assert short == long


def test_several_jobs_train_the_same_trials(tmp_path, plan, trainer):
    assert sweep(plan, tmp_path / "sweep", jobs=3) == 0
    assert sorted(trainer.fits) == ["000-dropout-0.2", "001-dropout-0.5", "002-dropout-0.3"]


def test_a_folder_holds_one_plan(tmp_path, plan, trainer):
    sweep(plan, tmp_path / "sweep")
    other = tmp_path / "other.yaml"
    other.write_text("config: base\ngrid: {dropout: [0.9]}\n")
    with pytest.raises(ConfigError, match=r"holds another sweep\. Found: plan .*plan\.yaml, another digest"):
        sweep(str(other), tmp_path / "sweep")


def test_a_damaged_record_is_named(tmp_path, plan, trainer):
    sweep(plan, tmp_path / "sweep")
    (tmp_path / "sweep" / "000-dropout-0.2" / "trial.json").write_text("{")
    with pytest.raises(ConfigError, match=r"trial.json is damaged.*remove the folder"):
        sweep(plan, tmp_path / "sweep")


def test_a_name_that_is_no_plan_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="sweep/loss-weights"):
        sweep("sweep/none", tmp_path / "sweep")


def test_processes_get_the_plan_the_overlay_and_the_settings_in_this_order(tmp_path, plan, monkeypatch):
    seen = []
    monkeypatch.setattr(trials_module, "_call", lambda arguments, run: seen.append(arguments) or True)
    path = tmp_path / "plan.yaml"
    path.write_text(path.read_text() + "predict: [test, development]\n")
    sweep(plan, tmp_path / "sweep", overlay=tmp_path / "mine.yaml", report=False)
    fit, predict = seen[:2]
    run = tmp_path / "sweep" / "000-dropout-0.2"
    configs = ["--config", "base", "--config", str(tmp_path / "mine.yaml"), "--config", str(run / "trial.yaml")]
    named = ["--name", "000-dropout-0.2", "--runs", str(tmp_path / "sweep")]
    assert fit == ["fit", *configs, *named, "--ckpt_path", "auto"]
    assert predict[:11] == ["predict", *configs, *named]
    assert json.loads(predict[13].partition("=")[2]) == ["test", "development"]
