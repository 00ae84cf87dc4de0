"""Help, other spellings, completion and configs: what is printed before anything heavy is imported."""

import subprocess

import pytest

from vibespeaker.cli.main import main
from vibespeaker.cli.table import COMMANDS, GROUPS, TRAINER_COMMANDS


def test_every_command_stands_in_one_group(capsys):
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted({**COMMANDS, **TRAINER_COMMANDS})
    assert main(["help"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_help_says_what_must_be_given_and_what_is_meant_otherwise(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["help", "evaluate"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("usage: vibespeaker evaluate PREDICTIONS … --manifest PATH [options]\n")
    assert "required:\n  --manifest PATH" in page
    assert "(default: 10000)" in page
    for unread in ("null", "<class", "None"):
        assert unread not in page
    assert max(map(len, page.splitlines())) <= 80
    assert main(["recognise", "--help"]) == 0
    page = capsys.readouterr().out
    assert page.startswith("usage: vibespeaker recognize [FILES …] [options]")
    assert "--files" not in page


def test_what_was_meant_is_guessed(capsys):
    assert main(["evalute"]) == 2
    assert "did you mean evaluate?" in capsys.readouterr().err
    assert main(["evaluate", "p.parquet", "--manifset", "m.parquet"]) == 2
    assert "did you mean --manifest?" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_and_options(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    if shell == "fish":
        assert "__fish_seen_subcommand_from evaluate' -l manifest" in script
        return
    if shell == "bash":
        asked = "COMP_WORDS=(vibespeaker evaluate --man); COMP_CWORD=2; _vibespeaker; echo ${COMPREPLY[@]}"
        done = subprocess.run(["bash", "-c", f"{script}\n{asked}"], capture_output=True, text=True)
        assert done.stdout.strip() == "--manifest"
    assert " train " in script


def test_shipped_configs_are_listed_and_shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["configs"]) == 0
    listed = capsys.readouterr().out
    assert "experiment/embedded " in listed
    assert max(map(len, listed.splitlines())) <= 80
    assert main(["configs", "encoders"]) == 0
    assert "wavlm" in capsys.readouterr().out
    assert main(["configs", "embedded"]) == 0
    assert "bases: [../data/embedded.yaml" in capsys.readouterr().out
    assert main(["configs", "embeded"]) == 2
