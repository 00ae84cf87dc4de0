"""Vosk: every result is read, the final one, too, from a stand-in for its decoder; what is no model is refused."""

import json
import sys
from types import SimpleNamespace

import pytest

from tests.sounds import speech_like
from vibespeaker.errors import ConfigError, EncoderError
from vibespeaker.transcribe.vosk import VoskTranscriber

pytest.importorskip("vosk")


class Decoder:
    """Closes a result every second, as at a pause, and forgets it; the last one stays until it is asked for."""

    def __init__(self, model, rate):
        self.fed, self.first, self.closed = 0, 0, 0
        assert rate == 16_000

    def SetWords(self, wanted):
        assert wanted

    def AcceptWaveform(self, data):
        self.fed += len(data) // 2
        return self.fed - self.first >= 16_000

    def Result(self):
        self.closed += 1
        word = {"word": f"word{self.closed}", "start": self.first / 16_000, "end": self.fed / 16_000}
        self.first = self.fed
        return json.dumps({"text": word["word"], "result": [word]})

    def FinalResult(self):
        return self.Result() if self.fed > self.first else json.dumps({"text": ""})


@pytest.fixture
def model(tmp_path, monkeypatch):
    (tmp_path / "vosk-small-en" / "am").mkdir(parents=True)
    (tmp_path / "vosk-small-en" / "am" / "final.mdl").write_bytes(b"weights")
    stand_in = SimpleNamespace(Model=lambda path: path, KaldiRecognizer=Decoder, SetLogLevel=lambda level: None)
    monkeypatch.setitem(sys.modules, "vosk", stand_in)
    return tmp_path / "vosk-small-en"


def test_every_result_is_read(model):
    vosk = VoskTranscriber(str(model), language="en")
    said = vosk(speech_like(2.5), "en")
    assert said.text == "word1 word2 word3"
    assert [(word.start, word.end) for word in said.words] == [(0.0, 1.0), (1.0, 2.0), (2.0, 2.5)]
    assert vosk(speech_like(1.0)).text == "word1"
    long = vosk(speech_like(31.0))
    assert long.words[-1].end == pytest.approx(31.0)


def test_what_it_is(model):
    vosk = VoskTranscriber(str(model), language="de")
    assert vosk.origin.startswith("asr:vosk-small-en@")
    before = vosk.fingerprint()
    (model / "am" / "final.mdl").write_bytes(b"others")
    assert set(VoskTranscriber(str(model)).fingerprint().difference(before)) == {"model"}
    with pytest.raises(ConfigError, match=r"vosk-small-en does not know the language\. Found: en\. Allowed: de"):
        vosk(speech_like(1.0), "en")


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(EncoderError, match=r"no folder of a Vosk model\. Allowed: .*am/final\.mdl.*unpack it"):
        VoskTranscriber(str(tmp_path))
    (tmp_path / "final.mdl").write_bytes(b"no model")
    with pytest.raises(EncoderError, match=r"the model in .* cannot be read"):
        VoskTranscriber(str(tmp_path))
