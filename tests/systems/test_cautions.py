"""What must be known of answers has one home, and stands wherever people look."""

from pathlib import Path

import pytest

from vibespeaker.systems.cautions import CAUTIONS
from vibespeaker.systems.shipped import models_folder

DOCUMENTS = (Path(__file__).parents[2] / "docs" / "recognition.md", models_folder() / "emodb" / "README.md")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_and_the_shipped_card_repeat_every_caution(path):
    text = " ".join(path.read_text(encoding="utf-8").split())
    assert not [caution for caution in CAUTIONS if caution not in text]
