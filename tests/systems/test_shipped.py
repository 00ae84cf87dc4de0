"""The model that comes with the package: there, small, as its card says, and heard to be right where it learned."""

import json

import pytest

from tests.sounds import RATE, speech_like
from vibespeaker import Recognizer
from vibespeaker.cli.main import main
from vibespeaker.systems import open_system
from vibespeaker.systems.folder import CARD, CONFIG, FolderModel
from vibespeaker.systems.shipped import DEFAULT, shipped_models

FOLDER = shipped_models()[DEFAULT]


@pytest.fixture(scope="module")
def recognizer():
    return Recognizer()


def test_it_is_small_and_says_what_it_learned_from_and_how_well():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 12 << 20
    about = json.loads((FOLDER / CONFIG).read_text(encoding="utf-8"))["about"]
    card = (FOLDER / CARD).read_text(encoding="utf-8")
    assert "CC0 1.0" in about["learned_from"]
    assert len(about["scores"]) == 2
    left_out, elsewhere = about["scores"].values()
    assert left_out["UAR"] > 0.777  # ComParE 2016 and a linear SVM on the same speakers
    assert elsewhere["UAR"] > 2 / 7  # twice as good as guessing
    for values in (left_out, elsewhere):
        assert f"{values['UAR']:.3f}" in card
    model = open_system(DEFAULT)
    assert isinstance(model, FolderModel)
    assert model.provenance.corpora == ("emodb",)
    assert model.calibration is not None
    assert model.calibration.conformal is not None


def test_recognize_needs_nothing_but_a_recording(recognizer, shared_data, capsys):
    clip = shared_data / "emodb" / "wav" / "03a01Wa.wav"
    assert recognizer(clip).category == "anger"
    assert main(["recognize", str(clip)]) == 0
    shown = capsys.readouterr().out
    assert "│ anger" in shown
    assert "model: learned from EmoDB: 535 acted German clips by 10 speakers" in shown
    assert "speakers left out one by one" in shown
    assert "not trained on" in shown
    assert "for a better one train on speech like yours" in shown


#: Of `speech_like(2)`; other versions of torch round otherwise, by less than the tolerance.
EXPECTED = {
    **{"anger": 0.185216, "sadness": 0.69976, "happiness": 0.054539, "fear": 0.010592},
    **{"disgust": 0.043265, "neutral": 0.000445, "boredom": 0.006182},
}


def test_its_answers_are_those_of_the_day_it_was_made(recognizer):
    answer = recognizer(speech_like(2), rate=RATE)
    assert list(answer.probabilities) == list(EXPECTED)
    assert answer.probabilities == pytest.approx(EXPECTED, abs=5e-3)
