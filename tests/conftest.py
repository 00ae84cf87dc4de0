"""Fixtures that the tests of every package share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from tests import checkpoints
from vibespeaker.config_files.trust import trust_packages

# a loaded machine is slow, not wrong
settings.register_profile("vibespeaker", deadline=None)
settings.load_profile("vibespeaker")

# GNU readline, which pytest loads, leaves a terminal's width to the processes that it starts
os.environ.pop("COLUMNS", None)

trust_packages(["tests", "toy"])  # encoders and networks of the tests' own

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real recordings, `../shared/data` beside the checkout; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real recordings are not at {SHARED_DATA}")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def _single_thread() -> None:
    """One thread per process: results do not depend on the machine and parallel test workers do not fight for cores."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the folder of a small random checkpoint of a real class, one of `checkpoints.BUILDERS`, made once."""
    made: dict[str, Path] = {}

    def give(kind: str) -> Path:
        if kind not in made:
            made[kind] = checkpoints.build(kind, tmp_path_factory.mktemp(kind))
        return made[kind]

    return give
