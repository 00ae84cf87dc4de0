"""What a search tries next: optuna's tree-structured Parzen estimator over the trials so far.

Nothing of optuna's is stored: the study is made again from the trials' own records, and the sampler of each trial is
seeded with the trial's number, so that an interrupted search proposes what the uninterrupted one would have.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from vibespeaker.errors import ConfigError
from vibespeaker.workflows.sweep.plan import Plan
from vibespeaker.workflows.sweep.trials import DONE, Trial


def propose(plan: Plan, number: int, before: Sequence[Trial]) -> dict[str, Any]:
    """Return the settings of trial `number`.

    Args:
        plan: with the ranges.
        number: of the trial.
        before: earlier trials; those that are done and have a score are learned from.

    Raises:
        ConfigError: optuna is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ConfigError("a search needs optuna", remedy="pip install 'vibespeaker[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {key: _distribution(space) for key, space in plan.search.items()}
    study = optuna.create_study(
        direction="maximize" if plan.mode == "max" else "minimize",
        sampler=optuna.samplers.TPESampler(seed=plan.seed + number),
    )
    for trial in before:
        if trial.state == DONE and trial.score is not None and set(trial.settings) == set(distributions):
            study.add_trial(
                optuna.create_trial(params=dict(trial.settings), distributions=distributions, value=trial.score)
            )
    return dict(study.ask(distributions).params)


def _distribution(space: Mapping[str, Any]) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if "choices" in space:
        return CategoricalDistribution(space["choices"])
    low, high, log = space["low"], space["high"], bool(space.get("log", False))
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=log, step=space.get("step", 1))
    return FloatDistribution(float(low), float(high), log=log, step=space.get("step"))
