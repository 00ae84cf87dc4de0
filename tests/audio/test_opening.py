"""Paths that name no recording: nothing waits, nothing is read for ever."""

import os
import socket
from pathlib import Path

import pytest

from vibespeaker.audio.files import examine
from vibespeaker.audio.opening import MAX_BYTES


def made(folder: Path, kind: str) -> Path:
    path = folder / "a.wav"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "socket":
        socket.socket(socket.AF_UNIX).bind(os.path.relpath(path))
    elif kind == "folder":
        path.mkdir()
    elif kind == "dangling":
        path.symlink_to("/nowhere/at/all")
    elif kind == "large":
        with open(path, "wb") as file:
            file.truncate(MAX_BYTES + 1)
    elif kind == "null":
        return Path("a\0.wav")
    return path


@pytest.mark.filterwarnings("ignore:unclosed <socket")
@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("pipe", "it is a named pipe, not a file"),
        ("device", "it is a device, not a file"),
        ("socket", "it is a socket, not a file"),
        ("folder", "it is a folder, not a file"),
        ("dangling", "the file does not exist"),
        ("large", "it has 4,294,967,297 bytes, more than 4,294,967,296: cut it into pieces"),
        ("null", "no file can have this name"),
    ],
)
def test_only_files_are_opened(tmp_path: Path, kind: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert examine(made(tmp_path, kind)).problem == problem
