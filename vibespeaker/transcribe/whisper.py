"""Speech to text with a Whisper checkpoint."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vibespeaker.audio.speech import Vad, holds_speech
from vibespeaker.encoders.checkpoints import check_weights, load, quiet_transformers, read_config, weights_sha256
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import Fingerprint
from vibespeaker.utterance import SAMPLE_RATE

Waveform = npt.NDArray[np.float32]

WINDOW_SAMPLES = 30 * SAMPLE_RATE
#: Long clips are cut where the last five seconds of a window are quietest for a tenth of a second.
_SEARCH_SAMPLES = 5 * SAMPLE_RATE
_QUIET_SAMPLES = SAMPLE_RATE // 10
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class Transcriber:
    """Turns waveforms into texts, the same texts every time: no sampling.

    Clips over 30 s are cut at pauses into windows of at most 30 s, whose texts are joined. A clip without any signal
    has an empty text, where Whisper would make words up.

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
        if precision not in _DTYPES or beams < 1 or batch_size < 1:
            raise ConfigError(
                "Transcriber: an argument is out of range",
                found=f"precision={precision}, beams={beams}, batch_size={batch_size}",
                allowed=f"precision of {', '.join(_DTYPES)}; beams and batch_size at least 1",
            )
        self.name = Path(checkpoint).name if Path(checkpoint).is_dir() else checkpoint
        self.beams = beams
        self.precision = precision
        self.vad = vad
        self.batch_size = batch_size
        self._model, self._tokenizer, self._extractor = load(checkpoint, "Transcriber", _load)
        self._weights = weights_sha256(self._model)
        try:
            self._model.to(device=device, dtype=_DTYPES[precision]).eval().requires_grad_(False)
        except (RuntimeError, AssertionError) as error:  # torch's two ways of saying that there is none
            raise ConfigError("Transcriber: the device cannot be used", found=device, allowed="cpu, cuda, …") from error

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO codes of the languages it knows; empty for a checkpoint that knows English only."""
        settings = self._model.generation_config
        if not getattr(settings, "is_multilingual", False):
            return ()
        return tuple(sorted(token.strip("<|>") for token in settings.lang_to_id))

    def fingerprint(self) -> Fingerprint:
        """Return what decides the texts besides the language: weights, tokens, search, precision."""
        tokens = json.dumps(self._tokenizer.get_vocab(), sort_keys=True).encode()
        return Fingerprint(
            {
                "class": "Transcriber",
                "weights": self._weights,
                "tokenizer": hashlib.sha256(tokens).hexdigest(),
                "beams": str(self.beams),
                "precision": self.precision,
                "vad": self.vad,
            }
        )

    @property
    def origin(self) -> str:
        """What a manifest's `text_origin` says of its texts: `asr:<model>@<12 digits of the fingerprint>`."""
        return f"asr:{self.name}@{self.fingerprint().digest[:12]}"

    def __call__(self, samples: Waveform, language: str | None = None) -> str:
        """Return what is said in `(samples,)` at 16 kHz."""
        return self.transcribe([samples], language)[0]

    def transcribe(self, clips: Sequence[Waveform], language: str | None = None) -> list[str]:
        """Return what is said in each clip.

        Args:
            clips: each `(samples,)`, float32 at 16 kHz.
            language: ISO code of the language of all of them; None lets the model detect it, clip by clip.

        Raises:
            ConfigError: the checkpoint does not know the language.
        """
        self.check_language(language)
        windows = [(row, window) for row, clip in enumerate(clips) for window in split_at_pauses(np.asarray(clip))]
        audible = [(row, window) for row, window in windows if holds_speech(window, self.vad)]
        texts: list[list[str]] = [[] for _ in clips]
        for start in range(0, len(audible), self.batch_size):
            batch = audible[start : start + self.batch_size]
            spoken = self._generate([window for _, window in batch], language)
            for (row, _), text in zip(batch, spoken, strict=True):
                texts[row].append(text)
        return [" ".join(text for text in own if text) for own in texts]

    def check_language(self, language: str | None) -> None:
        """Refuse a language the checkpoint does not know.

        Raises:
            ConfigError: listing those it knows.
        """
        known = self.languages or ("en",)
        if language is not None and language not in known:
            raise ConfigError(
                f"{self.name} does not know the language", found=language, allowed=known, remedy="use language auto"
            )

    @torch.no_grad()
    def _generate(self, windows: list[Waveform], language: str | None) -> list[str]:
        inputs = self._extractor(
            windows,
            sampling_rate=SAMPLE_RATE,
            return_tensors="pt",
            return_attention_mask=True,
            device=str(self._model.device),
        )
        options = {"task": "transcribe", "language": language} if self.languages else {}
        with quiet_transformers():
            tokens = self._model.generate(
                inputs.input_features.to(self._model.device, self._model.dtype),
                attention_mask=inputs.attention_mask.to(self._model.device),
                num_beams=self.beams,
                do_sample=False,
                **options,
            )
        return [" ".join(text.split()) for text in self._tokenizer.batch_decode(tokens, skip_special_tokens=True)]


def split_at_pauses(clip: Waveform) -> list[Waveform]:
    """Cut a clip into windows of at most 30 s, where it is quiet.

    Args:
        clip: `(samples,)` at 16 kHz.
    """
    windows = []
    while len(clip) > WINDOW_SAMPLES:
        first = WINDOW_SAMPLES - _SEARCH_SAMPLES
        energy = np.cumsum(np.square(clip[first:WINDOW_SAMPLES], dtype=np.float64))
        quietest = int(np.argmin(energy[_QUIET_SAMPLES:] - energy[:-_QUIET_SAMPLES]))
        cut = first + quietest + _QUIET_SAMPLES // 2
        windows.append(clip[:cut])
        clip = clip[cut:]
    return [*windows, clip]


def _load(name: str, local: bool) -> tuple[Any, Any, Any]:
    """Return a checkpoint's model, tokenizer and feature extractor."""
    from transformers import AutoTokenizer, WhisperFeatureExtractor, WhisperForConditionalGeneration

    read_config(name, local, ("whisper",), "Transcriber")
    extractor = WhisperFeatureExtractor.from_pretrained(name, local_files_only=local)
    tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=local)
    model, info = WhisperForConditionalGeneration.from_pretrained(
        name, local_files_only=local, dtype=torch.float32, output_loading_info=True
    )
    check_weights(info, name, "Transcriber")
    return model, tokenizer, extractor
