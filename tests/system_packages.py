"""What tests need of the system; where it is missing they skip, and fail where it must not be, as in `.ci/run`."""

import os

import pytest


def must_be_there() -> bool:
    """Return whether nothing of the system may be missing here."""
    return os.environ.get("VIBESPEAKER_SYSTEM_PACKAGES") == "required"


def missing(what: str) -> None:
    """Skip a test, or fail it where nothing may be missing."""
    if must_be_there():
        pytest.fail(what)
    pytest.skip(what)
