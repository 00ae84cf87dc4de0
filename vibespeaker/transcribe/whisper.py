"""Speech to text with a Whisper checkpoint."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import torch

from vibespeaker.arguments.ranges import COUNT, require
from vibespeaker.audio.speech import Vad
from vibespeaker.encoders.checkpoints import check_weights, quiet_transformers, read_config
from vibespeaker.provenance import Fingerprint
from vibespeaker.transcribe.base import Transcript, Waveform
from vibespeaker.transcribe.checkpoint import CheckpointTranscriber
from vibespeaker.transcribe.languages import complete_settings
from vibespeaker.utterance import SAMPLE_RATE


class WhisperTranscriber(CheckpointTranscriber):
    """Transcribes with a Whisper of any size, without sampling.

    Args:
        checkpoint: folder, or name on the hub, of a Whisper with decoder.
        beams: width of the beam search; 1 is greedy.
        device: where to run, such as `cpu` or `cuda`.
        precision: type of weights and arithmetic: float32, bfloat16 or float16.
        batch_size: windows transcribed together.
        vad: detector of `audio.speech`; a window that certainly holds no speech has an empty text.

    Raises:
        EncoderError: the checkpoint is missing, unreachable or no Whisper.
        ConfigError: an argument is out of range, or there is no such device.
    """

    def __init__(
        self,
        checkpoint: str = "openai/whisper-large-v3",
        beams: int = 1,
        device: str = "cpu",
        precision: str = "float32",
        batch_size: int = 8,
        vad: Vad = "energy",
    ) -> None:
        require(COUNT, beams=beams, batch_size=batch_size)
        super().__init__(checkpoint, load_whisper, device, precision, batch_size, vad)
        self.beams = beams
        self._tokenizer, self._extractor = self.rest

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO codes of the languages it knows: English alone for a checkpoint that is not multilingual."""
        settings = self.network.generation_config
        if not getattr(settings, "is_multilingual", False):
            return ("en",)
        return tuple(sorted(token.strip("<|>") for token in settings.lang_to_id))

    def fingerprint(self) -> Fingerprint:
        """Return what decides the texts besides the language: weights, tokens, search, precision."""
        tokens = json.dumps(self._tokenizer.get_vocab(), sort_keys=True).encode()
        return Fingerprint(
            {
                **self._parts,
                "class": "Transcriber",  # what manifests say that were made before there were others
                "tokenizer": hashlib.sha256(tokens).hexdigest(),
                "beams": str(self.beams),
            }
        )

    @torch.no_grad()
    def recognize(self, windows: Sequence[Waveform], language: str | None) -> list[Transcript]:
        """Return the texts of windows; see `Transcriber`."""
        inputs = self._extractor(
            list(windows),
            sampling_rate=SAMPLE_RATE,
            return_tensors="pt",
            return_attention_mask=True,
            device=str(self.network.device),
        )
        with quiet_transformers():
            tokens = self.network.generate(
                inputs.input_features.to(self.network.device, self.network.dtype),
                attention_mask=inputs.attention_mask.to(self.network.device),
                num_beams=self.beams,
                do_sample=False,
                **generation_options(self.network, language),
            )
        texts = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [Transcript(" ".join(text.split())) for text in texts]


def generation_options(network: Any, language: str | Sequence[str | None] | None) -> dict[str, Any]:
    """Return what of `generate` says task and language, which models that know English alone do not take.

    Args:
        network: a Whisper.
        language: ISO code, or one for each clip; None lets the model detect it.
    """
    multilingual = getattr(network.generation_config, "is_multilingual", False)
    return {"task": "transcribe", "language": language} if multilingual else {}


def load_whisper(name: str, local: bool) -> tuple[Any, Any, Any]:
    """Return a checkpoint's model, tokenizer and feature extractor, for `encoders.checkpoints.load`."""
    from transformers import AutoTokenizer, WhisperFeatureExtractor, WhisperForConditionalGeneration

    read_config(name, local, ("whisper",), WhisperTranscriber.__name__)
    extractor = WhisperFeatureExtractor.from_pretrained(name, local_files_only=local)
    tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=local)
    model, info = WhisperForConditionalGeneration.from_pretrained(
        name, local_files_only=local, dtype=torch.float32, output_loading_info=True
    )
    complete_settings(model.generation_config, tokenizer.get_vocab(), int(model.config.vocab_size))
    check_weights(info, name, WhisperTranscriber.__name__)
    return model, tokenizer, extractor
