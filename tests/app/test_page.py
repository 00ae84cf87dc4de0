"""The page's logic, without a browser: inputs, answers, errors, what is missing."""

import pytest

from tests.app.conftest import wav
from tests.sounds import speech_like
from vibespeaker.app.service import Service
from vibespeaker.errors import ConfigError

SPEECH = wav(speech_like(1.7))


def shown(page):
    """Return all HTML of a page."""
    return "\n".join(element.proto.body for element in page.get("html"))


def test_an_uploaded_file_is_answered_as_recognize_answers_it(visit, small):
    page = visit(small)
    assert not page.exception
    assert "vs-bars" not in shown(page).replace(".vs-bars", "")
    page.get("file_uploader")[0].upload("voice.wav", SPEECH, "audio/wav")
    page.run()
    expected = small(SPEECH)
    assert not page.exception
    assert f"{expected.category} <small>probability {expected.confidence:.2f}</small>" in shown(page)
    for name, share in expected.probabilities.items():
        assert f'{name}</th><td><div class="vs-track">' in shown(page)
        assert f">{share:.2f}</td>" in shown(page)


def test_a_page_that_was_started_by_hand_says_how_to_start_it():
    from vibespeaker.app.service import service_at_hand

    with pytest.raises(ConfigError, match="vibespeaker app"):
        service_at_hand()


def test_more_than_is_taken_is_cut_and_said(small):
    from vibespeaker.app.service import Bounds

    service = Service(small, Bounds(seconds=2.0))
    long = service.answered(wav(speech_like(4.0)), "long.wav")
    assert long.sound.seconds == pytest.approx(2.0)
    assert "the first 2 s are heard, the rest is not" in long.answer.notes
    short = service.answered(wav(speech_like(2.05)), "short.wav")
    assert short.sound.seconds == pytest.approx(2.05)
    assert not [note for note in short.answer.notes if "rest" in note]
