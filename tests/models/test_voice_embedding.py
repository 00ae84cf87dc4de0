"""The voice's embedding: padding and batch change nothing, level comes in by the statistics alone."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.models.conftest import make_frames, spoil_padding
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models import FrameMasking, MultiEncoderModel, NormedPooling, StatisticsPooling, VoiceEmbedding


def _embedding(dim: int = 6, **settings) -> VoiceEmbedding:
    torch.manual_seed(0)
    sizes = {"channels": 8, "aggregated": 5, "squeeze_dim": 4, "attention_dim": 4, "dilations": (1, 2)}
    network = VoiceEmbedding(dim, **{**sizes, **settings})
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):  # the usual start, mean 0 and variance 1, would hide the norm
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
            module.bias.data.uniform_(0.5, 1.0)
    return network.eval()


@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 6), st.sampled_from([1e3, float("nan")]))
def test_padding_and_batch_change_nothing(lengths, extra, garbage):
    network = _embedding()
    frames = make_frames(lengths)
    plain = network(frames)
    assert plain.shape == (len(lengths), 2 * 5 + 2 * 6) == (len(lengths), network.output_dim)
    torch.testing.assert_close(network(spoil_padding(frames, extra, garbage)), plain)
    for i, n in enumerate(lengths):
        alone = network(Frames(frames.values[i : i + 1, :n], frames.lengths[i : i + 1]))
        torch.testing.assert_close(alone[0], plain[i])


def test_padding_changes_nothing_while_training():
    frames = make_frames([9, 4, 6])
    plain = _embedding(dropout=0.0).train()
    spoilt = _embedding(dropout=0.0).train()
    torch.testing.assert_close(spoilt(spoil_padding(frames, 5, 1e3)), plain(frames))
    for one, other in zip(plain.buffers(), spoilt.buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_every_real_frame_counts():
    values = make_frames([8]).values.requires_grad_()
    _embedding()(Frames(values, torch.tensor([8]))).square().sum().backward()
    assert (values.grad.abs().sum(-1) > 0).all()


def test_level_comes_in_by_the_statistics_alone():
    frames = make_frames([7, 5])
    louder = Frames(frames.values + 3.0 * frames.mask()[:, :, None], frames.lengths)
    quiet, loud = _embedding()(frames), _embedding()(louder)
    torch.testing.assert_close(quiet[:, :10], loud[:, :10])
    torch.testing.assert_close(quiet[:, 10:16] + 3.0, loud[:, 10:16])  # the descriptors' means
    deaf = _embedding(statistics=False)
    assert deaf.output_dim == 10
    torch.testing.assert_close(deaf(frames), deaf(louder))


def test_stride_1_hears_more():
    frames = make_frames([9])
    assert not torch.allclose(_embedding(stride=1)(frames), _embedding(stride=2)(frames))


def test_masking_runs_while_training():
    def masking(dim: int) -> FrameMasking:
        return FrameMasking(dim, time_share=0.4, channel_share=0.4)

    frames = make_frames([9, 9])
    network = _embedding(masking=masking, dropout=0.0).train()
    assert not torch.allclose(network(frames), network(frames))
    network.eval()
    assert torch.equal(network(frames), network(frames))


@pytest.mark.parametrize(
    ("settings", "reason"), [({"dilations": ()}, "at least one block"), ({"stride": 0}, "stride is out of range")]
)
def test_impossible_sizes_are_refused(settings, reason):
    with pytest.raises(ConfigError, match=reason):
        VoiceEmbedding(6, **settings)


def test_each_encoder_may_have_its_own_pooling():
    def normed(dim: int) -> NormedPooling:
        return NormedPooling(dim, VoiceEmbedding)

    poolings = {"voice": normed, "unread": VoiceEmbedding}
    model = MultiEncoderModel(
        {"words": 4, "voice": 6}, 3, pooling=StatisticsPooling, poolings=poolings, projection_dim=8, lstm_dim=8
    )
    assert [type(pooling) for pooling in model.poolings] == [StatisticsPooling, NormedPooling]
