"""One recording through a checkpoint: the same as from the cache, and refused when the encoders are not the same."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from tests.further_heads import HEADS
from tests.sounds import without_speech
from vibespeaker.audio.cleaning import CleaningRecipe, clean_audio
from vibespeaker.audio.files import read_audio, write_audio
from vibespeaker.cli.main import main
from vibespeaker.corpora.synthetic.corpus import generate_corpus
from vibespeaker.errors import AudioError, CheckpointError
from vibespeaker.labels import ATTRIBUTES, CHALLENGE_OTHER
from vibespeaker.manifest import Manifest
from vibespeaker.metrics import softmax
from vibespeaker.predictions import Predictions
from vibespeaker.recognizer.system import NO_TRANSCRIPT_NOTE, SYNTHETIC_NOTE, Recognizer
from vibespeaker.trainer.cli import run_trainer
from vibespeaker.transcribe.base import Transcript

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train for one epoch on a very small generated corpus; the folder holds manifest, runs and predictions."""
    folder = tmp_path_factory.mktemp("system")
    manifest, cache = folder / "manifest.parquet", folder / "cache"
    generate_corpus(folder / "corpus", 0, 3, 40)
    assert main(["prepare", "msp-podcast", str(folder / "corpus"), "--out", str(manifest)]) == 0
    encoders = Path(__file__).parents[2] / "configs" / "encoders" / "embedded.yaml"
    assert main(["extract", str(manifest), "--encoders", str(encoders), "--out", str(cache)]) == 0
    (folder / "heads.yaml").write_text(HEADS)
    options = ["--config", "experiment/quickstart-multitask", "--name", "run", "--runs", str(folder)]
    options += ["--config", str(folder / "heads.yaml")]
    options += [f"--data.init_args.manifest={manifest}", f"--data.init_args.cache={cache}"]
    options += ["--trainer.max_epochs=1", "--trainer.enable_progress_bar=false"]
    run_trainer(["fit", *options])
    run_trainer(["predict", *options, "--ckpt_path", "best", "--out", str(folder / "predictions.parquet")])
    return folder


@pytest.fixture(scope="module")
def checkpoint(system: Path) -> Path:
    return system / "run" / "checkpoints" / "best.ckpt"


@pytest.fixture(scope="module")
def recording(system: Path) -> Path:
    return sorted((system / "corpus" / "Audios").iterdir())[0]


@pytest.fixture(scope="module")
def recognizer(checkpoint: Path) -> Recognizer:
    return Recognizer.open(checkpoint)


def edited(checkpoint: Path, path: Path, **changes: object) -> Path:
    """Copy a checkpoint with other provenance."""
    content = torch.load(checkpoint, weights_only=True)
    content["vibespeaker"] |= changes
    torch.save(content, path)
    return path


def test_agrees_with_predictions_from_the_cache(recognizer, system):
    manifest = Manifest.read(system / "manifest.parquet")
    predicted = Predictions.read(system / "predictions.parquet")
    for row in (0, 15, 39):
        audio, text = manifest.root / manifest.column("audio")[row], manifest.column("text")[row]
        found = recognizer.recognize(audio, text)
        assert found.probabilities is not None
        assert found.attributes is not None
        assert list(found.probabilities) == list(CHALLENGE_OTHER.classes)
        assert sum(found.probabilities.values()) == pytest.approx(1.0, abs=1e-4)
        # the cache holds bfloat16
        np.testing.assert_allclose(list(found.probabilities.values()), predicted.probabilities()[row], atol=5e-3)
        np.testing.assert_allclose(list(found.attributes.values()), predicted.attributes()[row], atol=2e-2)
        (length,) = found.heads["length"].values()
        assert length == pytest.approx(predicted.head("length")[row, 0], abs=2e-2)
        assert list(found.heads["gender"]) == ["female", "male"]
        genders = softmax(predicted.head("gender")[row])
        np.testing.assert_allclose(list(found.heads["gender"].values()), genders, atol=5e-3)
        assert found.category == CHALLENGE_OTHER.classes[int(predicted.probabilities()[row].argmax())]


