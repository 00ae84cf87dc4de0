"""The embedded recogniser: real words, whatever clip came before; nothing on silence."""

import numpy as np
import pytest

from vibespeaker.audio.files import read_audio
from vibespeaker.errors import ConfigError
from vibespeaker.transcribe.base import Transcript

pytest.importorskip("pocketsphinx")

FOLDER = "asr/sense_and_sensibility"


@pytest.fixture(scope="module")
def transcriber():
    from vibespeaker.transcribe.sphinx import SphinxTranscriber

    return SphinxTranscriber()


@pytest.mark.slow
def test_a_read_sentence_whatever_came_before(transcriber, shared_data):
    first, second = (read_audio(path)[:48_000] for path in sorted((shared_data / FOLDER).glob("*.wav"))[1:3])
    said = transcriber(first)
    assert said.text.startswith("he was not")
    assert [word.text for word in said.words] == said.text.split()
    assert 0 < said.words[0].start < said.words[0].end < said.words[-1].end <= 3
    assert transcriber.transcribe([second, first])[1] == said


def test_silence_has_no_words(transcriber):
    assert transcriber(np.zeros(16_000, np.float32)) == Transcript("", ())


def test_what_it_is(transcriber):
    assert transcriber.origin.startswith("asr:pocketsphinx-en-us@")
    assert set(transcriber.fingerprint().parts) == {"class", "version", "search", "vad"}
    with pytest.raises(ConfigError, match=r"pocketsphinx-en-us does not know the language. Found: de. Allowed: en"):
        transcriber(np.zeros(1_000, np.float32), "de")
