"""Speech to text with a CTC checkpoint: wav2vec 2.0, HuBERT, WavLM and their like with a head of letters.

The most probable token of each frame, repetitions and blanks left out (Graves et al. 2006); without a language model.
Every frame has its time, so that every word has, too.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import torch

from vibespeaker.audio.speech import Vad
from vibespeaker.encoders.checkpoints import UNUSED_WEIGHTS, check_weights, read_config
from vibespeaker.errors import EncoderError
from vibespeaker.provenance import Fingerprint
from vibespeaker.transcribe.base import Transcript, Waveform, Word
from vibespeaker.transcribe.checkpoint import CheckpointTranscriber
from vibespeaker.utterance import SAMPLE_RATE

KINDS = ("data2vec-audio", "hubert", "unispeech", "unispeech-sat", "wav2vec2", "wav2vec2-conformer", "wavlm")
#: Here the head is what counts.
_UNUSED = tuple(part for part in UNUSED_WEIGHTS if part != "lm_head.")


class CTCTranscriber(CheckpointTranscriber):
    """Transcribes with a network of letters per frame; what it says is spelled as its vocabulary is, often in capitals.

    Args:
        checkpoint: folder, or name on the hub, with a CTC head and its tokenizer.
        language: ISO code of the language that the checkpoint knows; other languages are then refused. None takes any,
            since checkpoints do not say.
        device: where to run, such as `cpu` or `cuda`.
        precision: type of weights and arithmetic: float32, bfloat16 or float16.
        batch_size: windows transcribed together, where padding does not change the texts (see `recognize`).
        vad: detector of `audio.speech`; a window that certainly holds no speech has an empty text.

    Raises:
        EncoderError: the checkpoint is missing, unreachable, of another kind, or has no CTC head or tokenizer.
        ConfigError: an argument is out of range, or there is no such device.
    """

    unused_weights = _UNUSED

    def __init__(
        self,
        checkpoint: str = "facebook/wav2vec2-large-960h-lv60-self",
        language: str | None = None,
        device: str = "cpu",
        precision: str = "float32",
        batch_size: int = 8,
        vad: Vad = "energy",
    ) -> None:
        super().__init__(checkpoint, _load, device, precision, batch_size, vad)
        self.language = language
        self._tokenizer, self._extractor = self.rest
        self._seconds = self.network.config.inputs_to_logits_ratio / SAMPLE_RATE

    @property
    def languages(self) -> tuple[str, ...]:
        """The language it was said to know, nothing where that was left open."""
        return () if self.language is None else (self.language,)

    def fingerprint(self) -> Fingerprint:
        """Return what decides the texts: weights, vocabulary, preprocessing, precision."""
        behaviour = {
            "vocabulary": self._tokenizer.get_vocab(),
            "normalised": self._extractor.do_normalize,
            "mask": self._extractor.return_attention_mask,
        }
        hashed = hashlib.sha256(json.dumps(behaviour, sort_keys=True).encode()).hexdigest()
        return Fingerprint({**self._parts, "class": type(self).__name__, "tokenizer": hashed})

    def recognize(self, windows: Sequence[Waveform], language: str | None) -> list[Transcript]:
        """Return texts and times of windows; see `Transcriber`.

        Networks with group norm were trained without a mask: padding changes what they hear, so that each of their
        windows is heard by itself.
        """
        if self._extractor.return_attention_mask:
            return self._recognize(windows)
        return [transcript for window in windows for transcript in self._recognize([window])]

    @torch.no_grad()
    def _recognize(self, windows: Sequence[Waveform]) -> list[Transcript]:
        least = self._least_samples
        # what is shorter than a frame is padded with silence to one
        padded = [torch.nn.functional.pad(torch.from_numpy(w), (0, max(0, least - len(w)))).numpy() for w in windows]
        inputs = self._extractor(padded, sampling_rate=SAMPLE_RATE, return_tensors="pt", padding=True)
        device, dtype = self.network.device, self.network.dtype
        mask = inputs.attention_mask.to(device) if "attention_mask" in inputs else None
        logits = self.network(inputs.input_values.to(device, dtype), attention_mask=mask).logits
        samples = torch.tensor([len(window) for window in padded])
        frames = self.network._get_feat_extract_output_lengths(samples).tolist()
        best = logits.argmax(-1).cpu()
        return [self._decoded(tokens[:length]) for tokens, length in zip(best, frames, strict=True)]

    @property
    def _least_samples(self) -> int:
        """Samples of one frame: the receptive field of the convolutions."""
        config, least = self.network.config, 1
        for kernel, stride in reversed(list(zip(config.conv_kernel, config.conv_stride, strict=True))):
            least = (least - 1) * stride + kernel
        return int(least)

    def _decoded(self, tokens: torch.Tensor) -> Transcript:
        found = self._tokenizer.decode(tokens, output_word_offsets=True, skip_special_tokens=True)
        words = tuple(
            Word(offset["word"], *(float(offset[at] * self._seconds) for at in ("start_offset", "end_offset")))
            for offset in found.word_offsets
            if offset["word"].strip()
        )
        return Transcript(" ".join(found.text.split()), words)


def _load(name: str, local: bool) -> tuple[Any, Any, Any]:
    """Return a checkpoint's network, tokenizer and feature extractor."""
    from transformers import AutoModelForCTC, AutoTokenizer, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor

    purpose = CTCTranscriber.__name__
    read_config(name, local, KINDS, purpose)
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(name, local_files_only=local)
    network, info = AutoModelForCTC.from_pretrained(
        name, local_files_only=local, dtype=torch.float32, output_loading_info=True
    )
    check_weights(info, name, purpose, _UNUSED)
    tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=local)
    if not isinstance(tokenizer, Wav2Vec2CTCTokenizer):
        raise EncoderError(f"{purpose}: checkpoint {name} has no CTC tokenizer", found=type(tokenizer).__name__)
    return network, tokenizer, extractor
