"""Losses of classes: against the consensus or a further head's label (cross-entropy, focal), or the raters' votes."""

import torch
from torch import Tensor
from torch.nn import functional as F

from vibespeaker.arguments.ranges import NOT_NEGATIVE, SHARE_BELOW_ONE, require
from vibespeaker.batch import NO_CATEGORY, EmotionBatch, EmotionOutput
from vibespeaker.errors import ConfigError
from vibespeaker.labels.heads import CATEGORIES_HEAD
from vibespeaker.losses.base import Loss, LossParts, outputs_of, targets_of
from vibespeaker.losses.class_weights import ClassWeighting


class _ClassWeightedLoss(Loss):
    """Keeps one weight per class, saved in the checkpoint, since a resumed run cannot count confusions again."""

    def __init__(self, weighting: ClassWeighting | None, head: str = CATEGORIES_HEAD) -> None:
        super().__init__()
        self.requires, self.head = (head,), head
        self.weighting = weighting
        self.needs_class_counts = weighting is not None and weighting.source == "counts"
        self.needs_confusion = weighting is not None and weighting.source == "confusion"
        self.class_weights: Tensor | None = None
        if weighting is not None and weighting.source == "nothing":
            self.class_weights = weighting.weights(torch.empty(0))

    def set_class_counts(self, counts: Tensor) -> None:
        """Compute the class weights if they come from counts `(classes,)` of the training split."""
        if self.weighting is not None and self.needs_class_counts:
            self.class_weights = self.weighting.weights(counts)

    def set_confusion(self, confusion: Tensor) -> None:
        """Compute the class weights if they come from a validation confusion matrix `(classes, classes)`, rows true."""
        if self.weighting is not None and self.needs_confusion:
            self.class_weights = self.weighting.weights(confusion)

    def get_extra_state(self) -> dict[str, Tensor | None]:
        """Return what a checkpoint keeps of this loss."""
        return {"class_weights": self.class_weights}

    def set_extra_state(self, state: dict[str, Tensor | None]) -> None:
        """Restore what a checkpoint kept."""
        self.class_weights = state["class_weights"]

    def _weights_for(self, logits: Tensor) -> Tensor:
        """Return weights `(classes,)` beside the logits `(batch, classes)`."""
        classes = logits.shape[1]
        if self.weighting is None:
            return logits.new_ones(classes)
        if self.class_weights is None:
            raise ConfigError(
                f"{type(self.weighting).__name__} has not been given its {self.weighting.source}",
                remedy="call set_class_counts or set_confusion before the first batch",
            )
        if len(self.class_weights) != classes:
            raise ConfigError(
                "class weights and logits differ in number", found=len(self.class_weights), allowed=str(classes)
            )
        return self.class_weights.to(logits.device)


class CrossEntropy(_ClassWeightedLoss):
    """Cross-entropy with the consensus category, optionally with class weights: torch's weighted mean.

    Args:
        weighting: rule of the class weights; none weighs all alike.
        label_smoothing: share of the target spread evenly over all classes, within [0, 1).
        head: `categories`, or a further head that classifies.
    """

    def __init__(
        self,
        weighting: ClassWeighting | None = None,
        label_smoothing: float = 0.0,
        head: str = CATEGORIES_HEAD,
    ) -> None:
        super().__init__(weighting, head)
        require(SHARE_BELOW_ONE, label_smoothing=label_smoothing)
        self.label_smoothing = label_smoothing

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Return the weighted negative log-likelihoods' sum and the sum of the labelled utterances' class weights."""
        logits, category = outputs_of(output, self.head), targets_of(batch, self.head)
        weights = self._weights_for(logits)
        total = F.cross_entropy(
            logits,
            category,
            weight=weights,
            reduction="sum",
            ignore_index=NO_CATEGORY,
            label_smoothing=self.label_smoothing,
        )
        return LossParts(total, weights[category[category != NO_CATEGORY]].sum())


class FocalLoss(_ClassWeightedLoss):
    """`−(1 − p_y)^γ · log p_y` (Lin et al. 2017): utterances already classified well count little.

    Args:
        gamma: γ, at least 0; 0 is cross-entropy.
        weighting: rule of the class weights; none weighs all alike.
        head: `categories`, or a further head that classifies.

    Raises:
        ConfigError: gamma is negative.
    """

    def __init__(
        self, gamma: float = 2.0, weighting: ClassWeighting | None = None, head: str = CATEGORIES_HEAD
    ) -> None:
        super().__init__(weighting, head)
        require(NOT_NEGATIVE, gamma=gamma)
        self.gamma = gamma

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Return the weighted focal terms' sum and the sum of the labelled utterances' class weights."""
        logits, category = outputs_of(output, self.head), targets_of(batch, self.head)
        labelled = category != NO_CATEGORY
        category = category[labelled]
        weights = self._weights_for(logits)[category]
        log_p = logits[labelled].log_softmax(1).gather(1, category[:, None])[:, 0]
        # 1 − p, exact near p = 1; the floor keeps the slope of (1 − p)^γ finite for γ < 1
        miss = (-torch.expm1(log_p)).clamp(min=torch.finfo(log_p.dtype).tiny)
        return LossParts(-(weights * miss**self.gamma * log_p).sum(), weights.sum())


class VotesDivergence(_ClassWeightedLoss):
    """Kullback–Leibler divergence `Σ_c v_c · w_c · (log v_c − log p_c)` from the raters' votes v to the prediction p.

    Args:
        weighting: rule of the class weights w; none weighs all alike.
    """

    def __init__(self, weighting: ClassWeighting | None = None) -> None:
        super().__init__(weighting)

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Return the divergences' sum and the voted utterances' number, with weights that of the votes' weights."""
        logits = outputs_of(output, self.head)
        voted = ~batch.votes.isnan().any(1)
        votes = batch.votes[voted]
        weighted = votes * self._weights_for(logits)
        divergence = torch.xlogy(weighted, votes) - weighted * logits[voted].log_softmax(1)
        return LossParts(divergence.sum(), weighted.sum())


class BinaryCrossEntropy(Loss):
    """Cross-entropy of each class of a multilabel head by itself, averaged over the classes of labelled utterances.

    Args:
        head: a further head of kind `multilabel`.
    """

    def __init__(self, head: str) -> None:
        super().__init__()
        self.requires, self.head = (head,), head

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Return the sum over labelled utterances and classes, and their number."""
        targets = targets_of(batch, self.head)
        labelled = ~targets.isnan().any(1)
        logits = outputs_of(output, self.head)[labelled]
        total = F.binary_cross_entropy_with_logits(logits, targets[labelled], reduction="sum")
        return LossParts(total, labelled.sum().float() * targets.shape[1])
