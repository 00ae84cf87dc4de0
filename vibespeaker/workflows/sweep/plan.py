"""What a sweep tries: a YAML file that names a config and the keys to vary.

    config: experiment/ablation-0.50-0.50     # what every trial builds on: a path or a shipped config
    monitor: val/macro_f1                     # logged score that trials are judged by; default
    mode: max                                 # or min
    settings: {trainer.max_epochs: 20}        # the same in every trial
    predict: [test]                           # splits to predict with each trial's best checkpoint

and one of

    trials:                                   # a list of settings
      - {model.init_args.loss.weights.attributes: 1.0, model.init_args.loss.weights.categories: 0.0}
    grid:                                     # every combination
      data.init_args.batch_size: [64, 128]
      seed_everything: [1, 2, 3]
    search:                                   # optuna's TPE
      model.init_args.optimizer.init_args.lr: {low: 1.0e-6, high: 1.0e-4, log: true}
      model.init_args.network.init_args.dropout: {low: 0.0, high: 0.5, step: 0.1}
      data.init_args.batch_size: {choices: [64, 128]}
    count: 20                                 # trials of a search
    seed: 0
"""

import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from vibespeaker.config_files.typed import FreeList, FreeMapping, read_as
from vibespeaker.errors import ConfigError

Settings = Mapping[str, Any]

_LONGEST_NAME = 80


@dataclass(frozen=True)
class Plan:
    """A checked plan; the module's text says what its fields mean.

    Args:
        config: path or name of the config that trials build on.
        monitor: logged name.
        mode: `max` or `min`.
        settings: dotted key → value, for all trials.
        predict: splits; null for none.
        trials: settings of each trial; empty for a search.
        search: dotted key → range or choices; empty for a list or grid.
        count: trials of a search.
        seed: of the search.
    """

    config: str
    monitor: str = "val/macro_f1"
    mode: str = "max"
    settings: Settings = field(default_factory=dict)
    predict: tuple[str, ...] | None = None
    trials: tuple[Settings, ...] = ()
    search: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    count: int = 0
    seed: int = 0

    @property
    def digest(self) -> str:
        """Identifies everything that decides results; a search may go on with a greater count."""
        fields = asdict(self)
        del fields["count"]
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _Range:
    """What a search may choose of: a range of numbers, or a list."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool | None = None
    step: int | float | None = None
    choices: FreeList | None = None


@dataclass(frozen=True)
class _Written:
    """A plan as its file has it; one of `trials`, `grid` and `search` is given."""

    config: str
    monitor: str = "val/macro_f1"
    mode: Literal["max", "min"] = "max"
    settings: FreeMapping = field(default_factory=dict)
    predict: tuple[str, ...] | None = None
    trials: tuple[FreeMapping, ...] = ()
    grid: dict[str, FreeList] = field(default_factory=dict)
    search: dict[str, _Range] = field(default_factory=dict)
    count: int = 0
    seed: int = 0


def read_plan(path: Path) -> Plan:
    """Read and check a plan.

    Raises:
        ConfigError: the file cannot be parsed, or a key is unknown, missing or of the wrong kind; names it.
    """
    written = read_as(path, _Written)
    kinds = [kind for kind in ("trials", "grid", "search") if getattr(written, kind)]
    if len(kinds) != 1:
        raise ConfigError(f"sweep {path} needs one of trials, grid and search", found=", ".join(kinds))
    if written.search and written.count < 1:
        raise ConfigError(
            f"sweep {path}: a search needs a count of trials", found=written.count, remedy="add count: 20"
        )
    return Plan(
        config=written.config,
        monitor=written.monitor,
        mode=written.mode,
        settings=written.settings,
        predict=written.predict,
        trials=_listed(path, written),
        search={key: _checked(path, key, space) for key, space in written.search.items()},
        count=written.count,
        seed=written.seed,
    )


def trial_name(number: int, settings: Settings) -> str:
    """Return a folder name that says what a trial sets, e.g. `000-attributes-0.25-categories-0.75`."""
    said = "-".join(f"{key.rsplit('.', 1)[-1]}-{_short(value)}" for key, value in settings.items())
    return f"{number:03d}-" + re.sub(r"[^A-Za-z0-9.+-]+", "_", said)[:_LONGEST_NAME].strip("-_.")


def nested(settings: Settings) -> dict[str, Any]:
    """Return dotted keys as nested mappings: `{"a.b": 1}` → `{"a": {"b": 1}}`.

    Raises:
        ConfigError: a key is set both as a value and as a mapping.
    """
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        *path, last = key.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
            if not isinstance(branch, dict):
                raise ConfigError("a key is set as a value and below it", found=key)
        if last in branch:
            raise ConfigError("a key is set twice or below a value", found=key)
        branch[last] = value
    return tree


def _listed(path: Path, written: _Written) -> tuple[Settings, ...]:
    empty = [key for key, values in written.grid.items() if not values]
    if empty:
        raise ConfigError(f"sweep {path}: a grid lists the values of each key", found=", ".join(empty))
    combinations = itertools.product(*written.grid.values()) if written.grid else ()
    listed = written.trials or tuple(dict(zip(written.grid, values, strict=True)) for values in combinations)
    for settings in listed:
        nested(settings)
    repeated = [settings for number, settings in enumerate(listed) if settings in listed[:number]]
    if repeated:
        raise ConfigError(f"sweep {path} repeats trials", found=repeated[0])
    return listed


def _checked(path: Path, key: str, space: _Range) -> dict[str, Any]:
    """Return what a range says, without what it leaves out."""
    said = {name: value for name, value in asdict(space).items() if value is not None}
    ranged = {"low", "high"} <= set(said) and space.choices is None
    if not ranged and not (set(said) == {"choices"} and space.choices):
        raise ConfigError(
            f"sweep {path}: unknown range of {key}", found=said, allowed="{low, high, log, step} or {choices: […]}"
        )
    if space.low is not None and space.high is not None and not space.low <= space.high:
        raise ConfigError(f"sweep {path}: the range of {key} is empty", found=said)
    return said


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value.get("class_path", "set")).rsplit(".", 1)[-1] if isinstance(value, dict) else str(value)
