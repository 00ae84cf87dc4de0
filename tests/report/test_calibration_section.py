import numpy as np

from tests.report.conftest import World
from vibespeaker.calibration.applying import apply_calibration, sets_path, write_conformal
from vibespeaker.calibration.conformal import Conformal
from vibespeaker.calibration.scaling import AttributeMap, CategoryScaling
from vibespeaker.calibration.store import Calibration, FittedOn
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.targets import Truth
from vibespeaker.report.calibration_section import calibration
from vibespeaker.report.systems import systems_of


def section(world: World, *paths):
    truth = Truth.read(world.manifest)
    evaluation = evaluate_tables(paths, truth, Options(draws=0, by=()))
    return calibration(systems_of(paths, evaluation, truth))


def test_scores_and_pictures_of_each_system_with_categories(world):
    paths = [world.folder / f"{name}.parquet" for name in ("both", "attributes")]
    world.predictions("sure", skill=1.5).write(paths[0])
    world.predictions("plain", heads="attributes").write(paths[1])
    table, diagram, curve = section(world, *paths).blocks
    assert [row[:2] for row in table.rows] == [("sure", "no")]
    assert diagram.name == "reliability-0"
    assert len(curve.figure.axes[0].lines[0].get_xdata()) == 239  # one utterance has no class of the label set


def test_the_nominal_coverage_is_measured(world):
    path = world.folder / "p.parquet"
    predictions = world.predictions("calibrated")
    line = (1.0, 7.0)
    fitted = Calibration(
        "challenge",
        world.classes,
        None,
        FittedOn("validation", "m", 100, 10),
        CategoryScaling("temperature", (1.0,) * 8, (0.0,) * 8),
        attributes={"valence": AttributeMap("linear", line, line)},
        conformal=Conformal(0.8, "lac", 1.0, {"valence": 0.5}),
    )
    apply_calibration(predictions, fitted).write(path)
    write_conformal(predictions, fitted, sets_path(path))
    scores, coverage, *_ = section(world, path).blocks
    assert scores.rows[0][1] == "yes"
    name = "calibrated"
    assert coverage.rows[0] == (name, "categories", "0.80", "1.000", "8.000")  # a threshold of 1 admits every class
    off = np.abs(world.attributes[:, 1] - predictions.attributes()[:, 1])
    assert coverage.rows[1][:4] == (name, "valence", "0.80", f"{(off <= 0.5).mean():.3f}")


def test_no_categories_no_section(world):
    path = world.folder / "a.parquet"
    world.predictions("plain", heads="attributes").write(path)
    assert section(world, path).blocks == ()
