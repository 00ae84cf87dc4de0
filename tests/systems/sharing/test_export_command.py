"""`export`: what is shared answers as the checkpoint does, its card says what was recorded, others can use it."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import ModelCard

from tests.corpora.emodb_builder import write_emodb
from tests.sounds import speech_like
from tests.systems import folders
from vibespeaker.batch import EmotionBatch
from vibespeaker.calibration.store import calibration_path
from vibespeaker.cli.main import main
from vibespeaker.errors import CheckpointError
from vibespeaker.files import file_sha256
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.prepare.prepare import prepare
from vibespeaker.systems import open_system
from vibespeaker.systems.beside import calibration_of, facts_of
from vibespeaker.systems.sharing.onnx_files import blocked_by

BATCH = EmotionBatch.of_inputs((torch.from_numpy(speech_like(1)), torch.from_numpy(speech_like(2, seed=1))), ("", ""))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder without training, its manifest, and its predictions."""
    root = tmp_path_factory.mktemp("share")
    write_emodb(root / "corpus", count=6, seconds=1.0)
    prepare("emodb", root / "corpus", root / "prepared.parquet")
    read = Manifest.read(root / "prepared.parquet")
    manifest = root / "manifest.parquet"
    read.with_columns({"split": ["train", "train", "train", "test", "test", "test"]}).write(manifest)
    folder = root / "runs" / "noise"
    (folder / "checkpoints").mkdir(parents=True)
    checkpoint = folders.write_checkpoint(folder / "checkpoints" / "best.ckpt")
    arguments = {"manifest": str(manifest)}
    (folder / "config.yaml").write_text(yaml.safe_dump({"data": {"init_args": arguments}}))
    metadata = PredictionsMetadata("emodb", folders.CLASSES, "noise", checkpoint=file_sha256(checkpoint))
    logits = np.random.default_rng(0).normal(size=(6, 7))
    columns = (read.column("utterance_id"), read.column("file_name"), Manifest.read(manifest).column("split"))
    Predictions.build(*columns, logits, None, metadata).write(folder / "predictions.parquet")
    return folder


@pytest.fixture(scope="module")
def shared(run, tmp_path_factory):
    checkpoint = run / "checkpoints" / "best.ckpt"
    fitted = folders.calibration()
    fitted = type(fitted)(**{**vars(fitted), "checkpoint": file_sha256(checkpoint)})
    fitted.write(calibration_path(checkpoint))
    out = tmp_path_factory.mktemp("out") / "heard-noise"
    assert main(["export", str(run), "--out", str(out), "--onnx", "--draws", "20"]) == 0
    return out


def answers(system):
    system.prepare(None)
    with torch.inference_mode():
        return system.answer(BATCH).logits


def test_a_folder_answers_as_its_checkpoint(run, shared):
    torch.testing.assert_close(answers(open_system(shared)), answers(open_system(run)), rtol=0, atol=1e-6)
    assert calibration_of(open_system(shared)).categories == folders.calibration().categories
    facts = facts_of(open_system(shared))
    assert facts.learned_from == "noise: 3 clips by 3 speakers (CC0 1.0)"
    assert 0.5 < facts.heard["seconds"][0] <= facts.heard["seconds"][1] < 1.5


def test_a_card_is_what_the_hub_reads_and_says_what_was_recorded(shared):
    card = ModelCard((shared / "README.md").read_text())
    assert (card.data.license, card.data.library_name, card.data.language) == ("cc0-1.0", "vibespeaker", ["de"])
    (uar, *_) = card.data.eval_results
    assert (uar.metric_type, uar.dataset_name, uar.dataset_split) == ("uar", "noise", "test")
    for said in ("licence: CC0 1.0", "test | 3 | 3 |", "95 %", "Fitted on 9 utterances", "(EU AI Act"):
        assert said in card.text


def test_the_example_needs_onnxruntime_and_numpy_alone(shared, tmp_path):
    script = (
        "import sys, runpy\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'vibespeaker', 'safetensors', 'pandas'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        f"sys.argv = ['example.py']; runpy.run_path({str(shared / 'example.py')!r}, run_name='__main__')\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    said = dict(pair.split() for pair in done.stdout.strip().split(", "))
    system = open_system(shared)
    system.prepare(None)
    from vibespeaker.systems.sharing.onnx_files import example_sound

    with torch.inference_mode():
        logits = system.answer(EmotionBatch.of_inputs((torch.from_numpy(example_sound()),), ("",))).logits
    expected = calibration_of(system).logits(logits.numpy())
    shares = np.exp(expected[0]) / np.exp(expected[0]).sum()
    np.testing.assert_allclose([float(said[name]) for name in folders.CLASSES], shares, atol=1e-4)


def test_what_keeps_an_encoder_from_the_exporter_is_named(shared):
    told = json.loads((shared / "encoders.onnx.json").read_text())
    assert told["hear"].startswith("blocked by aten.nonzero")
    assert "encoders/pitch.py" in told["hear"]
    assert blocked_by(ValueError("Unsupported: aten.fft_rfft.default")) == "blocked by aten.fft_rfft.default"


def test_an_ensemble_is_shared_with_its_members_and_label_maps(tmp_path):
    for seed, name in enumerate("ab"):
        folders.write_checkpoint(tmp_path / f"{name}.ckpt", seed)
    (tmp_path / "both.yaml").write_text(
        "members: {a: a.ckpt, b: b.ckpt}\nweights: {categories: {a: 2, b: 1}}\nlabel_maps: {b: {boredom: neutral}}\n"
    )
    assert main(["export", str(tmp_path / "both.yaml"), "--out", str(tmp_path / "both")]) == 0
    read = open_system(tmp_path / "both")
    assert read.provenance.classes == open_system(tmp_path / "both.yaml").provenance.classes
    torch.testing.assert_close(answers(read), answers(open_system(tmp_path / "both.yaml")), rtol=0, atol=1e-6)
    again = tmp_path / "again"
    assert main(["export", str(tmp_path / "both"), "--out", str(again)]) == 0
    assert open_system(again).identity == read.identity
    content = json.loads((again / "config.json").read_text())
    content["members"][0]["sha256"] = "0" * 64
    (again / "config.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="not the member that was written"):
        open_system(again)


def test_a_folder_must_be_named(capsys):
    assert main(["export", "model"]) == 2
    assert "out" in capsys.readouterr().err
