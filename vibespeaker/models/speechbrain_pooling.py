"""SpeechBrain's attentive statistics pooling and ECAPA-TDNN: selectable by `class_path`, and references for ours."""

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import COUNT, SHARE_BELOW_ONE, WIDTH, require
from vibespeaker.audio.speechbrain_modules import speechbrain_module
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models.pooling import AttentiveStatisticsPooling, Pooling

#: Pieces that a Res2Net block is divided into.
_RES2NET_SCALE = 8
#: The widest convolution, of three frames four apart, reflects four frames at either end.
_LEAST_FRAMES = 5


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
        self.pooling = speechbrain_class("AttentiveStatisticsPooling")(dim, attention_dim, global_context)

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into means and standard deviations `(batch, 2 * dim)`."""
        values = frames.values.float()
        relative = (frames.lengths.to(values.device) - 0.5) / values.shape[1]
        with torch.autocast(values.device.type, enabled=False):
            pooled: Tensor = self.pooling(values.transpose(1, 2), relative)
        return pooled[:, :, 0]


class SpeechBrainECAPA(Pooling):
    """`speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN` over our frames (Desplanques et al. 2020): an embedding of each.

    In training, batch norm and convolutions see padding, as everywhere in SpeechBrain. In evaluation utterances of
    equal length run together and no others, so that neither padding nor the batch changes a result (by padding it
    would move by some 2.5 %).

    Args:
        dim: width of a frame.
        channels: width of the four blocks; the joined frames that are pooled are three times as wide.
        output_dim: width of the embedding.
        attention_dim: width of the pooling's hidden layer.
        squeeze_dim: width of the gates' hidden layer.
        dropout: probability of dropping a value within the blocks.
    """

    def __init__(
        self,
        dim: int,
        channels: int = 512,
        output_dim: int = 192,
        attention_dim: int = 128,
        squeeze_dim: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        require(COUNT, channels=channels, output_dim=output_dim, attention_dim=attention_dim, squeeze_dim=squeeze_dim)
        require(SHARE_BELOW_ONE, dropout=dropout)
        if channels % _RES2NET_SCALE:
            raise ConfigError(
                "SpeechBrainECAPA: its blocks are divided", found=channels, allowed=f"multiples of {_RES2NET_SCALE}"
            )
        self.output_dim = output_dim
        self.network = speechbrain_class("ECAPA_TDNN")(
            dim,
            lin_neurons=output_dim,
            channels=[*(channels,) * 4, 3 * channels],
            attention_channels=attention_dim,
            se_channels=squeeze_dim,
            dropout=dropout,
        )

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into embeddings `(batch, output_dim)`."""
        values, lengths = frames.values.float(), frames.lengths.to(frames.values.device)
        if self.training:
            return self._embed(values, lengths)
        embedded = values.new_empty(len(values), self.output_dim)
        for length in sorted(set(lengths.tolist())):
            rows = lengths == length
            embedded[rows] = self._embed(values[rows, :length], lengths[rows])
        return embedded

    def _embed(self, values: Tensor, lengths: Tensor) -> Tensor:
        # convolutions reflect what lies at the ends, of which there must be enough
        values = nn.functional.pad(values, (0, 0, 0, max(0, _LEAST_FRAMES - values.shape[1])))
        relative = (lengths - 0.5) / values.shape[1]
        with torch.autocast(values.device.type, enabled=False):
            embedded: Tensor = self.network(values, relative)
        return embedded[:, 0]


def speechbrain_class(name: str) -> type[nn.Module]:
    """Return a class of `speechbrain.lobes.models.ECAPA_TDNN`."""
    found: type[nn.Module] = getattr(speechbrain_module("speechbrain.lobes.models.ECAPA_TDNN"), name)
    return found


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
