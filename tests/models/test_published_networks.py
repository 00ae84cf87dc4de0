"""The spectrogram CNN, the BiLSTM and the mean of blocks: published sizes, padding, probabilities by hand."""

import pytest
import torch

from vibespeaker.batch import EmotionBatch, EmotionOutput, Frames
from vibespeaker.errors import ConfigError
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.losses import CrossEntropy, JointCrossEntropy
from vibespeaker.models import BiLSTM, MeanProbability, SpectrogramCNN

GENDER = {"gender": HeadSpec("classification", "gender", ("female", "male"))}


def parameters(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def frames(lengths: list[int], dim: int = 5) -> Frames:
    torch.manual_seed(0)
    values = torch.randn(len(lengths), max(lengths), dim)
    made = Frames(values, torch.tensor(lengths))
    return Frames(values.masked_fill(~made.mask()[:, :, None], 0.0), made.lengths)


def test_sizes_are_the_published_ones() -> None:
    assert parameters(SpectrogramCNN(128)) == 388_800
    assert parameters(BiLSTM(128)) == 659_456
    assert 50_265 * 128 + 659_456 + 256 * 7 + 7 == 7_095_175  # with roberta-base's tokens and seven classes


def test_the_cnn_reads_pictures_of_one_size() -> None:
    network = SpectrogramCNN(16, (3, 4)).eval()
    assert network(frames([16, 16], 16)).shape == (2, 4)
    for wrong in (frames([16, 9], 16), frames([2, 2], 16)):
        with pytest.raises(ConfigError, match="pictures of one size"):
            network(wrong)


def test_the_lstm_never_reads_padding() -> None:
    pooling = BiLSTM(5, 4).eval()
    together = pooling(frames([6, 2, 1]))
    whole = frames([6, 2, 1])
    for row, length in enumerate((6, 2, 1)):
        alone = pooling(Frames(whole.values[row : row + 1, :length], torch.tensor([length])))
        torch.testing.assert_close(together[row : row + 1], alone)


def test_an_utterance_is_the_mean_of_its_blocks_probabilities() -> None:
    network = MeanProbability({"x": 5}, 3, heads=["categories"]).eval()
    given = frames([4, 2])
    logits = network({"x": given}).logits
    each = network.head.linear(given.values).softmax(2)
    torch.testing.assert_close(logits[0].exp(), each[0].mean(0))
    torch.testing.assert_close(logits[1].exp(), each[1, :2].mean(0))


def test_every_block_has_a_loss_of_its_own_in_training() -> None:
    network = MeanProbability({"x": 5}, 3, heads=["categories"]).train()
    output = network({"x": frames([2, 2])})
    assert [member.logits.shape for member in output.members] == [(2, 3)] * 2
    with pytest.raises(ConfigError, match="as many frames of every clip"):
        network({"x": frames([2, 1])})


def test_genders_are_told_apart_in_training_and_summed_up_in_evaluation() -> None:
    network = MeanProbability({"x": 5}, 3, GENDER, joint="gender", heads=["categories"])
    given = frames([2, 2])
    output = network.train()({"x": given})
    assert [member.logits.shape for member in output.members] == [(2, 6)] * 2
    answered = network.eval()({"x": given})
    pairs = network.head.linear(given.values).softmax(2).mean(1).view(2, 3, 2)
    torch.testing.assert_close(answered.logits.exp(), pairs.sum(2))
    torch.testing.assert_close(answered.heads["gender"].exp(), pairs.sum(1))
    with pytest.raises(ConfigError, match="joint names no head"):
        MeanProbability({"x": 5}, 3, GENDER, joint="gender", heads=["attributes"])


def batch(category: list[int], gender: list[int]) -> EmotionBatch:
    size = len(category)
    return EmotionBatch(
        torch.arange(size), torch.tensor(category), torch.zeros(size, 3), torch.zeros(size, 3),
        targets={"gender": torch.tensor(gender)},
    )  # fmt: skip


def test_the_joint_loss_counts_pairs_and_needs_genders() -> None:
    loss = JointCrossEntropy("gender")
    pairs = torch.tensor([[0.0, 0.0, 0.0, 2.0], [1.0, 0.0, 0.0, 0.0]])  # categories 2, genders 2
    output = EmotionOutput(pairs, None, heads={"gender": torch.zeros(2, 2)})
    expected = -(pairs[0].log_softmax(0)[3] + pairs[1].log_softmax(0)[0])
    found = loss.train()(output, batch([1, 0], [1, 0]))
    torch.testing.assert_close(found.numerator, expected)
    assert float(found.denominator) == 2
    marginal = EmotionOutput(torch.tensor([[0.0, 1.0]]), None, heads={"gender": torch.zeros(1, 2)})
    torch.testing.assert_close(
        loss.eval()(marginal, batch([1], [-100])).value, CrossEntropy()(marginal, batch([1], [0])).value
    )
    with pytest.raises(ConfigError, match="gender is unknown"):
        loss.train()(output, batch([1, 0], [1, -100]))
