"""Image networks that hear: ResNet and MobileNetV2 of transformers, on pictures that are made here.

A frame is a picture: one of the whole clip, or one of each block of one second. Networks come with weights of a
checkpoint, frozen or trained on, or start from random ones, and are then trained whole.
"""

import json
from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import COUNT, Range, require
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder, pad_frames
from vibespeaker.encoders.checkpoints import check_weights, load, read_config, weights_sha256
from vibespeaker.encoders.pictures import BLOCK, jet_blocks, mel_picture
from vibespeaker.encoders.training import Stage
from vibespeaker.encoders.transfer import on_device
from vibespeaker.errors import ConfigError, EncoderError
from vibespeaker.provenance import Fingerprint, Modality
from vibespeaker.utterance import SAMPLE_RATE

Architecture = Literal["resnet18", "resnet50", "resnet152", "mobilenet_v2"]
Picture = Literal["mel", "blocks"]
Scale = Literal["none", "imagenet", "half"]
Short = Literal["refuse", "pad"]
KINDS = ("resnet", "mobilenet_v2")
_RESNETS: dict[str, dict[str, Any]] = {
    "resnet18": {"depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512], "layer_type": "basic"},
    "resnet50": {"depths": [3, 4, 6, 3], "hidden_sizes": [256, 512, 1024, 2048], "layer_type": "bottleneck"},
    "resnet152": {"depths": [3, 8, 36, 3], "hidden_sizes": [256, 512, 1024, 2048], "layer_type": "bottleneck"},
}
#: What a picture's channels lose and are divided by: statistics of ImageNet, or from 0…1 to -1…1.
_SCALES: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "none": ((0.0,) * 3, (1.0,) * 3),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5,) * 3, (0.5,) * 3),
}
_SIZE = Range(32, 1024, whole=True)
#: Pictures that a network sees at once outside training.
_AT_ONCE = 64
_VERSION = 1


