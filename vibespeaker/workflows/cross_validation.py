"""`vibespeaker cross-validate`: train and predict every fold, then score all folds together."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from vibespeaker.arguments.ranges import DRAWS, SEED, SHARE_BELOW_ONE, Range, require
from vibespeaker.config_files import find_config
from vibespeaker.config_files.imports import trust as trust_packages
from vibespeaker.errors import ConfigError
from vibespeaker.evaluation.folds import Table, join, read_tables
from vibespeaker.evaluation.policies import scoring_policy
from vibespeaker.evaluation.scores import Evaluation, SystemScores
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.targets import Truth
from vibespeaker.evaluation.terminal import show
from vibespeaker.files import file_sha256, write_text
from vibespeaker.files.outputs import check_folder
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.command import splits_of
from vibespeaker.prepare.split.strategies import SplitStrategy
from vibespeaker.progress import plain_console
from vibespeaker.trainer.layers import layers
from vibespeaker.workflows.folds import write_folds
from vibespeaker.workflows.score_tables import as_markdown, on_screen
from vibespeaker.workflows.steps import Chain, Training, training_step

log = logging.getLogger(__name__)

#: What is written into the folder, beside the folders of manifests, cache and runs.
FILES = ("predictions.parquet", "evaluation.json", "table.md")
#: Scores of the table, as `evaluate` names them, in its order.
SCORES = {
    **{"macro_f1": "macro-F1", "uar": "UAR", "accuracy": "WA"},
    **{"ccc_arousal": "CCC arousal", "ccc_valence": "CCC valence", "ccc_dominance": "CCC dominance"},
    "ccc_mean": "mean CCC",
}


def cross_validate(
    manifest: Path,
    by: SplitStrategy | Path = "speakers",
    config: list[str] = ["experiment/embedded"],  # noqa: B006 (never mutated)
    out: Path = Path("cross-validation"),
    folds: int | None = None,
    leave_out: Literal["speaker", "session", "corpus"] | None = None,
    validation: float = 0.1,
    encoders: str | None = None,
    cache: Path | None = None,
    views: int = 0,
    augmentation: str | None = None,
    system: str = "cross-validated",
    draws: int = 2000,
    seed: int = 0,
    policy: dict[str, str] | None = None,
    allow_leaks: list[str] | None = None,
    trust: list[str] | None = None,
) -> int:
    """Train one model per fold, predict its test split, and score all folds together.

    Every utterance is predicted once, by the model that did not train on it; intervals are over the speakers of all
    folds. The folder gets the folds' manifests, a run each, `predictions.parquet` with all folds, `evaluation.json` and
    `table.md`. Run again after an interruption, it goes on; what is done stays.

    Args:
        manifest: table that `vibespeaker prepare` or `combine` wrote.
        by: speakers (or sessions, sentences), in so many `folds`; or published folds, see `vibespeaker split`.
        config: configs to train with, files or shipped names, later ones on top.
        out: folder of the cross-validation.
        folds: number of folds; 5 by default, unless they are published or something is left out.
        leave_out: leave out each speaker, session or corpus in turn instead.
        validation: share of the training speakers that validates; 0 trains on all and predicts with the last state.
        encoders: encoder config to extract the cache with; by default the configs' own cache is used.
        cache: embedding cache to read, and to extract into; one in the folder by default where encoders are given.
        views: augmented views of every fold's training split, where encoders are given.
        augmentation: their recipe; by default that of vibespeaker extract.
        system: what reports call the predictions.
        draws: bootstrap draws of the intervals.
        seed: of the folds.
        policy: what utterances without a class count for, instead of what the configs say.
        allow_leaks: kinds of leaks between the splits to overlook, such as speaker where published folds share
            speakers; they are printed beside every score.
        trust: packages whose classes configs may name, besides those of vibespeaker, torch, lightning, speechbrain and
            torchmetrics.

    Returns:
        0, or 1 when a clip could not be encoded.

    Raises:
        ManifestError: there are fewer groups than folds, or published folds fit no utterance.
        ConfigError: a config is wrong.
    """
    require(Range(2, whole=True), folds=folds)
    require(SHARE_BELOW_ONE, validation=validation)
    require(DRAWS, draws=draws)
    require(SEED, seed=seed)
    require(Range(0, whole=True), views=views)
    if views and encoders is None:
        raise ConfigError("views are drawn where encoders are given", remedy="add --encoders, or leave out --views")
    trust_packages(trust or ())
    inputs = [manifest, by if isinstance(by, Path) else None, cache, *map(find_config, config)]
    check_folder(out, inputs=inputs, names=FILES)
    status = 0
    paths = write_folds(_folds(manifest, by, folds, leave_out, validation, seed), out, manifest)
    if encoders is not None:
        cache = cache or out / "cache"
        status = _extract(manifest, paths, encoders, cache, views, augmentation)
    tables = _train(paths, config, out, cache, system, validation > 0, allow_leaks)
    joined = join(read_tables(tables, "test"))
    joined.predictions.write(out / "predictions.parquet")
    counted = scoring_policy([(joined.name, joined.predictions.metadata)], policy)
    truth = Truth.read(manifest, policy=counted)
    whole = evaluate_tables(tables, truth, Options("test", draws, seed=seed, by=[], folds=True))
    whole.write(out / "evaluation.json")
    singles = [evaluate_tables([path], truth, Options("test", 0, by=[])).systems[-1] for path in tables]
    _write(whole, singles, [path.parent.name for path in tables], out)
    _say_missing(joined, truth)
    return status


def _folds(
    manifest: Path, by: SplitStrategy | Path, folds: int | None, leave_out: str | None, validation: float, seed: int
) -> Iterator[tuple[str, Manifest]]:
    counted = folds or (None if isinstance(by, Path) or leave_out else 5)
    for name, made in splits_of(Manifest.read(manifest), by, None, None, counted, leave_out, validation, seed):
        if not name:
            raise ConfigError(f"{by} has no folds", remedy="train on it with: vibespeaker fit")
        yield name, made


def _extract(
    manifest: Path, folds: Sequence[Path], encoders: str, cache: Path, views: int, augmentation: str | None
) -> int:
    """Extract all utterances, and views of those that a fold trains on; return 1 where a clip could not be encoded."""
    from vibespeaker.extract import extract

    specs = find_config(encoders, "encoders")
    status = extract(manifest, specs, cache)
    recipe = None if augmentation is None else find_config(augmentation, "augmentation")
    for path in folds if views else ():
        status |= extract(path, specs, cache, views=views, augmentation=recipe)
    return status


def _train(
    manifests: Sequence[Path],
    configs: Sequence[str],
    out: Path,
    cache: Path | None,
    system: str,
    validates: bool,
    allow_leaks: Sequence[str] | None,
) -> list[Path]:
    """Train and predict what is not done yet, and return the folds' tables."""
    chain = Chain(out, len(manifests))
    files = [file for name in configs for file in layers(find_config(name))]
    tables = []
    for path in manifests:
        options = [word for name in configs for word in ("--config", name)]
        options += [f"--data.init_args.manifest={path}"]
        options += [] if cache is None else [f"--data.init_args.cache={cache}"]
        options += [] if validates else ["--data.init_args.splits.validation=[]"]
        options += [f"--data.init_args.allow_leaks=[{','.join(allow_leaks)}]"] if allow_leaks else []
        inputs = {
            "manifest": file_sha256(path),
            "configs": [file_sha256(file) for file in files],
            "options": [option.replace(str(out), "OUT") for option in options],
        }
        predict = ("--data.init_args.splits.predict=[test]",)
        checkpoint = "best" if validates else "last"
        training = Training(out / "runs", path.stem, tuple(options), system, checkpoint, predict)
        chain.run(training_step(path.stem, f"training {path.stem}", inputs, training))
        tables.append(training.table)
    return tables


