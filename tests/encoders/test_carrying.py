"""Checkpoints in folders of their own: the same encoder comes back of them, whatever it was, and nothing else."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from vibespeaker.encoders.carrying import carried, carry
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.errors import CheckpointError

_ENCODERS = {
    "whisper": ("WhisperEncoder", {}),
    "wavlm-base": ("SpeechEncoder", {"precision": "bfloat16"}),
    "wav2vec2-bert": ("AudioModelEncoder", {}),
    "roberta": ("TextEncoder", {"layer": 1}),
    "gpt2": ("TextEncoder", {}),
    "resnet": ("ImageEncoder", {"size": 32}),
}


@pytest.mark.parametrize("kind", _ENCODERS)
def test_the_same_encoder_comes_back(kind: str, tiny_checkpoint, tmp_path: Path) -> None:
    made, arguments = _ENCODERS[kind]
    original = tmp_path / "original"
    shutil.copytree(tiny_checkpoint(kind), original)
    spec: dict[str, Any] = {
        "class_path": f"vibespeaker.encoders.{made}",
        "init_args": {"checkpoint": str(original), **arguments},
    }
    if kind == "roberta":
        spec = {"class_path": "vibespeaker.encoders.Reduced", "init_args": {"encoder": spec, "statistics": ["mean"]}}
    fingerprint = build_encoders({"x": spec})["x"].fingerprint()
    assert carry({**spec, "train": "none"}, tmp_path / "folder")
    shutil.rmtree(original)
    assert build_encoders({"x": carried(spec, tmp_path / "folder")})["x"].fingerprint() == fingerprint


def test_tokens_carry_their_tokenizer(tiny_checkpoint, tmp_path: Path) -> None:
    given = {"checkpoint": str(tiny_checkpoint("roberta")), "dim": 4}
    spec = {"class_path": "vibespeaker.encoders.TokenEmbeddings", "init_args": given, "train": "all"}
    assert carry(spec, tmp_path / "folder")
    again = build_encoders({"x": carried(spec, tmp_path / "folder")})["x"]
    assert again.fingerprint() == build_encoders({"x": spec})["x"].fingerprint()


def test_encoders_without_a_checkpoint_carry_nothing(tmp_path: Path) -> None:
    assert not carry({"class_path": "vibespeaker.encoders.MelPictures"}, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_other_files_are_refused(tiny_checkpoint, tmp_path: Path) -> None:
    spec = {"class_path": "TextEncoder", "init_args": {"checkpoint": str(tiny_checkpoint("bert"))}}
    carry(spec, tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"pytorch_model\.bin"):
        carried(spec, tmp_path)
