"""Loading: fingerprints, frozen and trained weights, precision, and one clear sentence for each failure."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from vibespeaker.cli.main import main
from vibespeaker.encoders import SpeechEncoder, TextEncoder, WhisperEncoder
from vibespeaker.encoders.checkpoints import load, weights_sha256
from vibespeaker.encoders.training import Training
from vibespeaker.errors import ConfigError, EncoderError

CLASSES = {"whisper": WhisperEncoder, "wavlm": SpeechEncoder, "roberta": TextEncoder}
INPUTS = {"whisper": [torch.ones(3000) * 0.1], "wavlm": [torch.ones(3000) * 0.1], "roberta": ["hello"]}


@pytest.fixture(params=list(CLASSES))
def kind(request):
    return request.param


def copied(tiny_checkpoint, kind, tmp_path):
    return shutil.copytree(tiny_checkpoint(kind), tmp_path / "copy")


def test_fingerprint_is_the_same_from_another_folder(tiny_checkpoint, kind, tmp_path):
    first = CLASSES[kind](str(tiny_checkpoint(kind)))
    second = CLASSES[kind](str(copied(tiny_checkpoint, kind, tmp_path)))
    second(INPUTS[kind])  # tokenizers remember how they were last used
    assert first.fingerprint() == second.fingerprint()


def test_fingerprint_is_the_same_from_the_hub_cache(tiny_checkpoint, kind, tmp_path, monkeypatch):
    """Lays the files out as the hub's cache does and loads by name, without network."""
    model, commit = tmp_path / "hub" / "models--team--model", "0" * 40
    shutil.copytree(tiny_checkpoint(kind), model / "snapshots" / commit)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    named = CLASSES[kind]("team/model")
    assert named.fingerprint() == CLASSES[kind](str(tiny_checkpoint(kind))).fingerprint()


def test_fingerprint_follows_layer_weights_and_preprocessing(tiny_checkpoint, kind, tmp_path):
    folder = copied(tiny_checkpoint, kind, tmp_path)
    before = CLASSES[kind](str(folder)).fingerprint()
    assert set(before.difference(CLASSES[kind](str(folder), layer=1).fingerprint())) == {"layer"}
    assert not before.difference(CLASSES[kind](str(folder), layer=-1).fingerprint())
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "encoder." in name and name.endswith(("q_proj.weight", "query.weight")))
    weights[name][0, 0] += 1e-3
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert set(before.difference(CLASSES[kind](str(folder)).fingerprint())) == {"weights"}


def test_fingerprint_follows_what_is_fed(tiny_checkpoint):
    folder = str(tiny_checkpoint("whisper"))
    difference = (
        WhisperEncoder(folder).fingerprint().difference(WhisperEncoder(folder, pad_to_window=False).fingerprint())
    )
    assert set(difference) == {"preprocessing"}


