"""A process that ends takes the others with it: they say which, how, and how to go on."""

import logging
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest
from torch.multiprocessing.spawn import ProcessExitedException

from vibespeaker.tasks.callbacks.lost_process import _OBSERVER, LostProcess, lost_process, say_what_ended

GLOO = "[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]:4242"


def trainer(*scripts: str) -> SimpleNamespace:
    """As much of a trainer as is asked: the first of some processes, which have ended."""
    started = [subprocess.Popen([sys.executable, "-S", "-c", script]) for script in scripts]
    for one in started:
        one.wait()
    strategy = SimpleNamespace(launcher=SimpleNamespace(procs=started))
    return SimpleNamespace(world_size=len(started) + 1, global_rank=0, local_rank=0, strategy=strategy)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", "process 2 of the training was killed by SIGKILL, as the system does"),
        ("raise SystemExit(2)", "process 2 of the training ended with status 2"),
    ],
)
def test_the_process_that_ended_is_named(script: str, said: str) -> None:
    error = RuntimeError(GLOO)
    LostProcess().on_exception(trainer("", script), None, error)
    told = lost_process(error)
    assert said in str(told)
    assert "while process 0 of 3 waited for it" in str(told)
    assert "Connection closed by peer" in str(told)
    assert "--ckpt_path auto" in str(told)


def test_without_processes_of_its_own_it_says_what_it_knows() -> None:
    error, callback = RuntimeError(GLOO), LostProcess()
    other = SimpleNamespace(world_size=2, global_rank=1, local_rank=1, strategy=SimpleNamespace(launcher=None))
    callback.on_exception(other, None, error)
    assert "another process ended while process 1 of 2" in str(lost_process(error))
    error = RuntimeError(GLOO)
    callback._parent = -1
    callback.on_exception(other, None, error)
    assert "process 0, which started the others, ended" in str(lost_process(error))


def test_forked_processes_are_named_and_other_errors_left_alone() -> None:
    killed = ProcessExitedException("", 1, 7, -9, signal_name="SIGKILL")
    assert "process 1 of the training was killed by SIGKILL" in str(lost_process(killed))
    ended = ProcessExitedException("", 1, 7, 3)
    assert "process 1 of the training ended with status 3" in str(lost_process(ended))
    assert lost_process(RuntimeError("shapes differ")) is None
    single = RuntimeError(GLOO)
    LostProcess().on_exception(SimpleNamespace(world_size=1), None, single)
    assert not getattr(single, "__notes__", [])


def test_lightnings_word_of_it_comes_through_as_a_sentence(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lightning.fabric.strategies.launchers.subprocess_script import _ChildProcessObserver

    monkeypatch.setattr(logging.getLogger("lightning.fabric"), "propagate", True)
    say_what_ended()
    observer = _ChildProcessObserver(0, [SimpleNamespace(pid=7, returncode=-signal.SIGKILL, poll=lambda: None)])
    observer._terminate_all = lambda: None
    with caplog.at_level(logging.INFO):
        assert observer._run()
    told = {(record.levelname, record.getMessage()) for record in caplog.records if record.name == _OBSERVER}
    assert len(told) == 1
    level, message = told.pop()
    assert level == "ERROR"
    assert "process 1 of the training was killed by SIGKILL" in message
    assert "--ckpt_path auto" in message
