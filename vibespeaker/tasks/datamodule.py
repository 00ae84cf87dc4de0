"""The data of an experiment: which utterances train, validate, test and are predicted, and how they are read."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from vibespeaker.arguments.ranges import COUNT, COUNT_OR_NONE, WORKERS, require, require_once
from vibespeaker.audio.augmentation import read_recipe
from vibespeaker.audio.cleaning import cleaning_of
from vibespeaker.batch import EmotionBatch
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.keys import Contents
from vibespeaker.data.columns import read_contents, read_facts, read_names, read_targets, require_texts, text_origins
from vibespeaker.data.epoch_items import planned
from vibespeaker.data.heads import HeadConfig, resolve_heads
from vibespeaker.data.loader import BatchLoader, BatchReader
from vibespeaker.data.reading import SplitInputs
from vibespeaker.data.sampler import BatchSize, Draw, EvaluationBatches, Key, TrainingBatches
from vibespeaker.data.source import Sources, check_source, decide_sources
from vibespeaker.data.splits import Purpose, Splits, choose_rows, is_in_split
from vibespeaker.data.targets import Targets
from vibespeaker.errors import ConfigError
from vibespeaker.files import file_sha256
from vibespeaker.labels import LabelSet, label_set
from vibespeaker.labels.heads import CATEGORIES_HEAD, HeadSpec, check_head_names
from vibespeaker.labels.policy import LabelPolicy
from vibespeaker.manifest import Manifest
from vibespeaker.provenance import EncoderProvenance, Provenance, texts_read
from vibespeaker.tasks.processes import run_seed
from vibespeaker.tasks.split_batches import SplitDataModule

Rows = npt.NDArray[np.int64]
#: Views that stand for those of all epochs where each epoch has its own.
FRESH_VIEWS = 2


class EmotionDataModule(SplitDataModule):
    """Batches from a manifest and an embedding cache, from a manifest and its audio files, or from all three.

    Args:
        manifest: table that `vibespeaker prepare` wrote.
        cache: folder that `vibespeaker extract` wrote; null reads audio and texts alone, for encoders inside the model.
        encoders: encoders to read from the cache, in the model's order; null reads all, in the cache's order, but for
            those that the model has itself.
        label_set: name of the classes; null takes the manifest's.
        policy: how labels without a plain consensus are treated.
        splits: which splits serve what.
        batch_size: utterances in a training batch, over all processes.
        frame_budget: most frames in a batch with padding (of the encoder with most data), over all processes.
        evaluation_batch_size: utterances in a batch of one process in validation, test and prediction; null takes
            `batch_size`.
        samples_per_epoch: training utterances per epoch, over all processes; null takes each once.
        balance: 0 draws all utterances equally often, 1 all classes; between, classes weigh `count ** (1 - balance)`.
        balanced_epochs: epochs from the first on that `balance` holds for, all equally often behind them; null: all.
        views: augmented views to draw from beside the clean one; null takes all of the cache, fresh ones without it.
        augmentation: recipe of the views that encoders inside the model hear, a YAML file or the name of a shipped one;
            beside a cache with views, its own.
        plan: table of `vibespeaker balance`: the utterances and views of an epoch, instead of all.
        evaluation_view: view that is validated, tested and predicted; 0 is the clean one.
        prediction_views: predictions are means over the clean recording and so many of its augmented views.
        allow_leaks: kinds of leaks between the splits to overlook, of `leaks.KINDS`; they are recorded, and printed
            beside every score.
        seed: base of order, drawing and views; null takes that of `seed_everything`, 0 where nothing was seeded.
        workers: reading processes; 0 reads in the training process.
        heads: further heads to train, by name, and where their truth stands. Outside training, a checkpoint says which
            heads there are.

    Raises:
        ConfigError: a setting of the cache is given without a cache.
    """

    def __init__(
        self,
        manifest: Path,
        cache: Path | None = None,
        encoders: list[str] | None = None,
        label_set: str | None = None,
        policy: LabelPolicy = LabelPolicy(),  # noqa: B008 (frozen)
        splits: Splits = Splits(),  # noqa: B008 (frozen)
        batch_size: int = 128,
        frame_budget: int | None = None,
        evaluation_batch_size: int | None = None,
        samples_per_epoch: int | None = None,
        balance: float = 0.0,
        views: int | None = None,
        plan: Path | None = None,
        evaluation_view: int = 0,
        allow_leaks: list[str] | None = None,
        seed: int | None = None,
        workers: int = 0,
        heads: dict[str, HeadConfig] | None = None,
        augmentation: Path | None = None,
        balanced_epochs: int | None = None,
        prediction_views: int = 0,
    ) -> None:
        super().__init__()
        require(COUNT, evaluation_batch_size=evaluation_batch_size)
        require(COUNT_OR_NONE, views=views, evaluation_view=evaluation_view, prediction_views=prediction_views)
        if prediction_views and evaluation_view:
            raise ConfigError(
                "predictions are of one view or means over several: set evaluation_view or prediction_views"
            )
        require(WORKERS, workers=workers)
        require_once("encoders", encoders)
        self.manifest_path, self.cache_path = Path(manifest), None if cache is None else Path(cache)
        self.wanted_encoders, self.wanted_labels, self.wanted_views = encoders, label_set, views
        self.policy, self.splits = policy, splits
        self.size = BatchSize(batch_size, frame_budget)
        self.evaluation_size = BatchSize(evaluation_batch_size or batch_size, frame_budget)
        self.draw = Draw(samples_per_epoch, balance, run_seed() if seed is None else seed, balanced_epochs)
        self.plan_path, self.evaluation_view = None if plan is None else Path(plan), evaluation_view
        self.prediction_views, self.allow_leaks = prediction_views, allow_leaks or []
        self.leaks: dict[str, str] = {}
        self.workers, self._live_encoders, self._replaces = workers, dict[str, EncoderProvenance](), True
        self.augmentation = None if augmentation is None else read_recipe(augmentation)
        check_head_names(heads or {})
        self.declared_heads, self.heads = heads or {}, dict[str, HeadSpec]()
        check_source(self.cache_path, encoders, views, evaluation_view, augmentation is not None)

    @cached_property
    def sources(self) -> Sources:
        """Where the frames of each encoder come from; see `decide_sources`."""
        return decide_sources(self.cache, self.wanted_encoders, self._live_encoders, self._replaces)

    @cached_property
    def encoders(self) -> dict[str, EncoderProvenance]:
        """Encoder name → encoder, in the model's order; those inside the model once they are adopted."""
        return self.sources.provenance(self.cache)

    @cached_property
    def manifest(self) -> Manifest:
        """The columns of the manifest that training looks at all the time."""
        return read_facts(self.manifest_path, texts_read(self.encoders), self.cache is None or bool(self.sources.live))

    @cached_property
    def names(self) -> Manifest:
        """The columns that name utterances in predictions and errors."""
        return read_names(self.manifest_path)

    @cached_property
    def contents(self) -> dict[str, Contents]:
        """Encoder name → `(rows, 32)` hashes by which its frames are found in the cache."""
        assert self.cache is not None
        return read_contents(self.manifest_path, {name: self.cache.encoders[name] for name in self.sources.cached})

    @cached_property
    def cache(self) -> EmbeddingCache | None:
        """The embedding cache, None in live mode."""
        return None if self.cache_path is None else EmbeddingCache.open(self.cache_path)

    @cached_property
    def labels(self) -> LabelSet:
        """Classes, in the order of the logits."""
        return label_set(self.wanted_labels or self.manifest.metadata.label_set)

    @cached_property
    def targets(self) -> Targets:
        """Targets of every row of the manifest."""
        return read_targets(self.manifest_path, self.labels, self.policy, self.heads)

    def class_counts(self, head: str = CATEGORIES_HEAD) -> npt.NDArray[np.int64]:
        """Return `(classes,)`, utterances of each class of a head among the items of an epoch."""
        classes = len(self.labels if head == CATEGORIES_HEAD else self.heads[head].classes)
        return self.targets.select(self.epoch_items[0]).class_counts(classes, head)

    @property
    def labelled_heads(self) -> tuple[str, ...]:
        """Heads of which the items of an epoch have a target."""
        return self.targets.select(self.epoch_items[0]).labelled_heads()

    @cached_property
    def epoch_items(self) -> tuple[Rows, Rows | None]:
        """Row of every item of an epoch, and its view where a balance plan names it."""
        rows = self.rows("train")
        return (rows, None) if self.plan_path is None else planned(self.plan_path, self.names, rows)

    @cached_property
    def provenance(self) -> Provenance:
        """What a checkpoint records of this data, and of the encoders inside the model once they are adopted."""
        return Provenance(
            label_set=self.labels.name,
            classes=self.labels.classes,
            encoders=self.encoders,
            manifest=file_sha256(self.manifest_path),
            cache=self.cache.digest if self.cache else None,
            corpora=self.manifest.metadata.corpora,
            transcripts=text_origins(self.manifest, texts_read(self.encoders), self.manifest_path),
            synthetic=self.manifest.metadata.synthetic,
            cleaning=self.cache.recipe.cleaning if self.cache else cleaning_of(self.manifest),
            leaks=self.leaks,
            plan=None if self.plan_path is None else file_sha256(self.plan_path),
            heads=self.heads,
        )

    def check_texts(self) -> None:
        """Refuse encoders of texts where the training split has none; see `require_texts`."""
        if all(encoder.modality != "text" for encoder in self.encoders.values()):
            return
        training = is_in_split(self.manifest, "train", self.splits)
        require_texts(self.manifest, texts_read(self.encoders), training.tolist())

    def rows(self, purpose: Purpose) -> Rows:
        """Return the manifest's row numbers of a split, ascending.

        Raises:
            ConfigError: the split is empty.
        """
        return choose_rows(self.manifest, self.targets.usable, purpose, self.splits)

    def adopt_encoders(self, encoders: Mapping[str, EncoderProvenance], replace: bool = True) -> None:
        """Read audio and texts for these encoders, which run inside the model, from now on, and record them.

        Args:
            encoders: name → encoder.
            replace: whether they stand for cached ones of their names.
        """
        self._live_encoders, self._replaces = dict(encoders), replace
        for made in ("sources", "encoders", "manifest", "contents", "provenance"):
            self.__dict__.pop(made, None)

    def adopt_heads(self, heads: Mapping[str, HeadSpec]) -> None:
        """Read the targets of these further heads from now on, such as those of a checkpoint."""
        self.heads = dict(heads)
        for made in ("targets", "provenance"):
            self.__dict__.pop(made, None)

    def setup(self, stage: str | None = None) -> None:
        """Read manifest and cache index, so that mistakes show before anything is computed."""
        if stage == "fit" and self.declared_heads:
            training = is_in_split(self.manifest, "train", self.splits)
            self.adopt_heads(resolve_heads(self.declared_heads, self.manifest_path, training, self.labels, self.policy))
        self.check_splits(stage)
        if stage == "fit":
            self.__dict__.pop("provenance", None)  # which records what leaks
        _ = self.provenance

    def training_batches(self) -> tuple[BatchReader, TrainingBatches]:
        """Return what reads the training split, and length-bucketed batches of drawn views."""
        rows, drawn = self.epoch_items
        inputs = self._inputs
        reader, categories = inputs.split(rows, drawn, is_training=True), self.targets.category[rows]
        return reader, TrainingBatches(
            *(reader.lengths, categories, self.size, self.draw, inputs.view_count, self.shard),
            fresh=inputs.are_views_fresh,
        )

    def whole_split(self) -> tuple[BatchReader, list[list[Key]]]:
        """Return what reads the items of an epoch, and batches of all of them, each in every view, the clean one first.

        Where every epoch has views of its own, the first two stand for them.
        """
        rows, drawn = self.epoch_items
        inputs = self._inputs
        reader = inputs.split(rows, drawn, is_training=True)
        views = FRESH_VIEWS if inputs.are_views_fresh else inputs.view_count
        batches = list(EvaluationBatches(reader.lengths, self.evaluation_size))
        every = range(1 if drawn is not None else views + 1)
        return reader, [[(position, view) for position, _ in batch] for batch in batches for view in every]

    def evaluation_reader(self, purpose: Purpose) -> BatchReader:
        """Return what reads all utterances for a purpose, clean."""
        rows = self.rows(purpose)
        return self._inputs.split(rows, np.full(len(rows), self.evaluation_view), is_training=False)

    def predict_dataloader(self) -> BatchLoader | list[BatchLoader]:
        """Return every utterance to predict, clean; behind it each of the augmented views that are averaged."""
        if not self.prediction_views:
            return super().predict_dataloader()
        rows = self.rows("predict")
        views = (np.full(len(rows), view) for view in range(self.prediction_views + 1))
        return [self.evaluation_loader(self._inputs.split(rows, view, is_training=False)) for view in views]

    def transfer_batch_to_device(self, batch: EmotionBatch, device: torch.device, dataloader_idx: int) -> EmotionBatch:
        """Move a batch without waiting for the copy."""
        return batch.to(device, non_blocking=True)

    @property
    def _inputs(self) -> SplitInputs:
        return SplitInputs(
            manifest=self.manifest,
            targets=self.targets,
            sources=self.sources,
            cache=self.cache,
            contents={} if self.cache is None else self.contents,
            names=lambda rows: self.names.select(rows).column("utterance_id"),
            augmentation=self.augmentation,
            views=self.wanted_views,
            seed=self.draw.seed,
        )
