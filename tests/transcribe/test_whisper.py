"""Speech to text: determinism, batches, languages, long and silent clips, what identifies it."""

import json
import shutil

import numpy as np
import pytest

from tests.sounds import speech_like, without_speech
from vibespeaker.audio.files import read_audio
from vibespeaker.errors import ConfigError, EncoderError
from vibespeaker.transcribe.base import Transcript, split_at_pauses
from vibespeaker.transcribe.whisper import WhisperTranscriber

NOTHING = Transcript("", ())


@pytest.fixture(scope="module")
def transcriber(tiny_checkpoint):
    return WhisperTranscriber(str(tiny_checkpoint("whisper")), batch_size=2)


def test_texts_are_those_of_transformers(transcriber, tiny_checkpoint):
    from transformers import AutoTokenizer, WhisperFeatureExtractor, WhisperForConditionalGeneration

    folder = tiny_checkpoint("whisper")
    clip = speech_like(2.0)
    inputs = WhisperFeatureExtractor.from_pretrained(folder)(
        clip, sampling_rate=16_000, return_tensors="pt", return_attention_mask=True
    )
    model = WhisperForConditionalGeneration.from_pretrained(folder)
    tokens = model.generate(**inputs, language="en", task="transcribe")
    (expected,) = AutoTokenizer.from_pretrained(folder).batch_decode(tokens, skip_special_tokens=True)
    text = transcriber(clip, "en").text
    assert text == " ".join(expected.split())
    assert text


def test_texts_depend_on_nothing_but_the_clip(transcriber):
    clips = [speech_like(seconds, seed) for seed, seconds in enumerate((0.3, 2.0, 1.0, 4.0, 0.01))]
    together = transcriber.transcribe(clips, "en")
    assert together == [transcriber(clip, "en") for clip in clips]
    assert together[::-1] == transcriber.transcribe(clips[::-1], "en")
    assert len(set(together)) > 1
    assert all(said.words is None for said in together if said.text)


def test_what_certainly_is_no_speech_has_no_words(transcriber):
    assert not any(said.text for said in transcriber.transcribe(list(without_speech().values()), "en"))
    assert transcriber.transcribe([np.zeros(16_000, np.float32), np.full(100, 0.5, np.float32)]) == [NOTHING] * 2
    assert transcriber.transcribe([]) == []


def test_long_clips_are_cut_at_pauses():
    clip = speech_like(70)
    clip[27 * 16_000 : 27 * 16_000 + 4000] = 0
    windows = split_at_pauses(clip)
    assert np.array_equal(np.concatenate(windows), clip)
    assert 27 * 16_000 <= len(windows[0]) <= 27 * 16_000 + 4000
    assert all(0 < len(window) <= 30 * 16_000 for window in windows)
    assert [len(window) for window in split_at_pauses(speech_like(30))] == [30 * 16_000]


def test_texts_of_windows_are_joined(transcriber):
    clip = speech_like(31)
    first, second = split_at_pauses(clip)
    assert transcriber(clip, "de").text == f"{transcriber(first, 'de').text} {transcriber(second, 'de').text}"


def test_languages(transcriber):
    assert transcriber.languages == ("de", "en")
    with pytest.raises(ConfigError, match=r"does not know the language. Found: fr. Allowed: de, en"):
        transcriber(speech_like(1), "fr")
    assert transcriber(speech_like(1)).text  # detected


def test_old_settings_are_completed_from_the_tokenizer(transcriber, tiny_checkpoint, tmp_path):
    folder = shutil.copytree(tiny_checkpoint("whisper"), tmp_path / "old")
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text())
    for name in ("is_multilingual", "lang_to_id", "task_to_id", "no_timestamps_token_id"):
        del settings[name]
    path.write_text(json.dumps(settings))
    old = WhisperTranscriber(str(folder))
    assert old.languages == transcriber.languages
    clip = speech_like(1)
    assert old(clip, "de") == transcriber(clip, "de")
    assert old(clip) == transcriber(clip)


def test_origin_names_model_and_fingerprint(transcriber, tiny_checkpoint):
    folder = tiny_checkpoint("whisper")
    assert transcriber.origin == f"asr:{folder.name}@{transcriber.fingerprint().digest[:12]}"
    assert WhisperTranscriber(str(folder)).fingerprint() == transcriber.fingerprint()
    beams = WhisperTranscriber(str(folder), beams=2)
    assert set(beams.fingerprint().difference(transcriber.fingerprint())) == {"beams"}
    assert beams(speech_like(1), "en").text


def test_wrong_arguments(tiny_checkpoint):
    with pytest.raises(EncoderError, match=r"WhisperTranscriber: checkpoint .* is of the wrong kind. Found: wavlm"):
        WhisperTranscriber(str(tiny_checkpoint("wavlm")))
    with pytest.raises(ConfigError, match=r"beams is out of range\. Found: 0"):
        WhisperTranscriber(str(tiny_checkpoint("whisper")), beams=0)
    with pytest.raises(ConfigError, match="Found: toaster"):
        WhisperTranscriber(str(tiny_checkpoint("whisper")), device="toaster")


def test_half_precision(tiny_checkpoint):
    assert WhisperTranscriber(str(tiny_checkpoint("whisper")), precision="bfloat16")(speech_like(1), "en").text


def test_real_recording(transcriber, shared_data):
    clip = read_audio(shared_data / "asr" / "jfk.flac")
    assert transcriber(clip, "en") == transcriber.transcribe([speech_like(1), clip], "en")[1]
