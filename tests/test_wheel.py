"""The wheel: everything that works in a checkout is in it, and works without one, and without a home folder."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "site")
    return out / "site"


def run(installed: Path, *words: str) -> str:
    """Run a command with the wheel's code, in a folder of its own and without HOME."""
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "PYTHONPATH")}
    environment |= {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "vibespeaker", *words]
    done = subprocess.run(command, cwd=installed.parent, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_configs_model_page_and_types_are_in_it(installed: Path) -> None:
    package = installed / "vibespeaker"
    for name in (
        "configs/experiment/embedded.yaml",
        "systems/models/emodb/model.safetensors",
        "systems/models/emodb/config.json",
        "systems/sharing/onnx_example.py",
        "report/page.html",
        "py.typed",
    ):
        assert (package / name).is_file(), name
    (entry,) = installed.glob("*.dist-info/entry_points.txt")
    assert "vibespeaker = vibespeaker.cli.main:main" in entry.read_text()
    (metadata,) = installed.glob("*.dist-info/METADATA")
    assert "Requires-Python: <3.15,>=3.11" in metadata.read_text()


def test_it_works_outside_a_checkout_and_without_a_home(installed: Path) -> None:
    from tests.sounds import speech_like
    from vibespeaker.audio.files import write_audio

    listed = run(installed, "configs", "experiment/embedded")
    assert str(installed) in listed.splitlines()[0]
    write_audio(installed.parent / "clip.wav", speech_like(1))
    assert "boredom" in run(installed, "recognize", "clip.wav")
