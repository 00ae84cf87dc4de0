"""What of an encoder learns: the weights that are named, all of them, and no others."""

import copy

import pytest
import torch
from torch import nn

from vibespeaker.encoders import SpeechEncoder, TextEncoder, WhisperEncoder
from vibespeaker.encoders.base import Encoder, pad_frames
from vibespeaker.encoders.gradients import check_gradients
from vibespeaker.encoders.rates import rate_groups
from vibespeaker.encoders.specs import build_encoders, check_frozen
from vibespeaker.encoders.training import Lora, Training, read_training
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import Fingerprint

CLASSES = {"whisper": WhisperEncoder, "roberta": TextEncoder}
CLIPS = [torch.sin(torch.arange(3000) * 0.1) * 0.3, torch.cos(torch.arange(2000) * 0.2) * 0.2]
TEXTS = ["hello", "so long"]
KINDS = ("all", "transformer", {"top": 1}, {"convolutions": 1}, {"lora": {"rank": 2}})
CHECKPOINTS = ("wavlm", "wavlm-base", "hubert", "whisper", "roberta")


def made(tiny_checkpoint, name: str, train=None, layer=None, **further) -> Encoder:
    kind = CLASSES.get(name, SpeechEncoder)
    encoder = kind(str(tiny_checkpoint(name)), layer=layer)
    torch.manual_seed(0)
    if train is not None:
        encoder.set_training(read_training({"train": train, **further}, name))
    return encoder.train()


def outputs(encoder: Encoder) -> torch.Tensor:
    return encoder.encode(TEXTS if encoder.modality == "text" else CLIPS).values


