"""Benchmark of robustness: what is done to recordings, who is tested on what, marks by hand."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.manifests import manifest_of
from tests.scripts import miniature  # noqa: F401 (finds the scripts)

from real_speech import worse  # isort: skip
from real_speech.conditions import AS_RECORDED, Condition, conditions, first_of_speech, mp3, telephone  # isort: skip
from real_speech.robustness import Held, held, mean_of, sliced  # isort: skip

from vibespeaker.audio.files import read_audio, write_audio
from vibespeaker.audio.recordings import Recordings
from vibespeaker.files import file_sha256
from vibespeaker.labels import label_set
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.utterance import SAMPLE_RATE


def _tone(hertz: float, seconds: float = 1.5) -> np.ndarray:
    return (0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(np.float32)


def _power(samples: np.ndarray) -> float:
    return float(np.mean(np.square(samples.astype(np.float64))))


def test_noise_is_as_loud_as_said_and_the_same_for_everybody(tmp_path):
    write_audio(tmp_path / "rain.wav", np.random.default_rng(0).normal(0, 0.1, 20_000).astype(np.float32))
    clean = _tone(300)
    for name, snr in (("noise at 10 dB", 10), ("hiss at 5 dB", 5)):
        noisy = conditions(tmp_path)[name].change(clean, b"clip")
        assert 10 * np.log10(_power(clean) / _power(noisy - clean)) == pytest.approx(snr, abs=0.1)
        assert (conditions(tmp_path)[name].change(clean, b"clip") == noisy).all()
        assert (conditions(tmp_path)[name].change(clean, b"other") != noisy).any()


def test_levels_and_lengths(tmp_path):
    known, clean = conditions(tmp_path), _tone(300)
    for name, change in (("6 dB quieter", -6), ("6 dB louder", 6), ("20 dB quieter", -20)):
        louder = known[name].change(clean, b"")
        assert 10 * np.log10(_power(louder) / _power(clean)) == pytest.approx(change, abs=1e-3)
    assert len(known["first second"].change(clean, b"")) == SAMPLE_RATE
    late = np.concatenate([np.zeros(SAMPLE_RATE, np.float32), clean])
    cut = first_of_speech(late)
    assert len(cut) == SAMPLE_RATE
    assert _power(cut) == pytest.approx(_power(clean), rel=0.05)


def test_a_telephone_hears_the_middle():
    assert _power(telephone(_tone(1000))) == pytest.approx(_power(_tone(1000)), rel=1e-3)
    assert _power(telephone(_tone(100)) + telephone(_tone(5000))) < 1e-3 * _power(_tone(100))


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_mp3_keeps_length_and_place():
    clean = _tone(440) * np.hanning(24_000).astype(np.float32)
    coded = mp3(clean)
    assert len(coded) == len(clean)
    assert (coded != clean).any()
    assert np.corrcoef(coded, clean)[0, 1] > 0.99


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> worse.Copies:
    """Two clips of each of two speakers, as they are and 6 dB quieter."""
    rows = []
    for number in range(4):
        path = tmp_path / "clips" / f"{number}.wav"
        path.parent.mkdir(exist_ok=True)
        write_audio(path, _tone(200 + 100 * number, 0.5))
        digest = file_sha256(path)
        hashes = {"audio_sha256": digest, "recording_sha256": digest}
        known = {"speaker": f"toy/{number // 2}", "category": ("anger", "sadness")[number % 2], "split": "train"}
        rows.append(
            {"name": str(number), "duration": 0.5, "gender": ("male", "female")[number // 2], **known, **hashes}
        )
    manifest_of(rows, root=str(tmp_path / "clips"), label_set="ravdess").write(tmp_path / "manifest.parquet")
    monkeypatch.setattr(worse, "extract_embedded", lambda *_, **__: None)
    every = conditions(tmp_path)
    chosen = {name: every[name] for name in (AS_RECORDED, "6 dB quieter")}
    made = worse.Copies(tmp_path / "manifest.parquet", tmp_path / "copies", chosen)
    made.make()
    return made


def test_copies_are_made_once_and_know_what_they_are(copies):
    read = Manifest.read(copies.joined)
    assert read.column("utterance_id")[:4] == [f"toy/as-recorded/{number}" for number in range(4)]
    assert read.column("utterance_id")[4:] == [f"toy/6-dB-quieter/{number}" for number in range(4)]
    assert [worse.plain_name(name) for name in read.column("utterance_id")[4:]] == [f"toy/{n}" for n in range(4)]
    recordings = Recordings(read)
    for row in range(4):
        before, after = recordings.read(row), recordings.read(row + 4, read.column("audio_sha256")[row + 4])
        np.testing.assert_allclose(after, before * 10 ** (-6 / 20), atol=1e-4)
    assert read.column("level_db")[4] == pytest.approx(10 * np.log10(0.2**2 / 2) - 6, abs=0.1)
    path = copies.folder / "6-dB-quieter" / "0.wav"
    path.unlink()
    write_audio(path, _tone(50, 0.5))
    copies.make()
    assert _power(read_audio(path)) == pytest.approx(_power(_tone(50, 0.5)), rel=1e-3)


def test_folds_learn_from_recordings_as_they_are_alone(copies, tmp_path):
    split = ["test", "test", "train", "train"]
    Manifest.read(copies.manifest).with_columns({"split": split}).write(tmp_path / "fold.parquet")
    read = Manifest.read(copies.folds({"0": tmp_path / "fold.parquet"})["0"])
    assert read.column("split") == [*split, "test", "test", None, None]


def test_marks_by_hand(copies, tmp_path):
    classes, read = label_set("ravdess").classes, Manifest.read(copies.joined)
    ids, files = read.column("utterance_id"), read.column("file_name")
    said = [0, 1, 0, 1, *(0, 1, 0, 0)]  # all right as recorded; of the quieter clips one sad clip is called angry
    metadata = PredictionsMetadata("ravdess", classes, "svm")
    table = Predictions.build(ids, files, ["test"] * len(ids), np.eye(8)[said], None, metadata)
    table.write(tmp_path / "said.parquet")
    found = held(tmp_path / "said.parquet", copies)
    assert found[AS_RECORDED] == Held(1.0, 0.0, 1.0, 1.0)
    assert found["6 dB quieter"] == Held(0.75, 0.25, 0.75, 0.95)
    assert not found["6 dB quieter"].passes
    assert (
        mean_of([found, {name: Held(0.0, 0.0, 1.0, one.mark) for name, one in found.items()}])[AS_RECORDED].uar == 0.5
    )
    groups = sliced(tmp_path / "said.parquet", copies)
    assert groups["gender", "female"]["all conditions"][1] == 4
    assert groups["gender", "female"][AS_RECORDED][1] == 2


@pytest.mark.parametrize(("lost", "unchanged", "passes"), [(0.049, 0.9, True), (0.05, 0.9, False), (0.0, 0.89, False)])
def test_both_marks_have_to_be_met(lost, unchanged, passes):
    assert Held(0.5, lost, unchanged, 0.9).passes is passes
    assert Condition(lambda samples, _: samples, 0.9).unchanged == 0.9
