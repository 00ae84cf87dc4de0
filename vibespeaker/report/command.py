"""`vibespeaker report`: one page for one or several runs."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.policies import scoring_policy
from vibespeaker.evaluation.scores import Evaluation
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.targets import Truth
from vibespeaker.evaluation.words.scoring import write_errors
from vibespeaker.files import file_sha256
from vibespeaker.files.outputs import Format, check_folder
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.report.compose import compose, compose_recognisers, leader
from vibespeaker.report.page import PAGE_FILES, write_page
from vibespeaker.report.runs import Run, read_runs
from vibespeaker.report.systems import System, systems_of
from vibespeaker.report.words import word_errors, words

log = logging.getLogger(__name__)

#: Splits in the order in which a report prefers to score them.
PREFERRED = ("test", "test1", "test2", "test3", "development", "validation")
_EMOTIONS, _WORDS = "Speech emotion recognition", "Speech to text"
_GROUPS = ("gender", "corpus", "language", "duration", "level_db", "snr_db", "intensity", "speaker")


def report(
    runs: list[Path],
    out: Path = Path("report"),
    manifest: Path | None = None,
    split: str | None = None,
    labels: str | None = None,
    title: str | None = None,
    draws: int = 2000,
    policy: dict[str, str] | None = None,
    format: Format = "svg",
    audio: bool = False,
) -> int:
    """Write one page about one or several runs: scores with intervals, pictures, ablations, learning curves, cost.

    The folder gets `index.html`, which needs nothing else, `report.md` with `figures/`, and `evaluation.json`. Runs
    that transcribe are scored by wrong words and characters, which stand in `words.json`, too.

    Args:
        runs: run folders, folders of run folders, and prediction tables; of recognisers, the manifests that `predict`
            wrote.
        out: folder to write.
        manifest: manifest with the true labels and texts; the one in the runs' configs by default.
        split: the split to score; by default the first of test, development, validation with labels and predictions.
        labels: label set to score; the manifest's own by default.
        title: heading of the page; by default what the runs recognise.
        draws: bootstrap draws and permutations.
        policy: what utterances without a class count for, instead of what the tables' own policy says, such as
            `--policy.no_agreement attributes`.
        format: of the figures beside the Markdown: svg, pdf, or png with 300 dots per inch.
        audio: put the sound of the worst errors into the page, too, where the corpus's licence does not let others
            have it: for yourself.

    Raises:
        PredictionsError: there is nothing to score, or tables and manifest do not fit; names the file.
    """
    check_folder(out, inputs=[manifest], names=PAGE_FILES)
    found = read_runs(runs)
    paths = [path for run in found for path in run.tables]
    heard = [run for run in found if run.texts]
    check_folder(out, inputs=[*paths, *(path for run in heard for path, _ in run.texts)], names=PAGE_FILES)
    source = manifest or _manifest_of(found)
    errors, heard_split = word_errors(heard, source, split, PREFERRED, draws) if heard else (None, None)
    if errors is not None and not paths:
        synthetic = Manifest.read(source, ("utterance_id",)).metadata.synthetic
        files = [source, *(path for run in heard for path, _ in run.texts)]
        hashes = [(str(path), file_sha256(path)) for path in files]
        page = compose_recognisers(title or _WORDS, found, errors, heard_split, hashes, synthetic)
    else:
        counted = scoring_policy([(path, PredictionsMetadata.read(path)) for path in paths], policy)
        truth = Truth.read(source, labels, counted)
        tables, scored = scored_split(paths, truth, split)
        evaluation = evaluate_tables(tables, truth, Options(split=scored, draws=draws, by=()))
        systems = systems_of(tables, evaluation, truth)
        evaluation = _with_groups(evaluation, systems, truth)
        page = compose(title or _EMOTIONS, found, systems, evaluation, truth, words(errors, heard_split), audio)
        evaluation.write(out / "evaluation.json")
    path = write_page(page, out, format)
    if errors is not None:
        write_errors(errors, out / "words.json")
    log.info("wrote %s", path)
    return 0


def scored_split(paths: Sequence[Path], truth: Truth, split: str | None) -> tuple[list[Path], str | None]:
    """Return the tables that have the split to score, and the split; null stands for all rows of tables without splits.

    Args:
        paths: prediction tables.
        truth: the labels.
        split: the split wanted, or null for the preferred one that has labels and that most tables have.

    Raises:
        PredictionsError: there is no table, or no table has a labelled split.
    """
    if not paths:
        raise PredictionsError("the runs hold no prediction tables", remedy="make them with: vibespeaker predict")
    rows = {path: Predictions.read(path).frame[["utterance_id", "split"]] for path in paths}
    splits = {path: set(frame["split"].dropna()) for path, frame in rows.items()}
    if split is None and not any(splits.values()):
        return list(paths), None
    # the tables' splits, not the manifest's: the tests of folds have none there
    has_label = truth.frame[["category", "arousal", "valence", "dominance"]].notna().any(axis=1)
    labelled = {name for frame in rows.values() for name in _splits_of(frame, has_label)}
    wanted = (split,) if split else [name for name in PREFERRED if name in labelled]
    counts = {name: sum(name in present for present in splits.values()) for name in wanted}
    chosen = max(counts, key=lambda name: counts[name], default=None)
    if chosen is None or not counts[chosen]:
        raise PredictionsError(
            "no prediction table has a split that can be scored",
            found=", ".join(sorted({name for present in splits.values() for name in present})),
            allowed=", ".join(wanted)
            or f"none: manifest {truth.path} has no labels for the utterances of test, development or validation",
        )
    kept = [path for path in paths if chosen in splits[path]]
    for path in paths:
        if path not in kept:
            log.warning("%s has no predictions of split %s and is left out", path, chosen)
    return kept, chosen


def _with_groups(evaluation: Evaluation, systems: Sequence[System], truth: Truth) -> Evaluation:
    """Add the groups of the leading system alone: those of all take long and make no readable page."""
    name = leader(evaluation)
    if name is None:
        return evaluation
    path = next(system.path for system in systems if system.scores.system == name)
    options = Options(split=evaluation.settings.split, draws=evaluation.settings.draws, by=_GROUPS)
    groups = evaluate_tables([path], truth, options).slices
    return replace(evaluation, slices=tuple(replace(group, system=name) for group in groups))


def _splits_of(frame: pd.DataFrame, chosen: "pd.Series[bool]") -> set[str]:
    """Return the splits of those utterances of a table that are chosen; unknown ones are refused elsewhere."""
    return set(frame["split"][chosen.reindex(frame["utterance_id"], fill_value=False).to_numpy(bool)].dropna())


def _manifest_of(runs: Sequence[Run]) -> Path:
    named = [Path(str(run.setting("data.init_args.manifest"))) for run in runs if run.config]
    present = [path for path in named if path.is_file()]
    if not present:
        raise PredictionsError(
            "a report needs the true labels",
            found=f"{named[0]}, which does not exist" if named else "no config that names a manifest",
            remedy="give them with --manifest MANIFEST",
        )
    return present[0]
