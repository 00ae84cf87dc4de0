"""Long recordings are cut into windows or sentences that cover the speech, and nothing is cut where nobody speaks."""

import numpy as np
import pytest

from tests.sounds import RATE, speech_like, without_speech
from vibespeaker.errors import ConfigError
from vibespeaker.recognizer.cutting import Cutting
from vibespeaker.transcribe.base import Word

SILENCE = np.zeros(RATE, np.float32)


def covered(spans, size):
    heard = np.zeros(size, bool)
    for start, end in spans:
        heard[start:end] = True
    return heard


@pytest.mark.parametrize(("length", "hop"), [(4.0, 2.0), (1.0, 1.0), (3.0, 0.7)])
def test_windows_cover_all_speech_without_a_gap_and_without_copies(length, hop):
    speech = speech_like(11.3)
    samples = np.concatenate([SILENCE, speech, SILENCE])
    spans = Cutting("windows", length, hop).spans(samples)
    starts = [start for start, _ in spans]
    assert {end - start for start, end in spans} == {round(length * RATE)}
    assert 0 < max(np.diff(starts)) <= round(hop * RATE) + 1
    assert len(set(starts)) == len(starts)
    heard = covered(spans, len(samples))
    assert heard[RATE + 800 : RATE + len(speech) - 800].all()
    assert not heard[: RATE - 1600].any()


def test_what_is_shorter_than_a_window_is_one_and_pauses_part():
    samples = np.concatenate([speech_like(2), SILENCE, speech_like(0.3, seed=1), SILENCE, speech_like(3, seed=2)])
    spans = Cutting("windows", 4, 2).spans(samples)
    assert len(spans) == 3
    assert spans[0][1] == pytest.approx(2 * RATE, abs=0.1 * RATE)
    # half a second is the least that says anything
    assert spans[1][1] - spans[1][0] == pytest.approx(0.5 * RATE, abs=0.1 * RATE)


def test_sentences_lie_between_pauses_and_long_ones_are_cut_where_it_is_quiet():
    long = speech_like(20, seed=3)
    long[round(7.0 * RATE) : round(7.2 * RATE)] = 0
    samples = np.concatenate([speech_like(2), SILENCE, long])
    spans = Cutting("sentences").spans(samples)
    assert [start for start, _ in spans[:2]] == pytest.approx([0, 3 * RATE], abs=0.1 * RATE)
    assert spans[1][1] == pytest.approx(10.1 * RATE, abs=0.15 * RATE)
    assert all(end - start <= 12 * RATE for start, end in spans)


def test_words_with_times_end_sentences_at_stops_and_silences():
    words = [
        Word("So", 0.2, 0.4),
        Word("it.", 0.5, 0.9),
        Word("Is", 1.0, 1.2),
        Word("it", 1.3, 1.8),
        Word("it", 4, 4.6),
    ]
    spans = Cutting("sentences").spans(np.zeros(5 * RATE, np.float32), words=words)
    assert [(start / RATE, end / RATE) for start, end in spans] == [
        pytest.approx((0.1, 1.0)),
        pytest.approx((0.9, 1.9)),
        pytest.approx((3.9, 4.7)),
    ]


def test_words_without_stops_are_cut_at_their_longest_silences():
    # a word each second; between 9 s and 10 s, and 19 s and 20 s, nobody speaks for a little longer
    words = [Word("word", second, second + (0.4 if second in (9, 19) else 0.8)) for second in range(30)]
    spans = Cutting("sentences").spans(np.zeros(30 * RATE, np.float32), words=words)
    assert [round(start / RATE, 1) for start, _ in spans] == [0.0, 9.9, 19.9]
    even = [Word("word", 0.5 * place, 0.5 * place + 0.5) for place in range(4000)]
    spans = Cutting("sentences").spans(np.zeros(2000 * RATE, np.float32), words=even)
    assert max(end - start for start, end in spans) <= 12.3 * RATE
    assert len(spans) < 500


def test_nothing_is_cut_where_nobody_speaks():
    for by in ("windows", "sentences"):
        for sound in without_speech(6).values():
            assert Cutting(by).spans(sound.astype(np.float32)) == []


def test_which_recordings_are_cut():
    assert [Cutting().cuts(seconds) for seconds in (20.0, 20.1)] == [False, True]
    assert not Cutting("whole").cuts(4000)
    assert Cutting("sentences").cuts(1)
    for wrong in ({"length": 0.2, "hop": 0.1}, {"hop": 5.0}, {"hop": 0.0}, {"length": float("nan")}):
        with pytest.raises(ConfigError):
            Cutting("windows", **wrong)
