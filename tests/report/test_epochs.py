"""Tables of epochs: the published rule's epochs from the published table, attributes at their own best epochs, bars."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vibespeaker.evaluation.uncertainty import Interval
from vibespeaker.report.curves import Curve, Logs
from vibespeaker.report.epochs import epoch_tables, saved_epochs, system_bars
from vibespeaker.report.runs import Run

#: Validation losses and accuracies as published, and the epoch that the source saved last.
_PUBLISHED = [
    (
        [1.5485, 1.0382, 0.555, 0.4189, 0.4054, 0.257, 0.2471, 0.1936, 0.1915, 0.1918],
        [0.4514, 0.6275, 0.8462, 0.8887, 0.8725, 0.9474, 0.9372, 0.9514, 0.9514, 0.9595],
        10,
    ),
    (
        [1.7677, 1.4658, 1.1636, 0.9492, 0.7734, 0.6753, 0.5991, 0.5583, 0.5417, 0.5331],
        [0.2571, 0.4798, 0.5891, 0.7368, 0.8259, 0.83, 0.8543, 0.8441, 0.8664, 0.8623],
        9,
    ),
    (
        [1.9913, 1.8718, 1.8049, 1.7556, 1.7126, 1.6748, 1.6434, 1.6195, 1.6069, 1.6029],
        [0.2935, 0.4879, 0.5466, 0.5263, 0.5324, 0.5202, 0.5364, 0.5324, 0.5344, 0.5344],
        3,
    ),
]


def run_of(monitor: object, **curves: list[float]) -> Run:
    steps = np.arange(1, 1 + len(next(iter(curves.values())))) * 10
    logged = {name.replace("__", "/"): Curve(steps, np.array(values)) for name, values in curves.items()}
    config = {"model": {"init_args": {"checkpoints": {"monitor": monitor, "mode": "max"}}}}
    return Run("a", Path("a"), (), config, logs=Logs(logged, 1.0))


@pytest.mark.parametrize(("losses", "accuracies", "epoch"), _PUBLISHED)
def test_the_published_epochs_follow_from_the_published_tables(losses, accuracies, epoch) -> None:
    rule = {"val/loss": "min", "val/accuracy": "max"}
    run = run_of(rule, val__loss=losses, val__accuracy=accuracies, lr=list(np.linspace(1e-4, 0, 10)))
    assert saved_epochs(run)[-1] == epoch
    (table,) = epoch_tables([run]).blocks
    assert table.header == ("epoch", "learning rate", "validation loss", "accuracy", "saved")
    assert table.rows[epoch - 1][-1] == "yes"
    assert table.rows[0][:3] == ("1", "1.00e-04", f"{losses[0]:.4f}")
    assert f"that of epoch {epoch}." in table.caption
    assert "a" in table.caption


def test_each_attribute_has_its_own_best_epoch() -> None:
    run = run_of(
        "val/ccc_mean",
        val__ccc_arousal=[0.1, 0.3, 0.2],
        val__ccc_valence=[0.2, 0.1, 0.0],
        val__ccc_dominance=[float("nan"), 0.0, 0.1],
        val__ccc_mean=[0.15, 0.2, 0.1],
    )
    best, table = epoch_tables([run]).blocks
    assert table.folded
    assert [row[-1] for row in table.rows] == ["yes", "yes", ""]
    assert best.rows == (("a", "0.3000 (epoch 2)", "0.2000 (epoch 1)", "0.1000 (epoch 3)"),)


def test_runs_without_validation_or_rule_save_nothing() -> None:
    assert not epoch_tables([run_of(None, train__loss=[1.0])]).blocks
    assert saved_epochs(run_of(None, val__loss=[1.0])) == []
    assert saved_epochs(run_of("val/uar", val__loss=[1.0])) == []


def test_bars_compare_systems_where_there_are_several() -> None:
    def system(name: str, **scores: float) -> SimpleNamespace:
        found = {key: Interval(value) for key, value in scores.items()}
        return SimpleNamespace(name=name, scores=SimpleNamespace(scores=found))

    both = [system("x", accuracy=0.5, uar=0.4), system("y", accuracy=0.7)]
    (picture,) = system_bars(both)
    heights = [round(bar.get_height(), 2) for bar in picture.figure.axes[0].patches]
    assert heights == [0.5, 0.7, 0.4, 0.0]
    assert picture.alt == "Bars. accuracy: y 0.700, x 0.500; UAR: x 0.400."
    assert not system_bars(both[:1])
