"""Pooling: against SpeechBrain with the same weights, by hand, under padding, bf16 and compilation."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.models.conftest import make_frames, spoil_padding
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models import packed
from vibespeaker.models.pooling import AttentiveStatisticsPooling, MeanPooling, StatisticsPooling
from vibespeaker.models.speechbrain_pooling import (
    SpeechBrainECAPA,
    SpeechBrainPooling,
    from_speechbrain,
    speechbrain_class,
)

DIM, ATTENTION = 6, 4


@pytest.fixture(scope="module", autouse=True, params=[0, packed.FEWEST_VALUES], ids=["packed", "padded"])
def _sums(request):
    """Compute utterance by utterance, and as a padded batch, as utterances of few values are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "FEWEST_VALUES", request.param)
        yield


def _okabe(dim: int) -> AttentiveStatisticsPooling:
    return AttentiveStatisticsPooling(dim, ATTENTION, per_channel=False, global_context=False, batch_norm=False)


KINDS = {
    "ecapa": lambda dim: AttentiveStatisticsPooling(dim, ATTENTION),
    "okabe": _okabe,
    "frame weights with context": lambda dim: AttentiveStatisticsPooling(dim, ATTENTION, per_channel=False),
    "mean": MeanPooling,
    "statistics": StatisticsPooling,
}


def _random_norm(module: torch.nn.Module) -> None:
    """Give batch norm statistics and weights that are not its neutral start."""
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if "norm" in name and tensor.is_floating_point():
            tensor.data.uniform_(0.5, 1.5)


def _speechbrain(global_context: bool) -> torch.nn.Module:
    torch.manual_seed(1)
    pooling = speechbrain_class("AttentiveStatisticsPooling")(DIM, ATTENTION, global_context=global_context)
    _random_norm(pooling)
    return pooling.eval()


@pytest.mark.parametrize("global_context", [True, False])
@pytest.mark.parametrize("lengths", [[n] for n in range(1, 13)] + [[12, 1, 7, 2], [50, 33, 17, 1]])
def test_equals_speechbrain(global_context, lengths):
    theirs = _speechbrain(global_context)
    ours = from_speechbrain(theirs)
    frames = make_frames(lengths, DIM, padding=3)
    ours_in, theirs_in = (frames.values.clone().requires_grad_() for _ in range(2))
    # half a frame less: their relative lengths would otherwise admit a frame of padding by rounding
    relative = (frames.lengths - 0.5) / frames.values.shape[1]
    mine = ours(Frames(ours_in, frames.lengths))
    reference = theirs(theirs_in.transpose(1, 2), relative)[:, :, 0]
    torch.testing.assert_close(mine, reference, rtol=1e-4, atol=1e-6)

    direction = torch.randn(mine.shape, generator=torch.Generator().manual_seed(2))
    for output in (mine, reference):
        (output * direction).sum().backward()
    torch.testing.assert_close(ours_in.grad, theirs_in.grad, rtol=1e-4, atol=1e-5)
    first = theirs.tdnn.conv.conv.weight.grad[:, :, 0]
    pairs = [
        (ours.frame.weight.grad, first[:, :DIM]),
        (ours.frame.bias.grad, theirs.tdnn.conv.conv.bias.grad),
        (ours.norm.weight.grad, theirs.tdnn.norm.norm.weight.grad),
        (ours.norm.bias.grad, theirs.tdnn.norm.norm.bias.grad),
        (ours.score.weight.grad, theirs.conv.conv.weight.grad[:, :, 0]),
    ]
    if global_context:
        pairs.append((ours.context.weight.grad, first[:, DIM:]))
    for own, their in pairs:
        torch.testing.assert_close(own, their, rtol=1e-4, atol=1e-5)


def test_the_bias_left_out_has_no_effect_on_speechbrain():
    theirs = _speechbrain(True)
    frames = make_frames([5, 3], DIM)
    relative = (frames.lengths - 0.5) / 5
    before = theirs(frames.values.transpose(1, 2), relative)
    theirs.conv.conv.bias.data += 3.0
    torch.testing.assert_close(theirs(frames.values.transpose(1, 2), relative), before)


def test_wrapped_speechbrain_equals_ours():
    wrapped = SpeechBrainPooling(DIM, ATTENTION).eval()
    frames = make_frames([5, 1, 4], DIM, padding=3, dtype=torch.bfloat16)
    assert wrapped.output_dim == 2 * DIM
    torch.testing.assert_close(from_speechbrain(wrapped.pooling)(frames), wrapped(frames), rtol=1e-4, atol=1e-6)


def test_okabe_by_hand():
    pooling = _okabe(2)
    with torch.no_grad():
        pooling.frame.weight.zero_()
        pooling.frame.weight[0, 0] = 1.0
        pooling.frame.bias.zero_()
        pooling.score.weight.zero_()
        pooling.score.weight[0, 0] = 2.0
    # scores 2·tanh(first channel): weights are their softmax over the two real frames
    frames = Frames(torch.tensor([[[0.0, 1.0], [1.0, 5.0], [0.0, 0.0]]]), torch.tensor([2]))
    weight = torch.softmax(2 * torch.tanh(torch.tensor([0.0, 1.0])), 0)
    mean = torch.stack((weight[1], weight[0] + 5 * weight[1]))
    deviation = (weight[0] * weight[1]).sqrt() * torch.tensor([1.0, 4.0])
    torch.testing.assert_close(pooling(frames)[0], torch.cat((mean, deviation)))


