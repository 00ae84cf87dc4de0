"""`vibespeaker remake`: a table of the paper, from what is trained already and what is missing."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich.table import Table as Screen

from vibespeaker.arguments.ranges import DRAWS, require
from vibespeaker.config_files import find_config
from vibespeaker.config_files.imports import trust as trust_packages
from vibespeaker.ensemble.command import ensemble
from vibespeaker.errors import ConfigError
from vibespeaker.evaluation.policies import scoring_policy
from vibespeaker.evaluation.scores import Evaluation
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.targets import Truth
from vibespeaker.evaluation.uncertainty import Interval
from vibespeaker.files import file_sha256, write_text
from vibespeaker.files.csv_text import write_csv
from vibespeaker.files.markdown import plain
from vibespeaker.files.markdown import row as markdown_row
from vibespeaker.files.outputs import FORMATS, Format, check_folder
from vibespeaker.files.run_folder import BEST, checkpoint_path
from vibespeaker.predictions import PredictionsMetadata
from vibespeaker.progress import plain_console
from vibespeaker.trainer.layers import layers
from vibespeaker.workflows.steps import Chain, Training, training_step
from vibespeaker.workflows.tables.plan import TablePlan, TableRun, read_table_plan
from vibespeaker.workflows.tables.spread import spread_of, write_densities

log = logging.getLogger(__name__)

ENSEMBLE = "ensemble"
#: What is written into the folder, beside the folder of runs.
FILES = (
    "table.csv",
    "table.md",
    "spread.csv",
    *(f"density.{kind}" for kind in FORMATS),
    f"{ENSEMBLE}.parquet",
    f"{ENSEMBLE}.recipe.yaml",
)
_ATTRIBUTE_HEADS = ("arousal", "valence", "dominance")


def remake(
    plan: str,
    manifest: Path = Path("msp-podcast.parquet"),
    cache: Path | None = None,
    out: Path = Path("table"),
    overlay: Path | None = None,
    baseline: Path | None = None,
    draws: int = 2000,
    trust: list[str] | None = None,
    format: Format = "svg",
) -> int:
    """Remake a table of the paper: train what is missing, score all rows, and print published figures beside ours.

    The folder gets a run per row, `table.csv`, `table.md` and, where attributes are predicted, the range of what each
    run predicts: `spread.csv` and `density.svg`. Run again after an interruption, it goes on.

    Args:
        plan: YAML file, or a shipped one: tables/table1, tables/table2, tables/table3.
        manifest: manifest to train on and to score with; for table 1 of `vibespeaker split --by ablation`.
        cache: embedding cache of the encoders; by default the one that the configs name.
        out: folder of the table.
        overlay: config file on top of the rows' own, e.g. with a trainer for this machine.
        baseline: the organisers' predictions for the ensemble: a table, or their task 2 file (`.csv`), for whose test
            split alone the ensemble is then written.
        draws: bootstrap draws of the intervals.
        trust: packages whose classes configs may name, besides those of vibespeaker, torch, lightning, speechbrain and
            torchmetrics.
        format: of the picture: svg, pdf, or png with 300 dots per inch.

    Raises:
        ConfigError: the plan or a config is wrong.
    """
    require(DRAWS, draws=draws)
    trust_packages(trust or ())
    checked = read_table_plan(plan)
    if overlay is not None and not overlay.is_file():
        raise ConfigError(f"overlay {overlay} does not exist")
    check_folder(out, inputs=[find_config(plan, "tables"), manifest, cache, overlay, baseline], names=FILES)
    tables, chosen = _train(checked, manifest, cache, out, overlay)
    joined = _combine(checked, tables, manifest, out, baseline)
    scored = {**tables, **({} if joined is None else {ENSEMBLE: joined})}
    found = _evaluate([*scored.values()], manifest, checked.split, draws)
    rows = {name: _scores(found, path) for name, path in scored.items()}
    _write(checked, rows, chosen, found.synthetic, out)
    if checked.spread:
        frame = spread_of({name: tables[name] for name in checked.spread}, manifest, checked.split)
        write_csv(
            out / "spread.csv", list(frame.columns), frame.astype(object).where(frame.notna(), None).values.tolist()
        )
        drawn = {name: tables[name] for name in checked.spread}
        write_densities(drawn, checked.split, out / f"density.{format}")
        _print("Range of predicted attributes", frame)
    return 0


def _train(
    plan: TablePlan, manifest: Path, cache: Path | None, out: Path, overlay: Path | None
) -> tuple[dict[str, Path], dict[str, str]]:
    """Train and predict what is not done yet; return the table of each run, and what those started from that chose."""
    chain = Chain(out, len(plan.runs))
    tables: dict[str, Path] = {}
    keys: dict[str, str] = {}
    chosen: dict[str, str] = {}
    by_name = {run.name: run for run in plan.runs}
    for run in plan.runs:
        start = _best(run, tables, manifest, plan.split) if run.start else None
        configs = [run.config, *([by_name[start].model] if start and by_name[start].model else [])]
        names = [str(name) for name in configs] + ([str(overlay)] if overlay else [])
        options = [word for name in names for word in ("--config", name)]
        options.append(f"--data.init_args.manifest={manifest}")
        options += [] if cache is None else [f"--data.init_args.cache={cache}"]
        if start is not None:
            chosen[run.name] = start
            options.append(f"--model.init_args.init_from={checkpoint_path(out / 'runs' / start, BEST)}")
        inputs = {
            "configs": [file_sha256(file) for name in names for file in layers(find_config(name))],
            "manifest": file_sha256(manifest),
            "options": [option.replace(str(out), "OUT") for option in options],
            "start": None if start is None else keys[start],
        }
        splits = ", ".join(plan.predict)
        predict = (f"--data.init_args.splits.predict=[{splits}]",)
        training = Training(out / "runs", run.name, tuple(options), run.name, predict=predict)
        keys[run.name] = chain.run(training_step(run.name, f"training {run.name}", inputs, training))
        tables[run.name] = training.table
    return tables, chosen


def _best(run: TableRun, tables: Mapping[str, Path], manifest: Path, split: str) -> str:
    """Return the run that is started from: the one named, or the best by score on the table's split."""
    if len(run.start) == 1:
        return run.start[0]
    found = _evaluate([tables[name] for name in run.start], manifest, split, draws=0)
    values = {name: _scores(found, tables[name])[run.by].value for name in run.start}
    best = max(values, key=lambda name: values[name])
    log.info("%s starts from %s, the best by %s: %s", run.name, best, run.by, values)
    return best


