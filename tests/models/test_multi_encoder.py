"""The whole model: published sizes, invariance to padding and batch, what configs can make of it, errors."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from jsonargparse import ArgumentParser

from tests.models.conftest import Widened, make_frames, spoil_padding
from vibespeaker.batch import EmotionOutput, Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models import (
    AttentiveStatisticsPooling,
    ConcatenationFusion,
    CrossAttention,
    EmotionModel,
    FrameMasking,
    GatedFusion,
    LSTMFusion,
    MeanFusion,
    MeanPooling,
    MultiEncoderModel,
)

DIMS = {"audio": 6, "words": 4}
SMALL = {"projection_dim": 8, "lstm_dim": 10}


VARIANTS = {
    "published": {},
    "mean pooling": {"pooling": MeanPooling},
    "frame network": {"frame_network": Widened},
    "concatenation": {"fusion": lambda dim, encoders: ConcatenationFusion(dim, encoders, hidden_dim=7, layers=2)},
    "mean": {"fusion": MeanFusion},
    "gated": {"fusion": lambda dim, encoders: GatedFusion(dim, encoders, hidden_dim=7)},
    "cross-attention": {"cross_attention": lambda dims: CrossAttention(dims, attention_dim=6, heads=2)},
    "one encoder": {"encoders": ["words"]},
}


def _model(**settings) -> MultiEncoderModel:
    torch.manual_seed(0)
    return MultiEncoderModel(DIMS, 8, **(SMALL | settings)).eval()


def _batch(audio, words, **settings) -> dict[str, Frames]:
    return {"audio": make_frames(audio, 6, seed=1, **settings), "words": make_frames(words, 4, seed=2, **settings)}


def _assert_same(one: EmotionOutput, other: EmotionOutput) -> None:
    torch.testing.assert_close(one.logits, other.logits)
    torch.testing.assert_close(one.attributes, other.attributes)


def test_published_sizes():
    with torch.device("meta"):
        model = MultiEncoderModel({"whisper": 1280, "wavlm": 1024, "roberta": 1024}, 8)
    lstm = sum(parameter.numel() for parameter in model.fusion.parameters())
    # 4 gates · 2048 · (inputs + 2048 recurrent + 2 biases), inputs 1028 and 2048: the source's "about 60M"
    assert lstm == 4 * 2048 * (1028 + 2048 + 2) + 4 * 2048 * (2048 + 2048 + 2) == 58_785_792
    assert isinstance(model.fusion, LSTMFusion)
    assert [projection.in_features for projection in model.projections] == [2560, 2048, 2048]
    assert {projection.out_features for projection in model.projections} == {1028}
    assert model.head.linear.weight.shape == (11, 2048)
    assert sum(parameter.numel() for parameter in model.parameters()) == 67_360_927


def test_outputs_have_their_shapes_types_and_range():
    model = _model()
    with torch.no_grad():
        model.head.linear.weight *= 100  # saturate the sigmoid
    output = model(_batch([5, 3, 1], [2, 7, 1]))
    assert output.logits.shape == (3, 8)
    assert output.attributes.shape == (3, 3)
    assert output.logits.dtype == output.attributes.dtype == torch.float32
    assert ((output.attributes >= 1) & (output.attributes <= 7)).all()


def test_attributes_start_at_the_centre_of_a_scaled_sigmoid():
    model = _model()
    torch.nn.init.zeros_(model.head.linear.weight)
    torch.nn.init.zeros_(model.head.linear.bias)
    model.head.linear.bias.data[8:] = torch.tensor([0.0, torch.log(torch.tensor(3.0)), -50.0])
    output = model(_batch([2], [2]))
    torch.testing.assert_close(output.attributes, torch.tensor([[4.0, 5.5, 1.0]]))  # 1 + 6 · (½, ¾, 0)
    torch.testing.assert_close(output.logits, torch.zeros(1, 8))


@pytest.mark.parametrize("variant", VARIANTS)
@given(
    st.lists(st.tuples(st.integers(1, 7), st.integers(1, 7)), min_size=1, max_size=4),
    st.integers(0, 4),
    st.sampled_from([-1e4, float("nan")]),
)
def test_padding_changes_nothing(variant, lengths, extra, garbage):
    model = _model(**VARIANTS[variant])
    batch = _batch(*zip(*lengths, strict=True))
    spoilt = {name: spoil_padding(frames, extra, garbage) for name, frames in batch.items()}
    _assert_same(model(spoilt), model(batch))


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_utterance_does_not_see_its_neighbours(variant):
    model = _model(**VARIANTS[variant])
    batch = _batch([5, 1, 3], [2, 6, 1])
    together = model(batch)
    for i in range(3):
        alone = {name: Frames(f.values[i : i + 1, : f.lengths[i]], f.lengths[i : i + 1]) for name, f in batch.items()}
        _assert_same(model(alone), EmotionOutput(together.logits[i : i + 1], together.attributes[i : i + 1]))
    order = [2, 0, 1]
    turned = model({name: Frames(f.values[order], f.lengths[order]) for name, f in batch.items()})
    _assert_same(turned, EmotionOutput(together.logits[order], together.attributes[order]))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("size", [1, 2])
def test_one_frame_trains(variant, size):
    model = _model(**VARIANTS[variant]).train()
    output = model(_batch([1] * size, [1] * size))
    (output.logits.square().sum() + output.attributes.sum()).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    assert model.head.linear.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("variant", ["published", "gated", "cross-attention"])
def test_every_parameter_learns(variant):
    model = _model(frame_network=Widened, **VARIANTS[variant]).train()
    output = model(_batch([9, 5, 7], [6, 3, 4]))
    (output.logits.square().sum() + output.attributes.square().sum()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize("autocast", [False, True])
def test_bf16_frames_from_a_cache_are_accepted(autocast):
    model = _model()
    batch = _batch([5, 2], [3, 4], dtype=torch.bfloat16)
    full = {name: Frames(frames.values.float(), frames.lengths) for name, frames in batch.items()}
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        output = model(batch)
    assert output.logits.dtype == output.attributes.dtype == torch.float32
    reference = model(full)
    tolerance = 0.02 if autocast else 1e-6
    torch.testing.assert_close(output.logits, reference.logits, rtol=0, atol=tolerance)
    torch.testing.assert_close(output.attributes, reference.attributes, rtol=0, atol=3 * tolerance)


def test_order_of_encoders_is_that_of_the_sequence():
    batch = _batch([3], [2])
    model, other = _model(), _model(encoders=["words", "audio"])
    assert model.encoders == ("audio", "words")
    assert other.encoders == ("words", "audio")
    state = model.state_dict()
    swapped = {
        name.replace(".0.", ".x.").replace(".1.", ".0.").replace(".x.", ".1.") if "fusion" not in name else name: value
        for name, value in state.items()
    }
    other.load_state_dict(swapped)
    assert not torch.allclose(model(batch).logits, other(batch).logits)
    # and the sequence is what the LSTM sees: the last encoder weighs on the output through one step only
    stack = torch.randn(1, 2, 8)
    torch.testing.assert_close(model.fusion(stack), model.fusion.lstm(stack)[1][0][-1])


def test_unread_encoders_are_ignored():
    model = _model(encoders=["words"])
    batch = _batch([3], [2])
    _assert_same(model(batch), model({"words": batch["words"]}))


@pytest.mark.parametrize(
    ("heads", "logits", "attributes"),
    [(["categories"], True, False), (["attributes"], False, True), (["attributes", "categories"], True, True)],
)
def test_heads_are_a_choice(heads, logits, attributes):
    model = _model(heads=heads)
    output = model(_batch([3], [2]))
    assert (output.logits is not None, output.attributes is not None) == (logits, attributes)
    assert set(model.heads) == set(heads)


def test_encoder_dropout_drops_whole_embeddings_but_never_all():
    model = _model(encoder_dropout=0.6).train()
    torch.manual_seed(0)
    kept = model._drop_encoders(torch.ones(2000, 2, 8))
    assert (kept == kept[:, :, :1]).all()
    share = kept[:, :, 0]
    assert (share.sum(1) >= 1).all()
    # both kept: 0.4², else exactly one
    assert (share.sum(1) == 2).float().mean().item() == pytest.approx(0.16, abs=0.03)
    model.eval()
    assert torch.equal(model._drop_encoders(torch.ones(5, 2, 8)), torch.ones(5, 2, 8))


def test_frame_networks_by_encoder():
    model = _model(frame_networks={"audio": Widened})
    assert [network.output_dim for network in model.frame_networks] == [5, 4]
    assert [projection.in_features for projection in model.projections] == [10, 8]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoders": ["audio", "video"]}, r"encoder without frames\. Found: video\. Allowed: audio, words\. Remedy"),
        ({"encoders": ["audio", "audio"]}, "names an encoder twice"),
        ({"encoders": []}, "at least one encoder"),
        (
            {"heads": ["valence"]},
            r"heads are chosen among two\. Found: \['valence'\]\. Allowed: categories, attributes",
        ),
        ({"frame_networks": {"video": Widened}}, r"Found: \['video'\]\. Allowed: audio, words"),
        ({"cross_attention": CrossAttention, "encoders": ["words"]}, r"attend to others.*Found: words alone"),
        ({"cross_attention": lambda dims: CrossAttention(dims, attends={"audio": ["video"]})}, r"Found: \['video'\]"),
        ({"cross_attention": lambda dims: CrossAttention(dims, attends={"audio": ["audio"]})}, "attends to itself"),
        ({"cross_attention": lambda dims: CrossAttention(dims, heads=3)}, "heads do not divide attention_dim"),
        ({"dropout": 1.0}, r"dropout is out of range\. Found: 1\.0"),
        ({"encoder_dropout": -0.1}, "encoder_dropout is out of range"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        _model(**settings)


def test_frames_of_another_cache_are_refused():
    model = _model()
    batch = _batch([3], [2])
    with pytest.raises(ConfigError, match="reads 4-dimensional frames of encoder 'words'"):
        model({"audio": batch["audio"]})
    with pytest.raises(ConfigError, match=r"6-dimensional frames of encoder 'audio'\. Found: \{'audio': 4"):
        model({"audio": batch["words"], "words": batch["words"]})


class _Owner:
    """Stands for the task, which takes the model as a callable.

    Args:
        model: from encoder widths and classes to a model.
    """

    def __init__(self, model) -> None:
        self.model = model


def _from_config(config: dict) -> MultiEncoderModel:
    from collections.abc import Callable, Mapping

    _Owner.__init__.__annotations__["model"] = Callable[[Mapping[str, int], int], EmotionModel]
    parser = ArgumentParser()
    parser.add_class_arguments(_Owner, "owner")
    owner = parser.instantiate(parser.parse_object({"owner": {"model": config}})).owner
    return owner.model(DIMS, 8)


def test_a_config_fills_every_argument():
    models = "vibespeaker.models."
    model = _from_config(
        {
            "class_path": models + "MultiEncoderModel",
            "init_args": {
                "projection_dim": 8,
                "dropout": 0.1,
                "encoder_dropout": 0.2,
                "encoders": ["words", "audio"],
                "heads": ["categories"],
                "pooling": {
                    "class_path": models + "AttentiveStatisticsPooling",
                    "init_args": {"attention_dim": 3, "per_channel": False, "batch_norm": False},
                },
                "fusion": {"class_path": models + "ConcatenationFusion", "init_args": {"hidden_dim": 7}},
                "frame_networks": {
                    "audio": {
                        "class_path": "tests.models.conftest.Widened",
                    }
                },
            },
        }
    )
    assert model.encoders == ("words", "audio")
    assert model.heads == ("categories",)
    assert isinstance(model.fusion, ConcatenationFusion)
    assert isinstance(model.poolings[0], AttentiveStatisticsPooling)
    assert model.poolings[0].score.weight.shape == (1, 3)
    assert isinstance(model.frame_networks[1], Widened)
    assert model(_batch([3], [2])).logits.shape == (1, 8)


def test_one_frame_network_for_all_from_a_config():
    model = _from_config(
        {
            "class_path": "vibespeaker.models.MultiEncoderModel",
            "init_args": SMALL | {"frame_network": {"class_path": "vibespeaker.models.FrameMasking"}},
        }
    )
    assert [type(network) for network in model.frame_networks] == [FrameMasking, FrameMasking]
