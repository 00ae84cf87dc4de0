"""The commands of README and guides work as written, or say why they are not run; those that set up are the checks'."""

import importlib
import inspect
import re
import shlex
import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.sounds import speech_like
from vibespeaker.audio.files import write_audio
from vibespeaker.cli.main import main
from vibespeaker.cli.table import COMMANDS, TRAINER_COMMANDS
from vibespeaker.config_files import find_config
from vibespeaker.corpora.synthetic.corpus import generate_corpus

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
SET_UP = "python3 -m venv"
#: What stands above a block that this file does not run as it is.
EXPLAINED = re.compile(r"<!-- (not run by the tests: .+|run by the tests .+) -->\n+$")


@dataclass(frozen=True)
class Block:
    """A block of commands in a document."""

    document: Path
    language: str
    lines: tuple[str, ...]
    above: str

    def __str__(self) -> str:
        return f"{self.document.name}:{self.lines[0][:40]}"


def blocks(*languages: str) -> list[Block]:
    """Return the code blocks of all documents in these languages; a line that ends in a backslash goes on."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for match in re.finditer(r"```(\w+)\n(.*?)```", text, flags=re.DOTALL):
            lines = [line for line in match[2].replace("\\\n", " ").splitlines() if line.strip()]
            if match[1] in languages:
                found.append(Block(document, match[1], tuple(lines), text[: match.start()]))
    return found


UNTESTED = blocks("text")


def test_the_readme_is_what_a_newcomer_needs() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 200


def test_set_up_commands_are_those_of_the_checks() -> None:
    lines = [line for block in blocks("bash") for line in block.lines if line.startswith(SET_UP)]
    run, tests = lines
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert run.endswith(".venv/bin/vibespeaker quickstart")
    assert all(
        step.replace("pip install -e", "pip install --quiet --editable") in script for step in tests.split(" && ")
    )


@pytest.mark.slow
def test_every_other_command_works_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    generate_corpus(Path("runs/quickstart/corpus"), speakers=12, utterances=100)
    lines = [line for block in blocks("bash") for line in block.lines if not line.startswith(SET_UP)]
    assert len(lines) >= 8
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "vibespeaker"
        if words[0] == "fit":
            words += ["--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false"]
        if words[0] == "train":
            words += ["--epochs", "1", "--draws", "20"]
        assert main(words) in (0, 1 if words[0] == "prepare" else 0), line
    assert Path("submission/task2.csv").is_file()
    assert Path("report/index.html").is_file()


@pytest.mark.parametrize("block", UNTESTED, ids=str)
def test_a_block_that_is_not_run_says_why(block: Block) -> None:
    assert EXPLAINED.search(block.above), f"{block.document.name}: say above the block why no test runs it"


@pytest.mark.parametrize(
    ("document", "line"), [(block.document.name, line) for block in UNTESTED for line in block.lines]
)
def test_commands_that_are_not_run_name_what_is_there(document: str, line: str) -> None:
    program, command, *words = shlex.split(line)
    assert program == "vibespeaker", document
    if command in TRAINER_COMMANDS:
        options = {"config", "ckpt_path", "name", "runs", "out", "views"}
    else:
        module, name = COMMANDS[command][0].split(":")
        options = set(inspect.signature(getattr(importlib.import_module(module), name)).parameters)
    named = {word[2:].split("=")[0].split(".")[0] for word in words if word.startswith("--")}
    assert named - {"data", "model", "trainer"} <= options
    kinds = {"--config": "experiment", "--encoders": "encoders", "--labels": "corpora"}
    files = [(word, kinds[option]) for option, word in pairwise(words) if option in kinds]
    if command == "sweep":
        files.append((words[0], "sweep"))
    for config, kind in files:
        assert find_config(config, kind).is_file()


def test_the_commands_on_several_corpora_work(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = {"/corpora/RAVDESS": tmp_path / "RAVDESS", "/corpora/EmoDB": tmp_path / "EmoDB"}
    for actor in range(2, 8):
        name = f"Actor_{actor:02d}"
        shutil.copytree(shared_data / "ravdess" / name, tmp_path / "RAVDESS" / name)
    (tmp_path / "EmoDB").mkdir()
    for clip in sorted((shared_data / "emodb" / "wav").glob("*01*.wav")):
        shutil.copy(clip, tmp_path / "EmoDB")
    folders["/corpora/EmoBox/ravdess"] = shared_data / "emobox" / "ravdess"
    found = [block for block in UNTESTED if "run by the tests on excerpts" in block.above[-200:]]
    lines = [line for block in found for line in block.lines if not line.startswith("vibespeaker cross")]
    assert len(lines) >= 10
    for line in lines:
        words = [str(folders.get(word, word)) for word in shlex.split(line)[1:]]
        assert main(words) in (0, 1 if words[0] in ("prepare", "combine") else 0), line
    assert Path("counts/counts.csv").is_file()
    assert Path("emobox-fold6.parquet").is_file()


def test_the_lines_of_python_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_audio(Path("clip.wav"), speech_like(2))
    (block,) = (block for block in blocks("python") if block.document.name == "recognition.md")
    names: dict[str, Any] = {}
    exec("\n".join(block.lines), names)
    assert len(block.lines) == 5
    assert names["answer"].category in names["recognizer"].classes
    assert list(names["table"]["category"]) == [names["answer"].category] * 2


def test_config_folders_named_exist() -> None:
    for document in DOCUMENTS:
        for pattern in re.findall(r"`(configs/[a-z/]+?)-?\*?`", document.read_text(encoding="utf-8")):
            assert list(ROOT.glob(f"{pattern}*")), pattern


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