def test_frozen_encoders_stay_frozen(tiny_checkpoint, kind):
    encoder = CLASSES[kind](str(tiny_checkpoint(kind)))
    encoder.train()
    assert not any(module.training for module in encoder.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not encoder(INPUTS[kind]).values.requires_grad


def test_trained_encoders_get_gradients_and_keep_the_loaded_fingerprint(tiny_checkpoint, kind):
    frozen = CLASSES[kind](str(tiny_checkpoint(kind)))
    trained = CLASSES[kind](str(tiny_checkpoint(kind)))
    trained.set_training(Training("all"))
    trained.train()
    assert trained.network.training
    trained(INPUTS[kind]).values.square().sum().backward()
    with torch.no_grad():
        for parameter in trained.network.parameters():
            parameter.add_(0.1)
    assert trained.fingerprint() == frozen.fingerprint()


@pytest.mark.parametrize("layer", [None, 1, [0, 1], 0])
@pytest.mark.parametrize("name", ["whisper", "wavlm", "wavlm-base", "hubert", "roberta", "bert"])
def test_every_weight_that_is_trained_gets_a_gradient(tiny_checkpoint, name, layer):
    kind = {"wavlm-base": "wavlm", "hubert": "wavlm", "bert": "roberta"}.get(name, name)
    encoder = CLASSES[kind](str(tiny_checkpoint(name)), layer=layer)
    encoder.set_training(Training("all"))
    encoder.train()
    encoder(INPUTS[kind]).values.square().sum().backward()
    trained = {key: weight for key, weight in encoder.named_parameters() if weight.requires_grad}
    assert trained
    assert [key for key, weight in trained.items() if weight.grad is None] == []


def test_precision(tiny_checkpoint, kind):
    folder = str(tiny_checkpoint(kind))
    full, half = CLASSES[kind](folder), CLASSES[kind](folder, precision="bfloat16")
    expected, frames = full(INPUTS[kind]).values, half(INPUTS[kind]).values
    assert frames.dtype == torch.float32
    assert next(half.parameters()).dtype == torch.bfloat16
    assert (frames - expected).norm() < 0.1 * expected.norm()
    assert set(full.fingerprint().difference(half.fingerprint())) == {"precision"}


def test_trained_half_precision_is_refused(tiny_checkpoint, kind):
    with pytest.raises(ConfigError, match="bf16-mixed"):
        CLASSES[kind](str(tiny_checkpoint(kind)), precision="bfloat16").set_training(Training("all"))
    with pytest.raises(ConfigError, match="Allowed: float32, bfloat16, float16"):
        CLASSES[kind](str(tiny_checkpoint(kind)), precision="int8")


@pytest.mark.parametrize(("kind", "wrong"), [("whisper", "roberta"), ("wavlm", "whisper"), ("roberta", "wavlm")])
def test_checkpoint_of_another_kind(tiny_checkpoint, kind, wrong):
    with pytest.raises(EncoderError, match=f"is of the wrong kind.*Found: {wrong}. (Allowed|Remedy):"):
        CLASSES[kind](str(tiny_checkpoint(wrong)))


def test_missing_folder(kind, tmp_path):
    with pytest.raises(EncoderError, match=r"folder .*/none does not exist. Remedy: give a folder"):
        CLASSES[kind](str(tmp_path / "none"))


def test_folder_without_a_checkpoint(kind, tmp_path):
    with pytest.raises(EncoderError, match="cannot be loaded"):
        CLASSES[kind](str(tmp_path))


def test_damaged_weights(tiny_checkpoint, kind, tmp_path):
    folder = copied(tiny_checkpoint, kind, tmp_path)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EncoderError, match="cannot be loaded"):
        CLASSES[kind](str(folder))


def test_weights_that_are_lacking_are_not_made_up(tiny_checkpoint, kind, tmp_path):
    folder = copied(tiny_checkpoint, kind, tmp_path)
    weights = load_file(folder / "model.safetensors")
    dropped = [name for name in weights if "layers.1." in name or "layer.1." in name]
    kept = {name: value for name, value in weights.items() if name not in dropped}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=r"lacks \d+ weights"):
        CLASSES[kind](str(folder))


def test_feature_extractor_that_does_not_fit(tiny_checkpoint, tmp_path):
    folder = copied(tiny_checkpoint, "whisper", tmp_path)
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "feature_size": 128}))
    with pytest.raises(EncoderError, match="128 mels"):
        WhisperEncoder(str(folder))


def test_old_file_format_and_names_give_the_same_weights(tiny_checkpoint, tmp_path):
    """`microsoft/wavlm-large` comes as a pickle with the names of an older weight norm."""
    folder = copied(tiny_checkpoint, "wavlm", tmp_path)
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    old = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    renamed = {}
    for name, value in weights.items():
        for new, former in old.items():
            name = name.replace(new, former)
        renamed[name] = value
    assert sum(name.endswith(("weight_g", "weight_v")) for name in renamed) == 2
    torch.save(renamed, folder / "pytorch_model.bin")
    assert SpeechEncoder(str(folder)).fingerprint() == SpeechEncoder(str(tiny_checkpoint("wavlm"))).fingerprint()


