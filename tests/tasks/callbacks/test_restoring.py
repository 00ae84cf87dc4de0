"""A checkpoint whose weights are whole, and the rest of it is not."""

from types import SimpleNamespace

from vibespeaker.errors import ConfigError
from vibespeaker.tasks.callbacks.restoring import Restoring, unrestored


def told(error: Exception, path: str | None = "last.ckpt", begun: bool = False) -> str:
    """What is said of an error that came up in a run."""
    callback = Restoring()
    if begun:
        callback.on_train_epoch_start(None, None)
    callback.on_exception(SimpleNamespace(ckpt_path=path), None, error)
    return str(unrestored(error) or "")


def test_what_comes_up_before_training_goes_on_is_the_checkpoints() -> None:
    assert "checkpoint last.ckpt cannot be taken up. Found: KeyError: 'states'" in told(KeyError("states"))
    assert "init_from" in told(KeyError("states"))


def test_other_errors_are_left_alone() -> None:
    assert told(KeyError("states"), path=None) == ""
    assert told(KeyError("states"), begun=True) == ""
    assert told(ConfigError("of our own")) == ""
    assert told(OSError("no space")) == ""
