"""Training a network: stages and systems differ by what this task is configured with, not by class."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import torch
from lightning.pytorch import Callback
from lightning.pytorch.cli import OptimizerCallable
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor

from vibespeaker.batch import EmotionBatch, EmotionOutput, Frames
from vibespeaker.config_files.renamed import stored_now
from vibespeaker.encoders.gradients import check_gradients
from vibespeaker.encoders.specs import check_specs
from vibespeaker.encoders.training import keep_frozen_still
from vibespeaker.errors import ConfigError
from vibespeaker.labels import LabelSet
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.losses import MultiTaskLoss, WeightPenalty
from vibespeaker.models.base import EmotionModel
from vibespeaker.models.building import check_spec
from vibespeaker.models.checkpoint import HYPER_PARAMETERS
from vibespeaker.models.live import LiveEncoders, start_encoders
from vibespeaker.models.weights import check_network, initialise, network_state
from vibespeaker.provenance import Provenance
from vibespeaker.systems.trained import class_positions
from vibespeaker.tasks.base import RecognitionTask
from vibespeaker.tasks.before_training import read_whole_split, set_confusions, solve
from vibespeaker.tasks.callbacks.best_checkpoint import CheckpointRule
from vibespeaker.tasks.callbacks.gradient_norm import GradientNorm
from vibespeaker.tasks.callbacks.layer_weights import LayerWeights
from vibespeaker.tasks.callbacks.process_remark import batch_norm_errors
from vibespeaker.tasks.datamodule import EmotionDataModule
from vibespeaker.tasks.gathering import TrainingAccuracy, TrainingScores
from vibespeaker.tasks.mixup import Mixup, mixed_terms
from vibespeaker.tasks.network_checks import check_heads, freeze
from vibespeaker.tasks.non_finite import refuse_non_finite
from vibespeaker.tasks.optimizing import checked_optimizer, scheduled
from vibespeaker.tasks.processes import whole_batch, world_size
from vibespeaker.tasks.schedule import Schedule
from vibespeaker.tasks.scores import SplitOutputs


class EmotionTask(RecognitionTask):
    """Trains a network on categories, attributes and whatever further heads the data declares.

    The network is built when the data is known: from the cache's encoders, from live ones, or from a checkpoint.

    With gradient accumulation the loss of each of the accumulated batches is divided by its own number of targets and
    class weights: it equals one large batch only where those are equal.

    Args:
        network: from encoder widths by name, the number of classes and the further heads to the network.
        loss: what is minimised.
        optimizer: from the trained parameters to an optimiser; its learning rate is the maximum of the schedule.
        schedule: how the learning rate changes over the run.
        init_from: checkpoint whose weights to start from; heads are matched by name and class.
        encoders: name → class_path and init_args of encoders that run inside the model, on audio and texts; `train`
            beside them says what of an encoder is trained, see `encoders.training`. Others are read from the cache.
        freeze: patterns over the network's parameter names, such as `poolings.*`, that stay as they start.
        init_encoders: trained encoder → checkpoint of a run whose encoder of that name it starts from, such as one that
            was tuned alone.
        penalty: on the size of trained weights, added to what is minimised; `train/loss` and `val/loss` are without it.
        checkpoints: which states a run keeps.
        mixup: whether utterances of a batch are mixed while training, behind everything but the heads.
    """

    def __init__(
        self,
        network: Callable[[Mapping[str, int], int, Mapping[str, HeadSpec]], EmotionModel],
        loss: MultiTaskLoss,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        schedule: Schedule = Schedule(),  # noqa: B008 (frozen)
        init_from: Path | None = None,
        encoders: dict[str, dict[str, Any]] | None = None,
        freeze: list[str] | None = None,
        penalty: WeightPenalty | None = None,
        init_encoders: dict[str, Path] | None = None,
        checkpoints: CheckpointRule = CheckpointRule("val/macro_f1"),  # noqa: B008 (frozen)
        mixup: Mixup | None = None,
    ) -> None:
        super().__init__(checkpoints)
        with warnings.catch_warnings(action="ignore"):
            # Lightning advises to ignore modules, but then loading would silently build the default ones
            self.save_hyperparameters()
        self.network: EmotionModel | None = None
        self.live: LiveEncoders | None = None
        self.kept_logits: list[int] | None = None
        self.make_network, self.loss, self.make_optimizer = network, loss, optimizer
        self.schedule, self.init_from, self.penalty, self.mixup = schedule, init_from, penalty, mixup
        self.encoder_specs = None if encoders is None else check_specs(encoders, "model.init_args.encoders")
        self.freeze_patterns, self.init_encoders = freeze or [], init_encoders or {}

    def prepare_network(self) -> None:
        """Build the network for the attached data; a checkpoint that is loaded without data builds it itself."""
        if self.network is not None or self._trainer is None:
            return
        data, fitting = self.data, self.trainer.state.fn == TrainerFn.FITTING
        network = self._build(data.provenance)
        if fitting:
            self.has_weights = True
            data.check_texts()
            begun = start_encoders(self.live, self.init_encoders)
            check_heads(network, self.loss, self.provenance.heads)
            start = self.init_from
            earlier = None if start is None else initialise(network, self.provenance, Path(start))
            learnt = [head for head in self.loss.trains if head in data.labelled_heads]
            self.provenance = self.provenance.trained(learnt, earlier, begun)
            for head in self.loss.needs_class_counts:
                self.loss.set_class_counts(torch.from_numpy(data.class_counts(head)), head)

    def _build(self, provenance: Provenance) -> EmotionModel:
        if self.encoder_specs:
            self.live = LiveEncoders(self.encoder_specs)
            encoders = self.live.provenance()
            if self._trainer is not None:
                self.data.adopt_encoders(encoders)
                provenance = self.data.provenance
            else:
                provenance = replace(provenance, encoders={**provenance.encoders, **encoders})
        if not provenance.encoders:
            raise ConfigError(
                "there are no encoders",
                remedy="set data.init_args.cache to an embedding cache, or model.init_args.encoders to live encoders",
            )
        self.provenance = provenance
        self.network = network = self._network_of(provenance)
        freeze(network, self.freeze_patterns)
        return network

    def _network_of(self, provenance: Provenance) -> EmotionModel:
        return self.make_network(provenance.encoder_dims, len(provenance.classes), provenance.heads)

    def recognize(self, batch: EmotionBatch) -> EmotionOutput:
        """Return the network's outputs for a batch, from its frames, its audio and its texts."""
        assert self.network is not None
        output: EmotionOutput = self.network(self._frames(batch))
        if self.kept_logits is None or output.logits is None:
            return output
        return replace(output, logits=output.logits[:, self.kept_logits])

    def _frames(self, batch: EmotionBatch) -> Mapping[str, Frames]:
        return batch.frames if self.live is None else {**batch.frames, **self.live(batch)}

    def restrict_classes(self, labels: LabelSet) -> None:
        """Give logits in the classes and the order of `labels` from now on; other classes' logits are dropped.

        Raises:
            CheckpointError: a class was not trained.
        """
        positions = class_positions(self.provenance.labels, labels, "the checkpoint")
        if labels.classes != self.provenance.classes:
            self.kept_logits = positions
            self.provenance = replace(self.provenance, label_set=labels.name, classes=labels.classes)

    def training_step(self, batch: EmotionBatch, batch_index: int) -> Tensor:
        """Return the loss of the batch over all processes, scaled for DDP's mean of gradients.

        Where a model has members, it is the mean of their own losses.
        """
        if self.live is not None:
            self.live.draw = (self.data.draw.seed, self.current_epoch)
        with batch_norm_errors(len(batch)):
            output = self.recognize(batch)
        shares = [whole_batch(member, batch) for member in output.members or (output,)]
        where = (len(shares[0][1]), self.data.draw.seed, self.current_epoch, batch_index)
        mix = None if self.mixup is None else self.mixup.draw(*where)
        terms = [mixed_terms(self.loss, *share, mix, self.provenance.heads) for share in shares]
        value = torch.stack([self.loss.total(share) for share in terms]).mean()
        names = [name for name in terms[0] if len(terms[0]) > 1]
        logged = {
            f"train/loss_{name}": torch.stack([share[name].value.detach() for share in terms]).mean() for name in names
        }
        refuse_non_finite(value, shares, lambda: self.data.names)
        self.training_accuracy.update(output, batch)
        self.training_scores.update(output.map(Tensor.detach), batch)
        size = len(shares[0][1])
        self.log_dict({"train/loss": value.detach(), **logged}, on_step=False, on_epoch=True, batch_size=size)
        self.log("loss", value.detach(), prog_bar=True, logger=False, batch_size=size)
        # a batch without targets, or a head that no loss reads, still takes part in DDP's exchange of gradients
        loss = value * world_size() + sum(head.sum() for head in output.tensors()) * 0.0
        return loss if self.penalty is None else loss + self.penalty(self.parameters())

    def on_train_start(self) -> None:
        """Begin to count what is right, also where training resumes within an epoch: from there on, then."""
        super().on_train_start()
        labels = self.provenance.labels
        self.training_accuracy = TrainingAccuracy(labels).to(self.device)
        self.training_scores = TrainingScores(labels, self.provenance.heads).to(self.device)

    def on_after_backward(self) -> None:
        """Check once that everything of the encoders that is to be trained learns."""
        if self.live is not None and self.trainer.global_step == 0:
            check_gradients(self.live.named_parameters())

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode; norms that are frozen keep their running statistics."""
        super().train(mode)
        if mode and self.network is not None:
            keep_frozen_still(self.network)
        return self

    def on_train_epoch_start(self) -> None:
        """Forget the batches of the epoch before."""
        self.training_accuracy.reset()
        self.training_scores.reset()

    def on_train_epoch_end(self) -> None:
        """Log `train/accuracy`, where there are categories, and the scores that validation has, too."""
        accuracy = self.training_accuracy.compute()
        for name, value in self.training_scores.compute().items():
            if name != "accuracy":  # which counts what was drawn twice, too
                self.log(f"train/{name}", value, batch_size=1)
        if accuracy is not None:
            self.log("train/accuracy", accuracy, batch_size=1)

    def training_callbacks(self, folder: Path) -> list[Callback]:
        """Log gradients and what each layer counts, beside what every emotion system does."""
        return [*super().training_callbacks(folder), LayerWeights(), GradientNorm()]

    def objective(self, outputs: SplitOutputs) -> dict[str, Tensor]:
        """Return the loss of a whole split, as if it were one batch, and of each term.

        There is none where logits are dropped: it would not be what was minimised.
        """
        if self.kept_logits is not None:
            return {}
        targets = outputs.targets.to(self.device)
        terms = self.loss(outputs.output.map(lambda head: head.to(self.device)), targets)
        logged = {f"loss_{name}": term.value for name, term in terms.items() if len(terms) > 1}
        return {"loss": self.loss.total(terms), **logged}

    def prediction_provenance(self, data: EmotionDataModule) -> dict[str, Any]:
        """Return corpora trained on, encoders, and the origins of all texts that were read."""
        return self.provenance.record(data.provenance.transcripts)

    def on_fit_start(self) -> None:
        """Find what the network has in closed form; then count what it confuses, where the loss asks for it."""
        assert self.network is not None
        if self.trainer.ckpt_path or not (self.network.solved or self.loss.needs_confusion):
            return
        self.eval()
        if self.network.solved:
            solve(self.network, self._whole_split, self.trainer.strategy)
        if self.loss.needs_confusion:
            set_confusions(self.loss, self.recognize, self.data, self.device)
        self.train()

    def _whole_split(self) -> Iterator[tuple[Mapping[str, Frames], EmotionBatch]]:
        shown = self.trainer.progress_bar_callback is not None
        for batch in read_whole_split(self.data, shown):
            moved = batch.to(self.device)
            yield self._frames(moved), moved

    def configure_optimizers(self) -> dict[str, Any]:
        """Optimise what is not frozen; the schedule moves every step."""
        own_rates = [] if self.live is None else self.live.rate_groups()
        optimizer = checked_optimizer(self.make_optimizer, self.parameters(), own_rates)
        return scheduled(optimizer, self.schedule, self.trainer)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Build the network from the checkpoint, or check that the one built for the data is the same.

        Raises:
            CheckpointError: classes, encoders or the network differ.
        """
        source = self._trainer.ckpt_path if self._trainer else None
        stored = Provenance.from_checkpoint(checkpoint, source or "the checkpoint")
        self.has_weights = True
        if self.network is None:
            self._build(stored)
            return
        self.provenance.check_encoders(stored)
        if self.trainer.state.fn != TrainerFn.FITTING:
            labels = self.provenance.labels
            if labels.classes != stored.classes or self.provenance.heads != stored.heads:
                self.network = self._network_of(stored)
                self.data.adopt_heads(stored.heads)
            self.provenance = stored
            self.restrict_classes(labels)
        else:
            self.provenance.check_outputs(stored)
        name = f"checkpoint {source}" if source else "the checkpoint"
        check_network(self.network, checkpoint, name)
        described = stored_now(checkpoint.get(HYPER_PARAMETERS) or {}).get("network")
        if described is not None:  # the run's config decides; a file that describes another network is damaged
            check_spec(described, stored, network_state(checkpoint), name)
