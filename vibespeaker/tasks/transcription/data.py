"""The data of a recogniser's training: recordings whose texts are known, from any manifest."""

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vibespeaker.arguments.ranges import COUNT, COUNT_OR_NONE, Range, require, require_each, require_once
from vibespeaker.audio.recordings import COLUMNS
from vibespeaker.data.loader import BatchReader
from vibespeaker.data.sampler import BatchSize, Draw, TrainingBatches
from vibespeaker.data.speech import SpeechBatch, SpeechSplit
from vibespeaker.data.splits import Purpose, Splits, choose_rows
from vibespeaker.evaluation.words.counting import normalised
from vibespeaker.files import file_sha256
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.texts import origin_column, text_column
from vibespeaker.tasks.processes import run_seed
from vibespeaker.tasks.split_batches import SplitDataModule

log = logging.getLogger(__name__)

Rows = npt.NDArray[np.int64]
#: Seconds that a Whisper hears at once.
LONGEST = 30.0


class TranscriptionDataModule(SplitDataModule):
    """Batches of recordings and texts, of like length; utterances without a text or over 30 s do not count.

    Args:
        manifest: table that `vibespeaker prepare` wrote.
        text: name of the texts that are the truth; null takes the default ones.
        splits: which splits serve what.
        batch_size: utterances in a training batch, over all processes.
        evaluation_batch_size: utterances in a batch of one process in validation, test and prediction; null takes
            `batch_size`.
        samples_per_epoch: training utterances per epoch, over all processes; null takes each once.
        speeds: factors, such as `[0.9, 1.1]`; each epoch draws one of them or the own speed for each training
            utterance.
        allow_leaks: kinds of leaks between the splits to overlook; they are recorded.
        seed: base of order and speeds; null takes that of `seed_everything`.
        workers: reading processes; 0 reads in the training process.
    """

    def __init__(
        self,
        manifest: Path,
        text: str | None = None,
        splits: Splits = Splits(),  # noqa: B008 (frozen)
        batch_size: int = 2,
        evaluation_batch_size: int | None = None,
        samples_per_epoch: int | None = None,
        speeds: list[float] | None = None,
        allow_leaks: list[str] | None = None,
        seed: int | None = None,
        workers: int = 0,
    ) -> None:
        super().__init__()
        require(COUNT, evaluation_batch_size=evaluation_batch_size)
        require(COUNT_OR_NONE, workers=workers)
        require_each(Range(0.5, 2), "speeds", enumerate(speeds or ()))
        require_once("speeds", speeds)
        self.manifest_path, self.text, self.splits = Path(manifest), text, splits
        self.size = BatchSize(batch_size)
        self.evaluation_size = BatchSize(evaluation_batch_size or batch_size)
        self.draw = Draw(samples_per_epoch, 0.0, run_seed() if seed is None else seed)
        self.speeds, self.workers = tuple(speeds or ()), workers
        self.allow_leaks = allow_leaks or []
        self.leaks: dict[str, str] = {}

    @cached_property
    def manifest(self) -> Manifest:
        """What training reads of the manifest."""
        texts = (text_column(self.text), origin_column(self.text))
        return Manifest.read(self.manifest_path, ("utterance_id", "split", "language", "duration", *COLUMNS, *texts))

    @cached_property
    def usable(self) -> npt.NDArray[np.bool_]:
        """`(rows,)`, True for recordings of at most 30 s whose text has a word."""
        table = self.manifest
        texts, audio = table.column(text_column(self.text)), table.column("audio")
        said = np.array([bool(text and normalised(text)) for text in texts], dtype=bool)
        seconds = np.nan_to_num(table.table.column("duration").to_numpy().astype(np.float64))
        # a slower view of a recording is longer
        short = seconds * max(1.0, 1 / min(self.speeds, default=1.0)) <= LONGEST
        for left_out, why in ((~said, "have no text"), (~short, f"are over {LONGEST:.0f} s")):
            if left_out.any():
                log.warning("%d utterances %s: they neither train nor are scored", int(left_out.sum()), why)
        return said & short & np.array([bool(one) for one in audio], dtype=bool)

    def rows(self, purpose: Purpose) -> Rows:
        """Return the manifest's row numbers of a split, ascending; to predict, all that are heard at once.

        Raises:
            ConfigError: the split is empty.
        """
        return choose_rows(self.manifest, self.usable, purpose, self.splits)

    def record(self) -> dict[str, Any]:
        """Return what a checkpoint records of this data."""
        return {
            "manifest": file_sha256(self.manifest_path),
            "corpora": list(self.manifest.metadata.corpora),
            "synthetic": self.manifest.metadata.synthetic,
            "texts": self.manifest.codes(origin_column(self.text))[1],
            "leaks": self.leaks,
        }

    def names(self, rows: Sequence[int]) -> list[str]:
        """Return the ids of utterances."""
        return self.manifest.select(rows).column("utterance_id")

    def write_texts(self, path: Path, name: str, texts: Mapping[int, str], origin: str, command: str) -> None:
        """Write the whole manifest with texts that were heard.

        Args:
            path: the table to write.
            name: of the texts.
            texts: row → text; other rows have none.
            origin: what `text_origin` says of them.
            command: what heard them.
        """
        table = Manifest.read(self.manifest_path)
        heard = [texts.get(row) for row in range(len(table))]
        columns = {text_column(name): heard, origin_column(name): [None if one is None else origin for one in heard]}
        table.with_columns(columns, {"step": "predict", "name": name, "command": command}).write(path)

    def setup(self, stage: str | None = None) -> None:
        """Read the manifest, so that mistakes show before anything is computed."""
        self.check_splits(stage)

    def training_batches(self) -> tuple[BatchReader, TrainingBatches]:
        """Return what reads the training split, and batches of like length, at drawn speeds."""
        reader = self.evaluation_reader("train")
        alike = np.zeros(len(reader), np.int64)
        return reader, TrainingBatches(reader.lengths, alike, self.size, self.draw, len(self.speeds), self.shard)

    def evaluation_reader(self, purpose: Purpose) -> BatchReader:
        """Return what reads all utterances for a purpose; those of training at drawn speeds."""
        speeds = self.speeds if purpose == "train" else ()
        return SpeechSplit(self.manifest, self.rows(purpose), text_column(self.text), speeds)

    def transfer_batch_to_device(self, batch: SpeechBatch, device: torch.device, dataloader_idx: int) -> SpeechBatch:
        """Move a batch."""
        return batch.to(device)
