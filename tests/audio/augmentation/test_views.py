import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vibespeaker.audio.augmentation import Augmentation, AugmentationRecipe
from vibespeaker.audio.augmentation.recipe import (
    DroppedChunks,
    DroppedFrequencies,
    Gain,
    Noise,
    Pitch,
    Reverberation,
    Speed,
    Tempo,
)
from vibespeaker.audio.augmentation.views import reverberate, simulated_response
from vibespeaker.audio.files import read_audio, write_audio
from vibespeaker.errors import ConfigError

RATE = 16_000
GENERATOR = np.random.default_rng(0)
SPEECH = (GENERATOR.normal(0, 0.1, 2 * RATE) * np.repeat([1, 0.2, 1, 0.1], RATE // 2)).astype(np.float32)
NOTHING = {"reverberation": Reverberation(0.0), "noise": Noise(0.0), "gain": Gain(0.0)}


def only(seed: int = 0, **steps: object) -> Augmentation:
    """An augmentation that does the named steps and no other."""
    return Augmentation(AugmentationRecipe(seed=seed, **{**NOTHING, **steps}))


def level(waveform: np.ndarray) -> float:
    """Root mean square in dB."""
    return float(20 * np.log10(np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))))


def test_view_depends_on_recipe_content_and_number_and_on_nothing_else() -> None:
    one, other = Augmentation(AugmentationRecipe()), Augmentation(AugmentationRecipe())
    views = [one.view(SPEECH, b"clip", number) for number in (1, 2, 3)]
    random.seed(5)
    np.random.seed(5)
    for number in (3, 1, 2):
        assert np.array_equal(other.view(SPEECH, b"clip", number), views[number - 1])
    assert not np.array_equal(views[0], views[1])
    assert not np.array_equal(one.view(SPEECH, b"another", 1), views[0])
    assert not np.array_equal(Augmentation(AugmentationRecipe(seed=1)).view(SPEECH, b"clip", 1), views[0])
    assert np.array_equal(pickle.loads(pickle.dumps(one)).view(SPEECH, b"clip", 1), views[0])


def test_generators_are_put_back_and_the_recording_is_left_alone() -> None:
    speech = SPEECH.copy()
    random.seed(7)
    np.random.seed(7)
    expected = random.random(), np.random.random()
    random.seed(7)
    np.random.seed(7)
    Augmentation(AugmentationRecipe()).view(speech, b"clip", 1)
    assert (random.random(), np.random.random()) == expected
    assert np.array_equal(speech, SPEECH)


def test_gain_stays_within_its_range_and_fills_it() -> None:
    augmentation = only(gain=Gain(1.0, -5.0, 5.0))
    gains = [level(augmentation.view(SPEECH, b"clip", view)) - level(SPEECH) for view in range(1, 101)]
    assert -5.001 <= min(gains) < -4.0
    assert 4.0 < max(gains) <= 5.001


@pytest.mark.parametrize("kind", ["white", "coloured"])
def test_noise_has_the_ratio_asked_for(kind: str) -> None:
    augmentation = only(noise=Noise(1.0, 10.0, 20.0, kind))
    ratios = [level(SPEECH) - level(augmentation.view(SPEECH, b"clip", view) - SPEECH) for view in range(1, 31)]
    assert 9.5 <= min(ratios) < 13.0
    assert 17.0 < max(ratios) <= 20.5


def test_noise_is_in_every_second_view_alone_where_a_recipe_says_so() -> None:
    one = only(noise=Noise(1.0, every=2))
    changed = [not np.array_equal(one.view(SPEECH, b"clip", view), SPEECH) for view in range(1, 7)]
    assert changed == [False, True] * 3
    assert "every" not in only(noise=Noise(1.0)).recipe.identity()["noise"]  # caches from before it keep theirs
    assert one.recipe.identity()["noise"]["every"] == 2
    with pytest.raises(ConfigError, match=r"noise.every"):
        only(noise=Noise(every=0))


