"""Augmented views of a recording: noise, reverberation and gain, the same whenever and wherever they are drawn.

A view is a pure function of recipe, recording and view number: all draws come from one seed, the hash of the three.
audiomentations draws from the global generators of `random` and NumPy (its `Gain` from the former only), so both are
seeded for one view and put back afterwards; views are therefore drawn by one thread of a process at a time.
"""

import hashlib
import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve

from vibespeaker.audio.augmentation.dropping import dropping_steps
from vibespeaker.audio.augmentation.recipe import AugmentationRecipe, Noise, Reverberation, Speed, recordings
from vibespeaker.audio.files import read_audio, resample
from vibespeaker.utterance import SAMPLE_RATE

Waveform = npt.NDArray[np.float32]
_Step = Callable[[Waveform], Waveform]

#: Reflections of a higher order are left out: 30 take some 20 ms per clip, and cover the range of `Reverberation`.
_MAX_REFLECTIONS = 30
#: Least and greatest room, metres.
_ROOM = ((3.0, 2.5, 2.4), (8.0, 6.0, 3.5))
_WALL_DISTANCE = 0.5


class Augmentation:
    """Draws views after a recipe.

    Args:
        recipe: what may happen.

    Raises:
        ConfigError: a folder that the recipe names holds no recordings.
    """

    def __init__(self, recipe: AugmentationRecipe) -> None:
        self.recipe = recipe
        self._steps = _steps(recipe)

    def __reduce__(self) -> tuple[type["Augmentation"], tuple[AugmentationRecipe]]:
        return Augmentation, (self.recipe,)

    def view(self, waveform: Waveform, content: bytes, view: int) -> Waveform:
        """Return one augmented view.

        Args:
            waveform: `(samples,)` at 16 kHz, left as it is.
            content: what identifies the recording, e.g. the SHA-256 of its file.
            view: 1 or more; 0 stands for the clean recording.

        Returns:
            `(samples,)`, or another length when the recipe changes tempo; not clipped to ±1.
        """
        with _seeded(self.recipe.seed, content, view), warnings.catch_warnings():
            # audiomentations warns of noise files at other rates, of silent ones, and of results beyond ±1
            warnings.simplefilter("ignore")
            for step in self._steps:
                if not isinstance(step, _Noisy) or view % self.recipe.noise.every == 0:
                    waveform = step(waveform)
        return np.ascontiguousarray(waveform, dtype=np.float32)


def reverberate(waveform: Waveform, response: Waveform) -> Waveform:
    """Return a recording as heard through an impulse response, of the same length and level (root mean square).

    The response's strongest sample counts as the direct sound and gets no delay, so that the view stays aligned.

    Args:
        waveform: `(samples,)`.
        response: `(taps,)`, at the same rate.
    """
    direct = int(np.abs(response).argmax())
    heard = fftconvolve(waveform, response)[direct : direct + len(waveform)]
    before, after = np.sqrt(np.mean(np.square(waveform))), np.sqrt(np.mean(np.square(heard)))
    return waveform if after == 0 else (heard * (before / after)).astype(np.float32)


def simulated_response(rt60: float, room: npt.NDArray[np.float64], distance: float) -> Waveform:
    """Return the impulse response of an empty shoe-box room, by image sources.

    Not audiomentations' `RoomSimulator`: its ray tracing differs from run to run, and its image sources are limited
    to orders that end the response after 0.1 s.

    Args:
        rt60: reverberation time aimed at, seconds; a room too large for it has fully absorbing walls.
        room: `(3,)` length, width, height in metres.
        distance: between mouth and microphone along the room, metres.
    """
    import pyroomacoustics

    try:
        absorption, order = pyroomacoustics.inverse_sabine(rt60, room)
    except ValueError:
        absorption, order = 1.0, 1
    box = pyroomacoustics.ShoeBox(
        room,
        fs=SAMPLE_RATE,
        materials=pyroomacoustics.Material(absorption),
        max_order=min(order, _MAX_REFLECTIONS),
    )
    source = np.array([_WALL_DISTANCE, room[1] / 2, 1.5])
    box.add_source(source)
    box.add_microphone(source + np.array([distance, 0.1, -0.1]))
    box.compute_rir()
    return np.asarray(box.rir[0][0], dtype=np.float32)


