"""Every command that writes: what cannot be written, and what is read, is refused in one sentence before any work."""

import importlib
import inspect
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.files.hashes import hashes
from tests.toy import Toy, make_toy
from vibespeaker.cli.main import main
from vibespeaker.cli.table import COMMANDS

Words = Callable[[Toy], list[object]]
#: Command that writes a file → suffix, and its words but for `--out`.
FILES: dict[str, tuple[str, Words]] = {
    "prepare": (".parquet", lambda toy: ["prepare", "folders", toy.cache]),
    "combine": (".parquet", lambda toy: ["combine", toy.manifest, "--labels", "corpora/challenge"]),
    "clean": (".parquet", lambda toy: ["clean", toy.manifest, toy.manifest.parent / "copies"]),
    "split": (".parquet", lambda toy: ["split", toy.manifest]),
    "balance": (".parquet", lambda toy: ["balance", toy.manifest]),
    "transcribe": (".parquet", lambda toy: ["transcribe", toy.manifest]),
    "average": (".ckpt", lambda toy: ["average", table(toy), table(toy)]),
    "ensemble": (".parquet", lambda toy: ["ensemble", table(toy), table(toy)]),
    "evaluate": (".json", lambda toy: ["evaluate", table(toy), "--manifest", toy.manifest]),
    "calibrate": (".json", lambda toy: ["calibrate", table(toy), "--manifest", toy.manifest]),
    "prior": (".parquet", lambda toy: ["prior", table(toy), "--manifest", toy.manifest]),
    "wer": (".json", lambda toy: ["wer", "sphinx", "--manifest", toy.manifest]),
    "recognize": (".csv", lambda toy: ["recognize", toy.manifest.parent / "clip.wav"]),
}
#: Command that writes a folder → its words, and a file that it writes there.
FOLDERS: dict[str, tuple[str | None, Words]] = {
    "stats": ("counts.csv", lambda toy: ["stats", toy.manifest]),
    "extract": (None, lambda toy: ["extract", toy.manifest]),
    "submit": (None, lambda toy: ["submit", table(toy), "--manifest", toy.manifest]),
    "report": ("evaluation.json", lambda toy: ["report", table(toy), "--manifest", toy.manifest]),
    "sweep": (None, lambda toy: ["sweep", "sweep/loss-weights"]),
    "ablate": ("manifest.parquet", lambda toy: ["ablate", toy.manifest]),
    "cross": ("manifest.parquet", lambda toy: ["cross", toy.manifest]),
    "cross-validate": ("predictions.parquet", lambda toy: ["cross-validate", toy.manifest]),
    "remake": ("ensemble.parquet", lambda toy: ["remake", "tables/table1", "--manifest", toy.manifest]),
    "fit-text": ("model.safetensors", lambda toy: ["fit-text", toy.manifest]),
    "quickstart": (None, lambda toy: ["quickstart"]),
    "train": (None, lambda toy: ["train", toy.cache]),
    "export": (None, lambda toy: ["export", toy.cache]),
    "baselines": ("features.npy", lambda toy: ["baselines", toy.manifest, "--cache", toy.cache]),
}


def table(toy: Toy) -> Path:
    return toy.manifest.parent / "predictions.parquet"


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    made = make_toy(tmp_path_factory.mktemp("toy"), {"train": 8, "validation": 8, "test": 8})
    # no command gets so far as to see that it is none
    shutil.copy(made.manifest, table(made))
    (made.manifest.parent / "clip.wav").write_bytes(b"RIFF")
    return made


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert main([str(word) for word in words]) == 2
    said = capsys.readouterr().err
    assert said.count("error: ") == 1
    return said


def test_every_command_that_writes_is_here() -> None:
    named = {name: importlib.import_module(place.partition(":")[0]) for name, (place, _) in COMMANDS.items()}
    writing = {
        name
        for name, module in named.items()
        if "out" in inspect.signature(getattr(module, COMMANDS[name][0].partition(":")[2])).parameters
    }
    assert writing == {*FILES, *FOLDERS}


@pytest.mark.parametrize("command", FILES)
def test_a_file_is_refused_before_work(
    command: str, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suffix, words = FILES[command]
    (tmp_path / "file").write_text("in the way")
    (tmp_path / f"folder{suffix}").mkdir()
    reasons = {
        tmp_path / "file" / f"o{suffix}": "Not a directory",
        tmp_path / f"folder{suffix}": "is a folder",
        tmp_path / "o.txt": "no suffix of what is written there",
    }
    before = hashes(toy.manifest.parent)
    for out, reason in reasons.items():
        assert reason in refused(capsys, *words(toy), "--out", out)
    assert hashes(toy.manifest.parent) == before
    assert {path.name for path in tmp_path.iterdir()} == {"file", f"folder{suffix}"}


@pytest.mark.parametrize("command", FOLDERS)
def test_a_folder_is_refused_before_work(
    command: str, toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written, words = FOLDERS[command]
    (tmp_path / "file").write_text("in the way")
    before = hashes(toy.manifest.parent)
    assert "is a file" in refused(capsys, *words(toy), "--out", tmp_path / "file")
    assert "Not a directory" in refused(capsys, *words(toy), "--out", tmp_path / "file" / "o")
    if written is not None:
        shutil.copy(toy.manifest, tmp_path / written)
        inner = [tmp_path / written if word == toy.manifest else word for word in words(toy)]
        assert "the command reads" in refused(capsys, *inner, "--out", tmp_path)
        assert hashes(tmp_path).keys() == {"file", written}
    assert hashes(toy.manifest.parent) == before
