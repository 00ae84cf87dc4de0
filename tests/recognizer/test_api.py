"""`from vibespeaker import Recognizer`: every kind of sound, batches equal to single ones, long recordings, trust."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch

from tests.sounds import RATE, speech_like
from tests.systems import folders
from vibespeaker import Recognizer
from vibespeaker.errors import AudioError, CheckpointError, ConfigError
from vibespeaker.provenance import CHECKPOINT_KEY
from vibespeaker.recognizer.cutting import Cutting
from vibespeaker.recognizer.recorded import Recorded, Turn
from vibespeaker.transcribe.base import Transcript, Word

SPEECH = speech_like(1.7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folders.write_folder(tmp_path_factory.mktemp("models") / "noise")


@pytest.fixture(scope="module")
def recognizer(folder):
    return Recognizer(folder)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("sounds") / "speech.wav"
    soundfile.write(path, SPEECH, RATE, subtype="FLOAT")
    return path


def values(answer):
    return list(answer.probabilities.values())


def test_any_kind_of_sound_is_heard_alike(recognizer, recording):
    expected = recognizer(recording)
    assert expected.file == str(recording)
    assert expected.category in folders.CLASSES
    assert expected.confidence == max(values(expected))
    for sound in (str(recording), recording.read_bytes()):
        assert values(recognizer(sound)) == values(expected)
    for sound in (SPEECH, SPEECH.astype(np.float64), np.stack([SPEECH, SPEECH], axis=1)):
        assert values(recognizer(sound, rate=RATE)) == pytest.approx(values(expected), abs=1e-5)
    integers = (SPEECH * 2**15).round().astype(np.int16)
    assert values(recognizer(integers, rate=RATE)) == pytest.approx(values(expected), abs=0.02)
    both = recognizer([str(recording), recording.read_bytes()])
    assert [one.category for one in both] == [expected.category] * 2
    assert both.to_pandas()["file"].tolist()[0] == str(recording)


def test_a_head_that_nothing_trained_is_said(tmp_path, caplog):
    path = folders.write_checkpoint(tmp_path / "a.ckpt")
    content = torch.load(path, weights_only=True)
    content[CHECKPOINT_KEY]["trained_heads"] = ["attributes"]
    torch.save(content, path)
    Recognizer(path)
    assert "a.ckpt: the head categories was never trained" in caplog.text


@pytest.mark.parametrize("device", ["tpu", "meta", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused(folder, device):
    with pytest.raises(ConfigError, match="no such device"):
        Recognizer(folder, device=device)


def test_sounds_that_are_none_are_refused(recognizer, tmp_path):
    with pytest.raises(AudioError, match="without their rate"):
        recognizer(SPEECH)
    for sound in (np.zeros((0,)), np.zeros((2, 2, 2)), np.array(["a"]), np.full(RATE, np.nan)):
        with pytest.raises(AudioError):
            recognizer(sound, rate=RATE)
    with pytest.raises(ConfigError, match="rate is out of range"):
        recognizer(SPEECH, rate=10)
    with pytest.raises(AudioError, match="the audio that was given cannot be used"):
        recognizer(b"no audio")
    with pytest.raises(AudioError, match="does not exist"):
        recognizer(tmp_path / "none.wav")
    with pytest.raises(CheckpointError, match="does not exist"):
        Recognizer(tmp_path / "none")


def test_a_batch_answers_as_single_recordings_do(recognizer):
    sounds = [Recorded(speech_like(seconds, seed)) for seed, seconds in enumerate((0.4, 3.1, 1.2, 2.2, 0.9) * 4)]
    together = list(recognizer.answers(sounds))
    for sound, answer in zip(sounds, together, strict=True):
        assert values(recognizer(sound.samples, rate=RATE)) == pytest.approx(values(answer), abs=1e-5)


def test_calibration_and_sets_come_with_the_folder_and_it_abstains_when_it_is_told(folder, recognizer):
    plain = Recognizer(folders.write_folder(folder.with_name("plain"), calibrated=False))
    raw, calibrated = (np.log(values(one(SPEECH, rate=RATE))) for one in (plain, recognizer))
    np.testing.assert_allclose(calibrated - calibrated.mean(), (raw - raw.mean()) / 2, atol=1e-4)
    answer = recognizer(SPEECH, rate=RATE)
    ranked = sorted(answer.probabilities, key=lambda name: -answer.probabilities[name])
    assert answer.prediction_set == tuple(name for name in ranked if answer.probabilities[name] >= 0.1)
    assert plain(SPEECH, rate=RATE).prediction_set is None
    careful = Recognizer(folder, abstain_below=0.999)(SPEECH, rate=RATE)
    assert (careful.abstained, careful.category, careful.most_probable) == (True, None, answer.category)
    assert careful.probabilities == answer.probabilities
    assert careful.row()["category"] is None
    with pytest.raises(ConfigError, match="abstain_below"):
        Recognizer(folder, abstain_below=2)


def test_recordings_unlike_those_learned_from_get_notes(recognizer):
    assert recognizer(SPEECH, rate=RATE).notes == ()
    quiet = recognizer(SPEECH * 1e-3, rate=RATE).notes
    assert any(note.startswith("level") and "outside the 5 to 30 dB below full scale" in note for note in quiet)
    notes = recognizer(speech_like(9, rate=8_000), rate=8_000).notes
    assert any(note.startswith("bandwidth 4") and "outside the 7000 to 8000 Hz" in note for note in notes)
    assert any(note.startswith("duration 9.0, outside the 0.5 to 6.0 s") for note in notes)


def test_a_long_recording_is_answered_in_stretches(recognizer):
    samples = np.concatenate([speech_like(8.5), np.zeros(2 * RATE, np.float32), speech_like(11.5, seed=1)])
    assert len(recognizer(samples, rate=RATE).segments) == 2
    in_windows = Recognizer(recognizer.system, None, recognizer.calibration, cutting=Cutting("windows"))
    answer = in_windows(samples, rate=RATE)
    assert len(answer.segments) == 4 + 5
    for segment in answer.segments:
        first, last = round(segment.start * RATE), round(segment.ends * RATE)
        assert values(recognizer(samples[first:last], rate=RATE)) == pytest.approx(values(segment), abs=1e-5)
    weights = [segment.seconds for segment in answer.segments]
    mean = np.average([values(segment) for segment in answer.segments], axis=0, weights=weights)
    assert values(answer) == pytest.approx(mean, abs=1e-5)
    assert not any("duration" in note for note in answer.notes)
    whole = Recognizer(recognizer.system, cutting=Cutting("whole"))(samples, rate=RATE)
    assert whole.segments == ()
    silent = recognizer(np.zeros(30 * RATE), rate=RATE)
    assert (silent.category, silent.probabilities) == (None, None)
    assert "no speech found (detector: energy)" in silent.notes


def test_turns_are_answered_and_words_go_to_the_turn_in_which_they_were_said(folder):
    words = [Word("good", 0.2, 0.6), Word("day", 0.7, 1.1), Word("well", 2.1, 2.5)]

    def hear(samples):
        return Transcript("good day well", tuple(words))

    recognizer = Recognizer(folder, {None: hear})
    turns = (Turn(0, 1.5, "A"), Turn(2, 3, "B"), Turn(4, 9, "C"))
    (answer,) = recognizer.answers([Recorded(speech_like(3), turns=turns)])
    assert [(one.speaker, one.start, one.transcript) for one in answer.segments] == [
        ("A", 0, "good day"),
        ("B", 2, "well"),
    ]
    assert answer.transcript == "good day well"
    assert "1 of 3 turns lie outside the recording" in answer.notes[0]


def test_results_are_plain_values(recognizer, recording):
    answer = recognizer(recording)
    plain = json.loads(json.dumps(answer.to_dict()))
    assert (plain["category"], plain["end"], plain["abstained"]) == (answer.category, 1.7, False)
    assert "embedding" not in plain
    columns = list(recognizer([recording]).to_pandas().columns)
    first = ["file", "start", "end", "category", "confidence", *(f"probability_{name}" for name in folders.CLASSES)]
    assert columns == [*first, "arousal", "valence", "dominance", "text", "abstained", "notes", "prediction_set"]
    with_embedding = Recognizer(recognizer.system, embeddings=True)([recording, recording])
    assert with_embedding[0].embedding.shape == (2 * (8 * 2 + 9) + 2 * 20,)
    np.testing.assert_array_equal(with_embedding[0].embedding, with_embedding[1].embedding)


_LEAN = """
import sys
import vibespeaker
assert "torch" not in sys.modules and "numpy" not in sys.modules, "import vibespeaker"
from vibespeaker import Recognizer
Recognizer(sys.argv[1])(sys.argv[2])
heavy = ("pandas", "pyarrow", "scipy", "sklearn", "lightning", "torchmetrics", "transformers", "matplotlib", "sympy")
print([name for name in (*heavy, "torch._dynamo") if name in sys.modules])
"""


def test_nothing_heavy_is_loaded_to_recognise(folder, recording):
    words = [sys.executable, "-c", _LEAN, str(folder), str(recording)]
    made = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (made.returncode, made.stdout.strip()) == (0, "[]"), made.stderr
