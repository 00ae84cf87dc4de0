"""Gated fusion and cross-modal attention against their formulas."""

import torch

from tests.models.conftest import make_frames
from vibespeaker.batch import Frames
from vibespeaker.models import CrossAttention, GatedFusion


def test_gated_fusion_is_the_gates_sum_of_transformed_embeddings() -> None:
    torch.manual_seed(0)
    fusion = GatedFusion(4, 3, hidden_dim=5)
    embeddings = torch.randn(2, 3, 4)
    gates = fusion.gates(embeddings)
    torch.testing.assert_close(gates.sum(1), torch.ones(2))
    by_hand = sum(
        gates[:, [e]] * torch.tanh(embeddings[:, e] @ layer.weight.T + layer.bias)
        for e, layer in enumerate(fusion.transforms)
    )
    torch.testing.assert_close(fusion(embeddings), by_hand)
    with torch.no_grad():  # a gate of one leaves the other encoders out
        fusion.scores.weight.zero_()
        fusion.scores.bias.copy_(torch.tensor([0.0, 100.0, 0.0]))
    torch.testing.assert_close(fusion(embeddings), fusion.transforms[1](embeddings[:, 1]).tanh())


def test_cross_attention_is_torchs_multi_head_attention_with_a_residual() -> None:
    torch.manual_seed(0)
    cross = CrossAttention({"hear": 5, "read": 3}, attention_dim=8, heads=2)
    frames = {"hear": make_frames([4, 6], 5, seed=1), "read": make_frames([3, 2], 3, seed=2)}
    found = cross(frames)
    reference = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    ours = cross.attentions[0]
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.keys_values.weight]))
        reference.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.keys_values.bias]))
        reference.out_proj.load_state_dict(ours.output.state_dict())
    own, other = (cross.projections[place](frames[name].values) for place, name in enumerate(("hear", "read")))
    attended, _ = reference(own, other, other, key_padding_mask=~frames["read"].mask())
    expected = ours.norm(own + attended).masked_fill(~frames["hear"].mask()[:, :, None], 0.0)
    torch.testing.assert_close(found["hear"].values, expected)
    assert (found["hear"].lengths.tolist(), found["read"].lengths.tolist()) == ([4, 6], [3, 2])


def test_encoders_attend_to_those_that_are_named() -> None:
    dims = {"hear": 5, "see": 4, "read": 3}
    cross = CrossAttention(dims, attention_dim=8, heads=2, attends={"hear": ["read"]})
    assert cross.output_dims == {"hear": 8, "see": 4, "read": 3}
    assert len(cross.projections) == 2
    frames = {name: make_frames([3, 2], dim) for name, dim in dims.items()}
    found = cross(frames)
    assert found["see"] is frames["see"]
    assert found["read"] is frames["read"]
    changed = {**frames, "see": Frames(frames["see"].values + 1, frames["see"].lengths)}
    torch.testing.assert_close(cross(changed)["hear"].values, found["hear"].values, rtol=0, atol=0)
    changed = {**frames, "read": Frames(frames["read"].values + 1, frames["read"].lengths)}
    assert not torch.allclose(cross(changed)["hear"].values, found["hear"].values)
