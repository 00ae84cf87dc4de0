"""Whisper's encoder: 50 frames per second, cut to the clip's own length."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import COUNT, Range, require
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import pad_frames
from vibespeaker.encoders.checkpoints import check_weights, load, read_config
from vibespeaker.encoders.log_mels import LogMels
from vibespeaker.encoders.pretrained import Join, Precision, PretrainedEncoder, window_seeds
from vibespeaker.encoders.training import Stage
from vibespeaker.encoders.transfer import on_device
from vibespeaker.errors import EncoderError
from vibespeaker.provenance import Modality
from vibespeaker.utterance import SAMPLE_RATE

WINDOW_SAMPLES = 30 * SAMPLE_RATE
_FRAME_SAMPLES = 320
_MEL_SAMPLES = 160


class WhisperEncoder(PretrainedEncoder):
    """Encodes speech with the encoder of a Whisper checkpoint.

    Whisper works on 30 s: shorter clips are padded with silence and the frames beyond the clip are cut off again;
    longer ones are encoded in windows of 30 s whose frames are joined. A clip of n samples has `ceil(n / 320)` frames.

    Args:
        checkpoint: folder, or name on the hub.
        layer: a layer, several, or None for the last (see `PretrainedEncoder`).
        pad_to_window: True feeds 30 s as in Whisper's training; False feeds the clip and `margin_seconds` of silence,
            which is several times faster for short clips and changes the frames a little.
        margin_seconds: silence after the clip when `pad_to_window` is False, up to 30.
        precision: type of weights and arithmetic.
        windows_at_once: windows encoded together, which bounds memory for long clips and large batches.
        join: `mean` of several layers, or all `side_by_side` in a frame (see `PretrainedEncoder`).

    Raises:
        EncoderError: the checkpoint is missing, unreachable or no Whisper.
        ConfigError: an argument is out of range.
    """

    modality: Modality = "audio"
    fingerprint_class = "WhisperEncoder"
    frames_per_second = 50.0
    lora_targets = ("q_proj", "v_proj")

    def __init__(
        self,
        checkpoint: str = "openai/whisper-large-v3",
        layer: int | list[int] | None = None,
        pad_to_window: bool = True,
        margin_seconds: float = 1.0,
        precision: Precision = "float32",
        windows_at_once: int = 16,
        join: Join = "mean",
    ) -> None:
        super().__init__(checkpoint, layer, precision, join)
        require(Range(0, WINDOW_SAMPLES / SAMPLE_RATE), margin_seconds=margin_seconds)
        require(COUNT, windows_at_once=windows_at_once)
        self.pad_to_window = pad_to_window
        self.margin = round(margin_seconds * SAMPLE_RATE / _MEL_SAMPLES)
        self.windows_at_once = windows_at_once
        network, extractor = load(checkpoint, self._purpose, _load)
        self._mels = LogMels(extractor.mel_filters)
        self.dim = int(network.config.d_model)
        fed = "30 s" if pad_to_window else f"clip + {self.margin} mel frames"
        # without its positions, sinusoids that Whisper's own training keeps fixed
        stages = [Stage("convolution", (network.conv1,)), Stage("convolution", (network.conv2,))]
        stages += [Stage("layer", (layer,)) for layer in network.layers]
        stages.append(Stage("closing", (network.layer_norm,)))
        self._adopt(network, stages, {"fed": fed, "mels": extractor.feature_size})

    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode waveforms, each `(samples,)` at 16 kHz, into `ceil(samples / 320)` frames each."""
        clips = on_device([torch.as_tensor(clip) for clip in inputs], self._weights.device)
        windows = [window for clip in clips for window in torch.split(clip, WINDOW_SAMPLES)]
        counts = [-(-len(clip) // WINDOW_SAMPLES) for clip in clips]
        seeds = window_seeds(self.mask_seeds, counts)
        encoded: list[Tensor] = []
        for start in range(0, len(windows), self.windows_at_once):
            some = slice(start, start + self.windows_at_once)
            encoded += self._encode(windows[some], None if seeds is None else seeds[some])
        parts = iter(encoded)
        return pad_frames([torch.cat([next(parts) for _ in range(count)]) for count in counts])

    def _encode(self, windows: list[Tensor], seeds: list[int] | None) -> list[Tensor]:
        """Encode windows of at most 30 s into their own frames."""
        samples = torch.tensor([len(window) for window in windows])
        mels, fed = self._mel_frames(windows, samples)
        counts = (-(-samples // _FRAME_SAMPLES)).tolist()
        hidden = self._hidden(lambda: self._run(mels, fed), counts, seeds)
        return [frames[:count] for frames, count in zip(hidden, counts, strict=True)]

    def _mel_frames(self, windows: list[Tensor], samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return log-mel frames `(batch, mels, frames)` and how many of them each clip is fed, None for all."""
        weights = self._weights
        if self.pad_to_window:
            return self._mels(windows, WINDOW_SAMPLES).to(weights.dtype), None
        fed = -(-samples // _MEL_SAMPLES) + self.margin
        fed = (fed + fed % 2).clamp(max=WINDOW_SAMPLES // _MEL_SAMPLES)
        longest = int(fed.max())
        # the transform mirrors the signal at its end, which reaches 200 samples inwards
        mels = self._mels(windows, (longest + 2) * _MEL_SAMPLES)
        return mels[:, :, :longest].to(weights.dtype), fed.to(weights.device, non_blocking=True)

    def _run(self, mels: Tensor, fed: Tensor | None) -> Tensor:
        """Return the last layer that is needed, `(batch, frames, dim)`.

        The network's own forward refuses anything but 30 s; this one takes any length up to that, and masks for each
        clip the padding up to the batch's longest.

        Args:
            mels: `(batch, mels, mel frames)`.
            fed: `(batch,)`, mel frames of each clip, even, or None when all are real.
        """
        network: Any = self.network
        mask = None
        if fed is not None:
            real = torch.arange(mels.shape[2], device=mels.device) < fed[:, None]  # (batch, mel frames)
            mels = mels * real[:, None]
        hidden = nn.functional.gelu(network.conv1(mels))
        if fed is not None:
            hidden = hidden * real[:, None]
            seen = real[:, None, None, ::2]  # (batch, 1, 1, frames)
            mask = torch.zeros_like(seen, dtype=hidden.dtype).masked_fill(~seen, torch.finfo(hidden.dtype).min)
        hidden = nn.functional.gelu(network.conv2(hidden)).transpose(1, 2)  # (batch, frames, dim)
        hidden = hidden + network.embed_positions.weight[: hidden.shape[1]]
        hidden = nn.functional.dropout(hidden, network.dropout, self.training)
        for block in network.layers[: max(1, self.layers[-1])]:
            hidden = block(hidden, mask)
        return network.layer_norm(hidden)


def _load(name: str, local: bool) -> tuple[Any, Any]:
    """Return a checkpoint's encoder, without ever loading its decoder, and its feature extractor."""
    from transformers import WhisperFeatureExtractor
    from transformers.models.whisper import modeling_whisper

    purpose = WhisperEncoder.__name__
    config = read_config(name, local, ("whisper",), purpose)
    extractor = WhisperFeatureExtractor.from_pretrained(name, local_files_only=local)
    network, info = modeling_whisper.WhisperEncoder.from_pretrained(
        name,
        local_files_only=local,
        dtype=torch.float32,
        output_loading_info=True,
        key_mapping={r"^(model\.)?encoder\.": ""},
    )
    check_weights(info, name, purpose)
    if extractor.feature_size != config.num_mel_bins or extractor.n_samples != WINDOW_SAMPLES:
        raise EncoderError(
            f"{purpose}: the feature extractor of {name} does not fit its weights",
            found=f"{extractor.feature_size} mels, {extractor.n_samples} samples",
            allowed=f"{config.num_mel_bins} mels, {WINDOW_SAMPLES} samples",
        )
    return network, extractor
