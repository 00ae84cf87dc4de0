"""The README's commands work as written, and those that set up are the ones the checks run."""

import importlib
import inspect
import re
import shlex
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from vibespeaker.cli.main import COMMANDS, TRAINER_COMMANDS, main
from vibespeaker.config_files import find_config
from vibespeaker.corpora.synthetic.corpus import generate_corpus

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SET_UP = "python3 -m venv"


def commands(language: str) -> list[str]:
    """Return the lines of the README's code blocks in `language`."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def test_set_up_commands_are_those_of_the_checks() -> None:
    run, tests = [line for line in commands("bash") if line.startswith(SET_UP)]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert run.endswith(".venv/bin/vibespeaker quickstart")
    assert all(
        step.replace("pip install -e", "pip install --quiet --editable") in script for step in tests.split(" && ")
    )


@pytest.mark.slow
def test_every_other_command_works_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    generate_corpus(Path("runs/quickstart/corpus"), speakers=12, utterances=100)
    lines = [line for line in commands("bash") if not line.startswith(SET_UP)]
    assert len(lines) >= 8
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "vibespeaker"
        if words[0] == "fit":
            words += ["--trainer.max_epochs", "1", "--trainer.enable_progress_bar", "false"]
        assert main(words) in (0, 1 if words[0] == "prepare" else 0), line
    assert Path("submission/task2.csv").is_file()
    assert Path("report/index.html").is_file()


@pytest.mark.parametrize("line", commands("text"))
def test_commands_on_licensed_corpora_name_what_is_there(line: str) -> None:
    program, command, *words = shlex.split(line)
    assert program == "vibespeaker"
    if command in TRAINER_COMMANDS:
        options = {"config"}
    else:
        module, name = COMMANDS[command][0].split(":")
        options = set(inspect.signature(getattr(importlib.import_module(module), name)).parameters)
    assert {word[2:] for word in words if word.startswith("--")} <= options
    kinds = {"--config": "experiment", "--encoders": "encoders", "--labels": "corpora"}
    named = [(word, kinds[option]) for option, word in pairwise(words) if option in kinds]
    if command == "sweep":
        named.append((words[0], "sweep"))
    for config, kind in named:
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
    block = README.partition("## Several corpora")[2].partition("```text\n")[2].partition("```")[0]
    lines = [line for line in block.splitlines() if not line.startswith("vibespeaker cross")]
    assert len(lines) == 6
    for line in lines:
        words = [str(folders.get(word, word)) for word in shlex.split(line)[1:]]
        assert main(words) in (0, 1 if words[0] in ("prepare", "combine") else 0), line
    assert Path("counts/counts.csv").is_file()


def test_config_folders_named_exist() -> None:
    for pattern in re.findall(r"`(configs/[a-z/]+?)-?\*?`", README):
        assert list(ROOT.glob(f"{pattern}*")), pattern
