"""The picture of one answer: its sound, its words, each member and all together."""

import numpy as np
import pytest

from tests.sounds import RATE, speech_like
from vibespeaker.figures import Explained, explanation_figure, png_bytes
from vibespeaker.labels import EMOTIONS, NO_AGREEMENT, OTHER
from vibespeaker.labels.emoji import EMOJI, emoji_of

SAID = Explained(
    "clip.wav, 1.0 s",
    {"anger": 0.6, "neutral": 0.4},
    {"voice": {"anger": 0.9, "neutral": 0.1}, "words": {"anger": 0.4, "neutral": 0.6}},
    {"voice": 0.4, "words": 0.6},
    "so it is " * 60,
    EMOJI["anger"],
    "anger",
    {"arousal": 5.04},
)


def bars(axes):
    return [[bar.get_height() for bar in container] for container in axes.containers]


def test_every_panel_says_its_part():
    figure = explanation_figure(speech_like(1), RATE, SAID)
    headline, waveform, spectrogram, words, shares = figure.axes
    assert [text.get_text() for text in headline.texts] == [
        "😠", "anger, probability 0.60   arousal 5.0", "clip.wav, 1.0 s",
    ]  # fmt: skip
    assert waveform.get_xlim() == spectrogram.get_xlim() == (0.0, 1.0)
    assert words.texts[0].get_text().count("\n") == 2
    assert words.texts[0].get_text().endswith(" …”")
    assert bars(shares) == [[0.9, 0.1], [0.4, 0.6], [0.6, 0.4]]
    assert [text.get_text() for text in shares.get_legend().texts] == [
        "voice (counts 40%)", "words (counts 60%)", "all together",
    ]  # fmt: skip
    assert png_bytes(figure).startswith(b"\x89PNG")


def test_what_is_not_there_is_not_drawn():
    silent = explanation_figure(np.zeros(9, np.float32), RATE, Explained("", {}, attributes={"valence": 2.0}))
    assert len(silent.axes) == 4
    assert [text.get_text() for text in silent.axes[3].texts] == ["no transcript"]
    assert png_bytes(silent) == png_bytes(
        explanation_figure(np.zeros(9, np.float32), RATE, Explained("", {}, attributes={"valence": 2.0}))
    )
    alone = explanation_figure(speech_like(0.5), RATE, Explained("", {"anger": 1.0}, words=""))
    assert [text.get_text() for text in alone.axes[3].texts] == ["no words"]
    assert bars(alone.axes[4]) == [[1.0]]


def test_every_emotion_has_a_face_that_the_font_of_pictures_holds():
    from matplotlib import font_manager
    from matplotlib.ft2font import FT2Font

    font = FT2Font(font_manager.findfont("DejaVu Sans"))
    assert set(EMOJI) == {*EMOTIONS} - {OTHER, NO_AGREEMENT}
    assert len({*EMOJI.values()}) == len(EMOJI)
    assert all(font.get_char_index(ord(face)) for face in EMOJI.values())
    assert emoji_of(None) == emoji_of("love") == ""


@pytest.mark.parametrize("samples", [1, 511, 200_000])
def test_any_length_can_be_drawn(samples):
    figure = explanation_figure(speech_like(samples / RATE)[:samples], RATE, Explained("", {}))
    assert figure.axes[2].images[0].get_array().shape[1] <= 4001
