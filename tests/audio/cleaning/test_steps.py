import warnings

import numpy as np
import pytest

from tests.manifests import manifest_of
from vibespeaker.audio.cleaning import CleaningRecipe, clean_audio, cleaning_of
from vibespeaker.audio.cleaning.steps import at_loudness, kept, level_db
from vibespeaker.audio.files import read_audio
from vibespeaker.audio.speech import loud_spans, speech_by_silero
from vibespeaker.errors import ConfigError
from vibespeaker.manifest import Manifest

RATE = 16_000


def tone(seconds: float, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * 300 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def test_without_steps_nothing_changes():
    waveform = tone(0.3)
    cleaned = clean_audio(waveform, CleaningRecipe())
    assert np.array_equal(cleaned.samples, waveform)
    assert cleaned.measures == {"seconds_before": 0.3, "seconds_after": 0.3, "noise_db": None, "gain_db": None}


def test_silence_goes_by_energy_but_for_the_margin():
    waveform = np.concatenate([silence(1.0), tone(0.5), silence(1.0), tone(0.5), silence(0.5)])
    cleaned = clean_audio(waveform, CleaningRecipe(silence="energy", margin=0.1))
    # two tones with 0.1 s on either side; frames of 25 ms reach into the silence a little
    assert cleaned.seconds_before == 3.5
    assert cleaned.seconds_after == pytest.approx(2 * (0.5 + 0.2), abs=0.11)
    # a pause of up to twice the margin stays whole
    short = np.concatenate([tone(0.5), silence(0.15), tone(0.5)])
    assert len(clean_audio(short, CleaningRecipe(silence="energy", margin=0.1)).samples) == len(short)


def test_frames_are_silent_by_their_distance_from_the_loudest():
    waveform = np.concatenate([tone(0.5, 0.5), tone(0.5, 0.005)])
    # 0.005 lies 40 dB below 0.5
    at_30, at_50 = (loud_spans(waveform, below) for below in (30, 50))
    assert max(end for _, end in at_30) <= 0.5 * RATE + 400
    assert max(end for _, end in at_50) == RATE
    assert loud_spans(silence(1.0), 40) == []
    assert loud_spans(tone(0.01), 40) == [(0, 160)]


def test_margins_stop_at_the_ends_and_overlaps_are_kept_once():
    waveform = np.arange(1000, dtype=np.float32)
    assert kept(waveform, [(0, 10), (990, 1000)], 1 / RATE).tolist() == [*range(11), *range(989, 1000)]
    assert len(kept(waveform, [(100, 300), (200, 400)], 0.0)) == 300
    assert len(kept(waveform, [], 0.1)) == 0


def test_loudness_is_reached_as_far_as_the_peak_allows():
    quiet, gain = at_loudness(tone(1.0, 0.1), -20.0)
    # a sine of amplitude a has a root mean square of a / √2: −23.01 dB at 0.1
    assert gain == pytest.approx(3.01, abs=0.01)
    assert level_db(quiet) == pytest.approx(-20.0, abs=0.01)
    loud, _ = at_loudness(tone(1.0, 0.5), 0.0)
    assert np.abs(loud).max() == pytest.approx(0.99, abs=1e-3)
    still, gain = at_loudness(silence(0.1), -20.0)
    assert gain == 0.0
    assert not still.any()


def test_noise_reduction_lowers_noise_more_than_speech():
    pytest.importorskip("noisereduce")
    random = np.random.default_rng(0)
    # bursts as short and as wide as syllables: what lasts counts as noise, and so does a lone tone
    burst = random.normal(0, 0.2, RATE // 5).astype(np.float32)
    gated = np.concatenate([silence(1.0), burst, silence(0.8), burst, silence(0.8)])
    noisy = gated + random.normal(0, 0.01, len(gated)).astype(np.float32)
    cleaned = clean_audio(noisy, CleaningRecipe(denoise=1.0))
    assert len(cleaned.samples) == len(noisy)
    assert cleaned.samples.dtype == np.float32
    pause, speech = slice(0, RATE // 2), slice(RATE, RATE + 3200)
    assert level_db(cleaned.samples[pause]) < level_db(noisy[pause]) - 6
    assert level_db(cleaned.samples[speech]) > level_db(noisy[speech]) - 3
    assert cleaned.noise_db is not None
    assert cleaned.noise_db < 0
    assert np.array_equal(clean_audio(noisy, CleaningRecipe(denoise=1.0)).samples, cleaned.samples)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not clean_audio(silence(1.0), CleaningRecipe(denoise=1.0)).samples.any()


def test_the_detector_keeps_speech_and_drops_what_is_none(shared_data):
    pytest.importorskip("silero_vad")
    speech = read_audio(shared_data / "emodb" / "wav" / "03a01Fa.wav")
    framed = np.concatenate([silence(2.0), speech, silence(2.0)])
    cleaned = clean_audio(framed, CleaningRecipe(silence="silero", margin=0.1))
    assert len(speech) / RATE - 0.6 < cleaned.seconds_after < len(speech) / RATE + 0.2
    assert speech_by_silero(silence(1.0)) == []
    assert clean_audio(silence(1.0), CleaningRecipe(silence="silero")).seconds_after == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"denoise": 1.5}, "denoise is out of range. Found: 1.5. Allowed: a finite number of at least 0 and at most 1"),
        ({"margin": -1.0}, "margin is out of range"),
        (
            {"loudness": 3.0},
            "loudness is out of range. Found: 3.0. Allowed: a finite number of at least -80",
        ),
    ],
)
def test_steps_out_of_range_are_refused(fields, message):
    with pytest.raises(ConfigError, match=message):
        CleaningRecipe(**fields)


def test_a_recipe_comes_back_from_its_identity_and_names_what_does_the_work():
    recipe = CleaningRecipe(denoise=0.5, silence="silero", loudness=-23.0)
    identity = recipe.identity()
    assert set(identity["packages"]) == {"noisereduce", "silero-vad"}
    assert CleaningRecipe.of_identity(identity) == recipe
    assert CleaningRecipe(silence="energy").identity()["packages"] == {}
    with pytest.raises(ConfigError, match="cleaned in different ways"):
        CleaningRecipe.of_identity({"mixed": [identity, None]})


def test_a_manifest_knows_how_it_was_cleaned_also_when_combined():
    def with_history(*steps) -> Manifest:
        return manifest_of([{}], label_set="four", history=steps)

    one, other = {"step": "clean", "recipe": {"denoise": 1.0}}, {"step": "clean", "recipe": {"denoise": 0.5}}
    assert cleaning_of(with_history({"step": "prepare"})) is None
    assert cleaning_of(with_history({"step": "prepare"}, one)) == {"denoise": 1.0}

    def combined(*inputs):
        return with_history({"step": "combine", "inputs": [{"history": list(steps)} for steps in inputs]})

    assert cleaning_of(combined([one], [one])) == {"denoise": 1.0}
    assert cleaning_of(combined([one], [other])) == {"mixed": [{"denoise": 1.0}, {"denoise": 0.5}]}
    assert cleaning_of(combined([one], [])) == {"mixed": [{"denoise": 1.0}, None]}
