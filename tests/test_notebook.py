"""The notebook runs from its first cell to its last, on a folder of recordings, and plays what it mistook."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.recordings import write_noise

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "own_recordings.ipynb"


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(30):
        folder = tmp_path / "voices" / ("angry", "happy", "sad")[number % 3] / f"voice{number // 3 % 5}"
        folder.mkdir(parents=True, exist_ok=True)
        write_noise(folder / f"{number}.wav", number, 6_400)
    shown: list[tuple[str, Any]] = []
    jupyter = ModuleType("IPython.display")
    jupyter.HTML = lambda text: ("text", text)
    jupyter.Audio = lambda samples, rate: ("sound", (len(samples), rate))
    jupyter.display = shown.append
    ipython = ModuleType("IPython")
    ipython.version_info, ipython.get_ipython = (9, 0), lambda: None  # which matplotlib asks for
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", jupyter)
    for name, value in {"RECORDINGS": tmp_path / "voices", "OUT": tmp_path / "out", "EPOCHS": 1}.items():
        monkeypatch.setenv(f"VIBESPEAKER_{name}", str(value))
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], "a notebook is kept without what it printed"
            exec(compile("".join(cell["source"]), str(NOTEBOOK), "exec"), names)
    assert ("sound", (6_400, 16_000)) in shown
    assert names["answer"].category in ("anger", "happiness", "sadness")
    assert (tmp_path / "out" / "report" / "index.html").is_file()
