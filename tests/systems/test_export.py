"""Exported heads say what their network says, for any batch and any length, in torch and in ONNX."""

from pathlib import Path

import pytest
import torch

from tests.systems.trained import batch, write
from vibespeaker.batch import EmotionBatch
from vibespeaker.errors import ConfigError
from vibespeaker.labels import LabelSet
from vibespeaker.models import (
    EmotionModel,
    FisherVectors,
    LateFusion,
    MultiEncoderModel,
    NormedPooling,
    Ridge,
    VoiceEmbedding,
)
from vibespeaker.models.pooling import AttentiveStatisticsPooling
from vibespeaker.provenance import EncoderProvenance, Provenance
from vibespeaker.systems import TrainedModel
from vibespeaker.systems.export import export_head, write_onnx

DIMS = {"hear": 6, "read": 4}
SMALL = {"projection_dim": 8, "lstm_dim": 10}


def voice(dim: int) -> VoiceEmbedding:
    return VoiceEmbedding(dim, channels=8, aggregated=8, squeeze_dim=4, attention_dim=4)


def plain_attention(dim: int) -> AttentiveStatisticsPooling:
    return AttentiveStatisticsPooling(dim, 4, per_channel=False, global_context=False, batch_norm=False)


NETWORKS = {
    "published": lambda: MultiEncoderModel(DIMS, 3, **SMALL),
    "embedded": lambda: LateFusion(
        DIMS,
        3,
        poolings={"hear": lambda dim: NormedPooling(dim, voice), "read": plain_attention},
        encoders=["read", "hear"],
        heads=["attributes"],
    ),
    "fisher": lambda: LateFusion(
        DIMS, 3, poolings={"hear": lambda dim: FisherVectors(dim, 3), "read": plain_attention}, ridge={"hear": Ridge()}
    ),
}


#: Parts of names of what a network divides by or takes the root of.
POSITIVE = ("running_var", "mixtures")


def system(network: EmotionModel) -> TrainedModel:
    """The network with random weights, batch norm's statistics included."""
    generator = torch.Generator().manual_seed(0)
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            values = torch.randn(tensor.shape, generator=generator) * 0.3
            tensor.copy_(values.abs() + 0.5 if any(word in name for word in POSITIVE) else values)
    encoders = {name: EncoderProvenance(dim, "audio", {}, {}) for name, dim in DIMS.items()}
    return TrainedModel(network.eval(), Provenance("three", ("anger", "fear", "neutral"), encoders))


def inputs(batch: EmotionBatch, names: tuple[str, ...]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    frames = {name: batch.frames[name] for name in names}
    return {n: f.values for n, f in frames.items()}, {n: f.lengths for n, f in frames.items()}


def expected(system: TrainedModel, given: EmotionBatch) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        answer = system.answer(given)
    heads = {"logits": answer.logits, "attributes": answer.attributes}
    return {name: head for name, head in heads.items() if head is not None}


BATCHES = [batch(DIMS, lengths) for lengths in ((1,), (5, 1), (30, 2, 17, 30, 9))]


@pytest.mark.parametrize("name", NETWORKS)
def test_heads_in_torch(name: str) -> None:
    trained = system(NETWORKS[name]())
    exported = export_head(trained).module()
    for given in BATCHES:
        found = exported(*inputs(given, trained.network.encoders))
        for head, tensor in expected(trained, given).items():
            torch.testing.assert_close(found[head], tensor, rtol=1e-5, atol=1e-5)
    assert len({tuple(expected(trained, given)["attributes"][0].tolist()) for given in BATCHES}) > 1


@pytest.mark.slow
def test_heads_in_onnx(tmp_path: Path) -> None:
    import onnxruntime

    trained = system(NETWORKS["published"]())
    names = trained.network.encoders
    write_onnx(trained, tmp_path / "head.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "head.onnx")
    assert [given.name for given in session.get_inputs()] == [*names, *(f"{name}.lengths" for name in names)]
    for given in BATCHES:
        wanted = expected(trained, given)
        values, lengths = inputs(given, names)
        feed = {**values, **{f"{name}.lengths": tensor for name, tensor in lengths.items()}}
        onnx = session.run(list(wanted), {name: tensor.numpy() for name, tensor in feed.items()})
        for tensor, other in zip(wanted.values(), onnx, strict=True):
            torch.testing.assert_close(torch.from_numpy(other), tensor, rtol=1e-5, atol=1e-5)


def test_a_checkpoint_answers_in_the_classes_it_was_restricted_to(tmp_path: Path) -> None:
    trained = TrainedModel.from_checkpoint(write(tmp_path / "best.ckpt"))
    trained.restrict_classes(LabelSet("two", ("neutral", "anger")))
    given = batch(trained.provenance.encoder_dims)
    found = export_head(trained).module()(*inputs(given, trained.network.encoders))
    torch.testing.assert_close(found["logits"], expected(trained, given)["logits"], rtol=1e-5, atol=1e-5)


class Counting(LateFusion):
    """A network whose steps depend on values."""

    def forward(self, frames):
        if int(frames["hear"].lengths.max()) > 3:
            return super().forward(frames)
        return super().forward({name: frames[name] for name in reversed(frames)})


def test_a_network_that_looks_at_values_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be exported: Counting takes steps that depend on its input"):
        export_head(system(Counting(DIMS, 3)))
