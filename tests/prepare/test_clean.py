import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.manifests import manifest_of
from tests.recordings import record
from tests.sounds import speech_like
from vibespeaker.audio.cleaning import CleaningRecipe, cleaning_of
from vibespeaker.audio.files import read_audio, write_audio
from vibespeaker.cli.main import main
from vibespeaker.files import file_sha256
from vibespeaker.manifest import Manifest

RATE = 16_000
OPTIONS = ["--denoise", "0", "--silence", "energy", "--workers", "1"]


@pytest.fixture
def corpus(tmp_path) -> Path:
    """Three clips with a second of silence at either end, one of which is silence throughout, and a text alone."""
    folder, rows = tmp_path / "corpus", []
    for name, seconds, rate in (("long", 2.0, RATE), ("short", 0.4, RATE), ("wide", 1.5, 48_000), ("still", 0.0, RATE)):
        time = np.arange(round(seconds * rate)) / rate
        still = np.zeros(rate, dtype=np.float32)
        sound = np.concatenate([still, 0.3 * np.sin(2 * np.pi * 200 * time), still]).astype(np.float32)
        samples = np.stack([sound, sound], axis=1) if name == "wide" else sound
        rows.append(record(folder, name, samples, rate) | {"category": "fear"})
    rows.append({"name": "words", "audio": "", "text": "no sound"})
    manifest_of(rows, root=str(folder)).write(tmp_path / "m.parquet")
    return tmp_path


def clean(corpus: Path, *options: str, out: str = "cleaned.parquet") -> int:
    return main(["clean", str(corpus / "m.parquet"), str(corpus / "copies"), "--out", str(corpus / out), *options])


def test_copies_are_16_khz_mono_without_silence_and_the_manifest_describes_them(corpus):
    originals = {path.name: file_sha256(path) for path in (corpus / "corpus").iterdir()}
    assert clean(corpus, *OPTIONS) == 1
    made = Manifest.read(corpus / "cleaned.parquet")
    assert made.column("utterance_id") == ["toy/long", "toy/wide", "toy/words"]
    assert made.column("audio") == ["toy/long.wav", "toy/wide.wav", ""]
    durations = made.column("duration")
    assert durations[:2] == pytest.approx([2.2, 1.7], abs=0.05)
    assert durations[2] is None
    for path, digest, duration in zip(
        *(made.column(n)[:2] for n in ("audio", "audio_sha256", "duration")), strict=True
    ):
        assert file_sha256(made.root / path) == digest
        assert len(read_audio(made.root / path)) == round(duration * RATE)
    assert {path.name: file_sha256(path) for path in (corpus / "corpus").iterdir()} == originals
    assert (corpus / "cleaned.problems.csv").read_text().splitlines()[1:] == [
        'toy/short,yes,"0.635 s are left of 2.400 s, less than 1 s"',
        "toy/still,yes,no speech was found",
    ]
    recipe = CleaningRecipe(silence="energy")
    assert cleaning_of(made) == recipe.identity()
    step = made.metadata.history[-1]
    assert step["dropped"] == 2
    assert step["measured"]["mean_seconds_before"] == pytest.approx((4 + 2.4 + 3.5 + 2) / 4, abs=1e-3)
    measures = (corpus / "cleaned.cleaning.csv").read_text().splitlines()
    assert measures[0] == "utterance_id,seconds_before,seconds_after,noise_db,gain_db"
    assert measures[4] == "toy/still,2.0,0.0,,"
    assert (corpus / "cleaned.png").read_bytes().startswith(b"\x89PNG")
    assert not (corpus / ".cleaned.parquet.cleaned").exists()


def test_two_runs_give_the_same_bytes(corpus):
    clean(corpus, *OPTIONS, "--loudness", "-23")
    first = [(corpus / name).read_bytes() for name in ("cleaned.parquet", "cleaned.png", "copies/toy/long.wav")]
    clean(corpus, *OPTIONS, "--loudness", "-23")
    assert [(corpus / name).read_bytes() for name in ("cleaned.parquet", "cleaned.png", "copies/toy/long.wav")] == first


def test_an_interrupted_run_goes_on_where_it_stopped(corpus, monkeypatch):
    from vibespeaker.prepare import clean as module

    cleaned = []
    original = module.clean_audio

    def counting(waveform, recipe):
        cleaned.append(len(waveform))
        if len(cleaned) == 3:
            raise KeyboardInterrupt
        return original(waveform, recipe)

    monkeypatch.setattr(module, "clean_audio", counting)
    assert clean(corpus, *OPTIONS) == 130
    journal = corpus / ".cleaned.parquet.cleaned"
    # the heading and two clips; a third line was cut off by the kill
    assert len(journal.read_text().splitlines()) == 3
    journal.write_text(journal.read_text() + '{"utterance_id": "toy/wi')
    assert clean(corpus, *OPTIONS) == 1
    assert len(cleaned) == 5
    assert len(Manifest.read(corpus / "cleaned.parquet")) == 3


def test_another_recipe_starts_anew(corpus):
    journal = corpus / ".cleaned.parquet.cleaned"
    heading = json.dumps({"recipe": CleaningRecipe(silence="none").identity()}, sort_keys=True)
    stale = {"utterance_id": "toy/long", "expected": None, "problem": "of another recipe"}
    journal.write_text(f"{heading}\n{json.dumps(stale)}\n")
    clean(corpus, *OPTIONS)
    assert "toy/long" in Manifest.read(corpus / "cleaned.parquet").column("utterance_id")


def test_a_changed_or_missing_file_is_dropped_by_name(corpus):
    (corpus / "corpus" / "long.wav").unlink()
    write_audio(corpus / "corpus" / "wide.wav", np.full(RATE * 2, 0.1, dtype=np.float32))
    assert clean(corpus, *OPTIONS, "--min-duration", "0") == 1
    problems = (corpus / "cleaned.problems.csv").read_text()
    assert re.search("toy/wide,yes,audio file .*/wide.wav changed since the manifest was made", problems)
    assert "long.wav cannot be used: the file does not exist" in problems


def test_an_utterance_to_draw_must_be_there(corpus, capsys):
    assert clean(corpus, *OPTIONS, "--picture", "toy/short") == 2
    assert "no such utterance to draw, or it was dropped. Found: toy/short" in capsys.readouterr().err


@pytest.mark.slow
def test_several_processes_clean_what_one_does(corpus):
    clean(corpus, *OPTIONS)
    first = (corpus / "cleaned.parquet").read_bytes()
    clean(corpus, "--denoise", "0", "--silence", "energy", "--workers", "2")
    assert (corpus / "cleaned.parquet").read_bytes() == first


@pytest.mark.parametrize("scale", [3.0, 32_768.0])
def test_samples_beyond_full_scale_are_scaled_down_not_clipped(tmp_path, scale):
    sound = speech_like(1.5)
    sound *= 0.9 / np.abs(sound).max()
    (tmp_path / "corpus").mkdir()
    soundfile.write(tmp_path / "corpus" / "loud.wav", scale * sound, RATE, subtype="FLOAT")
    rows = [{"name": "loud", "audio": "loud.wav", "duration": 1.5, "category": "fear"}]
    manifest_of(rows, root=str(tmp_path / "corpus")).write(tmp_path / "m.parquet")
    assert clean(tmp_path, "--denoise", "0", "--silence", "none", "--workers", "1") == 0
    made = Manifest.read(tmp_path / "cleaned.parquet")
    copy = read_audio(made.root / made.column("audio")[0])
    assert np.corrcoef(copy, sound)[0, 1] > 0.999
    assert np.mean(np.abs(copy) > 0.999) < 0.001
