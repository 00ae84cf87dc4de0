import json
import os
from functools import partial
from pathlib import Path

import pytest

from vibespeaker.errors import ConfigError, VibeSpeakerError
from vibespeaker.processes.workers import workers_at_hand
from vibespeaker.trainer import cli
from vibespeaker.workflows.steps import STAMPS, Chain, Step, Training, reserve, training_step


def step(folder: Path, log: list[str], name: str = "count", **inputs: object) -> Step:
    def work() -> None:
        log.append(name)
        (folder / f"{name}.txt").write_text(json.dumps(inputs))

    return Step(name, f"doing {name}", inputs, (folder / f"{name}.txt",), work)


def test_a_step_is_done_once(tmp_path):
    log: list[str] = []
    first, second = Chain(tmp_path, 1), Chain(tmp_path, 1)
    assert first.run(step(tmp_path, log, size=3)) == second.run(step(tmp_path, log, size=3))
    assert log == ["count"]
    assert (first.worked, second.worked) == (["count"], [])


def test_other_inputs_do_it_again(tmp_path):
    log: list[str] = []
    keys = {Chain(tmp_path, 1).run(step(tmp_path, log, size=size)) for size in (3, 4, 4)}
    assert len(log) == len(keys) == 2


def test_a_change_reaches_the_steps_that_build_on_it(tmp_path):
    log: list[str] = []
    for size in (3, 3, 4):
        chain = Chain(tmp_path, 2)
        key = chain.run(step(tmp_path, log, "first", size=size))
        chain.run(step(tmp_path, log, "second", after=key))
    assert log == ["first", "second", "first", "second"]


@pytest.mark.parametrize("damage", ["edited", "removed", "stamp"])
def test_damaged_outputs_are_made_again(tmp_path, damage):
    log: list[str] = []
    Chain(tmp_path, 1).run(step(tmp_path, log))
    if damage == "edited":
        (tmp_path / "count.txt").write_text("other")
    elif damage == "removed":
        (tmp_path / "count.txt").unlink()
    else:
        (tmp_path / STAMPS / "count.json").write_text("{half")
    Chain(tmp_path, 1).run(step(tmp_path, log))
    assert log == ["count", "count"]
    assert (tmp_path / "count.txt").read_text() == "{}"


def test_an_interrupted_step_is_not_done(tmp_path):
    def work() -> None:
        (tmp_path / "half.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Chain(tmp_path, 1).run(Step("half", "doing half", {}, (tmp_path / "half.txt",), work))
    assert not (tmp_path / STAMPS / "half.json").exists()


def test_an_interrupted_repetition_forgets_the_old_stamp(tmp_path):
    log: list[str] = []
    Chain(tmp_path, 1).run(step(tmp_path, log, size=3))

    def work() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Chain(tmp_path, 1).run(Step("count", "doing count", {"size": 4}, (tmp_path / "count.txt",), work))
    Chain(tmp_path, 1).run(step(tmp_path, log, size=3))
    assert log == ["count", "count"]


def test_folders_count_when_they_are_there(tmp_path):
    made: list[int] = []

    def work() -> None:
        made.append(1)
        (tmp_path / "cache").mkdir(exist_ok=True)

    folder_step = Step("extract", "extracting", {}, (tmp_path / "cache",), work)
    for _ in range(2):
        Chain(tmp_path, 1).run(folder_step)
    assert made == [1]
    (tmp_path / "cache").rmdir()
    Chain(tmp_path, 1).run(folder_step)
    assert made == [1, 1]


def writing(folder: Path, name: str) -> Step:
    """A step that another process can do."""
    path = folder / name
    return Step(name, f"writing {name}", {}, (path,), partial(Path.write_text, path, name))


@pytest.mark.parametrize("processes", [1, 2])
def test_independent_steps_are_done_together_and_once(tmp_path, processes):
    steps = [writing(tmp_path, name) for name in ("one", "two", "three")]
    with workers_at_hand(processes) as workers:
        chain = Chain(tmp_path, workers=workers)
        chain.run(steps[1])
        assert chain.run_together(steps) == [step.key for step in steps]
        assert sorted(chain.worked) == ["one", "three", "two"]
        again = Chain(tmp_path, workers=workers)
        again.run_together(steps)
        assert again.worked == []
    assert all((tmp_path / step.name).read_text() == step.name for step in steps)


def test_a_step_that_fails_elsewhere_is_not_done(tmp_path):
    missing = tmp_path / "nowhere" / "file"
    steps = [
        writing(tmp_path, "whole"),
        Step("broken", "breaking", {}, (missing,), partial(Path.write_text, missing, "text")),
    ]
    with pytest.raises(FileNotFoundError), workers_at_hand(2) as workers:
        Chain(tmp_path, workers=workers).run_together(steps)
    assert not (tmp_path / STAMPS / "broken.json").exists()


def test_a_killed_worker_is_said(tmp_path):
    step = Step("killed", "dying", {}, (tmp_path / "file",), partial(os._exit, 1))
    with pytest.raises(VibeSpeakerError, match="a working process was killed"), workers_at_hand(2) as workers:
        Chain(tmp_path, workers=workers).run_together([step])


def test_a_run_is_fitted_then_predicted_unless_that_is_done(tmp_path, monkeypatch):
    training = Training(tmp_path, "fold", ("--config", "toy"), "our system", "last", predict=("--x",))
    calls: list[list[str]] = []

    def trainer(words: list[str]) -> None:
        calls.append(words)
        if len(calls) == 1:
            (training.folder / "last.ckpt").write_text("half")
            raise KeyboardInterrupt
        if words[0] == "predict":
            training.table.write_text("table")

    monkeypatch.setattr(cli, "run_trainer", trainer)
    with pytest.raises(KeyboardInterrupt):
        Chain(tmp_path).run(training_step("fold", "training", {"seed": 1}, training))
    for seed in (1, 1):
        Chain(tmp_path).run(training_step("fold", "training", {"seed": seed}, training))
    where = ["--config", "toy", "--name", "fold", "--runs", str(tmp_path)]
    fit = ["fit", *where, "--ckpt_path", "auto"]
    out = ["--out", str(training.table), "--system", "our system"]
    predict = ["predict", *where, "--ckpt_path", "last", "--x", *out]
    assert calls == [fit, fit, predict]
    assert (training.folder / "last.ckpt").is_file()  # what was interrupted goes on
    Chain(tmp_path).run(training_step("fold", "training", {"seed": 2}, training))
    assert len(calls) == 5
    assert not (training.folder / "last.ckpt").exists()  # what changed begins anew


def test_a_run_may_predict_nothing(tmp_path):
    assert [words[0] for words in Training(tmp_path, "run", (), "", predict=None).commands()] == ["fit"]


def test_a_folder_is_kept_for_one_piece_of_work(tmp_path):
    stamp = tmp_path / "sweep.json"
    reserve(stamp, "sweep", {"digest": "a", "seed": 1}, {"plan": "mine.yaml"})
    reserve(stamp, "sweep", {"digest": "a", "seed": 1}, {"plan": "renamed.yaml"})
    refusal = f"{tmp_path} holds another sweep. Found: plan mine.yaml, another seed. Remedy: choose another --out"
    with pytest.raises(ConfigError, match=refusal):
        reserve(stamp, "sweep", {"digest": "a", "seed": 2}, {"plan": "mine.yaml"})
    stamp.write_text("{half")
    with pytest.raises(ConfigError, match="is damaged"):
        reserve(stamp, "sweep", {"digest": "a"})
