"""Live recognition from a pipe: rolling windows, one answer a second, silence, words, and keeping up."""

import ctypes.util
import importlib.util
import io
import json
import struct
import sys
from itertools import islice
from types import SimpleNamespace

import numpy as np
import pytest

from tests.sounds import RATE, speech_like
from tests.system_packages import missing
from tests.systems import folders
from vibespeaker import Recognizer
from vibespeaker.audio import streams
from vibespeaker.audio.files import write_audio
from vibespeaker.audio.streams import Block, microphone_blocks, pipe_blocks
from vibespeaker.cli.main import main
from vibespeaker.errors import AudioError, ConfigError
from vibespeaker.recognizer.cutting import Cutting
from vibespeaker.recognizer.live import listen
from vibespeaker.transcribe.base import Transcript

SOUND = np.concatenate([speech_like(4), np.zeros(4 * RATE, np.float32), speech_like(2.5, seed=1)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return folders.write_folder(tmp_path_factory.mktemp("models") / "noise")


@pytest.fixture(scope="module")
def recognizer(folder):
    return Recognizer(folder, cutting=Cutting("whole"))


def pcm(samples):
    return (samples * 2**15).clip(-(2**15), 2**15 - 1).astype("<i2").tobytes()


def joined(blocks):
    return np.concatenate([block.samples for block in blocks])


def test_bare_samples_and_wav_are_the_same_sound(tmp_path):
    expected = np.frombuffer(pcm(SOUND), "<i2") / np.float32(2**15)
    np.testing.assert_array_equal(joined(pipe_blocks(io.BytesIO(pcm(SOUND)))), expected)
    write_audio(tmp_path / "a.wav", SOUND)
    wav = (tmp_path / "a.wav").read_bytes()
    np.testing.assert_array_equal(joined(pipe_blocks(io.BytesIO(wav))), joined(pipe_blocks(io.BytesIO(wav[44:]))))
    # the length of a WAV that a program writes to a pipe is a placeholder; further chunks may stand before the samples
    streamed = (
        wav[:4] + struct.pack("<I", 0xFFFFFFFF) + wav[8:36] + b"LIST\x02\0\0\0ab" + b"data\xff\xff\xff\xff" + wav[44:]
    )
    np.testing.assert_array_equal(joined(pipe_blocks(io.BytesIO(streamed))), joined(pipe_blocks(io.BytesIO(wav))))
    stereo = np.stack([SOUND, SOUND], axis=1).astype("<f4").tobytes()
    np.testing.assert_array_equal(joined(pipe_blocks(io.BytesIO(stereo), channels=2, encoding="f32")), SOUND)
    resampled = joined(pipe_blocks(io.BytesIO(pcm(SOUND)), rate=8_000))
    assert len(resampled) == pytest.approx(2 * len(SOUND), rel=0.01)


def test_what_is_no_sound_is_refused(tmp_path):
    write_audio(tmp_path / "a.wav", SOUND[:RATE])
    wav = (tmp_path / "a.wav").read_bytes()
    for content in (
        wav[:20],
        b"RIFF1234AVI ",
        wav[:20] + b"\x11\x00" + wav[22:],
        wav[:16] + struct.pack("<I", 1 << 31) + wav[20:],
    ):
        with pytest.raises(AudioError):
            list(pipe_blocks(io.BytesIO(content)))
    with pytest.raises(ConfigError, match="rate is out of range"):
        list(pipe_blocks(io.BytesIO(b"12345678"), rate=1))


def test_a_microphone_is_heard_at_its_own_rate_and_a_missing_one_is_named(monkeypatch):
    class Stream:
        def __init__(self, rate, size, device, channels, kind, callback):
            assert (rate, device, channels, kind) == (48_000, "usb", 1, "float32")
            self.size, self.callback = size, callback

        def __enter__(self):
            for _ in range(30):
                self.callback(np.full(self.size, 0.25, np.float32).tobytes(), self.size, None, None)

        def __exit__(self, *error):
            pass

    fake = SimpleNamespace(
        query_devices=lambda name, kind: {"default_samplerate": 48_000.0}, RawInputStream=Stream, PortAudioError=OSError
    )
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setattr(streams, "installed", lambda package, extra: "0.5")
    heard = np.concatenate([block.samples for block in islice(microphone_blocks("usb"), 20)])
    assert len(heard) == pytest.approx(20 * 1600, rel=0.1)
    assert heard[2000] == pytest.approx(0.25, abs=0.01)

    def missing(name, kind):
        raise ValueError("No input device matching 'usb'")

    monkeypatch.setattr(fake, "query_devices", missing)
    with pytest.raises(AudioError, match=r"there is no such microphone\. Found: No input device"):
        next(microphone_blocks("usb"))


def test_the_real_library_knows_no_microphone_of_that_name():
    if ctypes.util.find_library("portaudio") is None or importlib.util.find_spec("sounddevice") is None:
        missing("PortAudio (apt-get install libportaudio2) or sounddevice (pip install sounddevice) is not installed")
    with pytest.raises(AudioError, match="there is no such microphone"):
        next(microphone_blocks("a microphone of this name is nowhere"))


def test_each_answer_is_that_of_the_last_seconds(recognizer):
    answers = list(listen(pipe_blocks(io.BytesIO(pcm(SOUND))), recognizer, length=2.0, every=1.0))
    assert [answer.heard for answer in answers] == [float(second) for second in range(1, 11)]
    assert all(answer.latency >= 0 for answer in answers)
    heard = np.frombuffer(pcm(SOUND), "<i2") / np.float32(2**15)
    for answer in answers:
        window = heard[max(0, round((answer.heard - 2) * RATE)) : round(answer.heard * RATE)]
        if answer.answer is None:
            assert answer.heard in (6, 7, 8)
        else:
            assert answer.answer.probabilities == recognizer(window, rate=RATE).probabilities
    with pytest.raises(ConfigError, match="would leave sound out"):
        list(listen([], recognizer, length=1, every=2))


def test_words_come_when_a_sentence_has_ended(recognizer):
    heard = []

    def transcribe(samples):
        heard.append(len(samples) / RATE)
        return Transcript("hello there")

    blocks = pipe_blocks(io.BytesIO(pcm(SOUND)))
    answers = list(listen(blocks, recognizer, 2.0, 1.0, transcribe=transcribe))
    # after the pause, and where the stream ends within the next sentence
    assert [answer.heard for answer in answers if answer.words == "hello there"] == [5.0, 10.5]
    assert heard == [pytest.approx(4.0, abs=0.15), pytest.approx(2.5, abs=0.6)]
    assert all((answer.words is None) == (answer.words_delay is None) for answer in answers)


def test_answers_are_left_out_to_keep_up_with_the_sound(recognizer):
    now = iter(np.arange(1000) * 1.5)  # each look at the clock is a second and a half later
    arrived = iter(np.arange(100) * 0.0)
    blocks = [Block(SOUND[at : at + RATE], float(next(arrived))) for at in range(0, len(SOUND), RATE)]
    merged = [Block(np.concatenate([block.samples for block in blocks]), 0.0)]
    answers = list(listen(merged, recognizer, 2.0, 1.0, clock=lambda: float(next(now))))
    assert sum(answer.skipped for answer in answers) > 0
    assert answers[-1].heard == 10.0


def test_the_command_hears_a_pipe(folder, monkeypatch, capsys):
    def pipe(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    pipe(pcm(SOUND[: 5 * RATE]))
    assert main(["listen", "-", "--model", str(folder), "--length", "2"]) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 5
    assert shown.out.count(" ms") == 5
    assert "5 answers in" in shown.err
    assert "learned from noise" in shown.err
    pipe(pcm(SOUND))
    assert main(["listen", "-", "--model", str(folder), "--json", "--seconds", "3"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["heard"] for line in lines] == [1, 2, 3]
    assert lines[0]["answer"]["category"] in folders.CLASSES
    pipe(b"")
    assert main(["listen", "-", "--model", str(folder)]) == 2
    assert main(["listen", "a.wav", "--model", str(folder)]) == 2
    assert "recognize hears files" in capsys.readouterr().err
