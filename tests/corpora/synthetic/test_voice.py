import numpy as np
import pytest

from vibespeaker.corpora.synthetic.delivery import PLACES, Delivery, draw_attributes, draw_delivery
from vibespeaker.corpora.synthetic.speakers import Speaker, draw_speaker
from vibespeaker.corpora.synthetic.voice import synthesize

TEXT = "you know, the meeting starts at ten."
SPEAKER = Speaker(1, "male", pitch=110.0, tract=1.0, tempo=5.0, corner=1400.0, breath=0.0, expressiveness=1.0)
PLAIN = Delivery(
    pitch=0.0,
    pitch_range=0.5,
    final_slope=0.0,
    tempo=1.0,
    level=0.0,
    breathiness=0.02,
    brightness=1.0,
    jitter=0.002,
    shimmer=0.01,
    tremor=0.0,
    smile=1.0,
    pauses=1.0,
)


def speak(delivery: Delivery = PLAIN, speaker: Speaker = SPEAKER, text: str = TEXT, seed: int = 0) -> np.ndarray:
    return synthesize(text, speaker, delivery, np.random.default_rng(seed)).astype(np.float64)


def changed(**fields: float) -> Delivery:
    return Delivery(**{**vars(PLAIN), **fields})


def pitch_of(wave: np.ndarray) -> float:
    """Strongest autocorrelation lag between 60 and 400 Hz, median over voiced windows."""
    lags = []
    for start in range(0, len(wave) - 1024, 512):
        piece = wave[start : start + 1024]
        correlation = np.correlate(piece, piece, "full")[1023:]
        lag = 40 + int(np.argmax(correlation[40:267]))
        if correlation[lag] > 0.5 * correlation[0] > 0:
            lags.append(16_000 / lag)
    return float(np.median(lags))


def centroid(wave: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(wave)) ** 2
    return float((power * np.fft.rfftfreq(len(wave), 1 / 16_000)).sum() / power.sum())


def test_samples_are_finite_and_within_full_scale():
    wave = speak(changed(level=40.0))
    assert wave.ndim == 1
    assert np.isfinite(wave).all()
    assert np.abs(wave).max() <= 1.0


def test_same_generator_same_samples():
    assert np.array_equal(speak(seed=3), speak(seed=3))
    assert not np.array_equal(speak(seed=3), speak(seed=4))


def test_pitch_is_the_speakers_and_moves_by_octaves():
    assert pitch_of(speak()) == pytest.approx(110.0, rel=0.08)
    assert pitch_of(speak(changed(pitch=1.0))) == pytest.approx(220.0, rel=0.08)


def test_level_is_in_decibels():
    louder, plain = speak(changed(level=6.0206)), speak()
    assert np.sqrt(np.mean(louder**2)) / np.sqrt(np.mean(plain**2)) == pytest.approx(2.0, rel=1e-3)


def test_tempo_shortens_and_pauses_lengthen():
    assert len(speak(changed(tempo=1.5))) < 0.8 * len(speak())
    assert len(speak(changed(pauses=2.0))) > len(speak())


def test_brightness_and_tract_raise_the_spectrum():
    assert centroid(speak(changed(brightness=2.5))) > 1.05 * centroid(speak())
    small = Speaker(**{**vars(SPEAKER), "tract": 1.2})
    assert centroid(speak(speaker=small)) > centroid(speak())


def test_breath_makes_the_voice_less_periodic():
    def periodicity(wave: np.ndarray) -> float:
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
        return float(np.sort(spectrum)[-len(spectrum) // 20 :].sum() / spectrum.sum())

    assert periodicity(speak(changed(breathiness=0.8))) < periodicity(speak())


def test_letters_are_heard():
    assert len(speak(text="a")) < len(speak(text="banana banana"))
    vowel_i, vowel_a = speak(text="iiii"), speak(text="aaaa")
    assert not np.array_equal(vowel_i, vowel_a)


def test_text_without_letters_is_silent_and_finite():
    assert np.isfinite(speak(text="...")).all()


def test_emotions_differ_measurably():
    """Over many voices anger is louder, higher and quicker than sadness."""
    rng = np.random.default_rng(5)
    measured: dict[str, list[tuple[float, float, float]]] = {"anger": [], "sadness": []}
    for number in range(12):
        speaker = draw_speaker(number, ("female", "male")[number % 2], rng)
        for emotion, values in measured.items():
            attributes = draw_attributes(emotion, 0.8, rng)
            wave = speak(draw_delivery(emotion, 0.8, attributes, rng), speaker, seed=number)
            loudness = float(np.sqrt(np.mean(wave**2)))
            values.append((loudness, pitch_of(wave) / speaker.pitch, len(wave) / 16_000))
    anger, sadness = (np.mean(values, axis=0) for values in measured.values())
    assert anger[0] > 2.0 * sadness[0]
    assert anger[1] > 1.05 * sadness[1]
    assert anger[2] < 0.8 * sadness[2]


def test_attributes_move_from_neutral_to_the_emotions_place():
    def mean(emotion: str, intensity: float) -> np.ndarray:
        rng = np.random.default_rng(0)
        return np.mean([draw_attributes(emotion, intensity, rng) for _ in range(400)], axis=0)

    assert mean("happiness", 0.0) == pytest.approx(PLACES["neutral"], abs=0.1)
    assert mean("happiness", 1.0) == pytest.approx(PLACES["happiness"], abs=0.1)
    halfway = (np.array(PLACES["neutral"]) + np.array(PLACES["happiness"])) / 2
    assert mean("happiness", 0.5) == pytest.approx(halfway, abs=0.1)
