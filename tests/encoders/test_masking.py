"""Masks on what transformers read: of each utterance the same in any batch, in training alone."""

from dataclasses import replace

import pytest
import torch

from tests.encoders.test_training import CLIPS, TEXTS, made
from vibespeaker.batch import EmotionBatch
from vibespeaker.encoders.masking import Masking, stretches
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.errors import ConfigError
from vibespeaker.models.live import LiveEncoders

MASKING = {"time_masks": 2, "time_share": 0.3, "channel_masks": 1, "channel_share": 0.3}


@pytest.mark.parametrize("name", ["wavlm-base", "whisper", "roberta"])
def test_masks_follow_from_the_seed_of_an_utterance(tiny_checkpoint, name):
    encoder = made(tiny_checkpoint, name).eval()
    inputs = TEXTS if encoder.modality == "text" else CLIPS
    plain = encoder(inputs)
    encoder.masking = Masking(**MASKING)
    torch.testing.assert_close(encoder(inputs).values, plain.values, rtol=0, atol=0)
    encoder.mask_seeds = [3, 4]
    first = encoder(inputs)
    encoder.mask_seeds = [4, 3]
    turned = encoder(inputs[::-1])
    for row, count in enumerate(first.lengths.tolist()):
        torch.testing.assert_close(first.values[row, :count], turned.values[1 - row, :count], rtol=1e-4, atol=2e-5)
    assert not torch.allclose(first.values, plain.values, atol=1e-3)
    encoder.mask_seeds = [5, 6]
    assert not torch.allclose(encoder(inputs).values, first.values, atol=1e-3)


def test_stretches_stay_within_their_rows():
    draws = torch.rand(2, 3, 2, 1, generator=torch.Generator().manual_seed(0))
    masked = stretches(torch.tensor([10, 4, 1]), 12, 0.3, draws)
    assert not masked[1, 4:].any()
    assert not masked[2].any()
    assert 0 < int(masked[0].sum()) <= 6


def test_live_encoders_mask_by_run_epoch_and_row(tiny_checkpoint):
    spec = {"class_path": "SpeechEncoder", "init_args": {"checkpoint": str(tiny_checkpoint("wavlm"))}}
    live = LiveEncoders({"wavlm": {**spec, "masking": MASKING}})
    batch = replace(EmotionBatch.of_inputs(tuple(CLIPS), ("", "")), rows=torch.tensor([7, 9]))

    def heard(epoch: int | None, one: EmotionBatch = batch) -> torch.Tensor:
        live.draw = None if epoch is None else (1, epoch)
        return live(one)["wavlm"].values

    plain, first = heard(None), heard(0)
    assert not torch.allclose(first, plain, atol=1e-3)
    torch.testing.assert_close(heard(0), first, rtol=0, atol=0)
    assert not torch.allclose(heard(1), first, atol=1e-3)
    alone = heard(0, replace(batch, rows=batch.rows[1:], audio=batch.audio[1:]))
    torch.testing.assert_close(alone[0], first[1, : alone.shape[1]], rtol=1e-4, atol=2e-5)
    live.eval()
    torch.testing.assert_close(heard(0), plain, rtol=0, atol=0)


def test_masks_that_cannot_be_are_one_sentence(tiny_checkpoint):
    spec = {"class_path": "SpeechEncoder", "init_args": {"checkpoint": str(tiny_checkpoint("wavlm"))}}
    with pytest.raises(ConfigError, match=r"masking has unknown keys\. Found: width"):
        build_encoders({"wavlm": {**spec, "masking": {"width": 1}}})
    with pytest.raises(ConfigError, match="time masks could cover everything"):
        build_encoders({"wavlm": {**spec, "masking": {"time_masks": 4, "time_share": 0.25}}})
    with pytest.raises(ConfigError, match="has no transformer whose input could be masked"):
        build_encoders({"words": {"class_path": "HashedText", "init_args": {"dim": 8}, "masking": {}}})
