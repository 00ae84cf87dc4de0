"""Cross-entropy with pairs of an emotion and another label, such as the speaker's gender."""

from torch.nn import functional as F

from vibespeaker.batch import NO_CATEGORY, EmotionBatch, EmotionOutput
from vibespeaker.errors import ConfigError
from vibespeaker.labels.heads import CATEGORIES_HEAD
from vibespeaker.losses.base import Loss, LossParts, outputs_of, targets_of


class JointCrossEntropy(Loss):
    """Cross-entropy with the pair of category and another head's class, for `models.MeanProbability` with `joint`.

    In training its network has a logit for every pair. Where the pairs are summed up again, as in validation, it is the
    cross-entropy with the category.

    Args:
        head: the other head, one that classifies.
    """

    def __init__(self, head: str) -> None:
        super().__init__()
        self.requires, self.head = (CATEGORIES_HEAD, head), head

    def forward(self, output: EmotionOutput, batch: EmotionBatch) -> LossParts:
        """Return the sum of negative log-likelihoods and the number of labelled utterances.

        Raises:
            ConfigError: an utterance has a category, but the other label is unknown.
        """
        logits, category, other = outputs_of(output, CATEGORIES_HEAD), batch.category, targets_of(batch, self.head)
        labelled = category != NO_CATEGORY
        target = category[labelled]
        if self.training:
            unknown = int((other[labelled] == NO_CATEGORY).sum())
            if unknown:
                raise ConfigError(
                    f"the labels join category and {self.head}, and {self.head} is unknown",
                    found=f"{unknown} of {int(labelled.sum())} utterances of a batch",
                    remedy=f"fill the manifest's column, leave these utterances out, or train without {self.head}",
                )
            target = target * outputs_of(output, self.head).shape[1] + other[labelled]
        return LossParts(F.cross_entropy(logits[labelled], target, reduction="sum"), labelled.sum().float())
