"""Speech to text with a Whisper checkpoint."""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from vibespeaker.arguments.ranges import COUNT, require
from vibespeaker.audio.speech import Vad
from vibespeaker.encoders.checkpoints import check_weights, read_config
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import Fingerprint
from vibespeaker.transcribe.base import Segment, Transcript, Waveform
from vibespeaker.transcribe.checkpoint import CheckpointTranscriber
from vibespeaker.transcribe.decoding import TEMPERATURES, Decoded, decode, sample, segments_of, time_step
from vibespeaker.transcribe.languages import complete_settings
from vibespeaker.transcribe.suppression import SAMPLED, cut_segments, looks_made_up, suppressed
from vibespeaker.utterance import SAMPLE_RATE


class WhisperTranscriber(CheckpointTranscriber):
    """Transcribes with a Whisper of any size, the same texts every time.

    Args:
        checkpoint: folder, or name on the hub, of a Whisper with decoder.
        beams: width of the beam search; 1 is greedy.
        device: where to run, such as `cpu` or `cuda`.
        precision: type of weights and arithmetic: float32, bfloat16 or float16.
        batch_size: windows transcribed together.
        vad: detector of `audio.speech`; a window that certainly holds no speech has an empty text.
        suppress: whether windows whose text looks made up have none, and repeated phrases are cut; see `suppression`.
        fallback: whether a window whose text looks made up is first decoded again by sampling; see `decoding`.
        times: whether it says when each segment was said. It then reads tokens of times, and its texts may differ.

    Raises:
        EncoderError: the checkpoint is missing, unreachable or no Whisper.
        ConfigError: an argument is out of range, there is no such device, or the checkpoint knows no times.
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
        fallback: bool = False,
        times: bool = False,
    ) -> None:
        require(COUNT, beams=beams, batch_size=batch_size)
        super().__init__(checkpoint, load_whisper, device, precision, batch_size, vad)
        self.beams, self.suppress, self.fallback, self.times = beams, suppress, fallback, times
        self._tokenizer, self._extractor = self.rest
        self._first_time = (self.network.generation_config.no_timestamps_token_id or 0) + 1
        if times and self.network.config.vocab_size <= self._first_time:
            raise ConfigError(
                f"{self.name} has no tokens of times", remedy="leave times out, or take another checkpoint"
            )

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
                **{name: "yes" for name in ("suppress", "fallback", "times") if getattr(self, name)},
            }
        )

    @torch.no_grad()
    def recognize(self, windows: Sequence[Waveform], language: str | None) -> list[Transcript]:
        """Return the texts of windows, and with `times` their segments; see `Transcriber`."""
        inputs = self._extractor(
            list(windows),
            sampling_rate=SAMPLE_RATE,
            return_tensors="pt",
            return_attention_mask=True,
            device=str(self.network.device),
        )
        how: dict[str, Any] = {
            "options": generation_options(self.network, language),
            "times": self.times,
            "scored": self.suppress or self.fallback,
        }
        heard = decode(self.network, inputs.input_features, inputs.attention_mask, **how, beams=self.beams)
        if self.fallback:
            for row, window in enumerate(windows):
                own = (inputs.input_features[row : row + 1], inputs.attention_mask[row : row + 1])
                heard[row] = self._drawn_again(heard[row], window, partial(decode, self.network, *own, **how))
        return [self._transcript(one, len(window) / SAMPLE_RATE) for one, window in zip(heard, windows, strict=True)]

    def _drawn_again(self, heard: Decoded, window: Waveform, decoder: Callable[..., list[Decoded]]) -> Decoded:
        """Return the first of the temperatures' texts that does not look made up, or else the last."""
        for temperature in TEMPERATURES:
            if not looks_made_up(self._text_of(heard.tokens), heard.log_probability):
                return heard
            self.notes[SAMPLED] += temperature == TEMPERATURES[0]
            heard = sample(window, temperature, self.network.device, decoder)
        return heard

    def _transcript(self, heard: Decoded, duration: float) -> Transcript:
        """Return what is left of a window's text, and note what was suppressed."""
        text, segments = self._text_of(heard.tokens), tuple[Segment, ...]()
        if self.times:
            step = time_step(self.network)
            segments = segments_of(heard.tokens, self._first_time, step, duration, self._text_of)
        if self.suppress:
            text, problem = suppressed(text, heard.log_probability)
            segments = cut_segments(segments) if text else ()
            self.notes.update([problem] if problem else [])
        return Transcript(text, segments=segments)

    def _text_of(self, tokens: Sequence[int]) -> str:
        said = [token for token in tokens if token < self._first_time or not self.times]
        return " ".join(self._tokenizer.decode(said, skip_special_tokens=True).split())


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
