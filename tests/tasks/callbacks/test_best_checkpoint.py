"""Which epochs are saved, on curves that were published with the epochs that their authors saved."""

import math
from pathlib import Path

import pytest

from vibespeaker.errors import ConfigError
from vibespeaker.tasks.callbacks.best_checkpoint import BestCheckpoint, CheckpointRule

#: Loss and accuracy after each epoch, and the epoch that was kept in the end: three networks on one corpus.
ALL_THREE = (
    [1.5485, 1.0382, 0.5550, 0.4189, 0.4054, 0.2570, 0.2471, 0.1936, 0.1915, 0.1918],
    [0.4514, 0.6275, 0.8462, 0.8887, 0.8725, 0.9474, 0.9372, 0.9514, 0.9514, 0.9595],
    10,
)
AUDIO_AND_TEXT = (
    [1.7677, 1.4658, 1.1636, 0.9492, 0.7734, 0.6753, 0.5991, 0.5583, 0.5417, 0.5331],
    [0.2571, 0.4798, 0.5891, 0.7368, 0.8259, 0.8300, 0.8543, 0.8441, 0.8664, 0.8623],
    9,
)
AUDIO = (
    [1.9913, 1.8718, 1.8049, 1.7556, 1.7126, 1.6748, 1.6434, 1.6195, 1.6069, 1.6029],
    [0.2935, 0.4879, 0.5466, 0.5263, 0.5324, 0.5202, 0.5364, 0.5324, 0.5344, 0.5344],
    3,
)


def _saved(rule: CheckpointRule, *curves: list[float]) -> list[int]:
    """Return the epochs, counted from 1, at which a run with these curves saves."""
    best, epochs = BestCheckpoint(Path("run"), rule.monitors), []
    for epoch, values in enumerate(zip(*curves, strict=True), start=1):
        named = dict(zip(rule.monitors, values, strict=True))
        if best.is_better(named):
            best.saved = named
            epochs.append(epoch)
    return epochs


@pytest.mark.parametrize(("losses", "accuracies", "kept"), [ALL_THREE, AUDIO_AND_TEXT, AUDIO])
def test_all_values_must_be_better_than_at_the_last_save(
    losses: list[float], accuracies: list[float], kept: int
) -> None:
    assert _saved(CheckpointRule({"val/loss": "min", "val/accuracy": "max"}), losses, accuracies)[-1] == kept


def test_the_best_value_that_each_ever_had_does_not_count() -> None:
    # epoch 10 of the first curves: its loss was lower at epoch 9, which was not saved
    losses, accuracies, _ = ALL_THREE
    saves = _saved(CheckpointRule({"val/loss": "min", "val/accuracy": "max"}), losses, accuracies)
    assert saves == [1, 2, 3, 4, 6, 8, 10]
    assert losses[9] > min(losses)


def test_a_single_value_is_saved_at_its_best() -> None:
    assert _saved(CheckpointRule("val/macro_f1"), [0.2, 0.1, 0.2, 0.3, math.nan]) == [1, 4]
    assert _saved(CheckpointRule("val/loss", "min"), [math.nan, 2.0, 1.0, 1.0]) == [2, 3]
    assert CheckpointRule().monitors == {}


def test_values_at_the_last_save_come_from_the_checkpoint() -> None:
    before, after = (BestCheckpoint(Path("run"), {"val/loss": "min"}) for _ in range(2))
    before.saved = {"val/loss": 1.0}
    after.load_state_dict(before.state_dict())
    assert not after.is_better({"val/loss": 1.5})
    other = BestCheckpoint(Path("run"), {"val/uar": "max"})
    other.load_state_dict(before.state_dict())
    assert other.is_better({"val/uar": 0.0})


def test_runs_of_lightnings_own_rule_go_on() -> None:
    best = BestCheckpoint(Path("run"), {"val/uar": "max"})
    state = {"monitor": "val/uar", "best_model_score": 0.5}
    best.on_load_checkpoint(None, None, {"callbacks": {"ModelCheckpoint{'monitor': 'val/uar'}": state}})  # type: ignore[arg-type]
    assert not best.is_better({"val/uar": 0.4})


def test_impossible_intervals_are_refused() -> None:
    with pytest.raises(ConfigError, match="every_batches is out of range"):
        CheckpointRule("val/loss", every_batches=0)