def test_whisper_saved_without_its_speaking_head(tiny_checkpoint, tmp_path):
    from transformers import WhisperModel

    folder = copied(tiny_checkpoint, "whisper", tmp_path)
    WhisperModel.from_pretrained(folder).save_pretrained(folder)
    assert not any(name.startswith("model.") for name in load_file(folder / "model.safetensors"))
    assert WhisperEncoder(str(folder)).fingerprint() == WhisperEncoder(str(tiny_checkpoint("whisper"))).fingerprint()


def test_name_that_is_no_name(kind):
    with pytest.raises(EncoderError, match="no name of a checkpoint"):
        CLASSES[kind]("a/b/c")


def test_no_network_fails_at_once(kind, monkeypatch):
    import huggingface_hub.utils

    class Unplugged:
        def head(self, *arguments, **options):
            raise ConnectionError("unplugged")

    monkeypatch.setattr(huggingface_hub.utils, "get_session", Unplugged)
    with pytest.raises(EncoderError, match=r"the hub cannot be reached \(ConnectionError\)"):
        CLASSES[kind]("team/model")


@pytest.mark.parametrize("status", [401, 404])
def test_name_the_hub_does_not_know(monkeypatch, status):
    import huggingface_hub.utils

    class Hub:
        def head(self, *arguments, **options):
            self.status_code = status
            return self

    monkeypatch.setattr(huggingface_hub.utils, "get_session", Hub)
    with pytest.raises(EncoderError, match="no such checkpoint open to you"):
        SpeechEncoder("team/model")


def test_offline_mode(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EncoderError, match="HF_HUB_OFFLINE is set"):
        SpeechEncoder("team/model")


def test_half_downloaded_checkpoint_is_fetched_from_the_hub(tmp_path, monkeypatch):
    """Local attempt fails for a missing file, so the hub is asked and the loader runs again with network."""
    import huggingface_hub.utils

    class Hub:
        def head(self, *arguments, **options):
            self.status_code = 200
            return self

    attempts = []

    def loader(name, local):
        attempts.append(local)
        if local:
            raise OSError("model.safetensors is missing")
        return "loaded"

    monkeypatch.setattr(huggingface_hub.utils, "get_session", Hub)
    monkeypatch.setattr("vibespeaker.encoders.checkpoints._is_cached", lambda checkpoint: True)
    assert load("team/model", "Test", loader) == "loaded"
    assert attempts == [True, False]


def test_hash_of_weights_is_that_of_their_values():
    first, second = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    assert weights_sha256(first) != weights_sha256(second)
    second.load_state_dict(first.state_dict())
    assert weights_sha256(first) == weights_sha256(second)


def test_the_command_line_shows_one_sentence(tmp_path, capsys):
    manifest = tmp_path / "none.parquet"
    assert main(["transcribe", str(manifest), "--model", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_layers_side_by_side_are_those_of_one_pass_each(tiny_checkpoint, kind):
    folder = str(tiny_checkpoint(kind))
    last = len(CLASSES[kind](folder)._blocks)
    both = CLASSES[kind](folder, layer=[0, -1], join="side_by_side")
    frames = both(INPUTS[kind])
    alone = [CLASSES[kind](folder, layer=layer) for layer in (0, last)]
    assert frames.dim == both.dim == 2 * alone[0].dim
    expected = torch.cat([encoder(INPUTS[kind]).values for encoder in alone], dim=-1)
    torch.testing.assert_close(frames.values, expected)
    mean = CLASSES[kind](folder, layer=[0, last])
    assert set(both.fingerprint().difference(mean.fingerprint())) == {"join"}
    with pytest.raises(ConfigError, match=r"unknown way to join layers. Found: sum. Allowed: mean, side_by_side"):
        CLASSES[kind](folder, layer=[0, 1], join="sum")


@pytest.mark.parametrize("key", ["num_hidden_layers", "hidden_size", "vocab_size"])
def test_sizes_that_no_network_has_are_refused_before_it_is_made(tiny_checkpoint, tmp_path, key):
    folder = tmp_path / "huge"
    shutil.copytree(tiny_checkpoint("roberta"), folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, key: 10**9}))
    with pytest.raises(EncoderError, match=f"says {key} out of range. Found: 1000000000"):
        TextEncoder(str(folder))
