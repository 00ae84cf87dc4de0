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
from typing import Any

import yaml

from vibespeaker.errors import ConfigError

Settings = Mapping[str, Any]

_KEYS = ("config", "monitor", "mode", "settings", "predict", "trials", "grid", "search", "count", "seed")
_RANGE_KEYS = ("low", "high", "log", "step")
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


def read_plan(path: Path) -> Plan:
    """Read and check a plan.

    Raises:
        ConfigError: the file cannot be parsed, or a key is unknown, missing or of the wrong kind; names it.
    """
    try:
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"sweep {path} cannot be read", found=" ".join(str(error).split())) from error
    if not isinstance(fields, dict):
        raise ConfigError(f"sweep {path} must be a mapping", allowed=_KEYS)
    unknown = sorted(set(fields) - set(_KEYS))
    if unknown:
        raise ConfigError(f"sweep {path} has unknown keys", found=", ".join(unknown), allowed=_KEYS)
    kinds = [kind for kind in ("trials", "grid", "search") if fields.get(kind)]
    if len(kinds) != 1 or not isinstance(fields.get("config"), str):
        raise ConfigError(f"sweep {path} needs a config and one of trials, grid and search", found=", ".join(kinds))
    mode = fields.get("mode", "max")
    if mode not in ("max", "min"):
        raise ConfigError(f"sweep {path}: unknown mode", found=mode, allowed=("max", "min"))
    search = _search(path, fields.get("search") or {})
    count = int(fields.get("count", 0))
    if search and count < 1:
        raise ConfigError(f"sweep {path}: a search needs a count of trials", found=count, remedy="add count: 20")
    predict = fields.get("predict")
    return Plan(
        config=fields["config"],
        monitor=fields.get("monitor", "val/macro_f1"),
        mode=mode,
        settings=_mapping(path, "settings", fields.get("settings") or {}),
        predict=None if predict is None else tuple(predict),
        trials=_listed(path, fields),
        search=search,
        count=count,
        seed=int(fields.get("seed", 0)),
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


def _listed(path: Path, fields: dict[str, Any]) -> tuple[Settings, ...]:
    if fields.get("trials"):
        listed = tuple(_mapping(path, "trials", item) for item in fields["trials"])
    else:
        grid = _mapping(path, "grid", fields.get("grid") or {})
        single = [key for key, values in grid.items() if not isinstance(values, list) or not values]
        if single:
            raise ConfigError(f"sweep {path}: a grid lists the values of each key", found=", ".join(single))
        combinations = itertools.product(*grid.values()) if grid else ()
        listed = tuple(dict(zip(grid, values, strict=True)) for values in combinations)
    for settings in listed:
        nested(settings)
    repeated = [settings for number, settings in enumerate(listed) if settings in listed[:number]]
    if repeated:
        raise ConfigError(f"sweep {path} repeats trials", found=repeated[0])
    return listed


def _search(path: Path, search: Any) -> dict[str, dict[str, Any]]:
    checked = _mapping(path, "search", search)
    for key, space in checked.items():
        ranged = isinstance(space, dict) and {"low", "high"} <= set(space) <= set(_RANGE_KEYS)
        if not ranged and not (isinstance(space, dict) and set(space) == {"choices"} and space["choices"]):
            raise ConfigError(
                f"sweep {path}: unknown range of {key}", found=space, allowed="{low, high, log, step} or {choices: […]}"
            )
        if ranged and not space["low"] <= space["high"]:
            raise ConfigError(f"sweep {path}: the range of {key} is empty", found=space)
    return checked


def _mapping(path: Path, name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"sweep {path}: {name} must map config keys to values", found=value)
    return value


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value.get("class_path", "set")).rsplit(".", 1)[-1] if isinstance(value, dict) else str(value)
