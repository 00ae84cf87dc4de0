import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from vibespeaker.audio.files import SILENT, examine, read_audio, resample, write_audio
from vibespeaker.audio.fingerprint import BANDS, NEAR, SLICES, comparable, fingerprint
from vibespeaker.errors import AudioError


def tone(rate: int, seconds: float = 0.5, frequency: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def wave_bytes(samples: np.ndarray, *, data_size: int | None = None, extra: bytes = b"") -> bytes:
    """A 16 kHz mono PCM16 file, byte by byte; `data_size` is what its header promises."""
    data = (np.asarray(samples) * 32768).clip(-32768, 32767).astype("<i2").tobytes()
    chunk = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16) + extra
    body = b"WAVE" + chunk + b"data" + struct.pack("<I", len(data) if data_size is None else data_size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def distance(first: bytes, second: bytes) -> float:
    one, other = comparable([first, second])
    return 1 - float(one @ other)


def test_16_khz_mono_is_read_sample_by_sample(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wave_bytes(np.array([0.0, 0.5, -0.5, -1.0])))
    audio = read_audio(path)
    assert audio.dtype == np.float32
    assert audio.tolist() == [0.0, 0.5, -0.5, -1.0]


def test_stereo_becomes_the_mean_of_its_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.array([[0.5, 0.25], [-0.5, 0.0]]), 16_000, subtype="FLOAT")
    assert read_audio(path).tolist() == [0.375, -0.25]


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (48_000, 1), (8_000, 1), (22_050, 2)])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_any_rate_channels_and_format_become_16_khz_mono(tmp_path: Path, rate: int, channels: int, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, np.repeat(tone(rate)[:, None], channels, axis=1), rate)
    audio = read_audio(path)
    assert audio.ndim == 1
    assert abs(len(audio) - 8_000) < 1_000  # MP3 and OGG pad
    spectrum = np.abs(np.fft.rfft(audio[:8_000]))
    assert abs(np.argmax(spectrum) * 16_000 / len(audio[:8_000]) - 440) < 3


def test_resampling_keeps_a_tone() -> None:
    resampled = resample(tone(48_000), 48_000, 16_000)
    assert len(resampled) == 8_000
    # the filter rings at both ends
    assert np.abs(resampled - tone(16_000))[200:-200].max() < 1e-3


