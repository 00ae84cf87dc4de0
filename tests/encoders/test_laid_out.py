"""Clips one behind the other: the same frames as alone, whatever is chosen, masked or computed twice."""

import pytest
import torch

from vibespeaker.encoders import SpeechEncoder
from vibespeaker.encoders.masking import Masking
from vibespeaker.encoders.training import Training

GROUP_NORM = ("wavlm-base", "wav2vec2-base")
SAMPLES = (8_000, 400, 21_111, 5)


@pytest.fixture(scope="module")
def clips():
    torch.manual_seed(3)
    return [torch.randn(samples) * 0.1 for samples in SAMPLES]


def _each(encoder, clips, seeds=None):
    """Return the frames of clips, heard together and one by one."""
    encoder.mask_seeds = seeds
    together = encoder(clips)
    apart = []
    for row, clip in enumerate(clips):
        encoder.mask_seeds = None if seeds is None else seeds[row : row + 1]
        apart.append(encoder([clip]).values[0])
    return [together.values[row, : len(frames)] for row, frames in enumerate(apart)], apart


@pytest.mark.parametrize("kind", GROUP_NORM)
@pytest.mark.parametrize("layer", [None, [0, 1, -1]])
def test_frames_are_those_of_the_clip_alone(tiny_checkpoint, clips, kind, layer):
    encoder = SpeechEncoder(str(tiny_checkpoint(kind)), layer=layer, join="side_by_side", window_seconds=1.0)
    seen = []
    encoder.network.encoder.register_forward_pre_hook(lambda module, given: seen.append(tuple(given[0].shape[:2])))
    together, apart = _each(encoder, clips)
    frames = [encoder.frame_count(samples) for samples in SAMPLES]
    assert seen[0] == (1, sum(frames))  # one row without padding, the long clip in two windows
    for ours, alone in zip(together, apart, strict=True):
        torch.testing.assert_close(ours, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", GROUP_NORM)
def test_masks_are_those_of_the_clip_alone(tiny_checkpoint, clips, kind):
    encoder = SpeechEncoder(str(tiny_checkpoint(kind)))
    encoder.masking = Masking(time_masks=3, time_share=0.2)
    plain = encoder(clips).values
    together, apart = _each(encoder, clips, [5, 6, 7, 8])
    assert not torch.allclose(together[2], plain[2], atol=1e-3)
    for ours, alone in zip(together, apart, strict=True):
        torch.testing.assert_close(ours, alone, rtol=0, atol=1e-5)


def test_layers_that_are_computed_twice_have_rows_of_their_own(tiny_checkpoint, clips):
    gradients = []
    for twice in (False, True):
        encoder = SpeechEncoder(str(tiny_checkpoint("wavlm-base")))
        encoder.set_training(Training("all", gradient_checkpointing=twice))
        encoder.train()
        for module in encoder.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
            elif isinstance(getattr(module, "dropout", None), float):
                module.dropout = 0.0
        first, second = encoder(clips[:2]).values.square().sum(), encoder(clips[2:]).values.square().sum()
        (first + second).backward()
        gradients.append({name: weight.grad for name, weight in encoder.named_parameters() if weight.requires_grad})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], rtol=1e-4, atol=1e-3, msg=name)
