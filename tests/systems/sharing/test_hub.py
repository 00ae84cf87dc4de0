"""Models on a stand-in of the hub: pushed, named with a revision, and refused where they are hostile."""

import json

import pytest
import torch

from tests.sounds import speech_like
from tests.systems import folders
from tests.systems.sharing import hub_server
from vibespeaker.audio.files import write_audio
from vibespeaker.batch import EmotionBatch
from vibespeaker.cli.main import main
from vibespeaker.errors import CheckpointError
from vibespeaker.systems import open_system

BATCH = EmotionBatch.of_inputs((torch.from_numpy(speech_like(1)),), ("",))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("shared")
    folders.write_checkpoint(root / "best.ckpt")
    assert main(["export", str(root / "best.ckpt"), "--out", str(root / "model"), "--licence", "mit"]) == 0
    return root / "model"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    import huggingface_hub.constants as constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", "hf_stand_in")
    with hub_server.running() as (held, address):
        monkeypatch.setenv("HF_ENDPOINT", address)
        yield held


def answers(reference):
    system = open_system(reference)
    system.prepare(None)
    with torch.inference_mode():
        return system.answer(BATCH).logits


def test_what_was_pushed_is_used_by_its_name_and_revision(folder, hub, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["push", str(folder), "me/voices"]) == 0
    files = hub.repositories["me/voices"]["main"]
    assert set(files) == {"README.md", "config.json", "model.safetensors"}
    torch.testing.assert_close(answers("me/voices"), answers(folder), rtol=0, atol=0)
    first = hub.sha("me/voices", "main")
    hub.commit("me/voices", [{"key": "file", "value": {"path": "README.md", "content": "bmV3"}}])
    assert hub.sha("me/voices", "main") != first
    torch.testing.assert_close(answers(f"me/voices@{first}"), answers(folder), rtol=0, atol=0)
    write_audio(tmp_path / "clip.wav", speech_like(1))
    assert main(["recognize", "clip.wav", "--model", f"me/voices@{first}"]) == 0
    assert "boredom" in capsys.readouterr().out


def test_a_hostile_model_is_refused(folder, hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hub.repositories["evil/model"] = {}
    for path in ("model.safetensors", "README.md"):
        _put(hub, path, (folder / path).read_bytes())
    config = json.loads((folder / "config.json").read_text())
    for place, problem in ((("network", "class_path"), "neither imported nor called"), (("kind",), "no model of")):
        changed = json.loads(json.dumps(config))
        target = changed
        for key in place[:-1]:
            target = target[key]
        target[place[-1]] = "os.system"
        _put(hub, "config.json", json.dumps(changed).encode())
        with pytest.raises(CheckpointError, match=problem):
            open_system("evil/model")


def test_a_model_that_is_not_there_is_said(hub, tmp_path, monkeypatch, folder, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"no file or folder no/model@main, and the hub has no such"):
        open_system("no/model@main")
    (tmp_path / "runs").mkdir()
    with pytest.raises(CheckpointError, match=r"runs/none does not exist"):
        open_system("runs/none")
    assert main(["push", str(tmp_path), "me/voices"]) == 2
    assert "is no model folder" in capsys.readouterr().err
    assert main(["push", str(folder), "voices"]) == 2
    assert "USER/NAME" in capsys.readouterr().err


def _put(hub, path, content):
    import base64

    hub.commit("evil/model", [{"key": "file", "value": {"path": path, "content": base64.b64encode(content).decode()}}])
