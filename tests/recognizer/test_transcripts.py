"""Whose words a system reads of one recording: those that are given, or each encoder's own recogniser's."""

import json

import numpy as np
import pytest
import yaml

from tests.sounds import speech_like
from tests.systems.trained import write
from vibespeaker.audio.files import read_audio, write_audio
from vibespeaker.cli.main import main
from vibespeaker.provenance import CHECKPOINT_KEY
from vibespeaker.recognizer.system import NO_TRANSCRIPT_NOTE, Recognizer
from vibespeaker.transcribe import CTCTranscriber
from vibespeaker.transcribe.base import Transcript

SUBSTITUTE = "the system reads texts called ctc: the transcriber at hand stands for theirs"


def reads_ctc(checkpoint):
    checkpoint[CHECKPOINT_KEY]["encoders"]["read"]["spec"] |= {"text": "ctc"}


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory):
    return write(tmp_path_factory.mktemp("unnamed") / "best.ckpt")


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    return write(tmp_path_factory.mktemp("named") / "best.ckpt", reads_ctc)


def says(text):
    return lambda samples: Transcript(text)


def test_the_recogniser_of_a_name_is_read_by_its_encoder(unnamed, named):
    samples = speech_like(1)
    expected = Recognizer.open(unnamed).recognize_samples(samples, "good morning")
    for transcribers in ({"ctc": says("good morning")}, {None: says("others"), "ctc": says("good morning")}):
        found = Recognizer.open(named, transcribers).recognize_samples(samples)
        assert (found.transcript, found.probabilities) == ("good morning", expected.probabilities)
        assert SUBSTITUTE not in found.notes
    recognizer = Recognizer.open(named, {None: says("good morning")})
    found = recognizer.recognize_samples(samples)
    assert (found.transcript, found.probabilities) == ("good morning", expected.probabilities)
    assert SUBSTITUTE in found.notes
    assert recognizer.recognize_samples(samples, "given").transcript == "given"
    assert NO_TRANSCRIPT_NOTE in Recognizer.open(named).recognize_samples(samples).notes
    other = Recognizer.open(unnamed, {"ctc": says("good morning")}).recognize_samples(samples)
    assert other.transcript is None


def test_the_command_takes_any_transcriber(named, tiny_checkpoint, tmp_path, capsys):
    checkpoint = str(tiny_checkpoint("wav2vec2-ctc"))
    spec = {"class_path": "CTCTranscriber", "init_args": {"checkpoint": checkpoint}}
    (tmp_path / "ctc.yaml").write_text(yaml.safe_dump({"ctc": spec}))
    write_audio(tmp_path / "a.wav", speech_like(1).astype(np.float32))
    words = ["recognize", str(tmp_path / "a.wav"), "--model", str(named), "--json"]
    assert main([*words, "--transcriber", str(tmp_path / "ctc.yaml")]) in (0, None)
    said = CTCTranscriber(checkpoint)(read_audio(tmp_path / "a.wav")).text
    assert said
    assert json.loads(capsys.readouterr().out)["transcript"] == said
