"""The page as people see it: the real server in a process of its own, and the system's Chromium."""

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import pytest

from tests.system_packages import missing

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 120.0


def chromium() -> str:
    """Return the system's Chromium; skip, or fail where it is required, without one."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None or importlib.util.find_spec("playwright") is None:
        lacking = "Chromium (apt-get install chromium)" if found is None else "playwright (pip install playwright)"
        missing(f"the page is looked at in a browser, and this machine has no {lacking}")
    return str(found)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


@contextmanager
def served(folder: Path, *words: str) -> Iterator[str]:
    """Serve the page, and yield its address.

    Args:
        folder: for temporary files and for what the server says.
        words: of the command line.
    """
    port = free_port()
    # a home of its own, but for the pictures' list of fonts, which takes seconds
    homes = {"HOME": str(folder), "MPLCONFIGDIR": matplotlib.get_configdir(), "TMPDIR": str(folder / "temporary")}
    environment = {**os.environ, **homes}
    (folder / "temporary").mkdir(parents=True)
    with open(folder / "server.log", "wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "vibespeaker", "app", "--port", str(port), *words],
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(process, url, folder / "server.log")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", url: str, said: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.fail(f"the server ended: {said.read_text()}")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    pytest.fail(f"the server is not there after {_PATIENCE:g} s: {said.read_text()}")
