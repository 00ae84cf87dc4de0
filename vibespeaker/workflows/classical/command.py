"""`vibespeaker baselines`: classical classifiers on embeddings out of a cache, scored beside each other."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from vibespeaker.arguments.ranges import COUNT, DRAWS, SEED, Range, require, require_each, require_once
from vibespeaker.baselines.classifiers import CLASSIFIERS, classifier
from vibespeaker.errors import ConfigError
from vibespeaker.files.outputs import check_folder
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.command import splits_of
from vibespeaker.prepare.split.strategies import SplitStrategy
from vibespeaker.workflows.folds import write_folds

log = logging.getLogger(__name__)

#: What is written into the folder, beside its folders.
FILES = ("features.npy", "evaluation.json", "table.md", "table.csv")
_FOLDS = Range(2, whole=True)


def baselines(
    manifest: Path,
    *,
    cache: Path,
    out: Path = Path("baselines"),
    encoders: list[str] | None = None,
    classifiers: list[str] | None = None,
    by: SplitStrategy | Path = "speakers",
    folds: int | None = None,
    leave_out: Literal["speaker", "session", "corpus"] | None = None,
    seeds: list[int] = [0],  # noqa: B006 (never mutated)
    processes: int = 1,
    draws: int = 1000,
    allow_leaks: list[str] | None = None,
    plan: Path | None = None,
) -> int:
    """Fit classical classifiers on embeddings, predict with each, and score them beside each other.

    A vector of an utterance is its encoder's only frame, or mean and deviation of its frames; those of several encoders
    stand side by side. Classifiers keep the defaults of scikit-learn, XGBoost and LightGBM, with features standardised
    on the training split where that matters; knn-search chooses the nearest neighbours' settings on training speakers.

    The folder gets a prediction table and, for recognize --model and export, a folder of each fitted classifier, and
    table.md with WA, UA, their sum, macro-F1 and AUC beside the scores that the seven-class corpus's authors publish,
    on other data. Run again after an interruption, it goes on; what is done stays.

    Args:
        manifest: table that vibespeaker prepare, combine or split wrote.
        cache: embedding cache that vibespeaker extract wrote.
        out: folder to write.
        encoders: encoders to read; all of the cache by default.
        classifiers: knn, mlp, xgboost, lightgbm, logistic-regression, random-forest, naive-bayes, decision-tree,
            knn-search; all of them by default, those alone whose packages are installed.
        by: what folds keep apart, a split such as utterances, or published folds, see vibespeaker split; with nothing
            of these, folds or leave_out, the manifest's own splits.
        folds: number of folds.
        leave_out: leave out each speaker, session or corpus in turn instead.
        seeds: of classifiers that draw; each seed has a table of its own.
        processes: classifiers fitted at the same time, a core each.
        draws: bootstrap draws of the intervals.
        allow_leaks: kinds of leaks between the splits to overlook; they are printed beside every score.
        plan: table of vibespeaker balance: the utterances and views to fit on, of the manifest's own splits.

    Raises:
        ConfigError: an unknown classifier, or one whose package is not installed; or splits leak.
        ManifestError: there are fewer groups than folds.
        CacheError: an utterance is not in the cache.
    """
    from vibespeaker.cache import EmbeddingCache
    from vibespeaker.processes.workers import workers_at_hand
    from vibespeaker.workflows.classical.fits import Fit, Sources
    from vibespeaker.workflows.classical.table import write_scores
    from vibespeaker.workflows.steps import Chain, Step

    require(_FOLDS, folds=folds)
    require(COUNT, processes=processes)
    require(DRAWS, draws=draws)
    require_each(SEED, "seeds", enumerate(seeds))
    require_once("classifiers", classifiers)
    names = _chosen(classifiers)
    published = by if isinstance(by, Path) else None
    check_folder(out, inputs=[manifest, cache, published, plan], names=FILES)
    crossed = folds is not None or leave_out is not None or by != "speakers"
    if crossed and plan is not None:
        raise ConfigError("a balance plan is of the manifest's own splits", remedy="leave out --plan, or the folds")
    manifests = {"": manifest}
    if crossed:
        made = splits_of(Manifest.read(manifest), by, None, None, folds, leave_out, validation=0)
        named = ((name or "split", fold) for name, fold in made)
        manifests = {path.stem: path for path in write_folds(named, out, manifest)}
    chosen = tuple(EmbeddingCache.open(cache).encoders) if encoders is None else tuple(encoders)
    sources = Sources(cache, chosen, out / "features.npy", tuple(allow_leaks or ()), plan)
    features = sources.read(next(iter(manifests.values())))
    steps: list[Step] = []
    tables: dict[str, list[Path]] = {}
    for name in names:
        for seed in seeds if CLASSIFIERS[name].draws else seeds[:1]:
            for fold, path in manifests.items():
                fitted = Fit(name, seed, fold, path, out, sources)
                tables.setdefault(fitted.title, []).append(fitted.table)
                steps.append(fitted.step(features))
    with workers_at_hand(processes) as workers:
        Chain(out, len(steps), workers).run_together(steps)
    whole = [_whole(paths, out / "predictions" / f"{title}.parquet") for title, paths in tables.items()]
    write_scores(manifest, whole, out, draws, "test" if crossed else None)
    log.info("recognise with one of them: vibespeaker recognize --model %s FILE", steps[0].outputs[0].parent)
    return 0


def _chosen(wanted: Sequence[str] | None) -> list[str]:
    """Return the classifiers to fit; of all, those whose packages are there."""
    if wanted is not None:
        for name in wanted:
            classifier(name)
        return list(wanted)
    found = []
    for name in CLASSIFIERS:
        try:
            classifier(name)
        except ConfigError as error:
            log.warning("%s is left out: %s", name, error)
        else:
            found.append(name)
    return found


def _whole(paths: Sequence[Path], out: Path) -> Path:
    """Join the folds of a classifier into one table, or return the only one."""
    from vibespeaker.evaluation.folds import join, read_tables

    if len(paths) == 1:
        return paths[0]
    out.parent.mkdir(parents=True, exist_ok=True)
    join(read_tables(paths, "test")).predictions.write(out)
    return out
