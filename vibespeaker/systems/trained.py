"""A trained network as a system, from a checkpoint alone and without the trainer.

A checkpoint names the encoders it was trained with and their fingerprints. Where batches hold audio and texts they are
built again, and refused when they are not the same: other weights under the old name would give other frames, and
numbers without meaning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vibespeaker.batch import EmotionBatch, EmotionOutput, Frames
from vibespeaker.encoders.specs import check_trusted
from vibespeaker.errors import CheckpointError
from vibespeaker.labels import LabelSet
from vibespeaker.models.base import EmotionModel
from vibespeaker.models.building import build_network
from vibespeaker.models.checkpoint import Checkpoint, open_checkpoint
from vibespeaker.models.live import LIVE, LiveEncoders
from vibespeaker.models.weights import NETWORK, check_state
from vibespeaker.provenance import EncoderProvenance, Provenance
from vibespeaker.systems.base import finite


class TrainedModel(nn.Module):
    """A network with the encoders that it was trained with; see `System`.

    Args:
        network: in evaluation mode.
        provenance: what it was trained on.
        trained_encoders: weights of the encoders that were trained with it, as `LiveEncoders` names them.
        identity: SHA-256 of the checkpoint, or of a model folder's weights.
        file: the checkpoint, or a model folder's weights.
        drawn_weights: `<encoder>.<weight>` → random numbers that an encoder drew when it was trained with; null to let
            it draw them again.
        network_spec: `class_path` and `init_args` that make the network; null where nobody will share it.
    """

    def __init__(
        self,
        network: EmotionModel,
        provenance: Provenance,
        trained_encoders: Mapping[str, Tensor] | None = None,
        identity: str | None = None,
        file: Path | None = None,
        drawn_weights: Mapping[str, Tensor] | None = None,
        network_spec: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.network_spec = network_spec
        self.network, self.provenance, self.identity, self.file = network, provenance, identity, file
        self.name = "the system" if file is None else str(file)
        self.live: LiveEncoders | None = None
        self.trained_encoders, self._drawn_weights = dict(trained_encoders or {}), dict(drawn_weights or {})
        self._trained_labels = provenance.labels
        self._kept_logits: list[int] | None = None

    @staticmethod
    def from_checkpoint(path: Path) -> "TrainedModel":
        """Load a checkpoint that `vibespeaker fit` wrote; neither optimiser nor loss is built.

        Raises:
            CheckpointError: the file is no such checkpoint, or what it holds does not fit together.
        """
        return TrainedModel.from_opened(open_checkpoint(path))

    @staticmethod
    def from_opened(checkpoint: Checkpoint) -> "TrainedModel":
        """Build what was read from a checkpoint.

        Raises:
            CheckpointError: what it holds does not fit together.
        """
        provenance, spec = checkpoint.provenance, checkpoint.hyper_parameters.get("network")
        network = build_network(spec, provenance, checkpoint.state(NETWORK), checkpoint.path)
        return TrainedModel(
            network, provenance, checkpoint.state(LIVE), checkpoint.sha256, checkpoint.path, network_spec=spec
        )

    @property
    def heads(self) -> tuple[str, ...]:
        """Which outputs it has."""
        return self.network.heads

    @property
    def trained_provenance(self) -> Provenance:
        """What it was trained on, in all its classes, whatever it is restricted to."""
        labels = self._trained_labels
        return replace(self.provenance, label_set=labels.name, classes=labels.classes)

    def prepare(self, frames: Mapping[str, EncoderProvenance] | None) -> dict[str, EncoderProvenance]:
        """Check the frames that batches will hold, and build the encoders that make the others; see `System`."""
        read = {} if frames is None else {name: one for name, one in frames.items() if not self._runs(name, frames)}
        wanted = {name: one for name, one in self.provenance.encoders.items() if self._runs(name, frames)}
        if not wanted:
            replace(self.provenance, encoders=read).check_encoders(self.provenance, subset=True)
            return {}
        check_trusted({name: encoder.spec for name, encoder in wanted.items()}, self.name)
        live = LiveEncoders({name: encoder.spec for name, encoder in wanted.items()})
        self._load_drawn(live)
        made = live.provenance()
        # of those that were trained the weights that they began with are of no account, but for the rest of them
        at_hand = {**read, **made}
        replace(self.provenance, encoders=at_hand).check_encoders(self.provenance, subset=frames is not None)
        try:
            live.load_state_dict(self.trained_encoders)
        except RuntimeError as error:
            raise CheckpointError(
                f"{self.name} holds other weights of its trained encoders than they have",
                found=" ".join(str(error).split())[:200],
                remedy="give the encoders' checkpoints that it was trained from",
            ) from error
        self.live = live.eval()
        return made

    def _runs(self, name: str, frames: Mapping[str, EncoderProvenance] | None) -> bool:
        """Return whether an encoder runs inside: where there are no frames, where it was trained, or as in training."""
        encoder = self.provenance.encoders.get(name)
        if encoder is None:
            return False
        return frames is None or encoder.trained or (encoder.live is True and name not in frames)

    def _load_drawn(self, live: LiveEncoders) -> None:
        """Put the random numbers that encoders drew when they were trained with in place of those of today."""
        for name, encoder in live.frozen.items():
            own = f"{name}."
            state = {key.removeprefix(own): value for key, value in self._drawn_weights.items() if key.startswith(own)}
            if state:
                check_state(encoder, state, f"{self.name}: encoder {name}")
                encoder.load_state_dict(state)

    def restrict_classes(self, labels: LabelSet) -> None:
        """Answer in the classes and the order of `labels` from now on; see `System`."""
        positions = class_positions(self._trained_labels, labels, self.name)
        self._kept_logits = None if labels.classes == self._trained_labels.classes else positions
        self.provenance = replace(self.provenance, label_set=labels.name, classes=labels.classes)

    def answer(self, batch: EmotionBatch) -> EmotionOutput:
        """Recognise a batch from its frames, or from its audio and texts, as `prepare` was told."""
        frames: Mapping[str, Frames] = batch.frames if self.live is None else {**batch.frames, **self.live(batch)}
        return self.chosen(finite(self.network(frames), self.name))

    def chosen(self, output: EmotionOutput) -> EmotionOutput:
        """Return what the network says, of the classes that the system answers in."""
        if self._kept_logits is None or output.logits is None:
            return output
        return replace(output, logits=output.logits[:, self._kept_logits])

    def record(self, transcripts: Sequence[str]) -> dict[str, Any]:
        """Return corpora trained on, encoders, the origins of all texts that were read, and what leaked."""
        return self.provenance.record(transcripts)


def class_positions(known: LabelSet, labels: LabelSet, name: str) -> list[int]:
    """Return where each class of `labels` stands among the classes that a system knows.

    Args:
        known: the system's own classes.
        labels: the wanted ones.
        name: what errors call the system.

    Raises:
        CheckpointError: a class was not trained.
    """
    missing = [emotion for emotion in labels.classes if emotion not in known.classes]
    if missing:
        raise CheckpointError(
            f"{name} lacks these classes",
            found=", ".join(missing),
            allowed=known.classes,
            remedy=f"choose a label set that it knows, such as {known.name} (data.init_args.label_set, an ensemble's "
            "labels)",
        )
    return [known.index(emotion) for emotion in labels.classes]
