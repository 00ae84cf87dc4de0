"""Speech to text with CTC: the same as transformers' own decoding, times, padding that changes nothing."""

import numpy as np
import pytest
import torch

from tests.sounds import speech_like
from vibespeaker.errors import ConfigError, EncoderError
from vibespeaker.transcribe.base import WINDOW_SAMPLES, Transcript, Word, split_at_pauses
from vibespeaker.transcribe.ctc import CTCTranscriber


@pytest.fixture(scope="module", params=["wav2vec2-ctc", "hubert-ctc"])
def transcriber(request, tiny_checkpoint):
    return CTCTranscriber(str(tiny_checkpoint(request.param)), batch_size=3)


def test_texts_and_times_are_those_of_the_best_path(transcriber):
    from transformers import AutoModelForCTC, AutoTokenizer, Wav2Vec2FeatureExtractor

    folder, clip = transcriber.network.config._name_or_path, speech_like(1.5)
    inputs = Wav2Vec2FeatureExtractor.from_pretrained(folder)(clip, sampling_rate=16_000, return_tensors="pt")
    with torch.no_grad():
        best = AutoModelForCTC.from_pretrained(folder).eval()(**inputs).logits[0].argmax(-1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    said = transcriber(clip)
    assert said.text == " ".join(tokenizer.decode(best, skip_special_tokens=True).split())
    assert said.text
    symbols = [tokenizer.convert_ids_to_tokens(int(token)) for token in best]
    letters = [frame for frame, symbol in enumerate(symbols) if len(symbol) == 1 and symbol != "|"]
    assert said.words[0].start == pytest.approx(0.02 * letters[0])
    assert " ".join(word.text for word in said.words) == said.text
    assert all(0 <= word.start <= word.end <= 1.5 for word in said.words)


def test_texts_depend_on_nothing_but_the_clip(transcriber):
    clips = [speech_like(seconds, seed) for seed, seconds in enumerate((2.0, 0.3, 1.0, 0.5))]
    together = transcriber.transcribe(clips)
    assert together == [transcriber(clip) for clip in clips]
    assert len({said.text for said in together}) > 1


def test_silence_and_what_is_shorter_than_a_frame(transcriber):
    assert transcriber.transcribe([np.zeros(16_000, np.float32)]) == [Transcript("", ())]
    (said,) = transcriber.recognize([speech_like(1)[:50]], None)
    assert isinstance(said.text, str)


def test_times_count_from_the_beginning_of_a_long_clip(tiny_checkpoint):
    transcriber = CTCTranscriber(str(tiny_checkpoint("wav2vec2-ctc")))
    clip = np.zeros(WINDOW_SAMPLES + 80_000, np.float32)
    clip[-64_000:] = speech_like(4)
    first, second = split_at_pauses(clip)
    seconds, alone = len(first) / 16_000, transcriber(second)
    assert alone.words
    assert transcriber(clip).words == tuple(
        Word(word.text, word.start + seconds, word.end + seconds) for word in alone.words
    )


def test_identity_and_language(tiny_checkpoint, tmp_path):
    folder = tiny_checkpoint("wav2vec2-ctc")
    first, again = CTCTranscriber(str(folder)), CTCTranscriber(str(folder), language="en")
    assert first.fingerprint() == again.fingerprint()
    assert first.origin == f"asr:{folder.name}@{first.fingerprint().digest[:12]}"
    with torch.no_grad():
        again.network.lm_head.weight[3, 3] += 1
    again.network.save_pretrained(tmp_path)
    for part in (again._tokenizer, again._extractor):
        part.save_pretrained(tmp_path)
    assert set(CTCTranscriber(str(tmp_path)).fingerprint().difference(first.fingerprint())) == {"weights"}
    assert first(speech_like(1), "de") == first(speech_like(1))
    with pytest.raises(ConfigError, match=r"does not know the language. Found: de. Allowed: en"):
        again(speech_like(1), "de")


def test_checkpoints_without_a_head_are_refused(tiny_checkpoint):
    with pytest.raises(EncoderError, match=r"lacks 2 weights.*lm_head"):
        CTCTranscriber(str(tiny_checkpoint("hubert")))
    with pytest.raises(EncoderError, match=r"is of the wrong kind. Found: whisper"):
        CTCTranscriber(str(tiny_checkpoint("whisper")))
