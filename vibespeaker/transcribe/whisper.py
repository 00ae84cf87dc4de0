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
from vibespeaker.transcribe.suppression import suppressed
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
        suppress: whether windows whose text looks made up have none, and repeated phrases are cut; see `suppression`.

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
        suppress: bool = False,
    ) -> None:
        require(COUNT, beams=beams, batch_size=batch_size)
        super().__init__(checkpoint, load_whisper, device, precision, batch_size, vad)
        self.beams, self.suppress = beams, suppress
        self._tokenizer, self._extractor = self.rest

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO codes of the languages it knows: English alone for a checkpoint that is not multilingual."""
        return languages_of(self.network)

    def fingerprint(self) -> Fingerprint:
        """Return what decides the texts besides the language: weights, tokens, search, precision."""
        tokens = json.dumps(self._tokenizer.get_vocab(), sort_keys=True).encode()
        return Fingerprint(
            {
                **self._parts,
                "class": "Transcriber",  # what manifests say that were made before there were others
                "tokenizer": hashlib.sha256(tokens).hexdigest(),
                "beams": str(self.beams),
                **({"suppress": "yes"} if self.suppress else {}),
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
            found = self.network.generate(
                inputs.input_features.to(self.network.device, self.network.dtype),
                attention_mask=inputs.attention_mask.to(self.network.device),
                num_beams=self.beams,
                do_sample=False,
                **({"return_dict_in_generate": True, "output_scores": True} if self.suppress else {}),
                **generation_options(self.network, language),
            )
        tokens = found["sequences"] if self.suppress else found
        texts = [" ".join(text.split()) for text in self._tokenizer.batch_decode(tokens, skip_special_tokens=True)]
        if self.suppress:
            texts = self._kept(texts, self._log_probabilities(found))
        return [Transcript(text) for text in texts]

    def _kept(self, texts: Sequence[str], log_probabilities: Sequence[float]) -> list[str]:
        """Return what is left of texts, and note what was suppressed."""
        kept = []
        for text, mean in zip(texts, log_probabilities, strict=True):
            left, problem = suppressed(text, mean)
            self.notes.update([problem] if problem else [])
            kept.append(left)
        return kept

    def _log_probabilities(self, found: Any) -> list[float]:
        """Return the mean log-probability of each window's tokens, the end among them."""
        if found.get("sequences_scores") is not None:  # of beams: the mean already
            return [float(score) for score in found["sequences_scores"]]
        # (windows, steps): behind the end there is padding
        steps = self.network.compute_transition_scores(found["sequences"], found["scores"], normalize_logits=True)
        said = found["sequences"][:, -steps.shape[1] :] != self.network.config.eos_token_id
        counted = torch.cat([torch.ones_like(said[:, :1]), said.cumprod(1).bool()[:, :-1]], dim=1)
        sums = steps.masked_fill(~counted, 0.0).float().sum(1)
        return [float(mean) for mean in sums / counted.sum(1)]


def generation_options(network: Any, language: str | Sequence[str | None] | None) -> dict[str, Any]:
    """Return what of `generate` says task and language, which models that know English alone do not take.

    Args:
        network: a Whisper.
        language: ISO code, or one for each clip; None lets the model detect it.
    """
    multilingual = getattr(network.generation_config, "is_multilingual", False)
    return {"task": "transcribe", "language": language} if multilingual else {}


def languages_of(network: Any) -> tuple[str, ...]:
    """Return the ISO codes of the languages that a Whisper has tokens for; English alone where it speaks no other."""
    settings = network.generation_config
    if not getattr(settings, "is_multilingual", False):
        return ("en",)
    return tuple(sorted(token.strip("<|>") for token in settings.lang_to_id))


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