def test_noise_is_mixed_as_torchaudio_does(tmp_path: Path) -> None:
    import torchaudio

    noise = (GENERATOR.normal(0, 0.3, len(SPEECH))).astype(np.float32)
    write_audio(tmp_path / "noise.wav", noise)
    view = only(noise=Noise(1.0, 12.0, 12.0, "recorded", str(tmp_path))).view(SPEECH, b"clip", 1)
    stored = torch.from_numpy(read_audio(tmp_path / "noise.wav"))
    expected = torchaudio.functional.add_noise(torch.from_numpy(SPEECH), stored, torch.tensor(12.0))
    np.testing.assert_allclose(view, expected.numpy(), rtol=0, atol=2e-6)


def test_recorded_noise_is_what_the_folder_holds(tmp_path: Path) -> None:
    tone = np.sin(np.arange(3 * RATE) * 0.3).astype(np.float32) * 0.5
    write_audio(tmp_path / "tone.wav", tone)
    augmentation = only(noise=Noise(1.0, 15.0, 15.0, "recorded", str(tmp_path)))
    added = augmentation.view(SPEECH, b"clip", 1) - SPEECH
    assert level(SPEECH) - level(added) == pytest.approx(15.0, abs=0.1)
    strongest = np.abs(np.fft.rfft(added)).argmax() * RATE / len(added)
    assert strongest == pytest.approx(0.3 * RATE / (2 * np.pi), abs=1.0)


def test_probability_is_how_often() -> None:
    augmentation = only(gain=Gain(0.3, 3.0, 3.0))
    changed = sum(
        not np.array_equal(augmentation.view(SPEECH[:9], b"clip", view), SPEECH[:9]) for view in range(1, 501)
    )
    # 500 draws of 0.3: 150 ± 4 standard deviations
    assert 109 <= changed <= 191


def test_pure_and_delayed_impulses_change_nothing() -> None:
    impulse = np.array([1.0], np.float32)
    delayed = np.array([0, 0, 0, 0.5, 0], np.float32)
    for response in (impulse, delayed):
        assert np.allclose(reverberate(SPEECH, response), SPEECH, atol=1e-6)


def test_echo_by_hand() -> None:
    # [1, 0, 0, 2] with an echo of half the strength after one sample, cut to length: [1, .5, 0, 2];
    # its level is brought from √5.25 back to √5
    heard = reverberate(np.array([1, 0, 0, 2], np.float32), np.array([1, 0.5], np.float32))
    assert heard == pytest.approx(np.array([1, 0.5, 0, 2]) * np.sqrt(5 / 5.25))


def test_silence_stays_silent_in_a_room() -> None:
    assert not reverberate(np.zeros(5, np.float32), np.array([1, 0.5], np.float32)).any()


def test_reverberation_keeps_level_and_length() -> None:
    heard = only(reverberation=Reverberation(1.0)).view(SPEECH, b"clip", 1)
    assert heard.shape == SPEECH.shape
    assert level(heard) == pytest.approx(level(SPEECH), abs=0.01)
    assert not np.allclose(heard, SPEECH, atol=1e-3)


def test_measured_response_is_used(tmp_path: Path) -> None:
    write_audio(tmp_path / "room.wav", np.array([0, 0.8, 0.4], np.float32))
    heard = only(reverberation=Reverberation(1.0, str(tmp_path))).view(SPEECH, b"clip", 1)
    assert np.allclose(heard, reverberate(SPEECH, read_audio(tmp_path / "room.wav")))


def test_simulated_room_is_the_same_each_time_and_decays_as_slowly_as_asked() -> None:
    room = np.array([5.0, 4.0, 2.8])

    def decay(rt60: float) -> float:
        """Reverberation time from the slope of the backward-integrated energy between −5 and −20 dB (Schroeder)."""
        response = simulated_response(rt60, room, 1.0).astype(np.float64)
        energy = 10 * np.log10(np.cumsum(response[::-1] ** 2)[::-1] / np.sum(response**2))
        return 60 / 15 * float(np.argmax(energy < -20) - np.argmax(energy < -5)) / RATE

    assert np.array_equal(simulated_response(0.3, room, 1.0), simulated_response(0.3, room, 1.0))
    assert decay(0.2) < decay(0.35) < decay(0.5)
    assert decay(0.35) == pytest.approx(0.35, rel=0.3)


def test_room_too_dry_for_its_size_is_taken_as_absorbing() -> None:
    response = simulated_response(0.05, np.array([8.0, 6.0, 3.5]), 1.0)
    assert np.isfinite(response).all()
    assert len(response) < RATE // 10


