"""The packed sums against the plain padded ones, and against finite differences."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.models.conftest import make_frames
from vibespeaker.models import packed as packed_sums
from vibespeaker.models.packed import (
    attend,
    attend_padded,
    moments,
    moments_padded,
    project,
    project_padded,
)
from vibespeaker.models.pooling import AttentiveStatisticsPooling
from vibespeaker.models.products import product, transposed_product

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@pytest.fixture(scope="module", autouse=True)
def _utterance_by_utterance():
    """Walk over the utterances, however few values they have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_sums, "FEWEST_VALUES", 0)
        yield


def _inputs(lengths, channels, seed=0):
    frames = make_frames(lengths, dim=5, padding=2, seed=seed)
    generator = torch.Generator().manual_seed(seed + 1)
    hidden = torch.randn(sum(lengths), 3, generator=generator)
    weight = torch.randn(channels, 3, generator=generator)
    first = torch.randn(3, 5, generator=generator)
    return frames.values.double(), hidden.double(), weight.double(), first.double(), frames.lengths


def _offset(lengths):
    return torch.randn(len(lengths), 3, generator=torch.Generator().manual_seed(4)).double()


def _with_gradients(function, inputs):
    inputs = [tensor.clone().requires_grad_() for tensor in inputs]
    outputs = function(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    generator = torch.Generator().manual_seed(9)
    weights = [torch.randn(output.shape, generator=generator, dtype=output.dtype) for output in outputs]
    sum((weight * output).sum() for weight, output in zip(weights, outputs, strict=True)).backward()
    return [output.detach() for output in outputs], [tensor.grad for tensor in inputs]


@given(LENGTHS, st.sampled_from([1, 5]))
def test_attend_equals_the_plain_version(lengths, channels):
    values, hidden, weight, _, lengths = _inputs(lengths, channels)
    packed = _with_gradients(lambda *tensors: attend(*tensors, lengths), (values, hidden, weight))
    mask = torch.arange(values.shape[1]) < lengths[:, None]

    def plain_attend(values, hidden, weight):
        # anything may stand in the padding
        padded = torch.full((*mask.shape, 3), 7.0, dtype=hidden.dtype).masked_scatter(mask[:, :, None], hidden)
        return attend_padded(values, padded, weight, lengths)

    plain = _with_gradients(plain_attend, (values, hidden, weight))
    torch.testing.assert_close(packed, plain)


@given(LENGTHS)
def test_moments_equal_the_plain_version(lengths):
    values, _, _, _, lengths = _inputs(lengths, 1)
    packed = _with_gradients(lambda x: moments(x, lengths, torch.float64), (values,))
    plain = _with_gradients(lambda x: moments_padded(x, lengths, torch.float64), (values,))
    torch.testing.assert_close(packed, plain)


@given(LENGTHS)
def test_projection_equals_the_plain_version(lengths):
    values, _, _, first, lengths = _inputs(lengths, 1)
    inputs = (values, first, _offset(lengths))
    packed = _with_gradients(lambda x, w, o: project(x, w, o, lengths), inputs)
    mask = torch.arange(values.shape[1]) < lengths[:, None]
    plain = _with_gradients(lambda x, w, o: project_padded(x, w, o, lengths)[mask], inputs)
    torch.testing.assert_close(packed, plain)


@pytest.mark.parametrize("channels", [1, 5])
def test_gradients_agree_with_finite_differences(channels):
    values, hidden, weight, first, lengths = _inputs([4, 1, 3], channels)
    values, hidden, weight, first, offset = (
        tensor.requires_grad_() for tensor in (values, hidden, weight, first, _offset(lengths))
    )
    assert torch.autograd.gradcheck(lambda *tensors: attend(*tensors, lengths), (values, hidden, weight))
    assert torch.autograd.gradcheck(lambda *tensors: project(*tensors, lengths), (values, first, offset))
    assert torch.autograd.gradcheck(lambda tensor: moments(tensor, lengths, torch.float64), (values,))


def test_moments_by_hand():
    values = torch.tensor([[[1.0, 2.0], [3.0, 2.0], [9.0, 9.0]]])
    mean, variance = moments(values, torch.tensor([2]), torch.float32)
    assert mean.tolist() == [[2.0, 2.0]]
    assert variance.tolist() == [[1.0, 0.0]]


def test_attend_by_hand():
    # scores log 3 and 0: weights 3/4 and 1/4; x = 0, 4: mean 1, variance 3/4·1 + 1/4·9 = 3
    values = torch.tensor([[[0.0], [4.0]]])
    hidden = torch.tensor([[1.0], [0.0]])
    mean, variance = attend(values, hidden, torch.log(torch.tensor([[3.0]])), torch.tensor([2]))
    torch.testing.assert_close(mean, torch.tensor([[1.0]]))
    torch.testing.assert_close(variance, torch.tensor([[3.0]]))


def test_huge_scores_do_not_overflow():
    values, hidden, weight, _, lengths = _inputs([5, 2], 5)
    mean, variance = attend(values.float(), hidden.float(), 1e4 * weight.float(), lengths)
    assert mean.isfinite().all()
    assert variance.isfinite().all()


def test_frozen_values_get_no_gradient():
    values, hidden, weight, _, lengths = _inputs([3, 2], 5)
    weight.requires_grad_()
    attend(values, hidden, weight, lengths)[0].sum().backward()
    assert values.grad is None
    assert weight.grad is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("rows", [1, 7, 16, 33])
def test_products(dtype, rows):
    left = torch.randn(rows, 5).to(dtype).requires_grad_()
    right = torch.randn(5, 3).to(dtype)
    tolerance = 2e-2 if dtype == torch.bfloat16 else 1e-5
    for matrix in (right, right.t().contiguous().t()):
        result = product(left, matrix)
        assert result.dtype == dtype
        assert not result.requires_grad
        expected = left.detach().double() @ right.double()
        torch.testing.assert_close(result.double(), expected, rtol=tolerance, atol=tolerance)
    other = torch.randn(rows, 4).to(dtype)
    expected = left.detach().double().t() @ other.double()
    torch.testing.assert_close(
        transposed_product(left, other).double(), expected, rtol=10 * tolerance, atol=10 * tolerance
    )


@pytest.mark.slow
# the compiler looks at .grad of what the packed sums return and hides the warning, but not from an error filter
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_compiled_equals_eager():
    torch.manual_seed(0)
    pooling = AttentiveStatisticsPooling(6, 4).eval()
    compiled = torch.compile(pooling, backend="aot_eager")
    for lengths in ([4, 2], [7, 1, 3]):
        frames = make_frames(lengths, 6)
        torch.testing.assert_close(compiled(frames), pooling(frames))
        gradients = []
        for module in (compiled, pooling):
            pooling.zero_grad()
            module(frames).square().sum().backward()
            gradients.append([parameter.grad.clone() for parameter in pooling.parameters()])
        torch.testing.assert_close(*gradients)
