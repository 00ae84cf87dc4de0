"""One classifier on one split: what it reads, and the step that fits it and predicts."""

import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vibespeaker.baselines.classifiers import CLASSIFIERS
from vibespeaker.baselines.features import read_features
from vibespeaker.baselines.fitting import answering, fit, spread
from vibespeaker.baselines.network import log_probabilities
from vibespeaker.baselines.summaries import Features, Summary, summary_of
from vibespeaker.batch import EmotionOutput
from vibespeaker.data.epoch_items import entries_of
from vibespeaker.data.splits import Splits
from vibespeaker.errors import ConfigError
from vibespeaker.files import atomic_path, file_sha256
from vibespeaker.labels import NO_CATEGORY
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.groups import belonging_together
from vibespeaker.systems.classical import write_classical
from vibespeaker.tasks.datamodule import EmotionDataModule
from vibespeaker.tasks.prediction_table import prediction_table
from vibespeaker.workflows.steps import Step

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sources:
    """Where vectors come from.

    Args:
        cache: the embedding cache.
        encoders: names, in the order in which vectors stand side by side.
        features: file with the vectors of all rows of the manifest, and behind them those of the views of a plan, `(N +
            views, dim)` float32.
        allow_leaks: kinds of leaks to overlook.
        plan: table of `vibespeaker balance`: the utterances and views to fit on, instead of all of the training split.
    """

    cache: Path
    encoders: tuple[str, ...]
    features: Path
    allow_leaks: tuple[str, ...]
    plan: Path | None = None

    def data(self, manifest: Path) -> EmotionDataModule:
        """Return rows, targets and provenance of a manifest whose splits were compared."""
        data = EmotionDataModule(
            *(manifest, self.cache, list(self.encoders)),
            splits=Splits(validation=[]),
            allow_leaks=list(self.allow_leaks),
            plan=self.plan,
        )
        data.setup("fit")
        return data

    def summaries(self, data: EmotionDataModule) -> dict[str, Summary]:
        """Return encoder name → how its frames become a vector."""
        assert data.cache is not None
        return {name: summary_of(data.cache.lengths(name, _entries(data, name))) for name in self.encoders}

    def read(self, manifest: Path) -> str:
        """Write the vectors of every row, once for all folds, whose rows are the same; return the file's SHA-256."""
        data = self.data(manifest)
        assert data.cache is not None
        parts = []
        for name in self.encoders:
            entries = _entries(data, name)
            summary = summary_of(data.cache.lengths(name, entries))
            everything = np.concatenate([entries, _planned_entries(data, name)])
            parts.append(read_features(data.cache, name, everything, summary))
        self.features.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.features) as temporary, open(temporary, "wb") as file:
            np.save(file, np.concatenate(parts, axis=1))
        return file_sha256(self.features)


def _entries(data: EmotionDataModule, name: str) -> npt.NDArray[np.int64]:
    """Return `(N,)` entry numbers of an encoder's clean frames."""
    assert data.cache is not None
    ids = data.names.table.column("utterance_id")
    return entries_of(data.cache, name, data.contents[name], 0, None, lambda at: ids.take(at).to_pylist())[0]


def _planned_entries(data: EmotionDataModule, name: str) -> npt.NDArray[np.int64]:
    """Return `(views,)` entry numbers of the augmented views of a plan, in its order; none without a plan."""
    assert data.cache is not None
    rows, views = data.epoch_items
    if views is None:
        return np.empty(0, np.int64)
    rows, views = rows[views > 0], views[views > 0]
    ids = data.names.table.column("utterance_id").take(rows)
    return entries_of(data.cache, name, data.contents[name][rows], 0, views, lambda at: ids.take(at).to_pylist())[0]


def training_rows(data: EmotionDataModule) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return what is fitted on: `(items,)` rows of the manifest, and rows of the file of features."""
    rows, views = data.epoch_items
    places = rows.copy()
    if views is not None:
        places[views > 0] = len(data.targets.category) + np.arange(int((views > 0).sum()))
    labelled = data.targets.category[rows] != NO_CATEGORY
    return rows[labelled], places[labelled]


@dataclass(frozen=True)
class Fit:
    """One classifier, fitted on the training split of one manifest.

    Args:
        name: of the classifier.
        seed: of its draws.
        fold: name of the fold; empty without folds.
        manifest: the fold's.
        out: folder of the command.
        sources: where vectors come from.
    """

    name: str
    seed: int
    fold: str
    manifest: Path
    out: Path
    sources: Sources

    @property
    def title(self) -> str:
        """The system's name in tables: the classifier, and the seed where it draws."""
        return f"{self.name}-seed{self.seed}" if CLASSIFIERS[self.name].draws else self.name

    @property
    def folder(self) -> Path:
        """Where the fitted classifier goes."""
        return self.out / "models" / self.title / self.fold

    @property
    def table(self) -> Path:
        """Its prediction table."""
        return self.folder / "predictions.parquet"

    def step(self, features_sha256: str) -> Step:
        """Return the work as a step that is not done twice; it begins from vectors of that hash."""
        inputs = {
            "manifest": file_sha256(self.manifest),
            "features": features_sha256,
            "encoders": list(self.sources.encoders),
            "allow_leaks": list(self.sources.allow_leaks),
            **({} if self.sources.plan is None else {"plan": file_sha256(self.sources.plan)}),
            "classifier": self.name,
            "seed": self.seed,
        }
        name = "-".join(filter(None, (self.title, self.fold)))
        outputs = (self.folder / "config.json", self.table)
        return Step(name, f"{self.title} {self.fold}".strip(), inputs, outputs, partial(fit_and_predict, self))


def fit_and_predict(work: Fit) -> None:
    """Fit on the training split, predict every other row that has a split, and write both."""
    data = work.sources.data(work.manifest)
    features: Features = np.load(work.sources.features, mmap_mode="r")
    split = np.array(data.names.column("split"), dtype=object)
    rows, places = training_rows(data)
    others = np.flatnonzero([name is not None and name != "train" for name in split])
    if not len(others):
        raise ConfigError(
            f"manifest {work.manifest} has no split to predict",
            found=", ".join(sorted({str(name) for name in split})),
            remedy="add --folds 5 or --leave_out speaker, or split it: vibespeaker split",
        )
    groups = belonging_together(Manifest.read(work.manifest))[rows]
    fitted = fit(work.name, features[places], data.targets.category[rows], groups, work.seed)
    for remark in fitted.remarks:
        log.info("%s %s: %s", work.title, work.fold, remark)
    write_classical(work.folder, fitted, work.sources.summaries(data), data.provenance)
    probabilities = spread(answering(fitted)(features[others]), fitted.present, len(data.labels))
    logits = torch.from_numpy(log_probabilities(probabilities).astype(np.float32))
    trained = data.provenance
    record = trained.record(trained.transcripts)
    identity = file_sha256(work.folder / "config.json")
    output = EmotionOutput(logits, None)
    prediction_table(others, output, trained, data, work.title, identity, record).write(work.table)
