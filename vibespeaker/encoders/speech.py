"""The WavLM family: encoders of raw waveforms, about 50 frames per second."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import Range, require
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import pad_frames
from vibespeaker.encoders.checkpoints import hearing_network, load, read_config
from vibespeaker.encoders.fused_attention import fuse_attention
from vibespeaker.encoders.group_norm import convolve_apart, separate
from vibespeaker.encoders.laid_out import Layout, lay_out
from vibespeaker.encoders.pretrained import Join, Precision, PretrainedEncoder, window_seeds
from vibespeaker.encoders.training import Stage, Training
from vibespeaker.encoders.transfer import on_device
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import Modality
from vibespeaker.utterance import SAMPLE_RATE

#: Windows of at least this share of the longest's length go with it on a CPU.
_SIMILAR = 0.75

KINDS = ("wavlm", "hubert", "wav2vec2")


class SpeechEncoder(PretrainedEncoder):
    """Encodes speech with a WavLM, HuBERT or wav2vec 2.0 checkpoint.

    Clips are normalised one by one where the checkpoint asks for it, then padded and masked; for base models, whose
    first convolution is normalised over all of a clip, behind the convolutions (`group_norm`). Clips shorter than a
    frame's receptive field (25 ms) are padded to it. Clips longer than `window_seconds` are encoded in windows, since
    attention's memory grows with the square of the length; their frames match the whole clip's in number and position.

    Args:
        checkpoint: folder, or name on the hub.
        layer: a layer, several, or None for the last (see `PretrainedEncoder`).
        precision: type of weights and arithmetic.
        window_seconds: longest stretch that is encoded at once, at least 1.
        fused_attention: whether WavLM attends through PyTorch's fused kernel: faster, and the same up to rounding.
        join: `mean` of several layers, or all `side_by_side` in a frame (see `PretrainedEncoder`).

    Raises:
        EncoderError: the checkpoint is missing, unreachable or of another kind.
        ConfigError: an argument is out of range.
    """

    modality: Modality = "audio"
    fingerprint_class = "WavLMEncoder"
    lora_targets = ("q_proj", "v_proj")

    def __init__(
        self,
        checkpoint: str = "microsoft/wavlm-large",
        layer: int | list[int] | None = None,
        precision: Precision = "float32",
        window_seconds: float = 60.0,
        fused_attention: bool = True,
        join: Join = "mean",
    ) -> None:
        super().__init__(checkpoint, layer, precision, join)
        require(Range(1), window_seconds=window_seconds)
        network, self.normalise = load(checkpoint, self._purpose, _load)
        if fused_attention:
            fuse_attention(network)
        config = network.config
        self.dim = int(config.hidden_size)
        self._norms_clips = config.feat_extract_norm == "group"
        if self._norms_clips:
            convolve_apart(network.feature_extractor)
        # behind the fused attention, which it takes the place of
        self._layout = lay_out(network) if self._norms_clips and fused_attention else None
        self.hop, self.receptive_field = _geometry(config.conv_kernel, config.conv_stride)
        self.frames_per_second = SAMPLE_RATE / self.hop
        self.window_frames = int(window_seconds * SAMPLE_RATE) // self.hop
        preprocessing = {"normalise": self.normalise, "window_frames": self.window_frames}
        self._hands_weights_on = config.model_type == "wavlm" and not fused_attention
        self._adopt(network, _stages(network), preprocessing)
        # else it would ask for gradients of the waveform, as a kind of checkpointing that is not used here needs
        network.feature_extractor._requires_grad = False

    def set_training(self, training: Training) -> None:
        """Choose what is trained.

        Raises:
            ConfigError: it has no such parts, or adapters would never be run.
        """
        if training.kind == "lora" and self._hands_weights_on:
            raise ConfigError(
                f"{self._purpose}: adapters within WavLM's stock attention get no gradient",
                found="fused_attention: false",
                remedy="leave fused_attention out of init_args",
            )
        super().set_training(training)
        if training.gradient_checkpointing:
            self._layout = None  # layers run once more when it says something else

    def compile_layers(self, backend: str = "inductor") -> None:
        """See `PretrainedEncoder`; compiled layers take an ordinary batch, a row for each clip."""
        self._layout = None
        super().compile_layers(backend)

    def frame_count(self, samples: int) -> int:
        """Return how many frames a clip has: `floor((samples − receptive field) / hop) + 1`, at least one."""
        return max(0, samples - self.receptive_field) // self.hop + 1

    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode waveforms, each `(samples,)` at 16 kHz, into `frame_count(samples)` frames each."""
        clips = on_device([torch.as_tensor(clip) for clip in inputs], self._weights.device)
        windows = [self._windows(clip) for clip in clips]
        flat = [window for clip in windows for window in clip]
        seeds = window_seeds(self.mask_seeds, [len(clip) for clip in windows])
        encoded: dict[int, Tensor] = {}
        lengths = [len(window) for window in flat]
        together = self._layout is not None and flat[0].device.type == "cpu"
        for group in [[*range(len(flat))]] if together else similar_lengths(lengths, flat[0].device):
            own = None if seeds is None else [seeds[at] for at in group]
            encoded |= zip(group, self._encode([flat[at] for at in group], own), strict=True)
        parts = (encoded[at] for at in range(len(flat)))
        return pad_frames([torch.cat([next(parts) for _ in clip]) for clip in windows])

    def _windows(self, clip: Tensor) -> list[Tensor]:
        """Normalise a clip, float32, and cut it where its frames may be cut."""
        if self.normalise:
            variance, mean = torch.var_mean(clip, correction=0)
            clip = (clip - mean) / torch.sqrt(variance + 1e-7)
        clip = nn.functional.pad(clip, (0, max(0, self.receptive_field - len(clip))))
        frames = self.frame_count(len(clip))
        if frames <= self.window_frames:
            return [clip]
        starts = range(0, frames, self.window_frames)
        ends = [min(start + self.window_frames, frames) for start in starts]
        return [
            clip[start * self.hop : (end - 1) * self.hop + self.receptive_field]
            for start, end in zip(starts, ends, strict=True)
        ]

    def _encode(self, clips: list[Tensor], seeds: list[int] | None) -> list[Tensor]:
        """Encode normalised clips together; frames beyond a clip are cut off."""
        counts = [self.frame_count(len(clip)) for clip in clips]
        if self._layout is not None and clips[0].device.type == "cpu" and len(clips) > 1:
            return self._encode_laid_out(self._layout, clips, counts, seeds)
        samples = torch.tensor([len(clip) for clip in clips])  # not on the device: the host would wait for it
        padded = nn.utils.rnn.pad_sequence(clips, batch_first=True).to(self._weights.dtype)  # (batch, samples)
        mask = None
        is_padded = int(samples.min()) < padded.shape[1]
        if self._norms_clips:
            separate(self.network.feature_extractor, samples.tolist() if is_padded else None)
        if is_padded:
            samples = samples.to(padded.device, non_blocking=True)
            mask = (torch.arange(padded.shape[1], device=padded.device) < samples[:, None]).long()
        hidden = self._hidden(lambda: self.network(padded, attention_mask=mask).last_hidden_state, counts, seeds)
        return [frames[:count] for frames, count in zip(hidden, counts, strict=True)]

    def _encode_laid_out(
        self, layout: Layout, clips: list[Tensor], counts: list[int], seeds: list[int] | None
    ) -> list[Tensor]:
        """Encode clips that lie one behind the other."""
        waveforms = torch.cat(clips)[None].to(self._weights.dtype)
        layout.samples, layout.frames = [len(clip) for clip in clips], counts
        try:
            hidden = self._hidden(lambda: self.network(waveforms).last_hidden_state, counts, seeds)
        finally:
            layout.samples = layout.frames = None
        return list(torch.split(hidden[0], counts))


