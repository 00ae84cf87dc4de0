"""Clips of unequal length together in models whose first convolution normalises over all of a clip.

The group norm of base models (WavLM-base, HuBERT-base, wav2vec 2.0 base) takes mean and deviation of a channel over
time, padding included: in a padded batch a clip would have other frames than by itself. So the convolutions, which need
no other clip, run clip by clip, without padding at all, and only their outputs are padded for the transformer, which is
masked: there the weights are, and the batch stays together. Frames differ from those of one clip after the other by
rounding alone.
"""

from collections.abc import Sequence
from types import MethodType
from typing import Any

from torch import Tensor, nn


def convolve_apart(extractor: Any) -> None:
    """Let a feature extractor of transformers run clip by clip where `separate` says how long they are."""
    extractor.clip_samples = None
    extractor.forward = MethodType(_convolve, extractor)


def separate(extractor: Any, samples: Sequence[int] | None) -> None:
    """Say how many samples of each row of the next batch are real; None where all are."""
    extractor.clip_samples = samples


def _convolve(extractor: Any, waveforms: Tensor) -> Tensor:
    """Return `(batch, channels, frames)` of waveforms `(batch, samples)`, padding zero."""
    whole = type(extractor).forward
    if extractor.clip_samples is None:
        return whole(extractor, waveforms)
    clips = zip(waveforms, extractor.clip_samples, strict=True)
    features = [whole(extractor, clip[None, :count])[0].T for clip, count in clips]  # each (frames, channels)
    return nn.utils.rnn.pad_sequence(features, batch_first=True).transpose(1, 2)
