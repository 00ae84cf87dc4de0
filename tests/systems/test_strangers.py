"""Checkpoints that a stranger made: nothing in them runs, nothing large is made, and one sentence says why."""

import importlib
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.systems.trained import MODELS, NETWORK, with_network, write
from vibespeaker.errors import CheckpointError, VibeSpeakerError
from vibespeaker.provenance import CHECKPOINT_KEY
from vibespeaker.systems import TrainedModel

COMMAND = "touch {sign}"


def spec(path: Any, **init_args: Any) -> dict[str, Any]:
    return {"class_path": path, "init_args": init_args}


def pooling(given: Any) -> dict[str, Any]:
    return {"init_args": {"pooling": given}}


HOSTILE_PATHS = [
    "os.system",
    "builtins.exec",
    "posix.system",
    "vibespeaker.models.base.os.system",
    "vibespeaker.files.os.system",
    "vibespeaker.extract.reading.os._exit",
    "vibespeaker.models.building.importlib.import_module",
    "torch.hub.load",
    "torch.load",
    "torch.utils.cpp_extension.load_inline",
    "torch.nn.Module",
    "torch.optim.AdamW",
    "vibespeaker.models.cpu_threads.ThreadPoolExecutor",
    "vibespeaker.models.base.choose_encoders",
    "vibespeaker.encoders.HashedText",
    "vibespeaker.models.LateFusion",  # of another kind than a pooling
    "vibespeaker.models.Pooling",  # abstract
    "vibespeaker.models..pooling.MeanPooling",
    "vibespeaker.models.pooling:MeanPooling",
    "vibespeaker.__main__.main",
    "antigravity.webbrowser",
    "",
    None,
    7,
    ["os.system"],
]