#: Contours ask for a closed form, and for more frames than statistics are.
WITHOUT_CONTOURS = "--data.init_args.encoders=[functionals,convolutions,descriptors,words]"


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        # the large weights that a closed form finds from forty clips blow the rounding of eight bits up
        (["--dtype", "int8"], ["--model.init_args.network.init_args.ridge={}", WITHOUT_CONTOURS]),
        (["--stride", "4"], []),
        (
            ["--statistics", "mean", "std"],
            ["--model.init_args.network.init_args.pooling.init_args.pooling=MEAN", WITHOUT_CONTOURS],
        ),
    ],
    ids=["int8", "stride", "statistics"],
)
def test_recognition_hears_what_training_saw_of_a_smaller_cache(options, settings, system, tmp_path):
    manifest, cache = system / "manifest.parquet", tmp_path / "cache"
    assert main(["extract", str(manifest), "--encoders", "embedded", "--out", str(cache), *options]) == 0
    words = ["--config", "experiment/quickstart-multitask", "--name", "run", "--runs", str(tmp_path)]
    words += [f"--data.init_args.manifest={manifest}", f"--data.init_args.cache={cache}"]
    words += ["--trainer.max_epochs=1", "--trainer.enable_progress_bar=false"]
    words += [setting.replace("MEAN", "vibespeaker.models.pooling.MeanPooling") for setting in settings]
    run_trainer(["fit", *words])
    run_trainer(["predict", *words, "--ckpt_path", "best", "--out", str(tmp_path / "predictions.parquet")])
    recognizer = Recognizer.open(tmp_path / "run" / "checkpoints" / "best.ckpt")
    table, predicted = Manifest.read(manifest), Predictions.read(tmp_path / "predictions.parquet")
    for row in (0, 15, 39):
        found = recognizer.recognize(table.root / table.column("audio")[row], table.column("text")[row])
        # the cache holds eight bits or bfloat16
        np.testing.assert_allclose(list(found.probabilities.values()), predicted.probabilities()[row], atol=1e-2)
        np.testing.assert_allclose(list(found.attributes.values()), predicted.attributes()[row], atol=3e-2)


def test_says_what_a_reader_must_know(recognizer, recording):
    assert recognizer.recognize(recording).notes == (SYNTHETIC_NOTE, NO_TRANSCRIPT_NOTE)
    assert recognizer.recognize(recording, "some words").notes == (SYNTHETIC_NOTE,)


def test_nothing_heard_and_what_was_changed_is_said(recognizer, recording, tmp_path):
    sounds = without_speech()
    for name in ("zeros", "dither", "tone", "white noise"):
        assert "no speech found (detector: energy)" in recognizer.recognize_samples(sounds[name], "").notes[0], name
    with pytest.raises(AudioError, match=r"too short to hear anything in\. Found: 1 samples"):
        recognizer.recognize_samples(sounds["one sample"])
    samples = read_audio(recording)
    soundfile.write(tmp_path / "a.wav", np.stack([samples, -samples], axis=1) * 20_000, 8_000, subtype="FLOAT")
    cancelled, scaled, resampled, *_ = recognizer.recognize(tmp_path / "a.wav", "").notes
    assert "the channels cancel" in cancelled
    assert "16-bit integers" in scaled
    assert resampled == "resampled from 8,000 Hz to 16,000 Hz"