def trained(encoder: Encoder) -> set[str]:
    return {name for name, weight in encoder.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize("train", KINDS, ids=str)
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_every_weight_that_is_to_learn_gets_a_gradient_and_no_other(tiny_checkpoint, name, train):
    if train == {"convolutions": 1} and name == "roberta":
        with pytest.raises(ConfigError, match=r"counts convolutions.*it has no convolution"):
            made(tiny_checkpoint, name, train)
        return
    encoder = made(tiny_checkpoint, name, train)
    outputs(encoder).square().sum().backward()
    assert trained(encoder)
    assert {key for key, weight in encoder.named_parameters() if weight.grad is not None} == trained(encoder)
    check_gradients(encoder.named_parameters())
    if isinstance(train, dict) and "lora" in train:
        # an adapter's second map begins as zeros, so that at first only it moves
        assert all(weight.grad.any() for key, weight in encoder.named_parameters() if "lora_B" in key)


def test_the_parts_of_an_encoder_that_learn(tiny_checkpoint):
    names = {str(train): trained(made(tiny_checkpoint, "wavlm", train)) for train in KINDS}
    top, convolutions = names["{'top': 1}"], names["{'convolutions': 1}"]
    assert {key.split(".layers.")[1][:2] for key in top if ".layers." in key} == {"2."}
    assert {key for key in top if ".layers." not in key} == {
        "network.encoder.layer_norm.weight",
        "network.encoder.layer_norm.bias",
    }
    assert convolutions
    assert all(".feature_extractor.conv_layers.6." in key for key in convolutions)
    assert {key for key in names["all"] - names["transformer"]} == {
        key for key in names["all"] if ".feature_extractor." in key
    }
    adapters = names["{'lora': {'rank': 2}}"]
    assert len(adapters) == 3 * 2 * 2  # layers, queries and values, two maps
    assert all("lora_" in key for key in adapters)


def test_layers_that_the_output_does_not_depend_on_are_not_counted(tiny_checkpoint):
    encoder = made(tiny_checkpoint, "wavlm", {"top": 1}, layer=2)
    assert {key.split(".layers.")[1][:2] for key in trained(encoder)} == {"1."}
    adapters = trained(made(tiny_checkpoint, "wavlm", {"lora": {"rank": 2, "targets": ["out_proj"]}}, layer=1))
    assert {key.split(".layers.")[1][:2] for key in adapters} == {"0."}
    with pytest.raises(ConfigError, match=r"train: top counts layers.*Found: 3. Allowed: 1 to 2"):
        made(tiny_checkpoint, "wavlm", {"top": 3}, layer=2)


def test_what_is_frozen_stays_in_evaluation_mode(tiny_checkpoint):
    encoder = made(tiny_checkpoint, "wavlm", {"top": 1})
    layers = encoder.network.encoder.layers
    assert [layer.training for layer in layers] == [False, False, True]
    assert not encoder.network.feature_extractor.conv_layers[0].training
    assert not encoder.network.encoder.dropout.training
    encoder.eval()
    assert not any(module.training for module in encoder.modules())


def test_recomputing_layers_changes_no_gradient(tiny_checkpoint):
    gradients = []
    for recomputes in (False, True):
        encoder = made(tiny_checkpoint, "wavlm", "all", gradient_checkpointing=recomputes)
        torch.manual_seed(1)  # dropout
        outputs(encoder).square().sum().backward()
        gradients.append({name: weight.grad for name, weight in encoder.named_parameters()})
    for name, gradient in gradients[0].items():
        if gradient is not None:
            torch.testing.assert_close(gradients[1][name], gradient, rtol=0, atol=0, msg=name)
    runs = []
    layer = encoder.network.encoder.layers[0]
    layer.attention.register_forward_hook(lambda *_: runs.append(1))
    with torch.no_grad():
        outputs(encoder)
    once = len(runs)
    outputs(copy.deepcopy(encoder)).sum().backward()
    assert len(runs) == 3 * once > 0


def test_adapters_change_nothing_at_first(tiny_checkpoint):
    frozen = made(tiny_checkpoint, "hubert")
    encoder = made(tiny_checkpoint, "hubert", {"lora": {"rank": 2, "alpha": 4.0, "dropout": 0.1}}).eval()
    torch.testing.assert_close(outputs(encoder), outputs(frozen), rtol=0, atol=0)
    assert encoder.fingerprint() == frozen.fingerprint()


def test_adapters_that_would_never_run_are_refused(tiny_checkpoint):
    stock = SpeechEncoder(str(tiny_checkpoint("wavlm")), fused_attention=False)
    with pytest.raises(ConfigError, match="stock attention get no gradient"):
        stock.set_training(Training("lora", lora=Lora()))
    with pytest.raises(ConfigError, match=r"names no linear map.*Found: query. Allowed: .*k_proj.*q_proj"):
        made(tiny_checkpoint, "wavlm", {"lora": {"targets": ["query"]}})


def test_a_weight_without_gradient_is_named(tiny_checkpoint):
    encoder = made(tiny_checkpoint, "roberta", "all")
    encoder.network.idle = nn.Parameter(torch.zeros(1))
    outputs(encoder).sum().backward()
    with pytest.raises(ConfigError, match=r"1 weights of encoders are to be trained.*Found: network\.idle"):
        check_gradients(encoder.named_parameters())


def test_rates_fall_from_layer_to_layer(tiny_checkpoint):
    encoder = made(tiny_checkpoint, "wavlm", "all", learning_rate=1e-5, layer_decay=0.5)
    groups = rate_groups("wavlm", encoder)
    assert [(group.name, group.rate, group.factor) for group in groups] == [
        ("wavlm.0", 1e-5, 0.125),
        ("wavlm.1", 1e-5, 0.25),
        ("wavlm.2", 1e-5, 0.5),
        ("wavlm.3", 1e-5, 1.0),
    ]
    weights = [id(weight) for group in groups for weight in group.parameters]
    assert sorted(weights) == sorted(id(weight) for weight in encoder.parameters() if weight.requires_grad)
    (whole,) = rate_groups("wavlm", made(tiny_checkpoint, "wavlm", {"top": 1}, learning_rate=1e-5))
    assert (whole.name, whole.rate, whole.factor) == ("wavlm", 1e-5, 1.0)
    assert rate_groups("wavlm", made(tiny_checkpoint, "wavlm", "all")) == []


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"train": "some"}, r"train says what of an encoder learns. Found: some. Allowed: none, all, transformer"),
        ({"train": {"top": 0}}, "says what of an encoder learns"),
        ({"train": {"top": 1, "convolutions": 1}}, "says what of an encoder learns"),
        ({"train": "top"}, "says what of an encoder learns"),
        ({"train": {"lora": {"width": 3}}}, "lora has unknown keys. Found: width"),
        ({"train": {"lora": {"rank": 0}}}, "rank is out of range"),
        ({"train": {"lora": {"targets": "q_proj"}}}, r"targets\. Found: q_proj"),
        ({"train": "all", "layer_decay": 0.0}, "layer_decay is out of range"),
        ({"train": "all", "learning_rate": -1.0}, "learning_rate is out of range"),
        ({"learning_rate": 1e-5}, "learning_rate is of encoders that are trained"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence(keys, message):
    with pytest.raises(ConfigError, match=message):
        read_training(keys, "encoder 'wavlm'")


def test_training_is_said_beside_the_class_path(tiny_checkpoint):
    spec = {"class_path": "SpeechEncoder", "init_args": {"checkpoint": str(tiny_checkpoint("wavlm"))}}
    assert build_encoders({"wavlm": {**spec, "train": {"top": 2}}})["wavlm"].is_trained
    reduced = {"class_path": "Reduced", "init_args": {"encoder": spec, "stride": 2}, "train": "all"}
    assert build_encoders({"wavlm": reduced})["wavlm"].encoder.training_plan == Training("all")
    with pytest.raises(ConfigError, match=r"init_args\.unfreeze is now called train.*write train: all beside"):
        build_encoders({"wavlm": {**spec, "init_args": {**spec["init_args"], "unfreeze": True}}})
    with pytest.raises(ConfigError, match="frames of a cache are those of a frozen one"):
        check_frozen({"wavlm": {**spec, "train": "all"}}, "encoders.yaml")
    words = {"class_path": "HashedText", "init_args": {"dim": 8}, "train": "all"}
    with pytest.raises(ConfigError, match="HashedText has no weights to train"):
        build_encoders({"words": words})


class Trunk(Encoder):
    """A convolution and a norm with running statistics, as of an image network."""

    modality, dim, frames_per_second = "audio", 3, None

    def __init__(self):
        super().__init__()
        self.convolution, self.norm, self.out = nn.Conv1d(1, 3, 100, 50), nn.BatchNorm1d(3), nn.Linear(3, 3)

    def fingerprint(self):
        return Fingerprint({"class": "Trunk"})

    def forward(self, inputs):
        hidden = [self.norm(self.convolution(clip[None, None])) for clip in inputs]
        return pad_frames([self.out(one[0].T) for one in hidden])


def test_statistics_of_frozen_norms_stay():
    trunk = Trunk()
    trunk.set_training(Training("lora", lora=Lora(rank=1, targets=["out"])))
    trunk.train()
    assert (trunk.out.training, trunk.norm.training) == (True, False)
    trunk(CLIPS)
    assert not trunk.norm.running_mean.any()
    learning = Trunk()
    learning.set_training(Training("all"))
    learning.train()(CLIPS)
    assert learning.norm.running_mean.any()
