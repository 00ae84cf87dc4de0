"""What tests of ensembles share."""

import pytest

from tests.ensemble.example import SMALL


@pytest.fixture
def small_labels(monkeypatch):
    monkeypatch.setitem(__import__("vibespeaker.labels").labels.LABEL_SETS, "small", SMALL)
