"""A small model behind the page, and the page without a browser."""

import io
import json
import sys

import numpy as np
import pytest
import soundfile

from tests.sounds import RATE
from tests.systems import folders, trained
from tests.systems.texts import write_words
from vibespeaker.app import service as shared
from vibespeaker.app.service import Service
from vibespeaker.provenance import CHECKPOINT_KEY
from vibespeaker.recognizer.system import Recognizer
from vibespeaker.transcribe.base import Transcript


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """Return samples as the bytes of a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV")
    return file.getvalue()


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Give a recogniser of audio alone, without attributes."""
    return Recognizer(folders.write_folder(tmp_path_factory.mktemp("models") / "noise"))


class Heard:
    """Hears the same words in everything."""

    name = "a recogniser of tests"

    def __call__(self, samples: np.ndarray) -> Transcript:
        return Transcript("i hate this")


@pytest.fixture(scope="session")
def everything(tmp_path_factory):
    """Give a recogniser that fills every panel: a voice, words that are always the same, generated attributes."""
    folder = tmp_path_factory.mktemp("fusion")
    write_words(folder)
    folders.write_folder(folder / "voice")
    trained.write(folder / "attributes.ckpt", lambda made: made[CHECKPOINT_KEY].update(synthetic=True))
    members = {"voice": "voice", "words": "words", "attributes": "attributes.ckpt"}
    (folder / "fusion.yaml").write_text(json.dumps({"fusion": "weighted", "members": members}))
    return Recognizer(folder / "fusion.yaml", {None: Heard()})


@pytest.fixture
def visit():
    """Give what opens the page on a recogniser, without a browser."""
    from streamlit.testing.v1 import AppTest

    from vibespeaker.app.serving import PAGE

    def opened(recognizer, **bounds):
        shared.open_for_visitors(Service(recognizer, shared.Bounds(**bounds)))
        return AppTest.from_file(str(PAGE), default_timeout=60).run()

    main = sys.modules["__main__"]
    yield opened
    shared._open.clear()
    # Streamlit puts the page in its place, and processes that other tests spawn would run the page first
    sys.modules["__main__"] = main
