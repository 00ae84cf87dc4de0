"""A small model behind the page, and the page without a browser."""

import io

import numpy as np
import pytest
import soundfile

from tests.sounds import RATE
from tests.systems import folders
from vibespeaker.app import service as shared
from vibespeaker.app.service import Service
from vibespeaker.recognizer.system import Recognizer


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """Return samples as the bytes of a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV")
    return file.getvalue()


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Give a recogniser of audio alone, without attributes."""
    return Recognizer(folders.write_folder(tmp_path_factory.mktemp("models") / "noise"))


@pytest.fixture
def visit():
    """Give what opens the page on a recogniser, without a browser."""
    from streamlit.testing.v1 import AppTest

    from vibespeaker.app.serving import PAGE

    def opened(recognizer, **bounds):
        shared.open_for_visitors(Service(recognizer, shared.Bounds(**bounds)))
        return AppTest.from_file(str(PAGE), default_timeout=60).run()

    yield opened
    shared._open.clear()
