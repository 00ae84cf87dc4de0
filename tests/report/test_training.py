import json

import pytest

from vibespeaker.report.runs import read_runs
from vibespeaker.report.training import cost, duration, learning_curves, provenance, trials


def test_trials_are_listed_best_first_without_what_all_share(world):
    for name, lr, score in (("a", 1e-5, 0.3), ("b", 1e-4, 0.4), ("c", 1e-3, None)):
        settings = {"model.init_args.optimizer.init_args.lr": lr, "trainer.max_epochs": 3}
        record = {"number": 0, "settings": settings, "state": "done", "monitor": "val/uar", "score": score}
        (world.run(name) / "trial.json").write_text(json.dumps(record))
    world.run("no-trial")
    (table,) = trials(read_runs([world.folder / "runs"])).blocks
    assert table.header == ("trial", "optimizer.init_args.lr", "val/uar")
    assert table.rows == (("b", "0.0001", "0.4000"), ("a", "1e-05", "0.3000"), ("c", "0.001", "–"))


def test_cost_shows_what_was_measured_and_a_dash_for_the_rest(world):
    measured = world.run("measured")
    fields = {
        "seconds": 7500.0,
        "clips_per_second": 123.45,
        "peak_memory_bytes": 3 << 30,
        "trained_parameters": 60_200_000,
    }
    (measured / "cost.json").write_text(json.dumps({**fields, "peak_device_memory_bytes": None, "device": "CPU"}))
    world.run("unmeasured")
    (table,) = cost(read_runs([world.folder / "runs"])).blocks
    assert table.rows[0] == ("measured", "2 h 05 min", "123.5", "3.00", "–", "60.2 M", "CPU")
    assert table.rows[1] == ("unmeasured", "11 min", "–", "–", "–", "–", "–")  # from the first to the last log entry


def test_tables_on_their_own_have_neither_curves_nor_cost(world):
    world.predictions("x").write(world.folder / "x.parquet")
    runs = read_runs([world.folder / "x.parquet"])
    assert learning_curves(runs).blocks == cost(runs).blocks == trials(runs).blocks == ()
    (hashes,) = provenance(runs, [("x.parquet", "abc")]).blocks
    assert hashes.rows == (("x.parquet", "abc"),)


def test_curves_carry_the_mark_of_synthetic_speech(world):
    world.run("a")
    world.run("b")
    (picture,) = learning_curves(read_runs([world.folder / "runs"]), "").blocks
    assert [axes.get_title(loc="left") for axes in picture.figure.axes] == ["train/loss", "val/macro_f1", "lr"]
    legend = [text.get_text() for text in picture.figure.legends[0].get_texts()]
    assert legend == ["a", "b"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.4, "12 s"), (59.7, "1 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min"), (float("nan"), "–")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text
