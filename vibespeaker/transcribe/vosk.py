"""Speech to text with Vosk, a recogniser for CPUs with small models in many languages (extra `vosk`)."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vibespeaker.audio.packages import installed
from vibespeaker.audio.speech import Vad
from vibespeaker.errors import EncoderError
from vibespeaker.files import file_sha256
from vibespeaker.provenance import Fingerprint
from vibespeaker.transcribe.base import Transcriber, Transcript, Waveform, Word
from vibespeaker.utterance import SAMPLE_RATE

#: Samples that are handed over at once.
_CHUNK = SAMPLE_RATE // 4
_MODELS = ("am/final.mdl", "final.mdl")


class VoskTranscriber(Transcriber):
    """Transcribes with times, on a CPU, with a model that was downloaded.

    Args:
        checkpoint: folder of the unpacked model, from https://alphacephei.com/vosk/models.
        language: ISO code of the language that the model knows; other languages are then refused. None takes any, since
            models do not say.
        vad: detector of `audio.speech`; a window that certainly holds no speech has an empty text.

    Raises:
        ConfigError: vosk is not installed.
        EncoderError: the folder is missing or holds no model.
    """

    def __init__(self, checkpoint: str, language: str | None = None, vad: Vad = "energy") -> None:
        self.vad, self.language = vad, language
        self._version = installed("vosk", "vosk")
        folder = Path(checkpoint)
        if not any((folder / name).is_file() for name in _MODELS):
            raise EncoderError(
                f"{type(self).__name__}: {checkpoint} is no folder of a Vosk model",
                allowed=f"a folder with {' or '.join(_MODELS)}",
                remedy="download one from https://alphacephei.com/vosk/models and unpack it",
            )
        import vosk

        vosk.SetLogLevel(-1)
        try:
            self._model = vosk.Model(str(folder))
        except Exception as error:  # vosk raises nothing more precise
            raise EncoderError(f"{type(self).__name__}: the model in {checkpoint} cannot be read") from error
        self.name = folder.resolve().name
        self._weights = _hash_of(folder)

    @property
    def languages(self) -> tuple[str, ...]:
        """The language it was said to know, nothing where that was left open."""
        return () if self.language is None else (self.language,)

    def fingerprint(self) -> Fingerprint:
        """Return what decides the texts: the package, the model's files, detector of speech."""
        parts = {"class": type(self).__name__, "version": self._version, "model": self._weights, "vad": self.vad}
        return Fingerprint(parts)

    def recognize(self, windows: Sequence[Waveform], language: str | None) -> list[Transcript]:
        """Return texts and times of windows; see `Transcriber`."""
        return [self._recognize(window) for window in windows]

    def _recognize(self, window: Waveform) -> Transcript:
        import vosk

        decoder = vosk.KaldiRecognizer(self._model, float(SAMPLE_RATE))  # a new one knows no clip before
        decoder.SetWords(True)
        samples = (np.clip(window, -1, 1) * 32_767).astype("<i2")
        results = []
        for start in range(0, len(samples), _CHUNK):
            # at a pause it closes a result, and forgets it with the next chunk
            if decoder.AcceptWaveform(samples[start : start + _CHUNK].tobytes()):
                results.append(json.loads(decoder.Result()))
        results.append(json.loads(decoder.FinalResult()))
        words = tuple(
            Word(str(found["word"]), float(found["start"]), float(found["end"]))
            for result in results
            for found in result.get("result", ())
        )
        text = " ".join(result["text"] for result in results if result.get("text"))
        return Transcript(" ".join(text.split()), words)


def _hash_of(folder: Path) -> str:
    """Return the SHA-256 over the names and bytes of a model's files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {file_sha256(path)}\n".encode())
    return digest.hexdigest()
