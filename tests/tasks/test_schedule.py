"""The learning rate, step by step."""

import math

import pytest
import torch

from vibespeaker.encoders.rates import RateGroup
from vibespeaker.errors import ConfigError
from vibespeaker.tasks.optimizing import checked_optimizer
from vibespeaker.tasks.schedule import Schedule


def _rates(schedule: Schedule, steps_per_epoch: float, steps: int, rate: float = 2e-5) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = schedule.attach(optimizer, steps_per_epoch, steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def test_warm_up_rises_in_equal_steps_and_a_cosine_falls_to_the_minimum() -> None:
    rates = _rates(Schedule(warmup_epochs=3, minimum=1e-7), steps_per_epoch=2, steps=14)
    assert rates[:6] == pytest.approx([2e-5 * step / 6 for step in range(1, 7)])
    assert rates[9] == pytest.approx(1e-7 + (2e-5 - 1e-7) / 2)  # half of the eight remaining steps
    assert rates[7] == pytest.approx(1e-7 + (2e-5 - 1e-7) * 0.5 * (1 + math.cos(math.pi / 4)))
    assert rates[-1] == pytest.approx(1e-7)


def test_without_minimum_the_maximum_is_kept() -> None:
    assert _rates(Schedule(warmup_epochs=1), 2, 5) == pytest.approx([1e-5, 2e-5, 2e-5, 2e-5, 2e-5])
    assert _rates(Schedule(), 2, 3) == pytest.approx([2e-5] * 3)


def test_a_minimum_above_the_maximum_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"above the optimizer's learning rate\. Found: 0\.001"):
        _rates(Schedule(minimum=1e-3), 1, 1)


@pytest.mark.parametrize("warmup", [{"warmup_epochs": 1}, {"warmup_steps": 62}, {"warmup_share": 0.1}])
def test_a_line_falls_as_the_published_column(warmup: dict[str, float]) -> None:
    """WavLM, RoBERTa and a spectrogram network: 10 epochs, maximum 1e-4, the rate after each epoch."""
    rates = _rates(Schedule(**warmup, minimum=0.0, shape="linear"), 62, 620, rate=1e-4)
    published = [1e-4, 8.9e-5, 7.8e-5, 6.7e-5, 5.6e-5, 4.4e-5, 3.3e-5, 2.2e-5, 1.1e-5, 0.0]
    assert [round(rate, 6) for rate in rates[61::62]] == pytest.approx(published, abs=1e-12)
    assert rates[0] == pytest.approx(1e-4 / 62)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"warmup_epochs": 1, "warmup_share": 0.1}, r"given twice\. Found: .*warmup_epochs.*warmup_share"),
        ({"warmup_share": 1.5}, r"warmup_share is out of range.*1\.5.*at most 1"),
        ({"warmup_steps": -1}, "out of range"),
        ({"warmup_epochs": math.nan}, "out of range"),
        ({"minimum": -1e-7}, "minimum is out of range"),
        ({"shape": "linear"}, "falls to a minimum"),
    ],
)
def test_what_no_schedule_means_is_refused(settings: dict[str, float], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        Schedule(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": -1.0}, "refused by PyTorch. Found: Invalid learning rate.*Allowed: a finite number of at least 0 as"),
        ({"lr": math.nan}, "optimizer"),
        ({"lr": math.inf}, r"optimizer\.lr\.0 is out of range. Found: inf"),
        ({"lr": 0.1, "weight_decay": -1.0}, "optimizer is refused by PyTorch"),
    ],
)
def test_rates_out_of_range_are_one_sentence(settings, message):
    weights = torch.nn.Linear(1, 1).parameters()
    with pytest.raises(ConfigError, match=message):
        checked_optimizer(lambda parameters: torch.optim.AdamW(parameters, **settings), weights)
    with pytest.raises(ConfigError, match="nothing is left to be trained"):
        checked_optimizer(lambda parameters: torch.optim.AdamW(parameters), [])


def test_rates_of_their_own_rise_and_fall_together():
    network, encoder = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    own = [RateGroup("wavlm", tuple(encoder.parameters()), None, 0.25)]
    weights = [*network.parameters(), *encoder.parameters()]
    optimizer = checked_optimizer(lambda groups: torch.optim.AdamW(groups, lr=0.1), weights, own)
    assert [(group["name"], group["lr"]) for group in optimizer.param_groups] == [("network", 0.1), ("wavlm", 0.025)]
    scheduler = Schedule(warmup_steps=2, minimum=0.05).attach(optimizer, 4, 4)
    seen = []
    for _ in range(4):
        seen.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    assert [pair[1] / pair[0] for pair in seen] == pytest.approx([0.25] * 4)
    assert [pair[0] for pair in seen] == pytest.approx([0.05, 0.1, 0.075, 0.05])
    for weight in network.parameters():
        weight.requires_grad_(False)
    alone = checked_optimizer(lambda groups: torch.optim.AdamW(groups, lr=0.1), weights, own)
    assert [group["name"] for group in alone.param_groups] == ["wavlm"]
