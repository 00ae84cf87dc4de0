"""Formats that ffmpeg decodes: read where it is, named where it is not; a file of a stranger opens nothing else."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.sounds import RATE, speech_like
from tests.system_packages import must_be_there
from vibespeaker.audio.files import write_audio
from vibespeaker.audio.foreign import hear_any
from vibespeaker.errors import AudioError
from vibespeaker.utterance import Excerpt

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None and not must_be_there(), reason="ffmpeg is not installed"
)
M4A = b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom\0\0\0\0"


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    write_audio(tmp_path / "a.wav", speech_like(1))
    return tmp_path / "a.wav"


def test_without_ffmpeg_the_format_is_named_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.m4a").write_bytes(M4A)
    (tmp_path / "a.bin").write_bytes(b"something else" * 99)
    for name, said in (("a.m4a", r"it is MP4"), ("a.bin", r"it cannot be decoded")):
        with pytest.raises(AudioError, match=rf"{said}.*ffmpeg, which knows more formats.*Remedy: install ffmpeg"):
            hear_any(tmp_path / name)
    with pytest.raises(AudioError, match="the file does not exist"):
        hear_any(tmp_path / "none.m4a")


def test_what_ffmpeg_is_asked_and_what_it_says_when_it_cannot(tmp_path, monkeypatch, wav):
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    copy = f'for last; do :; done\n/bin/cp {wav} "${{last#file:}}"\n'
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n{copy}')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent) + os.pathsep + "/bin")
    (tmp_path / "-odd name.m4a").write_bytes(M4A)
    heard = hear_any(tmp_path / "-odd name.m4a")
    assert heard.notes[0] == "decoded by ffmpeg"
    asked = (tmp_path / "asked").read_text()
    assert "-protocol_whitelist file,pipe" in asked
    assert f"-i file:{tmp_path}/-odd name.m4a" in asked
    formats = asked.split("-format_whitelist ")[1].split()[0].split(",")
    assert not {"hls", "concat", "image2", "lavfi", "sdp", "dash"} & set(formats)
    program.write_text("#!/bin/sh\necho 'moov atom not found' >&2\nexit 1\n")
    with pytest.raises(AudioError, match=r"by ffmpeg neither \(moov atom not found\)"):
        hear_any(tmp_path / "-odd name.m4a")


@needs_ffmpeg
def test_a_phones_recording_is_heard_and_a_playlist_opens_nothing(tmp_path, wav):
    subprocess.run(["ffmpeg", "-v", "error", "-i", wav, "-c:a", "aac", tmp_path / "a.m4a"], check=True)
    heard = hear_any(tmp_path / "a.m4a")
    expected = hear_any(wav)
    assert heard.notes == ("decoded by ffmpeg",)
    assert len(heard.samples) == pytest.approx(len(expected.samples), abs=0.2 * RATE)
    assert np.abs(heard.samples).max() > 0.1
    assert len(hear_any(tmp_path / "a.m4a", Excerpt(end=0.5)).samples) == RATE // 2
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{wav}\n#EXT-X-ENDLIST\n")
    (tmp_path / "list.ffconcat").write_text(f"ffconcat version 1.0\nfile '{wav}'\n")
    for name in ("list.m3u8", "list.ffconcat"):
        with pytest.raises(AudioError, match="by ffmpeg neither"):
            hear_any(tmp_path / name)
