"""A command that asks for more memory than there is says so."""

import pytest
import torch

from vibespeaker.cli import main as cli


@pytest.mark.parametrize("attempt", [lambda: bytearray(1 << 60), lambda: torch.empty(1 << 60)], ids=["bytes", "tensor"])
def test_lacking_memory_is_one_sentence(attempt, monkeypatch, capsys):
    monkeypatch.setattr(cli, "_run", lambda command, arguments: attempt())
    assert cli.main(["stats"]) == 2
    assert "error: the memory does not suffice" in capsys.readouterr().err


def test_other_faults_stay_what_they_are(monkeypatch):
    def broken(command: str, arguments: list[str]) -> int:
        raise RuntimeError("a fault of the program")

    monkeypatch.setattr(cli, "_run", broken)
    with pytest.raises(RuntimeError, match="a fault of the program"):
        cli.main(["stats"])
