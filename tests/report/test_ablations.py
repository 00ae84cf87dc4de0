import pytest

from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.targets import Truth
from vibespeaker.files import file_sha256
from vibespeaker.report.ablations import ablations, ensembles, variant_of
from vibespeaker.report.runs import read_runs
from vibespeaker.report.systems import systems_of


def read(world, *more):
    runs = read_runs([world.folder / "runs", *more])
    paths = [path for run in runs for path in run.tables]
    truth = Truth.read(world.manifest)
    evaluation = evaluate_tables(paths, truth, Options(draws=0, by=()))
    return runs, systems_of(paths, evaluation, truth)


def test_choices_come_from_the_config(world):
    world.run("x", alpha=0.25, beta=0.75, init_from="a.ckpt", sigma=3.0, lr=5e-6, weights="Misclassification")
    variant = variant_of(read_runs([world.folder / "runs"])[0])
    assert (variant.alpha, variant.beta, variant.sigma, variant.learning_rate) == (0.25, 0.75, 3.0, 5e-6)
    assert (variant.pooling, variant.class_weights) == ("AttentiveStatisticsPooling", "Misclassification")
    assert variant.init_from == "a.ckpt"


def test_a_config_that_says_nothing_has_no_choices(world):
    folder = world.run("x")
    (folder / "config.yaml").write_text("model: {init_args: {}}\n")
    variant = variant_of(read_runs([folder])[0])
    assert variant.alpha is variant.beta is variant.init_from is variant.sigma is variant.pooling is None


def test_tables_take_the_published_shape(world):
    for alpha in (0.0, 0.5, 1.0):
        world.run(f"grid-{alpha}", skill=0.6 if alpha == 0.5 else 0.3, alpha=alpha, beta=1 - alpha)
    for lr in (1e-5, 1e-6):
        world.run(f"task1-{lr}", alpha=0.0, beta=1.0, init_from="x.ckpt", lr=lr)
    world.run("task2", heads="attributes", alpha=1.0, beta=0.0, init_from="x.ckpt", sigma=5.0)
    grid, picture, first, second = ablations(*read(world)).blocks
    assert [row[:3] for row in grid.rows] == [
        ("grid-1.0", "1", "0"),
        ("grid-0.5", "0.5", "0.5"),
        ("grid-0.0", "0", "1"),
    ]
    assert {row for row, _ in grid.best} == {1}  # the most skilled
    assert [axes.get_xlabel() for axes in picture.figure.axes] == ["α", "α"]
    assert list(picture.figure.axes[0].lines[0].get_xdata()) == [0, 0.5, 1]
    assert [row[1:3] for row in first.rows] == [("1e-05", "InverseFrequency"), ("1e-06", "InverseFrequency")]
    assert second.rows[0][1:4] == ("AttentiveStatisticsPooling", "5", "2e-05")
    assert "macro-F1" not in second.header


def test_one_pair_of_weights_is_no_grid(world):
    world.run("a")
    world.run("b")
    assert ablations(*read(world)).blocks == ()


def test_gain_over_the_best_member(world):
    members = [
        world.run(name, skill, heads="attributes") / "predictions.parquet" for name, skill in (("a", 0.3), ("b", 0.5))
    ]
    recorded = [{"path": str(path), "sha256": file_sha256(path)} for path in members]
    path = world.folder / "e.parquet"
    provenance = {"ensemble": {"members": [*recorded, {"path": "baseline.csv", "sha256": "0"}]}}
    world.predictions("both", 0.8, "attributes", provenance).write(path)
    _, systems = read(world, path)
    gains, listed = ensembles(systems).blocks
    by_name = {system.scores.system: system.scores.scores for system in systems}
    row = next(row for row in gains.rows if row[1] == "CCC valence")
    best = max(by_name["a"]["ccc_valence"].value, by_name["b"]["ccc_valence"].value)
    assert row[0] == "both"
    assert float(row[-1]) == pytest.approx(by_name["both"]["ccc_valence"].value - best, abs=6e-4)
    assert listed.rows[0][1] == "3"
    assert "baseline.csv" in listed.rows[0][2]
