"""A Whisper that learns: which of its weights, dropout by layer, masks on its input, and its loss by utterance."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import COUNT, SHARE_BELOW_ONE, require, require_each
from vibespeaker.encoders.checkpoints import load, quiet_transformers
from vibespeaker.encoders.gradients import recompute
from vibespeaker.encoders.log_mels import HOP, WINDOW, LogMels
from vibespeaker.encoders.lora import add_adapters
from vibespeaker.encoders.training import Stage, Training, chosen_stages
from vibespeaker.errors import ConfigError
from vibespeaker.transcribe.base import WINDOW_SAMPLES
from vibespeaker.transcribe.whisper import generation_options, languages_of, load_whisper

#: What a token that does not count is called in the labels.
IGNORED = -100
_PURPOSE = "TranscriptionTask"
_LORA_TARGETS = ("q_proj", "v_proj")
_ADAPTED = ".base_layer."


@dataclass(frozen=True)
class LayerDropout:
    """Dropout of single transformer layers while training: of what attention and feed-forward network add.

    Layers that are not named keep the checkpoint's own; evaluation has none.

    Args:
        encoder: layer, counted from 0 → probability, 0 to below 1.
        decoder: the same.
    """

    encoder: dict[int, float] = field(default_factory=dict)
    decoder: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_each(SHARE_BELOW_ONE, "dropout.encoder", self.encoder.items())
        require_each(SHARE_BELOW_ONE, "dropout.decoder", self.decoder.items())


@dataclass(frozen=True)
class SpecAugment:
    """Masks over log-mel frames while training (Park et al. 2019), drawn by transformers.

    Args:
        time_share: share of the frames that masks are meant to cover, 0 to below 1.
        time_frames: length of a mask, in frames of 10 ms.
        mel_share: share of the mel bands that masks are meant to cover, 0 to below 1.
        mel_bands: width of a mask.
    """

    time_share: float = 0.05
    time_frames: int = 10
    mel_share: float = 0.0
    mel_bands: int = 10

    def __post_init__(self) -> None:
        require(SHARE_BELOW_ONE, time_share=self.time_share, mel_share=self.mel_share)
        require(COUNT, time_frames=self.time_frames, mel_bands=self.mel_bands)


class TrainableWhisper(nn.Module):
    """A Whisper with its tokenizer, for training with teacher forcing and for hearing what was learned.

    Args:
        checkpoint: folder, or name on the hub, of a Whisper with decoder.
        training: what of it learns (`encoders.training`); the layers of the encoder count below those of the decoder.
        dropout: by layer.
        masks: over the log-mel frames; None for none.

    Raises:
        EncoderError: the checkpoint is missing, unreachable or no Whisper.
        ConfigError: it has no such layers.
    """

    def __init__(
        self, checkpoint: str, training: Training, dropout: LayerDropout, masks: SpecAugment | None = None
    ) -> None:
        super().__init__()
        self.network, self.tokenizer, self.extractor = load(checkpoint, _PURPOSE, load_whisper)
        self.mels = LogMels(self.extractor.mel_filters)
        self.masks = masks
        encoder, decoder = self.network.model.encoder, self.network.model.decoder
        layers = {"encoder": list(encoder.layers), "decoder": list(decoder.layers)}
        for name, by_layer in asdict(dropout).items():
            _set_dropout(layers[name], by_layer, f"dropout.{name}")
        if masks is not None:
            _set_masks(self.network.config, masks)
        self._choose(training, [*layers["encoder"], *layers["decoder"]])

    def _choose(self, training: Training, layers: Sequence[nn.Module]) -> None:
        chosen = chosen_stages(self.stages(), training, _PURPOSE)
        self.network.requires_grad_(False)
        for weight in (weight for stage in chosen for weight in stage.parameters()):
            weight.requires_grad_(True)
        if training.lora is not None:
            add_adapters(self.network, layers, training.lora, _LORA_TARGETS, _PURPOSE)
        if training.gradient_checkpointing:
            recompute(layers)

    def stages(self) -> list[Stage]:
        """Return the network from input to output; the encoder's positions are fixed sinusoids and belong to none."""
        encoder, decoder = self.network.model.encoder, self.network.model.decoder
        found = [Stage("convolution", (encoder.conv1,)), Stage("convolution", (encoder.conv2,))]
        found += [Stage("layer", (layer,)) for layer in encoder.layers]
        # the embeddings of tokens are the output's weights, too
        found += [Stage("input", (encoder.layer_norm,)), Stage("embedding", (decoder.embed_tokens,))]
        found.append(Stage("input", (decoder.embed_positions,)))
        found += [Stage("layer", (layer,)) for layer in decoder.layers]
        return [*found, Stage("closing", (decoder.layer_norm,))]

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO codes of the languages that it has tokens for; English alone where it is not multilingual."""
        return languages_of(self.network)

    @property
    def longest(self) -> int:
        """Most tokens of a text, with those of language and task and the last one."""
        return int(self.network.config.max_target_positions)

    def tokens(self, text: str, language: str) -> list[int]:
        """Return what the decoder is to say: language, task, no times, the text, and the end.

        Args:
            text: what was said.
            language: one of `languages`.
        """
        settings = self.network.generation_config
        prefix = [settings.no_timestamps_token_id]
        if getattr(settings, "is_multilingual", False):
            prefix = [settings.lang_to_id[f"<|{language}|>"], settings.task_to_id["transcribe"], *prefix]
        said: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
        return [*prefix, *said, self.network.config.eos_token_id]

    def forward(self, audio: Sequence[Tensor], texts: Sequence[str], languages: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy of each utterance's tokens, `(batch,)` summed, and how many they are, `(batch,)`.

        Each token is predicted from the true ones before it (teacher forcing).

        Args:
            audio: each `(samples,)` at 16 kHz, at most 30 s, on this module's device.
            texts: what was said.
            languages: of each.
        """
        rows = [torch.tensor(self.tokens(*pair)) for pair in zip(texts, languages, strict=True)]
        labels = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=IGNORED).to(audio[0].device)
        config = self.network.config
        start = labels.new_full((len(labels), 1), config.decoder_start_token_id)
        given = torch.cat([start, labels[:, :-1]], dim=1).masked_fill(
            torch.cat([start, labels[:, :-1]], dim=1) == IGNORED, config.pad_token_id
        )
        hidden = self.network.model(
            self._features(audio),
            attention_mask=self._heard(audio) if self.masks is not None else None,
            decoder_input_ids=given,
            use_cache=False,
        ).last_hidden_state
        counts = labels != IGNORED  # (batch, tokens)
        logits = self.network.proj_out(hidden[counts])  # of what counts alone: the vocabulary is wide
        losses = nn.functional.cross_entropy(logits.float(), labels[counts], reduction="none")
        utterance = counts.nonzero()[:, 0]
        return losses.new_zeros(len(labels)).index_add(0, utterance, losses), counts.sum(1)

    @torch.no_grad()
    def hear(self, audio: Sequence[Tensor], languages: Sequence[str | None], beams: int = 1) -> list[str]:
        """Return the texts of clips, see `forward`; a language of None is detected."""
        spoken = languages[0] if len({*languages}) == 1 else list(languages)
        with quiet_transformers():
            tokens = self.network.generate(
                self._features(audio),
                attention_mask=self._heard(audio),
                num_beams=beams,
                do_sample=False,
                **generation_options(self.network, spoken),
            )
        texts = self.tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [" ".join(text.split()) for text in texts]

    def save(self, folder: Path) -> None:
        """Write a checkpoint folder that transformers and every Whisper of this project load, adapters joined in."""
        network = self.network
        deltas = {
            name: module.get_delta_weight("default")
            for name, module in network.named_modules()
            if hasattr(module, "get_delta_weight")
        }
        weights = {}
        for name, value in network.state_dict().items():
            owner = name.partition(_ADAPTED)[0]
            if "lora_" in name:
                continue
            is_adapted = owner in deltas and name.endswith(".weight")
            weights[name.replace(_ADAPTED, ".")] = value + deltas[owner] if is_adapted else value
        with quiet_transformers():
            network.save_pretrained(folder, state_dict=weights)
            self.tokenizer.save_pretrained(folder)
            self.extractor.save_pretrained(folder)

    def _features(self, audio: Sequence[Tensor]) -> Tensor:
        """Return log-mel frames `(batch, mels, 3000)`; behind the longest clip all are those of silence, made once."""
        longest = max(len(clip) for clip in audio)
        frames = min(WINDOW_SAMPLES, longest + 2 * WINDOW) // HOP
        mels = self.mels(audio, max(frames * HOP, longest))
        rest = WINDOW_SAMPLES // HOP - mels.shape[2]
        mels = torch.cat([mels, mels[:, :, -1:].expand(-1, -1, rest)], dim=2)
        return mels.to(self.network.dtype)

    def _heard(self, audio: Sequence[Tensor]) -> Tensor:
        """Return `(batch, frames)`, 1 on frames of the clips and 0 on the silence behind them."""
        frames = torch.tensor([-(-len(clip) // HOP) for clip in audio])
        mask = torch.arange(WINDOW_SAMPLES // HOP) < frames[:, None]
        return mask.long().to(audio[0].device)


def _set_dropout(layers: Sequence[Any], by_layer: Mapping[int, float], place: str) -> None:
    if unknown := [str(layer) for layer in by_layer if not 0 <= int(layer) < len(layers)]:
        raise ConfigError(
            f"{place} names layers that the checkpoint lacks",
            found=", ".join(unknown),
            allowed=f"0 to {len(layers) - 1}",
        )
    for layer, share in by_layer.items():
        layers[int(layer)].dropout = share


def _set_masks(config: Any, masks: SpecAugment) -> None:
    config.apply_spec_augment = True
    config.mask_time_prob, config.mask_time_length = masks.time_share, masks.time_frames
    config.mask_feature_prob, config.mask_feature_length = masks.mel_share, masks.mel_bands
    config.mask_time_min_masks = config.mask_feature_min_masks = 0
