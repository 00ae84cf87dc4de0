"""SpeechBrain's masks of waveforms: notches and stretches of silence, where SpecAugment masks a spectrogram."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from vibespeaker.audio.augmentation.recipe import AugmentationRecipe
from vibespeaker.audio.speechbrain_modules import speechbrain_module
from vibespeaker.utterance import SAMPLE_RATE

Waveform = npt.NDArray[np.float32]


def dropping_steps(recipe: AugmentationRecipe) -> list[Callable[[Waveform], Waveform]]:
    """Return the steps of a recipe that drop something; SpeechBrain is imported only if there are any."""
    steps: list[Callable[[Waveform], Waveform]] = []
    frequencies, chunks = recipe.dropped_frequencies, recipe.dropped_chunks
    if frequencies.probability:
        notch = speechbrain_module("speechbrain.augment.time_domain").DropFreq(
            drop_freq_count_low=frequencies.min_count,
            drop_freq_count_high=frequencies.max_count,
            drop_freq_width=frequencies.width,
        )
        steps.append(_Drop(notch, frequencies.probability))
    if chunks.probability:
        silence = speechbrain_module("speechbrain.augment.time_domain").DropChunk(
            drop_length_low=round(chunks.min_seconds * SAMPLE_RATE),
            drop_length_high=round(chunks.max_seconds * SAMPLE_RATE),
            drop_count_low=chunks.min_count,
            drop_count_high=chunks.max_count,
        )
        steps.append(_Drop(silence, chunks.probability, takes_lengths=True))
    return steps


class _Drop:
    """A module of SpeechBrain, which draws from torch's global generator: seeded for one call, and put back."""

    def __init__(self, module: Any, probability: float, takes_lengths: bool = False) -> None:
        self._module, self._probability, self._takes_lengths = module, probability, takes_lengths

    def __call__(self, waveform: Waveform) -> Waveform:
        import torch

        if random.random() >= self._probability:
            return waveform
        seed = random.getrandbits(63)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            samples = torch.from_numpy(waveform)[None]
            dropped: Waveform = self._module(samples, *((torch.ones(1),) if self._takes_lengths else ()))[0].numpy()
        return dropped
