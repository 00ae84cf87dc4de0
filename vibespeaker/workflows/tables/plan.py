"""What a remade table trains, in YAML.

title: Table 2, fine-tuning for Task 1
split: development                        # the split that is scored
predict: [development, test3]             # splits to predict
scores: [macro_f1]                        # columns, as `vibespeaker evaluate` names them
runs:
  - {name: mean, config: experiment/pretrain-task1-mean, model: model/published-mean}
  - {name: attentive, config: experiment/pretrain-task1-attentive}
  - name: tuned
    config: experiment/finetune-task1-1e-5
    start: [mean, attentive]              # the best of these by `by` is fine-tuned, with its `model` on top
    by: macro_f1
    published: {macro_f1: 0.3995}         # stands beside ours
gains:
  - {score: macro_f1, of: [joint], over: single, published: 5 %}
spread: [tuned]                           # of these the range of predicted attributes is shown
ensemble: {k: 3, join: {valence: [attentive]}, baseline: [arousal, dominance], published: {ccc_mean: 0.60}}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vibespeaker.config_files import find_config
from vibespeaker.config_files.typed import read_as
from vibespeaker.errors import ConfigError


@dataclass(frozen=True)
class TableRun:
    """One row.

    Args:
        name: of the run, unique in the table.
        config: what is trained.
        model: config that a run starting from this one needs on top of its own; null for none.
        start: runs above; the best of them is started from. Empty for a run that starts anew.
        by: score on the table's split by which the best is chosen.
        published: score → the paper's figure.
    """

    name: str
    config: str
    model: str | None = None
    start: tuple[str, ...] = ()
    by: str = "macro_f1"
    published: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Gain:
    """What the best of some runs gains over another, as a share of the other's score.

    Args:
        score: by which.
        of: the runs, of which the best counts.
        over: the other.
        published: the paper's words.
    """

    score: str
    of: tuple[str, ...]
    over: str
    published: str


@dataclass(frozen=True)
class TableEnsemble:
    """The ensemble below the rows: the k best fine-tuned runs of each attribute, and what joins them.

    Args:
        k: how many win.
        join: attribute → runs that join without competing.
        baseline: attributes that the organisers' baseline joins, where its predictions are given.
        published: score → the paper's figure.
    """

    k: int = 3
    join: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    baseline: tuple[str, ...] = ()
    published: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TablePlan:
    """A checked plan; the module's text says what its fields mean."""

    title: str
    runs: tuple[TableRun, ...]
    scores: tuple[str, ...]
    split: str = "development"
    predict: tuple[str, ...] = ("development",)
    gains: tuple[Gain, ...] = ()
    spread: tuple[str, ...] = ()
    ensemble: TableEnsemble | None = None

    def __post_init__(self) -> None:
        before: list[str] = []
        for run in self.runs:
            unknown = sorted(set(run.start) - set(before))
            if run.name in before or unknown:
                raise ConfigError(
                    f"run {run.name!r} starts from runs that do not stand above it"
                    if unknown
                    else "a run stands twice",
                    found=", ".join(unknown) or run.name,
                    allowed=before,
                )
            before.append(run.name)
        joined = () if self.ensemble is None else [name for names in self.ensemble.join.values() for name in names]
        named = {*self.spread, *joined, *(name for gain in self.gains for name in (*gain.of, gain.over))}
        if named - set(before):
            raise ConfigError(
                "a table names unknown runs", found=", ".join(sorted(named - set(before))), allowed=before
            )


def read_table_plan(name: str) -> TablePlan:
    """Read a plan.

    Args:
        name: path, or the name of a shipped one such as `tables/table1`.

    Raises:
        ConfigError: the file is missing or cannot be parsed, or a key or value is wrong; names the file.
    """
    return read_as(find_config(name, "tables"), TablePlan)