def _evaluate(paths: Sequence[Path], manifest: Path, split: str, draws: int) -> Evaluation:
    policy = scoring_policy([(path, PredictionsMetadata.read(path)) for path in paths])
    return evaluate_tables(paths, Truth.read(manifest, policy=policy), Options(split, draws, by=[]))


def _scores(found: Evaluation, path: Path) -> Mapping[str, Interval]:
    return next(one.scores for one in found.systems if one.source == str(path))


def _combine(
    plan: TablePlan, tables: Mapping[str, Path], manifest: Path, out: Path, baseline: Path | None
) -> Path | None:
    """Write the ensemble where the plan has one; return its table if it has the scored split."""
    if plan.ensemble is None:
        return None
    tuned = [run.name for run in plan.runs if run.start]
    named: dict[str, list[str]] = {
        head: [str(tables[name]) for name in plan.ensemble.join.get(head, ())] for head in _ATTRIBUTE_HEADS
    }
    joining = dict.fromkeys(path for paths in named.values() for path in paths)
    members = [*(tables[name] for name in tuned), *map(Path, joining)]
    if baseline is not None:
        members.append(baseline)
        for head in plan.ensemble.baseline:
            named[head].append(str(baseline))
    else:
        log.warning("no baseline is given: %s go without it", " and ".join(plan.ensemble.baseline) or "none")
    only_test = baseline is not None and baseline.suffix.lower() == ".csv"
    ensemble(
        members,
        out / "ensemble.parquet",
        "top-k",
        categories=[],
        manifest=manifest,
        fit_split=plan.split,
        split="test3" if only_test else None,
        k=plan.ensemble.k,
        system=ENSEMBLE,
        arousal=named["arousal"] or None,
        valence=named["valence"] or None,
        dominance=named["dominance"] or None,
    )
    return None if only_test else out / "ensemble.parquet"


def _write(
    plan: TablePlan,
    rows: Mapping[str, Mapping[str, Interval]],
    chosen: Mapping[str, str],
    synthetic: bool,
    out: Path,
) -> None:
    published: dict[str, Mapping[str, float]] = {run.name: run.published for run in plan.runs}
    if plan.ensemble is not None:
        published[ENSEMBLE] = plan.ensemble.published
    content = []
    for name, scores in rows.items():
        row = {"run": name, "starts from": chosen.get(name, "")}
        for score in plan.scores:
            if score in scores:
                row[score] = str(scores[score])
            if any(score in one for one in published.values()):
                said = published.get(name, {}).get(score)
                row[f"{score}, published"] = "" if said is None else f"{said:g}"
        content.append(row)
    frame = pd.DataFrame(content).fillna("")
    title = plan.title + (" (synthetic speech)" if synthetic else "")
    _print(f"{title}: score [95 % interval over speakers] on {plan.split}", frame)
    lines = [f"# {plain(title)}", "", markdown_row(frame.columns), "|" + "---|" * len(frame.columns)]
    lines += [markdown_row(plain(str(cell)) for cell in row) for row in frame.itertuples(index=False)]
    console = plain_console()
    for gain in plan.gains:
        base, best = rows[gain.over][gain.score].value, max(rows[name][gain.score].value for name in gain.of)
        ours = f"{100 * (best / base - 1):+.1f} %" if base else "undefined: the base is 0"
        sentence = f"{gain.score}: the best joint training gains {ours} over {gain.over}; published: {gain.published}"
        console.print(sentence, highlight=False)
        lines += ["", plain(sentence)]
    write_csv(out / "table.csv", list(frame.columns), frame.values.tolist())
    write_text(out / "table.md", "\n".join(lines) + "\n")
    log.info("wrote %s", out / "table.md")


def _print(title: str, frame: pd.DataFrame) -> None:
    screen = Screen(title=title, title_justify="left")
    for name in frame.columns:
        screen.add_column(str(name), overflow="fold")
    for row in frame.itertuples(index=False):
        screen.add_row(*(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row))
    plain_console().print(screen)
