"""Checkpoints below `runs/` move with `--runs`; a trial of the trainer leaves an existing run alone."""

from pathlib import Path

from jsonargparse import Namespace

from vibespeaker.trainer.moved_runs import move_runs


def test_checkpoints_are_found_below_the_folder_of_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"a": "runs/a/checkpoints/best.ckpt", "b": "elsewhere/b.ckpt", "c": "runs/c.ckpt"}
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "c.ckpt").touch()
    model = Namespace(init_args=Namespace(init_from=Path("runs/a/checkpoints/best.ckpt"), members=dict(given)))
    move_runs(model, Path("runs"))
    assert model.init_args.members == given
    move_runs(model, Path("/data/x"))
    assert model.init_args.init_from == Path("/data/x/a/checkpoints/best.ckpt")
    assert model.init_args.members == {**given, "a": "/data/x/a/checkpoints/best.ckpt"}
