"""Any system under the trainer: validated, tested and predicted on any number of processes."""

from pathlib import Path
from typing import Any

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.calibration.store import Calibration
from vibespeaker.errors import ConfigError
from vibespeaker.systems import System, open_system
from vibespeaker.systems.beside import calibration_of
from vibespeaker.systems.ensemble import checked_weights
from vibespeaker.systems.opening import open_ensemble
from vibespeaker.tasks.base import RecognitionTask
from vibespeaker.tasks.datamodule import EmotionDataModule


class SystemTask(RecognitionTask):
    """Validates, tests and predicts with a system, or with the weighted mean of several.

    Systems of a label set with more classes are restricted to those of the data.

    Args:
        source: the system: a checkpoint, a run folder, or an ensemble's file, see `systems.open_system`.
        members: name → system, several as one, in place of `source`.
        weights: of the members, by head (`categories`, `arousal`, `valence`, `dominance`, or a further one) and member,
            relative to the others; a head that is not named weighs all members alike.
        label_maps: member → its class → the class that it counts for; classes that are not named keep their name.

    Raises:
        ConfigError: not exactly one of `source` and `members` is given, or the weights do not fit.
    """

    is_fixed = True
    system: System

    def __init__(
        self,
        source: str | None = None,
        members: dict[str, str] | None = None,
        weights: dict[str, dict[str, float]] | None = None,
        label_maps: dict[str, dict[str, str]] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        if (source is None) == (members is None):
            raise ConfigError(
                "a task around a system needs model.init_args.source or model.init_args.members",
                found="neither" if source is None else "both",
            )
        if members is None and (weights or label_maps):
            raise ConfigError(
                "weights and label maps go with model.init_args.members",
                remedy="write them into the ensemble's file that source names",
            )
        if members is not None:
            checked_weights(members, weights)
        self.source, self.members, self.weights, self.label_maps = source, members, weights, label_maps
        self._is_ready = False

    def prepare_network(self) -> None:
        """Open the system and check that the data provides what it reads.

        Raises:
            CheckpointError: a checkpoint is missing, reads other encoders, or lacks classes of the data.
        """
        if self._is_ready:
            return
        data = self.data
        self.system = self._open()
        made = self.system.prepare(None if data.cache is None else data.provenance.encoders)
        self.system.restrict_classes(data.labels)
        data.adopt_heads(self.system.provenance.heads)
        self.provenance = self.system.provenance
        if made:
            data.adopt_encoders(made, replace=False)  # members may read the cached frames of the same name
        self._is_ready = True

    @property
    def checkpoint(self) -> Path | None:
        """The file that the system was opened from; None for members that the config lists."""
        return self.system.file

    @property
    def identity(self) -> str | None:
        """The system's."""
        return self.system.identity

    @property
    def calibration(self) -> Calibration | None:
        """The system's; see `systems.beside`."""
        return calibration_of(self.system)

    def recognize(self, batch: EmotionBatch) -> EmotionOutput:
        """Return the system's answer."""
        return self.system.answer(batch)

    def prediction_provenance(self, data: EmotionDataModule) -> dict[str, Any]:
        """Return the system's own record."""
        return self.system.record(data.provenance.transcripts)

    def _open(self) -> System:
        if self.source is not None:
            return open_system(self.source)
        assert self.members is not None
        return open_ensemble({name: Path(path) for name, path in self.members.items()}, self.weights, self.label_maps)