def test_means_and_deviations_by_hand():
    frames = Frames(torch.tensor([[[1.0], [3.0], [0.0]], [[5.0], [0.0], [0.0]]]), torch.tensor([2, 1]))
    assert MeanPooling(1)(frames).tolist() == [[2.0], [5.0]]
    torch.testing.assert_close(StatisticsPooling(1)(frames), torch.tensor([[2.0, 1.0], [5.0, 1e-6]]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [True, False])
def test_one_frame_gives_itself_and_finite_gradients(kind, training):
    pooling = KINDS[kind](DIM).train(training)
    values = torch.randn(1, 1, DIM).requires_grad_()
    pooled = pooling(Frames(values, torch.tensor([1])))
    torch.testing.assert_close(pooled[:, :DIM], values[:, 0])
    torch.testing.assert_close(pooled[:, DIM:], torch.full_like(pooled[:, DIM:], 1e-6))
    pooled.sum().backward()
    gradients = [values.grad, *(p.grad for p in pooling.parameters() if p.grad is not None)]
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("kind", KINDS)
def test_constant_frames_have_finite_gradients(kind):
    values = torch.full((2, 4, DIM), 3.0).requires_grad_()
    KINDS[kind](DIM)(Frames(values, torch.tensor([4, 2]))).sum().backward()
    assert values.grad.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [True, False])
@given(st.lists(st.integers(1, 8), min_size=1, max_size=4), st.integers(0, 5), st.sampled_from([1e6, float("nan")]))
def test_padding_changes_nothing(kind, training, lengths, extra, garbage):
    torch.manual_seed(0)
    pooling = KINDS[kind](DIM).train(training)
    frames = make_frames(lengths, DIM)
    torch.testing.assert_close(pooling(spoil_padding(frames, extra, garbage)), pooling(frames))


@pytest.mark.parametrize("training", [True, False])
def test_gradients_do_not_see_padding(training):
    torch.manual_seed(0)
    pooling = KINDS["ecapa"](DIM).train(training)
    frames = make_frames([4, 2], DIM)
    gradients = []
    for batch in (frames, spoil_padding(frames, 3, float("nan"))):
        pooling.zero_grad()
        values = batch.values.clone().requires_grad_()
        pooling(Frames(values, batch.lengths)).square().sum().backward()
        assert (values.grad[~batch.mask()] == 0).all()
        gradients.append([values.grad[batch.mask()], *(p.grad.clone() for p in pooling.parameters())])
    torch.testing.assert_close(*gradients)


def test_batch_norm_learns_from_real_frames_only():
    torch.manual_seed(0)
    pooling, other = KINDS["ecapa"](DIM), KINDS["ecapa"](DIM)
    other.load_state_dict(pooling.state_dict())
    frames = make_frames([4, 2], DIM)
    pooling(frames)
    other(spoil_padding(frames, 5, 0.0))
    assert not torch.equal(pooling.norm.running_mean, torch.zeros(ATTENTION))
    torch.testing.assert_close(other.norm.running_mean, pooling.norm.running_mean)
    torch.testing.assert_close(other.norm.running_var, pooling.norm.running_var)


@pytest.mark.parametrize("kind", KINDS)
def test_bf16_frames_are_pooled_in_float32(kind):
    torch.manual_seed(0)
    pooling = KINDS[kind](DIM).eval()
    frames = make_frames([200, 150], DIM, dtype=torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        pooled = pooling(frames)
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(pooled, pooling(Frames(frames.values.float(), frames.lengths)))


def test_weights_in_bf16_still_pool_in_float32():
    torch.manual_seed(0)
    pooling = KINDS["ecapa"](DIM)
    frames = make_frames([30, 20], DIM)
    reference = pooling.eval()(frames)
    pooled = pooling.bfloat16()(frames)
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(pooled, reference, rtol=0.05, atol=0.05)


def test_the_ecapa_of_speechbrain_depends_on_nothing_but_the_utterance():
    torch.manual_seed(0)
    pooling = SpeechBrainECAPA(DIM, channels=16, output_dim=4, attention_dim=4, squeeze_dim=4)
    frames = make_frames([9, 2, 6, 9], DIM)
    assert pooling.train()(frames).shape == (4, 4)
    together = pooling.eval()(spoil_padding(frames, 3, 7.0))
    for row, length in enumerate([9, 2, 6, 9]):
        alone = Frames(frames.values[row : row + 1, :length], frames.lengths[row : row + 1])
        torch.testing.assert_close(pooling(alone)[0], together[row], rtol=1e-4, atol=1e-5)
    reference = pooling.network(frames.values[:1])[0, 0]
    torch.testing.assert_close(together[0], reference, rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match=r"Found: 12. Allowed: multiples of 8"):
        SpeechBrainECAPA(DIM, channels=12)
