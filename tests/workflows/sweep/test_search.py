import pytest

from vibespeaker.workflows.sweep.plan import Plan
from vibespeaker.workflows.sweep.search import propose
from vibespeaker.workflows.sweep.trials import DONE, FAILED, Trial

PLAN = Plan(
    "base.yaml",
    search={
        "lr": {"low": 1e-5, "high": 1e-2, "log": True},
        "layers": {"low": 1, "high": 4},
        "dropout": {"low": 0.0, "high": 0.4, "step": 0.1},
        "batch": {"choices": [64, 128]},
    },
    count=10,
)


def searched(count, goal=lambda settings: -abs(settings["layers"] - 3), plan=PLAN):
    trials = []
    for number in range(count):
        settings = propose(plan, number, trials)
        trials.append(Trial(number, settings, DONE, "val/macro_f1", float(goal(settings))))
    return trials


def test_proposals_stay_in_their_ranges():
    for trial in searched(15):
        values = trial.settings
        assert 1e-5 <= values["lr"] <= 1e-2
        assert values["layers"] in (1, 2, 3, 4)
        assert round(values["dropout"], 6) in (0.0, 0.1, 0.2, 0.3, 0.4)
        assert values["batch"] in (64, 128)


def test_an_interrupted_search_proposes_what_the_uninterrupted_one_would_have():
    whole = searched(14)
    assert [propose(PLAN, number, whole[:number]) for number in range(14)] == [trial.settings for trial in whole]


def test_trials_differ_and_a_search_learns():
    plan = Plan("base.yaml", search={"x": {"low": 0.0, "high": 1.0}}, count=40)
    trials = searched(40, goal=lambda settings: -((settings["x"] - 0.2) ** 2), plan=plan)
    values = [trial.settings["x"] for trial in trials]
    assert len(set(values)) == 40
    late = [abs(value - 0.2) for value in values[20:]]
    assert sum(late) / 20 < 0.15  # 0.34 by chance


def test_failed_trials_and_those_of_other_keys_are_not_learned_from():
    odd = [Trial(0, {"lr": 1e-3}, DONE, "", 0.5), Trial(1, {}, FAILED), Trial(2, {}, DONE, "", None)]
    assert propose(PLAN, 3, odd) == propose(PLAN, 3, [])


def test_the_least_is_sought_by_min():
    plan = Plan("base.yaml", mode="min", search={"x": {"low": 0.0, "high": 1.0}}, count=40)
    trials = searched(40, goal=lambda settings: (settings["x"] - 0.8) ** 2, plan=plan)
    assert min(trials, key=lambda trial: trial.score).settings["x"] == pytest.approx(0.8, abs=0.1)
