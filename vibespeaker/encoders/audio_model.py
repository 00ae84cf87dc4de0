"""Any encoder of audio that transformers' `AutoModel` loads, such as wav2vec2-BERT, data2vec, UniSpeech or a Conformer.

`SpeechEncoder` knows WavLM, HuBERT and wav2vec 2.0 by name, batches clips of all lengths and takes long ones apart.
Here nothing is known of the network but what it answers: clips of one length go together, so that no padding is seen.
"""

import inspect
import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.batch import Frames
from vibespeaker.encoders.checkpoints import hearing_network, load, read_config
from vibespeaker.encoders.network_parts import attention_maps, stages_of
from vibespeaker.encoders.pretrained import Join, Precision, PretrainedEncoder
from vibespeaker.encoders.transfer import on_device
from vibespeaker.errors import EncoderError
from vibespeaker.provenance import Modality
from vibespeaker.utterance import SAMPLE_RATE

#: Shorter clips are followed by silence: every network has a frame by then.
_SHORTEST = 1600
#: Masks refuse short clips and skipped layers have no gradient: neither belongs to an encoder among others.
_WITHOUT = {
    **{"apply_spec_augment": False, "mask_time_prob": 0.0, "mask_feature_prob": 0.0},
    **{"layerdrop": 0.0, "add_adapter": False},
}
#: What a network may call what it reads.
_INPUTS = ("input_values", "input_features")


class AudioModelEncoder(PretrainedEncoder):
    """Encodes audio with any checkpoint whose network answers frame by frame, prepared by its own feature extractor.

    Args:
        checkpoint: folder, or name on the hub.
        layer: a layer, several, or None for the last (see `PretrainedEncoder`).
        precision: type of weights and arithmetic.
        join: `mean` of several layers, or all `side_by_side` in a frame (see `PretrainedEncoder`).

    Raises:
        EncoderError: the checkpoint is missing, unreachable, no audio encoder, or does not answer frame by frame.
        ConfigError: an argument is out of range.
    """

    modality: Modality = "audio"
    fingerprint_class = "AudioModelEncoder"
    batch_invariant = False

    def __init__(
        self,
        checkpoint: str,
        layer: int | list[int] | None = None,
        precision: Precision = "float32",
        join: Join = "mean",
    ) -> None:
        super().__init__(checkpoint, layer, precision, join)
        network, self._extractor = load(checkpoint, self._purpose, _load)
        self._reads = network.main_input_name
        self.lora_targets = attention_maps(network)
        self.dim = int(network.config.hidden_size)
        settings = {key: value for key, value in self._extractor.to_dict().items() if not key.startswith("_")}
        stages = stages_of(network, checkpoint, self._purpose)
        self._adopt(network, stages, {"extractor": json.dumps(settings, sort_keys=True, default=str)})
        self.frames_per_second = self._rate()

    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode waveforms of one length, each `(samples,)` at 16 kHz."""
        clips = on_device([torch.as_tensor(clip) for clip in inputs], torch.device("cpu"))
        padded = [nn.functional.pad(clip, (0, max(0, _SHORTEST - len(clip)))).numpy() for clip in clips]
        made = self._extractor(padded, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        weights = self._weights
        values = made[self._reads].to(weights.device, weights.dtype)
        mask = made.get("attention_mask")
        given = {} if mask is None else {"attention_mask": mask.to(weights.device)}

        def run() -> Tensor:
            hidden: Tensor = self.network(**{self._reads: values}, **given).last_hidden_state
            return hidden

        counts = [self._frames(values, mask)] * len(clips) if self.mask_seeds is not None else []
        hidden = self._hidden(run, counts, self.mask_seeds)
        # a mask of frames, not of samples, may end before them: then the last is half of silence
        frames = int(mask[0].sum()) if mask is not None and mask.shape[1] == hidden.shape[1] else hidden.shape[1]
        return Frames(hidden[:, :frames], torch.full((len(clips),), frames, dtype=torch.int64, device=hidden.device))

    def _frames(self, values: Tensor, mask: Tensor | None) -> int:
        """Return how many frames the transformer reads, which masks on them need before it runs."""
        if values.ndim == 2:
            return int(self.network._get_feat_extract_output_lengths(torch.tensor(values.shape[1])))  # type: ignore[operator]
        return values.shape[1] if mask is None else int(mask[0].sum())

    @torch.no_grad()
    def _rate(self) -> float:
        """Return frames per second, as the network answers one second and two.

        Raises:
            EncoderError: it answers both alike.
        """
        one, two = (
            int(self([torch.linspace(-0.1, 0.1, samples)]).lengths[0]) for samples in (SAMPLE_RATE, 2 * SAMPLE_RATE)
        )
        if two <= one:
            raise EncoderError(
                f"{self._purpose}: {self.checkpoint} does not answer frame by frame",
                found=f"{one} frames for one second, {two} for two",
                remedy="choose an encoder of speech, such as wav2vec2-BERT; it may pad every clip to one length",
            )
        return float(two - one)


def _load(name: str, local: bool) -> tuple[Any, Any]:
    """Return a checkpoint's network and feature extractor."""
    from transformers import MODEL_MAPPING

    purpose = AudioModelEncoder.__name__
    config = read_config(name, local, None, purpose)
    if config.is_encoder_decoder:
        raise EncoderError(
            f"{purpose}: {name} is an encoder with a decoder, which is not supported",
            found=config.model_type,
            remedy="use WhisperEncoder for a Whisper, or the checkpoint of an encoder alone",
        )
    config.update({key: value for key, value in _WITHOUT.items() if hasattr(config, key)})
    made = MODEL_MAPPING.get(type(config), None)
    reads = getattr(made, "main_input_name", None)
    if reads not in _INPUTS or "pixel_values" in inspect.signature(made.forward).parameters:
        raise EncoderError(
            f"{purpose}: {name} reads no audio", found=config.model_type, allowed="encoders of audio",
            remedy="use TextEncoder for a text model, ImageEncoder for one of images",
        )  # fmt: skip
    return hearing_network(name, config, local, purpose)
