"""The sound: to be heard, and as waveform and spectrogram with the stretches that are answered by themselves."""

import base64

import numpy as np
import streamlit as st

from vibespeaker.app.drawing import ACCENT, colour_of, escaped, stretch, ticks, timed
from vibespeaker.app.service import Answered
from vibespeaker.audio.files import Waveform, wav_bytes
from vibespeaker.figures import spectrogram_png
from vibespeaker.labels.emoji import emoji_of
from vibespeaker.recognizer.results import Recognition
from vibespeaker.utterance import SAMPLE_RATE

#: Columns of a waveform.
_COLUMNS = 600
#: Shares of the recording from which a stretch has room above it for its face, and for its name.
_ROOM_FOR_FACE, _ROOM = 0.05, 0.25


def show(answered: Answered) -> None:
    """Draw it."""
    sound, answer = answered.sound, answered.answer
    st.subheader("Sound", anchor=False)
    # as bytes: samples would be made as loud as can be
    st.audio(wav_bytes(sound.samples), "audio/wav", alt=f"the recording as it was heard, {timed(sound.seconds)}")
    seconds = sound.seconds
    marks = _strip(answer, seconds) if answer.segments else ""
    lines = "".join(
        f'<div class="vs-mark" style="{_place(one, answer, seconds)};border-color:{_colour(one)}"></div>'
        for one in answer.segments
    )
    told = f"waveform and spectrogram of {timed(seconds)}"
    told += f", {len(answer.segments)} stretches of speech marked" if answer.segments else ""
    picture = base64.b64encode(spectrogram_png(sound.samples)).decode()
    st.html(
        f'<figure class="vs-time" role="img" aria-label="{told}">{marks}'
        f'<div class="vs-picture">{waveform(sound.samples)}{lines}</div>'
        f'<div class="vs-picture"><img alt="" src="data:image/png;base64,{picture}">{lines}'
        f'<span class="vs-unit">0 to {SAMPLE_RATE // 2000} kHz</span></div>{ticks(seconds)}</figure>'
    )


def waveform(samples: Waveform) -> str:
    """Return the least and the greatest sample of each column as a shape; what is loudest fills it.

    Args:
        samples: `(samples,)`, at least one.
    """
    count = min(_COLUMNS, len(samples))
    edges = np.linspace(0, len(samples), count + 1).astype(np.int64)[:-1]
    low, high = np.minimum.reduceat(samples, edges), np.maximum.reduceat(samples, edges)
    loudest = float(np.abs(samples).max()) or 1.0
    step = 100 / max(1, count - 1)
    above = [f"{at * step:.2f}% {49.5 - 48 * value / loudest:.1f}%" for at, value in enumerate(high)]
    below = [f"{at * step:.2f}% {50.5 - 48 * value / loudest:.1f}%" for at, value in reversed([*enumerate(low)])]
    return f'<div class="vs-wave" style="background:{ACCENT};clip-path:polygon({",".join([*above, *below])})"></div>'


def _strip(answer: Recognition, seconds: float) -> str:
    """Return a strip with a block for each stretch, named where there is room."""
    blocks = []
    for one in answer.segments:
        name = one.most_probable or "speech"
        share = (one.ends - one.start) / seconds
        shown = emoji_of(name) if share >= _ROOM_FOR_FACE else ""
        shown += f" {escaped(name)}" if share >= _ROOM else ""
        place = _place(one, answer, seconds)
        blocks.append(f'<span style="{place};background:{_colour(one)}" title="{escaped(name)}">{shown}</span>')
    return f'<div class="vs-strip" aria-hidden="true">{"".join(blocks)}</div>'


def _place(one: Recognition, answer: Recognition, seconds: float) -> str:
    return stretch(one.start - answer.start, one.ends - answer.start, seconds)


def _colour(one: Recognition) -> str:
    names = list(one.probabilities or ())
    return colour_of(one.most_probable, names.index(one.most_probable)) if one.most_probable else ACCENT
