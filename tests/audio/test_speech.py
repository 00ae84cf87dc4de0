"""What counts as speech, on sounds made in code and on real speech and noise."""

import numpy as np
import pytest

from tests.sounds import RATE, speech_like, without_speech
from vibespeaker.audio.files import read_audio
from vibespeaker.audio.notes import speech_notes
from vibespeaker.audio.speech import _CHUNK, _HOP, holds_speech, loud_spans, seconds_of, speech_by_energy

SILENCES = without_speech()


@pytest.mark.parametrize("name", SILENCES)
def test_what_is_no_speech_gets_a_note(name: str) -> None:
    samples = SILENCES[name]
    assert speech_by_energy(samples) == []
    assert not holds_speech(samples)
    assert speech_notes(samples) == ("no speech found (detector: energy): the numbers say nothing of a person",)


def test_speech_is_found_where_it_is_and_at_any_level() -> None:
    still = np.zeros(3 * RATE, np.float32)
    samples = np.concatenate([still, speech_like(2.0), still])
    for gain in (1.0, 0.01, 3.0):
        ((start, end),) = speech_by_energy(gain * samples)
        assert start == pytest.approx(3 * RATE, abs=800)
        assert end == pytest.approx(5 * RATE, abs=800)
    assert speech_by_energy(1e-5 * samples) == []
    assert holds_speech(samples)
    assert speech_notes(samples[3 * RATE : 5 * RATE]) == ()


def test_a_long_recording_is_judged_as_its_pieces_are() -> None:
    # over the bounds of what is worked on at a time
    size = (2 * _CHUNK + 500) * _HOP
    samples = np.random.default_rng(0).normal(scale=1e-3, size=size).astype(np.float32)
    at = _CHUNK * _HOP - RATE
    samples[at : at + 2 * RATE] += speech_like(2.0)
    (span,) = speech_by_energy(samples)
    near = speech_by_energy(samples[at - 4 * RATE : at + 6 * RATE])
    assert [(start + at - 4 * RATE, end + at - 4 * RATE) for start, end in near] == [span]
    (note,) = speech_notes(samples)
    assert note == f"{seconds_of([span]):.1f} s of 2.1 minutes are speech (detector: energy)"


def test_speech_in_noise_is_doubted_not_denied() -> None:
    noise = np.random.default_rng(1).normal(size=2 * RATE).astype(np.float32)
    samples = speech_like(2.0)
    noise *= samples.std() / noise.std() * 10 ** (-3 / 20)
    assert speech_notes(samples + noise) == ("speech is not clearly told from noise (detector: energy)",)


def test_loud_is_above_dither() -> None:
    assert loud_spans(SILENCES["two steps of dither"], 40) == []
    assert seconds_of(loud_spans(SILENCES["tone"], 40)[:1]) == 0.025


@pytest.mark.slow
def test_real_speech_and_real_noise(shared_data) -> None:
    speech = [*sorted(shared_data.glob("ravdess/*/*"))[::40], *sorted(shared_data.glob("emodb/wav/*.wav"))[::25]]
    assert [path.name for path in speech if not speech_by_energy(read_audio(path))] == []
    noise = sorted(shared_data.glob("noise/*/*.ogg"))
    alarms = [path for path in noise if speech_by_energy(read_audio(path))]
    assert {path.parent.name for path in alarms} <= {"clock_tick"}
    assert len(alarms) <= 1
