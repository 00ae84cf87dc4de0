import json

import numpy as np
import pytest

from vibespeaker.report.runs import read_runs
from vibespeaker.report.training import cost, duration, learning_curves, provenance, systems_of_runs, trials


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


def test_curves_of_systems_are_lines(world):
    world.run("a", alpha=0.2)
    world.run("b")
    (picture,) = learning_curves(read_runs([world.folder / "runs"])).blocks
    assert [axes.get_title(loc="left") for axes in picture.figure.axes] == ["train/loss", "val/macro_f1", "lr"]
    legend = [text.get_text() for text in picture.figure.legends[0].get_texts()]
    assert legend == ["a", "b"]


def test_curves_of_the_seeds_of_one_system_are_a_band(world):
    for seed, skill in ((1, 0.4), (2, 0.6), (3, 0.8)):
        folder = world.run(f"audio-seed{seed}", skill, epochs=12 - seed)
        (folder / "config.yaml").write_text(f"seed_everything: {seed}\n" + (folder / "config.yaml").read_text())
    world.run("text", alpha=0.1)
    runs = read_runs([world.folder / "runs"])
    assert {name: len(seeds) for name, seeds in systems_of_runs(runs).items()} == {"audio (3 seeds)": 3, "text": 1}
    (picture,) = learning_curves(runs).blocks
    scores = picture.figure.axes[1]
    mean, alone = (line.get_ydata() for line in scores.lines)
    np.testing.assert_allclose(mean, [0.6 * epoch / 12 for epoch in range(9)], atol=1e-6)  # epochs that all have
    assert len(alone) == 12
    ends = scores.collections[0].get_paths()[0].vertices
    assert ends[:, 1].max() == pytest.approx(0.8 * 8 / 12)
    assert "means of the seeds" in picture.caption
    assert "val/macro_f1 ends at text 0.458, audio (3 seeds) 0.400" in picture.alt


def test_runs_that_share_config_and_seed_are_no_seeds(world):
    world.run("a")
    world.run("b")
    assert list(systems_of_runs(read_runs([world.folder / "runs"]))) == ["a", "b"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.4, "12 s"), (59.7, "1 min"), (3599, "1 h 00 min"), (7500, "2 h 05 min"), (float("nan"), "–")],
)
def test_duration(seconds, text):
    assert duration(seconds) == text
