"""A small corpus of noise."""

from pathlib import Path

import pytest

from tests.extract.toy import make_corpus


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    make_corpus(tmp_path, 9)
    return tmp_path
