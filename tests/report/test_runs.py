import pytest

from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.report.runs import is_table, read_runs


def test_a_run_folder_is_read_whole(world):
    folder = world.run("first", alpha=0.25)
    (folder / "predictions").mkdir()
    world.predictions("first").write(folder / "predictions" / "development.parquet")
    (run,) = read_runs([folder])
    assert run.name == "first"
    assert run.tables == (folder / "predictions.parquet", folder / "predictions" / "development.parquet")
    assert run.setting("model.init_args.loss.weights.attributes") == 0.25
    assert run.setting("model.nothing.here") is None
    assert run.record["revision"] == "abc123"
    assert len(run.logs.curves["train/loss"].values) == 12


def test_folders_of_runs_and_tables_in_the_order_given(world):
    for name in ("b", "a"):
        world.run(name)
    world.predictions("ensemble").write(world.folder / "ensemble.parquet")
    found = read_runs([world.folder / "ensemble.parquet", world.folder / "runs"])
    assert [run.name for run in found] == ["ensemble", "a", "b"]
    assert not found[0].config


def test_runs_of_one_name_are_told_apart(world):
    world.run("x")
    (world.folder / "runs").rename(world.folder / "first")
    world.run("x")
    found = read_runs([world.folder / "first" / "x", world.folder / "runs" / "x"])
    assert [run.name for run in found] == ["first/x", "runs/x"]


def test_other_parquet_files_are_no_tables(world):
    world.predictions("x").write(world.folder / "x.parquet")
    (world.folder / "y.parquet").write_bytes(b"nothing")
    assert is_table(world.folder / "x.parquet")
    assert not is_table(world.folder / "y.parquet")
    assert not is_table(world.manifest)


def test_refusals(world, tmp_path):
    with pytest.raises(PredictionsError, match="nowhere does not exist"):
        read_runs([tmp_path / "nowhere"])
    (tmp_path / "empty" / "notes").mkdir(parents=True)
    with pytest.raises(PredictionsError, match=r"empty is no run folder.*Found: \['notes'\]"):
        read_runs([tmp_path / "empty"])
    folder = world.run("broken")
    (folder / "config.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match=r"broken/config.yaml is not a YAML file"):
        read_runs([folder])
