"""The page's logic, without a browser: inputs, answers, errors, what is missing."""

import re

import pytest

from tests.app.conftest import wav
from tests.sounds import speech_like
from vibespeaker.app.service import Service
from vibespeaker.errors import ConfigError

SPEECH = wav(speech_like(1.7))


def shown(page):
    """Return all HTML of a page."""
    return "\n".join(element.proto.body for element in page.get("html"))


def bars_of(page):
    """Return the tables of bars: name → number."""
    tables = re.findall(r'<table class="vs-bars".*?</table>', shown(page))
    return [
        {name: float(value) for name, value in re.findall(r'"row">(\w+)</th>.*?"vs-number">([\d.]+)<', table)}
        for table in tables
    ]


def said_in(page, panel):
    """Return the text of the first element below a panel's heading."""
    elements = list(page.main.children.values())
    at = next(n for n, one in enumerate(elements) if one.type == "subheader" and one.value == panel)
    return re.sub("<.*?>", "", elements[at + 1].proto.body)


def test_an_uploaded_file_is_answered_as_recognize_answers_it(visit, small):
    page = visit(small)
    assert not page.exception
    assert "vs-bars" not in shown(page).replace(".vs-bars", "")
    page.get("file_uploader")[0].upload("voice.wav", SPEECH, "audio/wav")
    page.run()
    expected = small(SPEECH)
    assert not page.exception
    assert f"<span>{expected.category}</span><small>probability {expected.confidence:.2f}</small>" in shown(page)
    assert bars_of(page) == [{name: round(share, 2) for name, share in expected.probabilities.items()}]
    assert said_in(page, "Words") == "The model reads no words. One that does is named with --model; --demo brings one."
    assert said_in(page, "Voice, words, both").startswith("The model is one")
    assert said_in(page, "Arousal, valence, dominance") == "The model has no head for them."
    assert said_in(page, "Over time").startswith("Recordings over 20 s")


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