class ImageEncoder(Encoder):
    """One frame per picture of a clip, by an image network without its classifier.

    Args:
        architecture: a network of random weights, which `train: all` must stand beside; or give a checkpoint.
        checkpoint: folder, or name on the hub, of a ResNet or MobileNetV2.
        picture: `mel`, one of the whole clip in three equal channels; `blocks`, a coloured one of each second.
        size: pixels of each side, 32 to 1024.
        scale: of the channels: `imagenet` for ResNets of ImageNet, `half` for MobileNetV2 of Google.
        step_seconds: from the start of a block to that of the next.
        most_blocks: of a clip outside training; of more, so many at equal distances.
        drawn_blocks: of a clip in an epoch of training, drawn by seed, epoch and utterance.
        short: what becomes of a clip that is shorter than a block: `refuse` it, or `pad` it with silence.

    Raises:
        EncoderError: the checkpoint is missing, unreachable or of another kind.
        ConfigError: an argument is out of range, or architecture and checkpoint are both given or both missing.
    """

    modality: Modality = "audio"
    frames_per_second = None
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        architecture: Architecture | None = None,
        checkpoint: str | None = None,
        picture: Picture = "mel",
        size: int = 224,
        scale: Scale = "none",
        step_seconds: float = 1.0,
        most_blocks: int = 32,
        drawn_blocks: int = 4,
        short: Short = "refuse",
    ) -> None:
        super().__init__()
        choices = (("picture", picture, Picture), ("scale", scale, Scale), ("short", short, Short))
        for name, given, allowed in (*choices, ("architecture", architecture or "resnet18", Architecture)):
            if given not in get_args(allowed):
                raise ConfigError(f"ImageEncoder: unknown {name}", found=given, allowed=get_args(allowed))
        if (architecture is None) == (checkpoint is None):
            raise ConfigError(
                "ImageEncoder takes either an architecture or a checkpoint",
                found="both" if checkpoint else "neither",
                remedy="give architecture: resnet18 to train from random weights",
            )
        require(_SIZE, size=size)
        require(Range(0.001, 60), step_seconds=step_seconds)
        require(COUNT, most_blocks=most_blocks, drawn_blocks=drawn_blocks)
        self.picture, self.size, self.short, self.checkpoint = picture, size, short, checkpoint
        self.step, self.most_blocks = round(step_seconds * SAMPLE_RATE), most_blocks
        self.drawn_blocks, self.is_seeded = drawn_blocks, picture == "blocks"
        self.begins_random = checkpoint is None
        made: Any = _random(architecture or "") if checkpoint is None else load(checkpoint, "ImageEncoder", _load)
        # a pixel's channels side by side: convolutions learn faster so (bench_layout.py)
        self.network: nn.Module = made.to(memory_format=torch.channels_last)
        mean, deviation = (torch.tensor(values)[:, None, None] for values in _SCALES[scale])
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("deviation", deviation, persistent=False)
        settings: dict[str, str | int] = {"picture": picture, "size": size, "scale": scale, "version": _VERSION}
        if picture == "blocks":
            settings |= {"step": self.step, "most": most_blocks, "short": short}
        self._parts = {
            "class": "ImageEncoder",
            "weights": f"random {architecture}" if checkpoint is None else weights_sha256(self.network),
            "preprocessing": json.dumps(settings, sort_keys=True),
        }
        self.requires_grad_(False)
        self.eval()
        with torch.no_grad():
            self.dim = self._features(torch.zeros(1, 3, 32, 32)).shape[1]

    def fingerprint(self) -> Fingerprint:
        """Return class, hash of the weights unless they began at random, and settings."""
        return Fingerprint(self._parts)

    def stages(self) -> tuple[Stage, ...]:
        """Return what enters, the stages or blocks of the network, and what closes them."""
        network: Any = self.network
        if hasattr(network, "embedder"):
            layers = [Stage("layer", (stage,)) for stage in network.encoder.stages]
            return (Stage("embedding", (network.embedder,)), *layers)
        layers = [Stage("layer", (block,)) for block in network.layer]
        return (Stage("embedding", (network.conv_stem,)), *layers, Stage("closing", (network.conv_1x1,)))

    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode waveforms, each `(samples,)` at 16 kHz: a frame for each picture.

        Raises:
            EncoderError: a clip is shorter than a block, and such are refused.
        """
        clips = on_device([torch.as_tensor(clip) for clip in inputs], self.mean.device)
        # pictures are measured in float32, whatever the network computes in
        with torch.no_grad(), torch.autocast(self.mean.device.type, enabled=False):
            pictures = [self._pictures(clip, place) for place, clip in enumerate(clips)]
        counts = [len(one) for one in pictures]
        with torch.set_grad_enabled(self.is_trained and torch.is_grad_enabled()):
            together = torch.cat(pictures)
            # batch norm learns from all of a batch, and elsewhere does not care what is beside a picture
            parts = [together] if self.training else torch.split(together, _AT_ONCE)
            features = torch.cat([self._features(part) for part in parts])
        return pad_frames(torch.split(features, counts))

    def _features(self, pictures: Tensor) -> Tensor:
        """Return `(pictures, dim)` of `(pictures, 3, size, size)`."""
        pooled: Tensor = self.network((pictures - self.mean) / self.deviation).pooler_output
        return pooled.flatten(1)

    def _pictures(self, clip: Tensor, place: int) -> Tensor:
        """Return `(pictures, 3, size, size)` of a clip that is the batch's `place`-th."""
        if self.picture == "mel":
            return mel_picture(clip, self.size).T.expand(1, 3, -1, -1)
        if len(clip) < BLOCK:
            if self.short == "refuse":
                raise EncoderError(
                    "ImageEncoder: a clip is shorter than a block of one second",
                    found=f"{len(clip) / SAMPLE_RATE:.2f} s",
                    remedy="leave such clips out, or set short: pad in the encoder's init_args",
                )
            clip = nn.functional.pad(clip, (0, BLOCK - len(clip)))
        return jet_blocks(clip, self._starts(len(clip), place), self.size)

    def _starts(self, samples: int, place: int) -> list[int]:
        """Return the first samples of the blocks that are read."""
        all_starts = torch.arange(0, samples - BLOCK + 1, self.step)
        if self.training and self.mask_seeds is not None:
            using = torch.Generator().manual_seed(self.mask_seeds[place])
            chosen = torch.randperm(len(all_starts), generator=using)[: self.drawn_blocks]
            # a short clip's blocks are drawn again: each clip of a batch has as many
            chosen = chosen.repeat(-(-self.drawn_blocks // len(chosen)))[: self.drawn_blocks]
            return all_starts[chosen].tolist()
        if len(all_starts) <= self.most_blocks:
            return all_starts.tolist()
        return all_starts[torch.linspace(0, len(all_starts) - 1, self.most_blocks).round().long()].tolist()


def _random(architecture: str) -> Any:
    from transformers import MobileNetV2Config, MobileNetV2Model, ResNetConfig, ResNetModel

    if architecture == "mobilenet_v2":
        return MobileNetV2Model(MobileNetV2Config())
    return ResNetModel(ResNetConfig(embedding_size=64, **_RESNETS[architecture]))


def _load(name: str, local: bool) -> Any:
    from transformers import AutoModel

    purpose = ImageEncoder.__name__
    read_config(name, local, KINDS, purpose)
    network, info = AutoModel.from_pretrained(
        name, local_files_only=local, dtype=torch.float32, output_loading_info=True
    )
    check_weights(info, name, purpose)
    return network
