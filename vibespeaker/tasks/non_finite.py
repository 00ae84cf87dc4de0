"""A loss that is no number ends training at once: every later step would only spread it."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.errors import TrainingError
from vibespeaker.manifest import Manifest

_REMEDY = "lower the learning rate or clip gradients by --trainer.gradient_clip_val, and go on with --ckpt_path auto"
#: Utterances that an error names.
_NAMED = 8


def refuse_non_finite(
    loss: Tensor, outputs: Sequence[tuple[EmotionOutput, EmotionBatch]], names: Callable[[], Manifest]
) -> None:
    """Raise where the loss of a batch is infinite or no number.

    Args:
        loss: of the whole batch, the same on every process.
        outputs: outputs and targets of the whole batch, of each member of a model.
        names: returns the manifest with the column `utterance_id`.

    Raises:
        TrainingError: naming the utterances whose outputs are not finite; where all are, those of the batch.
    """
    if torch.isfinite(loss):
        return
    rows = outputs[0][1].rows
    broken = torch.zeros(len(rows), dtype=torch.bool, device=rows.device)
    for output, _ in outputs:
        for head in output.tensors():
            broken |= ~torch.isfinite(head).all(dim=1)
    chosen = rows[broken] if broken.any() else rows
    found = names().select(chosen[:_NAMED].tolist()).column("utterance_id")
    rest = f" and {len(chosen) - _NAMED} more" if len(chosen) > _NAMED else ""
    outputs_are = "outputs that are not finite for" if broken.any() else "finite outputs for"
    first = "look at these recordings and their labels; if they are sound, "
    raise stopping(loss, f"{outputs_are} utterances {', '.join(found)}{rest}", first)


def stopping(loss: Tensor, found: str, first: str = "") -> TrainingError:
    """Return the error that ends training at a loss that is no number.

    Args:
        loss: of the batch.
        found: in which batch, or at which utterances.
        first: what to do before what always helps.
    """
    problem = f"the loss is {float(loss.detach())}, so training stops before this step"
    return TrainingError(problem, found=found, remedy=first + _REMEDY)
