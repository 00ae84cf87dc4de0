"""Run folders as a report reads them: config, record, logs and prediction tables."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from vibespeaker.config_files.renamed import classes_now
from vibespeaker.config_files.yaml_text import read_yaml
from vibespeaker.errors import PredictionsError
from vibespeaker.files.run_folder import CONFIG, RECORD
from vibespeaker.report.curves import Logs, read_logs

COST = "cost.json"
TRIAL = "trial.json"
_METADATA_KEY = b"vibespeaker"


@dataclass(frozen=True)
class Run:
    """One run folder, or one prediction table on its own.

    Args:
        name: of the folder or the file, unique in the report.
        path: the folder or the file.
        tables: prediction tables, in alphabetical order.
        config: the resolved config; empty for a table on its own.
        record: versions, revision and what the run was trained on; empty where there is none.
        cost: what the run took; empty where it was not measured.
        trial: what a sweep set and found; empty for a run that is no trial.
        logs: learning curves.
        texts: manifests with what the run heard, each with the name of its texts.
    """

    name: str
    path: Path
    tables: tuple[Path, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    cost: Mapping[str, Any] = field(default_factory=dict)
    trial: Mapping[str, Any] = field(default_factory=dict)
    logs: Logs = field(default_factory=lambda: Logs({}, float("nan")))
    texts: tuple[tuple[Path, str], ...] = ()

    def setting(self, key: str) -> Any:
        """Return a value of the config by its dotted key, or None where there is none."""
        value: Any = self.config
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return None
            value = value[part]
        return value


def read_runs(sources: Sequence[Path]) -> list[Run]:
    """Read run folders, folders of run folders, and prediction tables, in the order given.

    Raises:
        PredictionsError: a source is missing, or holds neither runs nor predictions.
        ConfigError: a config or record cannot be parsed.
    """
    found = [run for source in sources for run in _runs_at(source)]
    return [_renamed(run, found) for run in found]


def is_table(path: Path) -> bool:
    """Return True for a Parquet file that holds a prediction table."""
    return _metadata(path).get("kind") == "predictions"


def heard_name(path: Path) -> str | None:
    """Return the name of the texts in a manifest that a recogniser's `predict` wrote; None for other files."""
    history = _metadata(path).get("history")
    last = history[-1] if isinstance(history, list) and history else None
    if not isinstance(last, dict) or last.get("step") != "predict" or not isinstance(last.get("name"), str):
        return None
    return str(last["name"])


def _metadata(path: Path) -> dict[str, Any]:
    """Return what our tables say of themselves; nothing for other files."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
        fields = json.loads(metadata.get(_METADATA_KEY, b"{}"))
    except (OSError, ValueError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _runs_at(source: Path) -> Iterator[Run]:
    if source.is_file():
        name = heard_name(source)
        yield (
            Run(source.stem, source, (source,))
            if name is None
            else Run(source.stem, source, (), texts=((source, name),))
        )
        return
    if not source.is_dir():
        raise PredictionsError(f"{source} does not exist", allowed="run folders and prediction tables")
    files = [*sorted(source.glob("*.parquet")), *sorted(source.glob("predictions/*.parquet"))]
    tables = tuple(path for path in files if is_table(path))
    if (source / CONFIG).is_file() or tables:
        yield Run(
            name=source.resolve().name,
            path=source,
            tables=tables,
            config=_parsed(source / CONFIG),
            record=_parsed(source / RECORD),
            cost=_parsed(source / COST),
            trial=_parsed(source / TRIAL),
            logs=read_logs(source),
            texts=tuple((path, name) for path in files if (name := heard_name(path)) is not None),
        )
        return
    below = [folder for folder in sorted(source.iterdir()) if (folder / CONFIG).is_file()]
    if not below:
        raise PredictionsError(
            f"{source} is no run folder",
            found=sorted(path.name for path in source.iterdir())[:5],
            allowed=f"folders with a {CONFIG} or with prediction tables, and folders of such folders",
        )
    for folder in below:
        yield from _runs_at(folder)


def _renamed(run: Run, runs: Sequence[Run]) -> Run:
    """Distinguish runs of the same name by their folder."""
    if sum(other.name == run.name for other in runs) == 1:
        return run
    return replace(run, name=f"{run.path.resolve().parent.name}/{run.name}")


def _parsed(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    fields = read_yaml(path)  # JSON is YAML
    return classes_now(fields) if isinstance(fields, dict) else {}
