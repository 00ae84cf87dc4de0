"""Which recogniser a command line means, and what is refused."""

import pytest

from vibespeaker.errors import ConfigError
from vibespeaker.transcribe.ctc import CTCTranscriber
from vibespeaker.transcribe.specs import build_transcriber, read_transcriber, read_transcribers


def test_references(tmp_path):
    package = "vibespeaker.transcribe"
    whisper = {"class_path": f"{package}.WhisperTranscriber", "init_args": {"checkpoint": "openai/whisper-tiny.en"}}
    assert read_transcribers("openai/whisper-tiny.en") == {None: whisper}
    assert read_transcriber(str(tmp_path))["init_args"] == {"checkpoint": str(tmp_path)}
    for name in ("SphinxTranscriber", f"{package}.SphinxTranscriber"):
        assert read_transcriber(name) == {"class_path": f"{package}.SphinxTranscriber", "init_args": {}}
    path = tmp_path / "two.yaml"
    path.write_text("a: {class_path: SphinxTranscriber}\nb: {class_path: CTCTranscriber, init_args: {language: en}}\n")
    assert list(read_transcribers(str(path))) == ["a", "b"]
    with pytest.raises(ConfigError, match=r"describes several transcribers, where one is needed. Found: a, b"):
        read_transcriber(str(path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "describes no transcriber"),
        ("a: 3", "a must be a mapping"),
        ("a.b: {class_path: SphinxTranscriber}", "name of a transcriber's texts is unusable"),
        ("{class_path: SphinxTranscriber, init_arg: {}}", "unknown keys. Found: init_arg"),
    ],
)
def test_wrong_files(tmp_path, text, message):
    path = tmp_path / "transcriber.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_transcribers(str(path))


def test_settings_of_the_command_line_fill_what_is_left_out(tiny_checkpoint):
    arguments = {"checkpoint": str(tiny_checkpoint("wav2vec2-ctc")), "batch_size": 2}
    spec = {"class_path": "vibespeaker.transcribe.CTCTranscriber", "init_args": arguments}
    made = build_transcriber(spec, {"beams": 1, "batch_size": 5, "device": "cpu", "precision": "bfloat16"})
    assert isinstance(made, CTCTranscriber)
    assert (made.batch_size, made.precision) == (2, "bfloat16")
    with pytest.raises(ConfigError, match=r"CTCTranscriber does not take --beams. Found: 4"):
        build_transcriber(spec, {"beams": 4})


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"class_path": "vibespeaker.transcribe.Vosk", "init_args": {}}, r"no such class.*Allowed: .*CTCTranscriber"),
        ({"class_path": "vibespeaker.encoders.HashedText", "init_args": {}}, "is no Transcriber"),
        ({"class_path": "os.system", "init_args": {}}, "neither imported nor called"),
        ({"class_path": "vibespeaker.transcribe.CTCTranscriber", "init_args": {"beam": 1}}, r"Found: \['beam'\]"),
    ],
)
def test_wrong_classes(spec, message):
    with pytest.raises(ConfigError, match=message):
        build_transcriber(spec)
