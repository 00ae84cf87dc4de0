"""Pictures of clips and the networks that look at them: sizes, colours, drawn blocks, what is refused."""

import pytest
import torch

from vibespeaker.encoders import ImageEncoder, MelPictures
from vibespeaker.encoders import image_model as home
from vibespeaker.encoders.pictures import _spectrogram, jet, jet_blocks, mel_picture
from vibespeaker.encoders.training import Training
from vibespeaker.errors import ConfigError, EncoderError


def clip(seconds: float, seed: int = 0) -> torch.Tensor:
    return torch.randn(int(seconds * 16_000), generator=torch.Generator().manual_seed(seed)) * 0.1


def test_colours_are_those_of_matplotlib() -> None:
    import matplotlib

    shares = torch.linspace(0, 1, 1001)
    expected = torch.tensor(matplotlib.colormaps["jet"](shares.numpy())[:, :3], dtype=torch.float32)
    torch.testing.assert_close(jet(shares), expected, rtol=0, atol=1e-6)


def test_a_block_of_one_second_has_257_frequencies_and_251_times() -> None:
    assert _spectrogram(clip(1.0)[None], 512, 256, 64).shape == (1, 251, 257)
    blocks = jet_blocks(clip(2.5), [0, 16_000], 64)
    assert blocks.shape == (2, 3, 64, 64)
    assert float(blocks.min()) >= 0.0
    assert float(blocks.max()) == pytest.approx(1.0, abs=0.01)
    louder = jet_blocks(3 * clip(2.5), [0, 16_000], 64)
    torch.testing.assert_close(louder, blocks, rtol=0, atol=0.05)


def test_a_tone_is_a_line_at_its_frequency() -> None:
    tone = torch.sin(2 * torch.pi * 1000 * torch.arange(16_000) / 16_000)
    red = jet_blocks(tone, [0], 257)[0, 0]
    assert abs(int(red.mean(1).argmax()) - 32) <= 4  # 1000 Hz of 8000 in 256 bins; the peak itself is darker


def test_mel_pictures_are_standardised_and_of_one_size() -> None:
    encoder = MelPictures(64)
    frames = encoder([clip(0.4), clip(3.0), torch.zeros(100)])
    assert frames.values.shape == (3, 64, 64)
    assert frames.lengths.tolist() == [64] * 3
    whole = mel_picture(clip(3.0), 128)
    assert float(whole.mean()) == pytest.approx(0, abs=0.05)
    assert float(whole.std()) == pytest.approx(1, abs=0.25)
    assert not frames.values[2].any()
    assert encoder.fingerprint() != MelPictures().fingerprint()


@pytest.mark.parametrize(
    ("name", "parameters"), [("resnet18", 11_176_512), ("resnet50", 23_508_032), ("resnet152", 58_143_808)]
)
def test_resnets_have_the_sizes_of_their_names(name: home.Architecture, parameters: int) -> None:
    with torch.device("meta"):
        network = home._random(name)
    assert sum(weight.numel() for weight in network.parameters()) == parameters


def test_outside_training_all_blocks_are_read_up_to_the_most(tiny_checkpoint) -> None:
    folder = str(tiny_checkpoint("mobilenet"))
    encoder = ImageEncoder(checkpoint=folder, picture="blocks", size=32, step_seconds=0.1, most_blocks=5)
    frames = encoder([clip(1.05), clip(1.25, 1), clip(9.0, 2)])
    assert frames.lengths.tolist() == [1, 3, 5]
    torch.testing.assert_close(frames.values[1, :3], encoder([clip(1.25, 1)]).values[0], rtol=1e-4, atol=1e-5)
    starts = encoder._starts(9 * 16_000, 0)
    assert (starts[0], starts[-1]) == (0, 8 * 16_000)


def test_training_draws_as_many_blocks_of_every_clip_by_its_seed(tiny_checkpoint) -> None:
    folder = str(tiny_checkpoint("resnet"))
    encoder = ImageEncoder(checkpoint=folder, picture="blocks", size=32, step_seconds=0.1, drawn_blocks=3)
    encoder.set_training(Training("all"))
    encoder.train()
    encoder.mask_seeds = [7, 8]
    assert encoder([clip(1.0), clip(5.0)]).lengths.tolist() == [3, 3]
    drawn = encoder._starts(80_000, 0), encoder._starts(80_000, 1)
    assert drawn[0] == encoder._starts(80_000, 0) != drawn[1]
    encoder.mask_seeds = [8, 7]
    assert encoder._starts(80_000, 1) == drawn[0]
    encoder([clip(2.0)]).values.sum().backward()
    assert all(weight.grad is not None for weight in encoder.parameters())
    encoder.eval()
    assert len(encoder._starts(80_000, 0)) == 32


def test_a_clip_shorter_than_a_block_is_refused_or_padded(tiny_checkpoint) -> None:
    folder = str(tiny_checkpoint("resnet"))
    with pytest.raises(EncoderError, match=r"shorter than a block of one second. Found: 0\.40 s"):
        ImageEncoder(checkpoint=folder, picture="blocks", size=32)([clip(0.4)])
    assert ImageEncoder(checkpoint=folder, picture="blocks", size=32, short="pad")([clip(0.4)]).lengths.tolist() == [1]


def test_random_weights_are_trained_whole_or_refused() -> None:
    encoder = ImageEncoder(architecture="mobilenet_v2", size=32)
    assert encoder.dim == 1280
    assert encoder.fingerprint() == ImageEncoder(architecture="mobilenet_v2", size=32).fingerprint()
    for training in (Training(), Training("top", 1)):
        with pytest.raises(ConfigError, match="begins with random weights"):
            encoder.set_training(training)
    with pytest.raises(ConfigError, match="either an architecture or a checkpoint"):
        ImageEncoder()
    with pytest.raises(ConfigError, match="unknown picture"):
        ImageEncoder(architecture="resnet18", picture="photo")
