"""The page's logic, without a browser: inputs, answers, errors, what is missing."""

import re
import threading
import time

import numpy as np
import pytest

from tests.app.conftest import wav
from tests.sounds import RATE, speech_like
from vibespeaker.app.service import Service
from vibespeaker.errors import ConfigError

SPEECH = wav(speech_like(1.7))
LONG = np.concatenate([np.pad(speech_like(3.0, seed=seed), (0, RATE)) for seed in range(6)])


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


def test_a_recording_is_heard_for_three_seconds_or_as_long_as_it_is(visit, small):
    page = visit(small)
    page.radio[0].set_value("Record").run()
    page.audio_input[0].upload("spoken.wav", wav(speech_like(4.0))).run()
    assert "waveform and spectrogram of 3.0 s" in shown(page)
    page.radio[1].set_value("all of it").run()
    assert "waveform and spectrogram of 4.0 s" in shown(page)


def test_what_cannot_be_used_is_said_without_a_trace_and_forgotten(visit, small):
    page = visit(small)
    page.get("file_uploader")[0].upload("<b>*broken*.wav", b"RIFF no sound").run()
    assert not page.exception
    assert "cannot be used" in page.error[0].value
    assert "/tmp" not in page.error[0].value
    assert not bars_of(page)
    page.get("file_uploader")[0].set_value(None).run()
    assert not page.error


def test_where_nobody_speaks_no_class_is_made_up(visit, small):
    page = visit(small)
    page.get("file_uploader")[0].upload("long silence.wav", wav(np.zeros(21 * RATE, np.float32))).run()
    assert not page.exception
    assert said_in(page, "Emotion") == "Nobody is heard to speak."
    assert "no speech found" in shown(page)


def test_every_panel_of_a_fusion_is_filled(visit, everything):
    page = visit(everything)
    page.get("file_uploader")[0].upload("voice.wav", SPEECH).run()
    assert not page.exception
    expected = everything(SPEECH)
    assert "“i hate this”" in shown(page)
    assert "As a recogniser of tests heard them" in shown(page)
    first, *members, fused = bars_of(page)
    assert first == fused == {name: round(share, 2) for name, share in expected.probabilities.items()}
    assert [max(one, key=one.get) for one in members] == [
        max(member.probabilities, key=member.probabilities.get)
        for member in expected.members.values()
        if member.probabilities is not None
    ]
    assert f"arousal {expected.attributes['arousal']:.1f}" in shown(page)
    assert "SYNTHETIC voices" in shown(page)
    assert "It learned from generated speech" in shown(page)
    page.text_input[0].set_value("the bus is here").run()
    assert "“the bus is here”" in shown(page)
    assert "As you typed them." in shown(page)


def test_a_long_recording_of_a_fusion_has_words_and_attributes_over_time(visit, everything):
    page = visit(everything)
    page.get("file_uploader")[0].upload("long.wav", wav(LONG)).run()
    assert not page.exception
    segments = everything(wav(LONG)).segments
    assert len(segments) > 2
    assert shown(page).count('class="vs-line"') == 3 * len(segments)
    table = re.search(r'<table class="vs-table">.*?</table>', shown(page))[0]
    assert table.count("<tr>") == len(segments) + 1
    assert table.count("i hate this") == len(segments)


def test_who_waits_is_told_how_many_are_before(small):
    service, seen = Service(small), []
    with service._queue.place():
        waiting = threading.Thread(target=lambda: seen.append(service.answered(SPEECH, "a.wav", waiting=seen.append)))
        waiting.start()
        end = time.monotonic() + 20
        while not seen and time.monotonic() < end:
            time.sleep(0.01)
    waiting.join(20)
    assert seen[0] == 1
    assert seen[-1].answer.category is not None
