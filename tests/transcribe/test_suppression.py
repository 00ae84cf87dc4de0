"""What recognisers make up: phrases in a loop, texts that compress too well, words nobody was sure of."""

import numpy as np
import pytest

from tests.sounds import speech_like
from vibespeaker.transcribe.decoding import log_probabilities
from vibespeaker.transcribe.suppression import COMPRESSED, IMPROBABLE, REPEATED, compression_ratio, cut_repetitions
from vibespeaker.transcribe.suppression import suppressed as judged
from vibespeaker.transcribe.whisper import WhisperTranscriber

SAID = "and mister john dashwood had then leisure to consider how much there might be in his power to do for them"


def test_phrases_in_a_loop_stand_once():
    assert cut_repetitions("so thank you thank you thank you thank you for it") == "so thank you for it"
    assert cut_repetitions("no no no") == "no"
    assert cut_repetitions("very very good, bye bye") == "very very good, bye bye"  # people say a word twice
    assert cut_repetitions(f"{SAID} {SAID}") == f"{SAID} {SAID}"
    assert cut_repetitions("a b a b a b c c c d") == "a b c d"
    assert cut_repetitions("") == ""


def test_texts_are_judged_by_the_thresholds_of_the_paper():
    assert compression_ratio(SAID) < 2.4 < compression_ratio("la" * 60)
    assert judged(SAID, -0.5) == (SAID, None)
    assert judged(SAID, -1.01) == ("", IMPROBABLE)
    assert judged("la" * 60, -0.1) == ("", COMPRESSED)
    assert judged("thank you thank you thank you", -0.1) == ("thank you", REPEATED)
    assert judged("", -5.0) == ("", None)


@pytest.mark.parametrize("beams", [1, 2])
def test_a_whisper_says_how_many_windows_it_suppressed(tiny_checkpoint, monkeypatch, beams):
    folder = str(tiny_checkpoint("whisper"))
    clips = [speech_like(1.0, 1), np.zeros(16_000, np.float32), speech_like(2.0, 2)]
    plain = WhisperTranscriber(folder, beams=beams)
    careful = WhisperTranscriber(folder, beams=beams, suppress=True)
    assert set(careful.fingerprint().difference(plain.fingerprint())) == {"suppress"}
    seen = []

    def means(*found):
        seen.extend(log_probabilities(*found))
        return seen[-len(found[1]["sequences"]) :]

    monkeypatch.setattr("vibespeaker.transcribe.decoding.log_probabilities", means)
    with monkeypatch.context() as patch:
        patch.setattr("vibespeaker.transcribe.suppression.LOG_PROBABILITY", -0.1)
        assert [said.text for said in careful.transcribe(clips, "en")] == ["", "", ""]
    assert careful.notes == {IMPROBABLE: 2, "holds no speech": 1}
    assert all(-5 < mean < -0.5 for mean in seen)
    assert plain.transcribe(clips, "en")[0].text
    monkeypatch.setattr("vibespeaker.transcribe.suppression.LOG_PROBABILITY", -9.0)
    kept = careful.transcribe(clips[:1], "en")[0].text
    assert kept == cut_repetitions(plain(clips[0], "en").text)


def test_the_mean_log_probability_is_that_of_the_tokens(tiny_checkpoint):
    import torch

    network = WhisperTranscriber(str(tiny_checkpoint("whisper"))).network
    end = network.config.eos_token_id
    # three tokens at every step, all alike: each has a third; the second window ends after one
    scores = tuple(
        torch.full((2, network.config.vocab_size), -torch.inf).index_fill(1, torch.tensor([1, 2, end]), 0.0)
        for _ in range(3)
    )
    found = {"sequences": torch.tensor([[1, 2, 1], [2, end, end]]), "scores": scores}
    assert log_probabilities(network, found) == pytest.approx([-np.log(3)] * 2)
    # what sampling at a temperature of one half doubled is halved again: 1 and 0 are left
    for score in scores:
        score[:, 1] = 2.0
    mean = torch.log_softmax(torch.tensor([1.0, 0.0, 0.0]), 0)
    expected = [float(2 * mean[0] + mean[1]) / 3, float(mean[1])]
    assert log_probabilities(network, found, 0.5) == pytest.approx(expected)