def test_speed_changes_length_and_frequency_together() -> None:
    tone = np.sin(2 * np.pi * 400 * np.arange(RATE) / RATE).astype(np.float32)
    faster = only(speed=Speed(1.0, 1.25, 1.25)).view(tone, b"clip", 1)
    assert len(faster) == RATE * 4 // 5
    assert np.argmax(np.abs(np.fft.rfft(faster))) * RATE / len(faster) == pytest.approx(500, abs=2)
    lengths = {len(only(speed=Speed(1.0)).view(tone, b"clip", view)) for view in range(1, 21)}
    assert RATE / 1.1 <= min(lengths) < RATE < max(lengths) <= RATE / 0.9


def test_tempo_and_pitch_change_length_and_frequency() -> None:
    tone = np.sin(np.arange(2 * RATE) * 2 * np.pi * 440 / RATE).astype(np.float32)
    faster = only(tempo=Tempo(1.0, 1.25, 1.25)).view(tone, b"clip", 1)
    assert len(faster) == pytest.approx(2 * RATE / 1.25, rel=0.01)
    higher = only(pitch=Pitch(1.0, 12.0, 12.0)).view(tone, b"clip", 1)
    assert len(higher) == len(tone)
    middle = higher[RATE // 2 : -RATE // 2]
    assert np.abs(np.fft.rfft(middle)).argmax() * RATE / len(middle) == pytest.approx(880, rel=0.03)
    twice = only(tempo=Tempo(1.0), pitch=Pitch(1.0))
    assert np.array_equal(twice.view(SPEECH, b"clip", 1), twice.view(SPEECH, b"clip", 1))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.booleans(), st.integers(1, 50))
def test_shortest_and_silent_recordings_are_legal(samples: int, silent: bool, view: int) -> None:
    waveform = np.zeros(samples, np.float32) if silent else SPEECH[:samples]
    drawn = Augmentation(AugmentationRecipe()).view(waveform, b"clip", view)
    assert drawn.shape == waveform.shape
    assert drawn.dtype == np.float32
    assert np.isfinite(drawn).all()


def test_real_noise_and_rooms(shared_data: Path) -> None:
    recipe = AugmentationRecipe(
        noise=Noise(1.0, kind="recorded", folder=str(shared_data / "noise")),
        reverberation=Reverberation(1.0, folder=str(shared_data / "rir")),
    )
    waveform = read_audio(shared_data / "emodb" / "wav" / "03a01Fa.wav")
    views = [Augmentation(recipe).view(waveform, b"clip", view) for view in (1, 2)]
    assert all(view.shape == waveform.shape and np.isfinite(view).all() for view in views)
    assert all(abs(level(view) - level(waveform)) < 6 for view in views)
    assert not np.array_equal(*views)


@pytest.mark.parametrize("step", ["dropped_frequencies", "dropped_chunks"])
def test_what_speechbrain_drops_follows_from_the_seed_alone(step):
    kind = DroppedFrequencies if step == "dropped_frequencies" else DroppedChunks
    recipe = AugmentationRecipe(**{**NOTHING, step: kind(probability=1.0)})
    waveform = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    state = torch.get_rng_state()
    first = Augmentation(recipe).view(waveform, b"clip", 1)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(5)
    np.testing.assert_array_equal(Augmentation(recipe).view(waveform, b"clip", 1), first)
    assert (first != waveform).any()
    assert (Augmentation(recipe).view(waveform, b"clip", 2) != first).any()
    assert (first.dtype, first.shape) == (np.float32, waveform.shape)
    if step == "dropped_chunks":
        silent = first == 0
        assert 100 <= silent.sum() <= 3000
        np.testing.assert_array_equal(first[~silent], waveform[~silent])


def test_what_is_not_dropped_leaves_the_identity_of_caches():
    assert set(AugmentationRecipe().identity()) == {
        *("seed", "speed", "tempo", "pitch", "reverberation", "noise", "gain"),
    }
    dropping = AugmentationRecipe(dropped_chunks=DroppedChunks(probability=0.5)).identity()
    assert dropping["dropped_chunks"]["max_seconds"] == 0.0625
