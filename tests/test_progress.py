"""Progress of long commands where no terminal shows it."""

import logging
import re

import pytest
from rich.table import Table

from vibespeaker import progress
from vibespeaker.progress import plain_console, tracked


def test_a_log_gets_a_line_with_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "LOG_SECONDS", 0.0)
    caplog.set_level(logging.INFO)
    with tracked("encoder sound", 10) as tracker:
        for _ in range(5):
            tracker.advance(2)
    assert len(caplog.messages) == 5
    assert caplog.messages[0].startswith("encoder sound: 2 of 10 clips")
    assert re.fullmatch(r"encoder sound: 8 of 10 clips, [\d.]+ clips/s, 0:00:0\d left", caplog.messages[3])


def test_a_short_piece_of_work_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with tracked("quick", 2) as tracker:
        tracker.advance()
    assert caplog.messages == []


def test_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(title="of [red]")
    table.add_column("[b]")
    table.add_row("take[final].wav")
    console = plain_console()
    console.print("a[/b].wav :smile: [bold]")
    console.print(table)
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("a[/b].wav :smile: [bold]", "of [red]", "[b]", "take[final].wav"))