def _steps(recipe: AugmentationRecipe) -> list[_Step]:
    import audiomentations

    tempo, pitch, gain = recipe.tempo, recipe.pitch, recipe.gain
    changes = []
    if tempo.probability:
        changes.append(
            audiomentations.TimeStretch(
                tempo.min_rate, tempo.max_rate, leave_length_unchanged=False, p=tempo.probability
            )
        )
    if pitch.probability:
        changes.append(audiomentations.PitchShift(pitch.min_semitones, pitch.max_semitones, p=pitch.probability))
    steps: list[_Step] = [_Speed(recipe.speed)] if recipe.speed.probability else []
    steps += [_at_16_khz(change) for change in changes]
    if recipe.reverberation.probability:
        steps.append(_Room(recipe.reverberation))
    if recipe.noise.probability:
        steps.append(_Noisy(_at_16_khz(_noise(recipe.noise))))
    if gain.probability:
        steps.append(_at_16_khz(audiomentations.Gain(gain.min_db, gain.max_db, p=gain.probability)))
    return [*steps, *dropping_steps(recipe)]


class _Noisy:
    """The step that adds noise, which not every view has."""

    def __init__(self, step: _Step) -> None:
        self._step = step

    def __call__(self, waveform: Waveform) -> Waveform:
        return self._step(waveform)


def _noise(noise: Noise) -> Callable[..., Waveform]:
    """Return what adds noise; audiomentations draws it, too, and mixes as `torchaudio.functional.add_noise` does."""
    import audiomentations

    range_ = {"min_snr_db": noise.min_snr_db, "max_snr_db": noise.max_snr_db, "p": noise.probability}
    if noise.kind == "white":
        return audiomentations.AddGaussianSNR(**range_)
    if noise.folder is None:
        return audiomentations.AddColorNoise(**range_)
    return audiomentations.AddBackgroundNoise([path for _, path in recordings(noise.folder)], **range_)


def _at_16_khz(change: Callable[..., Waveform]) -> _Step:
    return lambda waveform: change(waveform, sample_rate=SAMPLE_RATE)


class _Speed:
    """The recording resampled as if it had been made at another rate; drawn rates are whole Hz."""

    def __init__(self, recipe: Speed) -> None:
        self._recipe = recipe

    def __call__(self, waveform: Waveform) -> Waveform:
        if random.random() >= self._recipe.probability:
            return waveform
        rate = random.uniform(self._recipe.min_rate, self._recipe.max_rate)
        return resample(waveform, round(SAMPLE_RATE * rate), SAMPLE_RATE)


class _Room:
    """Reverberation by a measured response drawn from a folder, or by a simulated room of drawn size."""

    def __init__(self, recipe: Reverberation) -> None:
        self._recipe = recipe
        self._files = [] if recipe.folder is None else [path for _, path in recordings(recipe.folder)]

    def __call__(self, waveform: Waveform) -> Waveform:
        if random.random() >= self._recipe.probability:
            return waveform
        return reverberate(waveform, _response(random.choice(self._files)) if self._files else self._simulate())

    def _simulate(self) -> Waveform:
        rt60 = random.uniform(self._recipe.min_rt60, self._recipe.max_rt60)
        room = np.array([random.uniform(low, high) for low, high in zip(*_ROOM, strict=True)])
        return simulated_response(rt60, room, random.uniform(0.3, 2.0))


@lru_cache(maxsize=256)
def _response(path: Path) -> Waveform:
    return read_audio(path)


@contextmanager
def _seeded(seed: int, content: bytes, view: int) -> Iterator[None]:
    """Seed the global generators for the body and put them back as they were."""
    digest = hashlib.sha256(f"{seed}/{view}/".encode() + content).digest()
    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(digest)
    np.random.seed(np.frombuffer(digest, np.uint32))
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
