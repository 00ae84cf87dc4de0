"""Several trained systems as one: the table ensemble's mean, computed while the members run."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.ensemble.means import LEAST_PROBABILITY, check_weights, weighted_mean
from vibespeaker.errors import ConfigError
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.tasks.base import RecognitionTask
from vibespeaker.tasks.datamodule import EmotionDataModule
from vibespeaker.tasks.emotion_task import EmotionTask

CATEGORIES = "categories"
HEADS = (CATEGORIES, *ATTRIBUTES)


class EnsembleTask(RecognitionTask):
    """Validates, tests and predicts with the weighted mean of members, each attribute with weights of its own.

    Categories are averaged as probabilities; the logits are the logarithms of the means. Members of a label set with
    more classes are restricted to those of the data.

    Args:
        members: name → checkpoint.
        weights: head (`categories`, `arousal`, `valence`, `dominance`) → member → weight, relative to the others; a
            head that is not named weighs all members alike.

    Raises:
        ConfigError: a weight names no head or no member, or is negative, or a head's weights are all 0.
    """

    is_fixed = True

    def __init__(self, members: dict[str, Path], weights: dict[str, dict[str, float]] | None = None) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.paths = {name: Path(path) for name, path in members.items()}
        self.weights = {**dict.fromkeys(HEADS, dict.fromkeys(self.paths, 1.0)), **(weights or {})}
        self._check_weights()
        self.members = nn.ModuleDict()

    def _check_weights(self) -> None:
        if not self.paths:
            raise ConfigError("an ensemble needs members", remedy="name checkpoints in model.init_args.members")
        for head, shares in self.weights.items():
            unknown = [name for name in shares if name not in self.paths]
            if head not in HEADS or unknown:
                raise ConfigError(
                    "weights of an ensemble go by head and by member",
                    found=", ".join(unknown) or head,
                    allowed=self.paths if unknown else HEADS,
                )
            check_weights([*shares.values()], head)

    def configure_model(self) -> None:
        """Load the members and check that the data provides what they read.

        Raises:
            CheckpointError: a member is missing, reads other encoders, or lacks classes of the data.
        """
        if len(self.members):
            return
        data = self.data
        self.provenance = data.provenance
        corpora: set[str] = set()
        for name, path in self.paths.items():
            member = EmotionTask.from_checkpoint(path)
            data.provenance.check_encoders(member.provenance, subset=True)
            member.restrict_classes(data.labels)
            corpora |= {*member.provenance.corpora}
            self.members[name.replace(".", "-")] = member
        synthetic = any(member.provenance.synthetic for member in self.tasks.values())
        self.provenance = replace(self.provenance, corpora=tuple(sorted(corpora)), synthetic=synthetic)

    @property
    def tasks(self) -> dict[str, EmotionTask]:
        """Members by name."""
        loaded = dict(zip(self.paths, self.members.values(), strict=True))
        return {name: task for name, task in loaded.items() if isinstance(task, EmotionTask)}

    def recognize(self, batch: EmotionBatch) -> EmotionOutput:
        """Return the weighted means, computed in float64."""
        outputs = {name: task.recognize(batch) for name, task in self.tasks.items()}
        probabilities = {
            name: output.logits.double().softmax(1) for name, output in outputs.items() if output.logits is not None
        }
        attributes = {
            name: output.attributes.double() for name, output in outputs.items() if output.attributes is not None
        }
        columns = [
            self._mean(head, {name: values[:, column] for name, values in attributes.items()})
            for column, head in enumerate(ATTRIBUTES)
            if attributes
        ]
        mean = self._mean(CATEGORIES, probabilities) if probabilities else None
        return EmotionOutput(
            logits=None if mean is None else mean.clamp(min=LEAST_PROBABILITY).log(),
            attributes=torch.stack(columns, dim=1) if columns else None,
        )

    def _mean(self, head: str, values: dict[str, Tensor]) -> Tensor:
        """Return the mean over the members that have the head."""
        shares = {name: share for name, share in self.weights[head].items() if name in values and share > 0}
        if not shares:
            raise ConfigError(f"no ensemble member that weighs for {head} has that head", found=self.weights[head])
        return weighted_mean([values[name] for name in shares], [*shares.values()])

    def prediction_provenance(self, data: EmotionDataModule) -> dict[str, Any]:
        """Return the members with what each was trained on."""
        members = [
            {
                "name": name,
                "path": str(self.paths[name]),
                "kind": "checkpoint",
                "provenance": task.prediction_provenance(data),
            }
            for name, task in self.tasks.items()
        ]
        return {"ensemble": {"members": members, "weights": self.weights}}
