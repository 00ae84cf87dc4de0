"""How a Whisper decodes: times of segments, sampling where a text looks made up."""

import numpy as np
import pytest
import torch

from tests.sounds import speech_like
from vibespeaker.errors import ConfigError
from vibespeaker.transcribe.base import Segment, Transcript
from vibespeaker.transcribe.decoding import TEMPERATURES, Decoded, segments_of
from vibespeaker.transcribe.suppression import SAMPLED, cut_segments, looks_made_up
from vibespeaker.transcribe.whisper import WhisperTranscriber

CLIP = speech_like(2.0, 1)


@pytest.fixture(scope="module")
def timed(tiny_checkpoint):
    return WhisperTranscriber(str(tiny_checkpoint("whisper-times")), times=True, batch_size=2)


def test_segments_stand_between_times():
    words = {1: "oh", 2: "no", 3: "why"}

    def segments(*tokens, duration=10.0):
        return segments_of(tokens, 100, 0.02, duration, lambda said: " ".join(words[one] for one in said))

    assert segments(100, 1, 2, 150, 150, 3, 200) == (Segment("oh no", 0, 1.0), Segment("why", 1.0, 2.0))
    assert segments(125, 1, 150, 160, 3) == (Segment("oh", 0.5, 1.0), Segment("why", 1.2, 10.0))  # no end was said
    assert segments(100, 1, 900, duration=3.0) == (Segment("oh", 0, 3.0),)  # no later than the clip
    assert segments(100, 150) == segments() == ()


def test_times_of_long_clips_count_from_the_beginning(timed):
    clip = np.concatenate([speech_like(29.0, 3), np.zeros(8000, np.float32), speech_like(6.0, 4)])
    said = timed(clip, "en")
    assert said.words is None
    # a word of random letters may go over a time
    assert said.text.replace(" ", "") == "".join(one.text for one in said.segments).replace(" ", "")
    ends = [time for segment in said.segments for time in (segment.start, segment.end)]
    assert ends == sorted(ends)
    assert ends[0] >= 0
    assert ends[-1] <= len(clip) / 16_000
    assert any(segment.start >= 29 for segment in said.segments)
    assert timed.transcribe([CLIP, clip], "en")[1] == said


def test_without_times_segments_are_windows(tiny_checkpoint, timed):
    plain = WhisperTranscriber(str(tiny_checkpoint("whisper")))
    assert [(one.start, one.end) for one in plain(CLIP, "en").segments] == [(0.0, 2.0)]
    assert set(timed.fingerprint().parts) - set(plain.fingerprint().parts) == {"times"}
    with pytest.raises(ConfigError, match="has no tokens of times"):
        WhisperTranscriber(str(tiny_checkpoint("whisper")), times=True)


def test_phrases_are_cut_across_segments():
    segments = [Segment("so thank you", 0, 1), Segment("thank you", 1, 2), Segment("thank you for it", 2, 3)]
    assert cut_segments(segments) == (Segment("so thank you", 0, 1), Segment("for it", 2, 3))


def test_sampling_depends_on_nothing_but_the_window(tiny_checkpoint, monkeypatch):
    folder = str(tiny_checkpoint("whisper"))
    monkeypatch.setattr("vibespeaker.transcribe.suppression.LOG_PROBABILITY", 0.0)  # nothing is ever sure enough
    greedy, sampling = WhisperTranscriber(folder), WhisperTranscriber(folder, fallback=True, batch_size=2)
    clips = [CLIP, speech_like(1.0, 2)]
    torch.manual_seed(1)
    before = torch.get_rng_state()
    together = sampling.transcribe(clips, "en")
    assert torch.equal(torch.get_rng_state(), before)
    assert sampling.notes[SAMPLED] == 2
    torch.manual_seed(2)
    assert together == [sampling(clip, "en") for clip in clips]
    assert together[0].text != greedy(CLIP, "en").text
    assert set(sampling.fingerprint().difference(greedy.fingerprint())) == {"fallback"}
    assert looks_made_up("la" * 60, -0.1)


def test_temperatures_rise_until_a_text_passes(tiny_checkpoint, monkeypatch):
    sampling = WhisperTranscriber(str(tiny_checkpoint("whisper")), fallback=True)
    tried = []

    def drawn(temperature):
        tried.append(temperature)
        return [Decoded((5,), -0.5 if temperature == 0.6 else -2.0)]

    assert sampling._drawn_again(Decoded((1,), -2.0), CLIP, drawn) == Decoded((5,), -0.5)
    assert tried == [0.2, 0.4, 0.6]
    assert sampling._drawn_again(Decoded((1,), -0.5), CLIP, drawn) == Decoded((1,), -0.5)
    assert tried == [0.2, 0.4, 0.6]
    monkeypatch.setattr("vibespeaker.transcribe.suppression.LOG_PROBABILITY", 0.0)
    assert sampling._drawn_again(Decoded((1,), -2.0), CLIP, drawn).log_probability == -2.0  # the last, whatever it is
    assert tried[3:] == [*TEMPERATURES]


def test_nothing_said_has_no_times(timed):
    assert timed.transcribe([np.zeros(16_000, np.float32)], "en") == [Transcript("", ())]