def _write(whole: Evaluation, singles: Sequence[SystemScores], names: Sequence[str], out: Path) -> None:
    """Show and write the table: every fold, their mean and deviation, and all folds together with intervals."""
    together = whole.systems[-1]
    columns = {name: title for name, title in SCORES.items() if name in together.scores}
    rows = [
        (name, f"{one.utterances:,}", *(_value(one, score) for score in columns))
        for name, one in zip(names, singles, strict=True)
    ]
    spreads = [np.array([one.scores[score].value for one in singles if score in one.scores]) for score in columns]
    rows.append(("mean of folds ± deviation", "", *(f"{v.mean():.4f} ± {v.std(ddof=1):.4f}" for v in spreads)))
    whole_row = (str(together.scores[score]) for score in columns)
    rows.append(("all folds together", f"{together.utterances:,}", *whole_row))
    title = "Cross-validation" + (" (synthetic speech)" if whole.synthetic else "")
    header = ("fold", "utterances", *columns.values())
    console = plain_console()
    show(whole, console)
    console.print(on_screen(title, header, rows))
    write_text(out / "table.md", as_markdown(title, header, rows) + "\n")
    log.info("wrote %s", out / "table.md")


def _value(one: SystemScores, score: str) -> str:
    return f"{one.scores[score].value:.4f}" if score in one.scores else "–"


def _say_missing(joined: Table, truth: Truth) -> None:
    """Published folds may leave utterances out."""
    missing = len(truth.frame) - len(joined.predictions)
    if missing:
        log.warning("%d of %d utterances are in no fold's test split", missing, len(truth.frame))