def _stages(network: Any) -> list[Stage]:
    """Return the stages of a WavLM, HuBERT or wav2vec 2.0; large models have their norm behind the layers."""
    encoder, norm_closes = network.encoder, bool(network.config.do_stable_layer_norm)
    entering = (network.feature_projection, encoder.pos_conv_embed, encoder.dropout)
    stages = [Stage("convolution", (layer,)) for layer in network.feature_extractor.conv_layers]
    stages.append(Stage("input", entering if norm_closes else (*entering, encoder.layer_norm)))
    stages += [Stage("layer", (layer,)) for layer in encoder.layers]
    return [*stages, Stage("closing", (encoder.layer_norm,))] if norm_closes else stages


def similar_lengths(lengths: Sequence[int], device: torch.device) -> list[list[int]]:
    """Return which windows are encoded together, as positions: on a GPU all, on a CPU those of similar length.

    A processor is busy with a few clips already and pays for every frame of padding; a GPU is paid by the launch.
    """
    if device.type != "cpu":
        return [list(range(len(lengths)))]
    groups: list[list[int]] = []
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        if groups and lengths[at] >= _SIMILAR * lengths[groups[-1][0]]:
            groups[-1].append(at)
        else:
            groups.append([at])
    return groups


def _geometry(kernels: Sequence[int], strides: Sequence[int]) -> tuple[int, int]:
    """Return hop and receptive field, in samples, of a stack of convolutions."""
    hop, field = 1, 1
    for kernel, stride in zip(kernels, strides, strict=True):
        field += (kernel - 1) * hop
        hop *= stride
    return hop, field


def _load(name: str, local: bool) -> tuple[Any, bool]:
    """Return a checkpoint's network and whether it wants normalised waveforms."""
    purpose = SpeechEncoder.__name__
    config = read_config(name, local, KINDS, purpose)
    # SpecAugment refuses short clips and skipped layers have no gradient: neither belongs to an encoder among others
    config.update({"apply_spec_augment": False, "layerdrop": 0.0, "add_adapter": False})
    network, extractor = hearing_network(name, config, local, purpose)
    return network, bool(extractor.do_normalize)