@settings(max_examples=30, deadline=None)
@given(length=st.integers(1, 400), rate=st.sampled_from([8_000, 11_025, 44_100, 48_000, 96_000]))
def test_resampling_never_leaves_nothing(length: int, rate: int) -> None:
    resampled = resample(np.ones(length, np.float32), rate, 16_000)
    assert resampled.dtype == np.float32
    assert max(1, length * 16_000 // rate - 1) <= len(resampled) <= max(1, length * 16_000 // rate + 2)


def test_the_suffix_does_not_decide_the_format(tmp_path: Path) -> None:
    path = tmp_path / "aiff_inside.wav"
    soundfile.write(path, tone(16_000), 16_000, format="AIFF")
    assert len(read_audio(path)) == 8_000


def nan_file(path: Path, value: float = np.nan) -> None:
    samples = tone(16_000)
    samples[100] = value
    soundfile.write(path, samples, 16_000, subtype="FLOAT")


def whole_flac(path: Path) -> bytes:
    soundfile.write(path, np.random.default_rng(0).normal(scale=0.1, size=16_000), 16_000, format="FLAC")
    return path.read_bytes()


BROKEN = {
    "empty": (lambda path: path.write_bytes(b""), "the file is empty"),
    "text": (lambda path: path.write_bytes(b"this is no audio " * 99), "it cannot be decoded (Format not recognised)"),
    "no samples": (lambda path: path.write_bytes(wave_bytes(np.zeros(0))), "it holds no samples"),
    "NaN": (nan_file, "it holds samples that are NaN or infinite"),
    "infinity": (lambda path: nan_file(path, np.inf), "it holds samples that are NaN or infinite"),
    "half a WAV": (
        lambda path: path.write_bytes(wave_bytes(tone(16_000))[:6_044]),
        "it is truncated: 16000 bytes of samples promised, 6000 found",
    ),
    "header only": (
        lambda path: path.write_bytes(wave_bytes(tone(16_000))[:36]),
        "it is truncated: the header ends before the samples",
    ),
    "half a FLAC": (
        lambda path: path.write_bytes((data := whole_flac(path))[: len(data) // 2]),
        None,
    ),
    "a folder": (lambda path: path.mkdir(), "it is a folder, not a file"),
    "missing": (lambda path: None, "the file does not exist"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_unusable_files_are_refused_with_their_name_and_the_reason(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "clip.wav"
    make, reason = BROKEN[kind]
    make(path)
    with pytest.raises(AudioError) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)
    assert "Remedy: replace the file" in str(caught.value)
    facts = examine(path)
    assert facts.duration is None
    assert facts.fingerprint is None
    assert facts.problem is not None
    assert facts.problem in str(caught.value)
    assert reason is None or facts.problem == reason
    assert (facts.sha256 is None) == (kind in ("a folder", "missing", "empty"))


def test_chunks_of_odd_size_before_the_samples_are_padded(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wave_bytes(tone(16_000), extra=b"LIST" + struct.pack("<I", 3) + b"abc\0"))
    assert len(read_audio(path)) == 8_000


def test_examine_tells_duration_hash_and_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((22_050, 2)), 44_100)
    facts = examine(path)
    assert facts.duration == 0.5
    assert facts.remarks == (SILENT,)
    assert facts.problem is None
    path.write_bytes(b"abc")
    # the published SHA-256 of "abc"
    assert examine(path).sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    soundfile.write(path, tone(16_000), 16_000)
    assert examine(path).remarks == ()


def test_written_audio_is_read_back_and_clipped_at_full_scale(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "a.wav"
    write_audio(path, np.array([0.0, 0.25, 2.0, -2.0], np.float32))
    assert soundfile.info(path).subtype == "PCM_16"
    np.testing.assert_allclose(read_audio(path), [0.0, 0.25, 1.0, -1.0], atol=2 / 32768)
    assert [entry.name for entry in path.parent.iterdir()] == ["a.wav"]


def speech_like(seed: int, rate: int = 16_000, seconds: float = 2.0) -> np.ndarray:
    """Bursts of tones on a smooth envelope: something with a shape in time and frequency."""
    generator = np.random.default_rng(seed)
    time = np.arange(int(rate * seconds)) / rate
    audio = np.zeros(len(time))
    for _ in range(12):
        centre, frequency = generator.uniform(0, seconds), generator.uniform(150, 1_700)
        audio += np.exp(-(((time - centre) / 0.08) ** 2)) * np.sin(2 * np.pi * frequency * time)
    return (0.2 * audio).astype(np.float32)


def test_copies_have_near_fingerprints_and_others_do_not() -> None:
    original = speech_like(0)
    picture = fingerprint(original, 16_000)
    assert len(picture) == SLICES * BANDS
    noise = np.random.default_rng(1).normal(scale=0.1 * original.std(), size=len(original)).astype(np.float32)
    assert distance(picture, fingerprint(original * 0.3, 16_000)) < NEAR
    assert distance(picture, fingerprint(original + noise, 16_000)) < NEAR
    assert distance(picture, fingerprint(resample(original, 16_000, 48_000), 48_000)) < NEAR
    assert distance(picture, fingerprint(resample(original, 16_000, 44_100), 44_100)) < NEAR
    assert distance(picture, fingerprint(speech_like(2), 16_000)) > 0.3


@pytest.mark.parametrize("length", [1, 3, 100, 1_000])
def test_the_shortest_audio_has_a_fingerprint(length: int) -> None:
    assert len(fingerprint(np.ones(length, np.float32), 16_000)) == SLICES * BANDS


def test_silence_is_near_nothing() -> None:
    silence = fingerprint(np.zeros(16_000, np.float32), 16_000)
    assert distance(silence, silence) == 1.0
    assert distance(silence, fingerprint(speech_like(0), 16_000)) == 1.0


@pytest.mark.slow
def test_on_real_speech_copies_are_nearer_than_other_takes_of_the_same_sentence(shared_data: Path) -> None:
    first = sorted((shared_data / "ravdess").rglob("*-01-??.flac"))[:150]
    second = [path.with_name(f"{path.stem[:-5]}02{path.stem[-3:]}.flac") for path in first]
    ours = comparable([fingerprint(read_audio(path), 16_000) for path in first])
    others = comparable([fingerprint(read_audio(path), 16_000) for path in second])
    takes = 1 - (ours * others).sum(axis=1)
    generator = np.random.default_rng(0)
    copies = []
    for path in first[:40]:
        audio = read_audio(path)
        noise = generator.normal(scale=np.sqrt(0.1) * np.sqrt(np.mean(audio**2)), size=len(audio))
        copies.append(fingerprint((0.5 * (audio + noise)).astype(np.float32), 16_000))
    assert (1 - (ours[:40] * comparable(copies)).sum(axis=1)).max() < NEAR < takes.min()
