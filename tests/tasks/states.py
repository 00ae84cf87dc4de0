"""Whether two runs ended in the same state, to the last bit."""

from pathlib import Path
from typing import Any

import torch

from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import read_checkpoint


def assert_same_state(folder: Path, other: Path) -> None:
    ours, theirs = (read_checkpoint(checkpoint_path(path, "last")) for path in (folder, other))
    assert ours["global_step"] == theirs["global_step"]
    for key in ("state_dict", "optimizer_states", "lr_schedulers", "loops"):
        assert_equal(ours[key], theirs[key], key)
    assert_equal(ours["callbacks"]["RandomStates"], theirs["callbacks"]["RandomStates"], "random")


def assert_equal(ours: Any, theirs: Any, where: str) -> None:
    if isinstance(ours, torch.Tensor):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, msg=where)
    elif isinstance(ours, dict):
        assert list(ours) == list(theirs), where
        for key, value in ours.items():
            assert_equal(value, theirs[key], f"{where}.{key}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), where
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_equal(one, other, f"{where}.{i}")
    else:
        assert ours == theirs, where