def test_channels_and_names_are_shown_as_they_are(checkpoint, recording, tmp_path, capsys):
    samples, path = read_audio(recording), tmp_path / "take[final][" / "b].wav"
    path.parent.mkdir()
    soundfile.write(path, np.stack([samples, samples[::-1]], axis=1), 16_000)
    words = ["recognize", str(path), "--model", str(checkpoint)]
    assert main([*words, "--channels", "each", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["channel"], second["channel"], first["vad"]) == (1, 2, "energy")
    assert first["probabilities"] != second["probabilities"]
    assert main([*words, "--channels", "2"]) == 0
    shown = capsys.readouterr().out.replace("\n", "")
    assert "take[final][/b].wav, channel 2," in shown
    assert main([*words, "--channels", "left"]) == 2
    assert "--channels is not understood. Found: left. Allowed: mix, each" in capsys.readouterr().err


def test_words_matter_and_an_empty_text_is_a_text(recognizer, recording):
    silent, spoken = recognizer.recognize(recording, ""), recognizer.recognize(recording, "what a happy birthday")
    assert silent.probabilities != spoken.probabilities
    assert silent.transcript == ""
    assert silent.notes == (SYNTHETIC_NOTE,)


def test_the_transcriber_is_asked_only_without_a_text(checkpoint, recording):
    heard: list[int] = []

    def transcriber(samples: np.ndarray) -> Transcript:
        heard.append(len(samples))
        return Transcript("what was heard")

    recognizer = Recognizer.open(checkpoint, {None: transcriber})
    assert recognizer.recognize(recording).transcript == "what was heard"
    assert recognizer.recognize(recording, "given").transcript == "given"
    assert heard == [len(read_audio(recording))]


def test_any_rate_and_any_number_of_channels(recognizer, tmp_path):
    tone = (0.1 * np.sin(2 * np.pi * 200 * np.arange(44_100) / 44_100)).astype(np.float32)
    write_audio(tmp_path / "stereo.wav", np.stack([tone, tone], axis=1), 44_100)
    assert recognizer.recognize(tmp_path / "stereo.wav").seconds == pytest.approx(1.0, abs=0.01)


def test_other_encoders_are_refused_by_name(checkpoint, tmp_path):
    encoders = torch.load(checkpoint, weights_only=True)["vibespeaker"]["encoders"]
    encoders["words"]["spec"]["init_args"]["seed"] = 5
    path = edited(checkpoint, tmp_path / "other.ckpt", encoders=encoders)
    with pytest.raises(CheckpointError, match="encoder words is not the one that the checkpoint was trained with"):
        Recognizer.open(path)


def test_the_cleaning_of_the_training_is_repeated(checkpoint, recording, recognizer, tmp_path):
    recipe = CleaningRecipe(silence="energy", margin=0.0, below_db=12.0)
    path = edited(checkpoint, tmp_path / "cleaned.ckpt", cleaning=recipe.identity())
    samples = read_audio(recording)
    trimmed = clean_audio(samples, recipe).samples
    assert len(trimmed) < len(samples)
    found = Recognizer.open(path).recognize_samples(samples, "words")
    assert found.probabilities == recognizer.recognize_samples(trimmed, "words").probabilities
    assert found.probabilities != recognizer.recognize_samples(samples, "words").probabilities
    with pytest.raises(AudioError, match="holds no speech"):
        Recognizer.open(path).recognize_samples(np.zeros(16_000, dtype=np.float32))


def test_cleaning_that_cannot_be_repeated_is_refused(checkpoint, tmp_path):
    path = edited(checkpoint, tmp_path / "cleaned.ckpt", cleaning={"denoise": "spectral"})
    with pytest.raises(CheckpointError, match="trained on cleaned audio"):
        Recognizer.open(path)


def test_json_for_machines(checkpoint, recording, capsys):
    assert main(["recognize", str(recording), "--model", str(checkpoint), "--text", "hello", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["transcript"] == "hello"
    assert found["category"] in CHALLENGE_OTHER.classes
    assert list(found["attributes"]) == list(ATTRIBUTES)
    assert all(1 <= value <= 7 for value in found["attributes"].values())
    assert found["notes"] == [SYNTHETIC_NOTE]
    assert list(found["heads"]) == ["gender", "length"]


def test_tables_for_people(checkpoint, recording, capsys):
    assert main(["recognize", str(recording), "--model", str(checkpoint)]) == 0
    shown = capsys.readouterr().out
    assert all(emotion in shown for emotion in CHALLENGE_OTHER.classes)
    assert all(attribute in shown for attribute in ATTRIBUTES)
    assert "synthetic" in shown
    assert "female" in shown
    assert "no transcript" in shown


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["{recording}", "--model", "a", "--ckpt", "b"], "what --model was called before"),
        (["{recording}", "--model", "{folder}/none.ckpt"], "does not exist"),
        (["{recording}", "--model", "{recording}"], "cannot be read as a checkpoint"),
        (["{folder}/none.wav", "--model", "{checkpoint}"], "the file does not exist"),
        (["{checkpoint}", "--model", "{checkpoint}"], "cannot be decoded"),
    ],
)
def test_mistakes_are_named(arguments, problem, recording, checkpoint, tmp_path, capsys):
    words = [word.format(recording=recording, checkpoint=checkpoint, folder=tmp_path) for word in arguments]
    assert main(["recognize", *words]) == 2
    shown = capsys.readouterr().err
    assert problem in shown
    assert "Traceback" not in shown
