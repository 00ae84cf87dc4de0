"""What a run recorded of a model: its data with licences, its scores with intervals and slices, its calibration."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from vibespeaker.calibration.evidence import evidence_of, rows_of_split
from vibespeaker.calibration.measures import measure
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.errors import PredictionsError, VibeSpeakerError
from vibespeaker.evaluation.policies import scoring_policy
from vibespeaker.evaluation.scores import Slice, SystemScores
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.targets import Truth
from vibespeaker.files import file_sha256
from vibespeaker.files.run_folder import CONFIG
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.sources import Source, sources
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.report.command import scored_split
from vibespeaker.systems.base import System
from vibespeaker.systems.sharing.heard import ranges
from vibespeaker.utterance import SPLITS

log = logging.getLogger(__name__)

_SLICED = ("gender", "corpus", "language")


@dataclass(frozen=True)
class Scored:
    """How well a model does, by its own prediction table.

    Args:
        split: what was scored; null for all rows.
        scores: with intervals over speakers.
        slices: groups of utterances.
        notes: what the evaluation remarks.
        measures: of the calibration, see `calibration.measures.measure`; null of predictions that are not calibrated.
    """

    split: str | None
    scores: SystemScores
    slices: tuple[Slice, ...] = ()
    notes: tuple[str, ...] = ()
    measures: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Records:
    """What is known of a model besides its weights; whatever is not known is empty.

    Args:
        sources: corpora with their licences.
        counts: split → utterances and speakers.
        languages: ISO 639-1 codes.
        heard: ranges of the recordings trained on.
        scored: by its prediction table.
    """

    sources: tuple[Source, ...] = ()
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    heard: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    scored: Scored | None = None


def run_folder_of(system: System) -> Path | None:
    """Return the run folder that a system's checkpoint lies in, None where it lies in none."""
    folder = None if system.file is None else system.file.resolve().parent.parent
    return folder if folder is not None and (folder / CONFIG).is_file() else None


def read_records(system: System, manifest: Path | None, predictions: Path | None, draws: int) -> Records:
    """Gather what is known of a system; what cannot be found is said in the log, and left out.

    Args:
        system: as it was opened.
        manifest: table that it was trained and is scored on; null for the one that its run names.
        predictions: its prediction table; null for the one in its run folder.
        draws: of the bootstrap.

    Raises:
        ManifestError: the manifest that was named cannot be read.
        PredictionsError: the predictions that were named are another system's, or do not fit the manifest.
    """
    folder = run_folder_of(system)
    path = manifest or _manifest_of(folder)
    if path is None:
        log.warning("the card says nothing of data and scores: name the manifest with --manifest")
        return Records()
    digest = system.provenance.manifest
    if digest not in (None, file_sha256(path)) and manifest is None:
        log.warning("the card says nothing of data and scores: %s changed since it was trained on", path)
        return Records()
    table = Manifest.read(path)
    records = _of_manifest(table)
    own = folder / "predictions.parquet" if folder is not None else None
    chosen = predictions or (own if own is not None and own.is_file() else None)
    if chosen is None:
        log.warning("the card has no scores: predict with the model first, or name a table with --predictions")
        return records
    try:
        return replace(records, scored=_scored(system, chosen, path, draws))
    except VibeSpeakerError as error:
        if predictions is not None:
            raise
        log.warning("the card has no scores: %s", error)
        return records


def _manifest_of(folder: Path | None) -> Path | None:
    if folder is None:
        return None
    data = read_mapping(folder / CONFIG).get("data")
    arguments = data.get("init_args") if isinstance(data, Mapping) else None
    named = arguments.get("manifest") if isinstance(arguments, Mapping) else None
    path = None if named is None else Path(str(named))
    return path if path is not None and path.is_file() else None


def _of_manifest(table: Manifest) -> Records:
    told = sources(table.metadata.history, table.metadata.corpora)
    splits, speakers = table.column("split"), table.column("speaker")
    counts = {}
    for split in (name for name in SPLITS if name in splits):
        rows = [row for row, name in enumerate(splits) if name == split]
        counts[split] = (len(rows), len({speakers[row] for row in rows}))
    languages = tuple(sorted({language for language in table.column("language") if language}))
    try:
        heard = ranges(table, ("train",) if "train" in counts else None)
    except VibeSpeakerError as error:
        log.warning("the model will not know which recordings are unlike its own: %s", error)
        heard = {}
    return Records(tuple(told.values()), counts, languages, heard)


def _scored(system: System, path: Path, manifest: Path, draws: int) -> Scored:
    metadata = PredictionsMetadata.read(path)
    if None not in (metadata.checkpoint, system.identity) and metadata.checkpoint != system.identity:
        raise PredictionsError(
            f"{path} holds the predictions of another model",
            found=metadata.checkpoint,
            allowed=str(system.identity),
            remedy="predict with this one, and name its table with --predictions",
        )
    truth = Truth.read(manifest, metadata.label_set, scoring_policy([(path, metadata)], None))
    _, split = scored_split([path], truth, None)
    evaluation = evaluate_tables([path], truth, Options(split=split, draws=draws, by=_SLICED))
    own = next(one for one in evaluation.systems if not one.reference)
    calibrated = "calibration" in metadata.provenance
    measures = None
    if calibrated:
        measures = measure(evidence_of(rows_of_split(Predictions.read(path), split, path), truth, path))
    return Scored(split, own, evaluation.slices, evaluation.notes, measures)