@pytest.mark.parametrize("path", HOSTILE_PATHS, ids=str)
def test_no_place_of_a_network_takes_another_kind_of_class(path: Any, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    hostile = spec(path, command=f"touch {sign}")
    before = set(sys.modules)
    for number, change in enumerate(
        (
            {"class_path": path},
            pooling(hostile),
            pooling(path),
            pooling(spec(MODELS + "NormedPooling", pooling=hostile)),
            {"init_args": {"poolings": {"hear": hostile}}},
            spec(MODELS + "MultiEncoderModel", fusion=hostile),
            spec(MODELS + "MultiEncoderModel", frame_networks={"hear": hostile}),
        )
    ):
        if change.get("class_path") == MODELS + "LateFusion":
            continue  # which is a network
        file = write(tmp_path / f"{number}.ckpt", with_network(**change))
        with pytest.raises(CheckpointError) as refused:
            TrainedModel.from_checkpoint(file)
        assert str(file) in str(refused.value)
    assert not sign.exists()
    assert not {"antigravity", "webbrowser"} & (set(sys.modules) - before)


@pytest.mark.parametrize(
    "words",
    [
        {"optimizer": spec("os.system", command=COMMAND)},
        {"optimizer": "os.system"},
        {"loss": spec("vibespeaker.losses.MultiTaskLoss", terms={"a": spec("subprocess.Popen", args=[COMMAND])})},
        {"schedule": {"deep": [{"class_path": "os.system"}]}},
        {"_class_path": "subprocess.Popen"},
        {"_instantiator": "os.system"},
        {"encoders": {"hear": spec("os.system", command=COMMAND)}},
    ],
    ids=lambda words: next(iter(words)),
)
def test_what_recognition_does_not_build_is_refused_all_the_same(words: dict[str, Any], tmp_path: Path) -> None:
    file = write(tmp_path / "a.ckpt", lambda made: made["hyper_parameters"].update(words))
    with pytest.raises(CheckpointError, match="names something that is neither imported nor called"):
        TrainedModel.from_checkpoint(file)


@pytest.mark.parametrize(
    "encoder",
    [
        spec("os.system", command=COMMAND),
        spec("vibespeaker.models.LateFusion"),
        spec("vibespeaker.encoders.specs.importlib.import_module", name="antigravity"),
        spec("vibespeaker.encoders.Reduced", stride=2, encoder=spec("os.system", command=COMMAND)),
        spec("vibespeaker.encoders.Reduced", stride=2, encoder=spec("vibespeaker.encoders.base.ABC")),
    ],
    ids=str,
)
def test_encoders_are_encoders(encoder: dict[str, Any], tmp_path: Path) -> None:
    def change(made: dict[str, Any]) -> None:
        made[CHECKPOINT_KEY]["encoders"]["hear"]["spec"] = encoder

    with pytest.raises(CheckpointError, match="neither imported nor called"):
        TrainedModel.from_checkpoint(write(tmp_path / "a.ckpt", change)).prepare(None)


@pytest.mark.parametrize(
    "network",
    [
        spec(MODELS + "MultiEncoderModel", projection_dim=10**9),
        spec(MODELS + "MultiEncoderModel", projection_dim=10**30),
        spec(MODELS + "MultiEncoderModel", lstm_layers=10**9),
        spec(MODELS + "MultiEncoderModel", lstm_dim=-1),
        spec(MODELS + "MultiEncoderModel", fusion=spec(MODELS + "ConcatenationFusion", layers=10**9, hidden_dim=1)),
        pooling(spec(MODELS + "AttentiveStatisticsPooling", attention_dim=10**9)),
        pooling(spec(MODELS + "VoiceEmbedding", channels=10**9)),
    ],
    ids=str,
)
def test_sizes_are_compared_with_the_weights_before_memory_is_taken(network: dict[str, Any], tmp_path: Path) -> None:
    file = write(tmp_path / "large.ckpt", with_network(**network))
    begun = time.process_time()
    with pytest.raises(VibeSpeakerError, match=r"another network|another shape|cannot be built|out of range"):
        TrainedModel.from_checkpoint(file)
    assert time.process_time() - begun < 60  # not a measure of speed: a billion layers would take hours


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made.pop("state_dict"),
        lambda made: made.pop("hyper_parameters"),
        lambda made: made.pop(CHECKPOINT_KEY),
        lambda made: made.update(hyper_parameters=["network"]),
        lambda made: made.update(state_dict=7),
        lambda made: made[CHECKPOINT_KEY].pop("classes"),
        lambda made: made[CHECKPOINT_KEY].update(encoders={"hear": 3}),
        lambda made: made[CHECKPOINT_KEY].update(encoders=None),
        lambda made: made["state_dict"].update({"network.outputs.0.linear.weight": "text"}),
        lambda made: made["state_dict"].clear(),
        with_network(init_args={"heads": "categories"}),
        with_network(init_args={"heads": [7]}),
        with_network(init_args={"nothing": 7}),
        with_network(init_args={"encoders": "hear"}),
        with_network(dict_kwargs={"pooling": "os.system"}),
        with_network(init_args=["pooling"]),
        lambda made: made["hyper_parameters"].update(network=None),
    ],
)
def test_what_is_missing_or_misshapen_is_one_sentence(change: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        TrainedModel.from_checkpoint(write(tmp_path / "odd.ckpt", change))


def test_objects_in_the_file_are_not_made(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return importlib.import_module, ("antigravity",)

    torch.save({"state_dict": {}, "hyper_parameters": {"network": NETWORK, "x": Hostile()}}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
        TrainedModel.from_checkpoint(tmp_path / "a.ckpt")
    assert "antigravity" not in sys.modules


def test_a_changed_byte_is_found_in_every_part_of_the_file(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.ckpt", lambda made: made.update(loops={"epoch": torch.arange(9)})).read_bytes()
    with zipfile.ZipFile(tmp_path / "whole.ckpt") as archive:
        parts = archive.infolist()
    assert len(parts) > 5
    for part in parts:
        # the name of a part may be followed by padding, which is nothing's content
        name, extra = whole[part.header_offset + 26 :][:2], whole[part.header_offset + 28 :][:2]
        start = part.header_offset + 30 + int.from_bytes(name, "little") + int.from_bytes(extra, "little")
        changed = bytearray(whole)
        changed[start + part.file_size // 2] ^= 4
        (tmp_path / "changed.ckpt").write_bytes(changed)
        with pytest.raises(CheckpointError, match=r"changed\.ckpt"):
            TrainedModel.from_checkpoint(tmp_path / "changed.ckpt")


def test_a_compressed_file_is_not_unpacked(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.ckpt")
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(tmp_path / "a.ckpt", "w", zipfile.ZIP_DEFLATED) as packed:
        for part in archive.infolist():
            packed.writestr(part.filename, archive.read(part))
    with pytest.raises(CheckpointError, match="is compressed, which no checkpoint is"):
        TrainedModel.from_checkpoint(tmp_path / "a.ckpt")
