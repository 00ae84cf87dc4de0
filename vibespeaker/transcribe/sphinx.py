"""Speech to text without a download: PocketSphinx with the English model in its package (extra `sphinx`).

It proves the way from recordings to texts where no checkpoint can be had. Its quality is low: about 30 of 100 words of
five sentences read from a novel are wrong. Take a Whisper for texts that count.
"""

import json
from collections.abc import Sequence

import numpy as np

from vibespeaker.audio.packages import installed
from vibespeaker.audio.speech import Vad
from vibespeaker.provenance import Fingerprint
from vibespeaker.transcribe.base import Transcriber, Transcript, Waveform, Word

#: The search that was measured: one pass with narrow beams, twice as fast as the default with nearly the same words.
_SEARCH = {"fwdflat": False, "maxhmmpf": 3000, "maxwpf": 5}
_FRAMES_PER_SECOND = 100


class SphinxTranscriber(Transcriber):
    """Transcribes English, with times, on a CPU; of low quality.

    Args:
        vad: detector of `audio.speech`; it hears words in silence, so that windows without speech are kept from it.

    Raises:
        ConfigError: pocketsphinx is not installed.
    """

    name = "pocketsphinx-en-us"
    languages = ("en",)

    def __init__(self, vad: Vad = "energy") -> None:
        self.vad = vad
        self._version = installed("pocketsphinx", "sphinx")
        from pocketsphinx import Decoder

        self._decoder = Decoder(**_SEARCH, loglevel="FATAL")

    def fingerprint(self) -> Fingerprint:
        """Return what decides the texts: the package, whose model it is, search, detector of speech."""
        search = json.dumps(_SEARCH, sort_keys=True)
        parts = {"class": type(self).__name__, "version": self._version, "search": search, "vad": self.vad}
        return Fingerprint(parts)

    def recognize(self, windows: Sequence[Waveform], language: str | None) -> list[Transcript]:
        """Return texts and times of windows; see `Transcriber`."""
        return [self._recognize(window) for window in windows]

    def _recognize(self, window: Waveform) -> Transcript:
        # otherwise it would go on with the cepstral means and features of the clip before
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw((np.clip(window, -1, 1) * 32_767).astype("<i2").tobytes(), full_utt=True)
        self._decoder.end_utt()
        words = tuple(
            # a word's second way to be spoken is called `word(2)`
            Word(found.word.partition("(")[0], found.start_frame / _FRAMES_PER_SECOND, _end(found.end_frame))
            for found in self._decoder.seg() or ()
            if not found.word.startswith(("<", "[", "+", "("))
        )
        return Transcript(" ".join(word.text for word in words), words)


def _end(last_frame: int) -> float:
    return (last_frame + 1) / _FRAMES_PER_SECOND
