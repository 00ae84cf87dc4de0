"""SpeechBrain's attentive statistics pooling: selectable by `class_path`, and the reference for ours."""

import importlib
import sys

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import WIDTH, require
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models.pooling import AttentiveStatisticsPooling, Pooling


class SpeechBrainPooling(Pooling):
    """`speechbrain.lobes.models.ECAPA_TDNN.AttentiveStatisticsPooling`, one weight per channel, over our frames.

    Its batch norm sees padding while training. Its relative lengths would, by rounding, include a frame of padding for
    about one pair of lengths in twenty: half a frame is subtracted before they are made.

    Args:
        dim: width of a frame.
        attention_dim: width of the attention network's hidden layer.
        global_context: whether the network also sees the utterance's mean and standard deviation.

    Raises:
        ConfigError: SpeechBrain is not installed, or `attention_dim` is out of range.
    """

    def __init__(self, dim: int, attention_dim: int = 128, global_context: bool = True) -> None:
        super().__init__()
        require(WIDTH, attention_dim=attention_dim)
        self.output_dim = 2 * dim
        self.pooling = speechbrain_class()(dim, attention_dim, global_context)

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into means and standard deviations `(batch, 2 * dim)`."""
        values = frames.values.float()
        relative = (frames.lengths.to(values.device) - 0.5) / values.shape[1]
        with torch.autocast(values.device.type, enabled=False):
            pooled: Tensor = self.pooling(values.transpose(1, 2), relative)
        return pooled[:, :, 0]


def speechbrain_class() -> type[nn.Module]:
    """Import `speechbrain.lobes.models.ECAPA_TDNN.AttentiveStatisticsPooling`.

    SpeechBrain leaves redirections of its former module names in `sys.modules`. They raise ImportError as soon as a
    tool walks over all modules (the compiler, test libraries), and are taken out.

    Raises:
        ConfigError: SpeechBrain is not installed.
    """
    try:
        module = importlib.import_module("speechbrain.lobes.models.ECAPA_TDNN")
    except ImportError as error:
        raise ConfigError(
            f"SpeechBrainPooling needs SpeechBrain ({error})",
            remedy='install "vibespeaker[speechbrain]" or use vibespeaker.models.AttentiveStatisticsPooling',
        ) from error
    for name, loaded in list(sys.modules.items()):
        if type(loaded).__name__ in ("LazyModule", "DeprecatedModuleRedirect"):
            del sys.modules[name]
    pooling: type[nn.Module] = module.AttentiveStatisticsPooling
    return pooling


def own_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Translate the state of SpeechBrain's module into that of `AttentiveStatisticsPooling`.

    Args:
        state: state of `speechbrain.lobes.models.ECAPA_TDNN.AttentiveStatisticsPooling` of width `dim`, with or without
            global context. Its last bias has no counterpart: it adds the same to all frames' scores and cancels.
    """
    first = state["tdnn.conv.conv.weight"][:, :, 0]  # (attention_dim, dim or 3 * dim)
    score = state["conv.conv.weight"][:, :, 0]  # (dim, attention_dim)
    dim = len(score)
    own = {
        "frame.weight": first[:, :dim],
        "frame.bias": state["tdnn.conv.conv.bias"],
        "score.weight": score,
    }
    if first.shape[1] > dim:
        own["context.weight"] = first[:, dim:]
    prefix = "tdnn.norm.norm."
    return own | {f"norm.{name[len(prefix) :]}": values for name, values in state.items() if name.startswith(prefix)}


def from_speechbrain(module: nn.Module) -> AttentiveStatisticsPooling:
    """Return our pooling with the weights of SpeechBrain's `AttentiveStatisticsPooling`, in the same mode."""
    weights = own_weights(module.state_dict())
    dim, attention_dim = weights["score.weight"].shape
    pooling = AttentiveStatisticsPooling(dim, attention_dim, global_context="context.weight" in weights)
    pooling.load_state_dict(weights)
    return pooling.train(module.training)
