"""The emotion over time: the probabilities of each stretch of a long recording, and the stretches as a table."""

import streamlit as st

from vibespeaker.app.drawing import COLOURS, colour_of, escaped, legend, line, remark, stretch, table, ticks, timed
from vibespeaker.app.panels.attributes import share_of
from vibespeaker.app.service import Answered, Service
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES
from vibespeaker.recognizer.results import Recognition

_COLOURS = dict(zip(ATTRIBUTES, (COLOURS["anger"], COLOURS["sadness"], COLOURS["happiness"]), strict=True))


def show(answered: Answered, service: Service) -> None:
    """Draw it, or say from which duration on there is one."""
    answer = answered.answer
    st.subheader("Over time", anchor=False)
    told = [one for one in answer.segments if one.probabilities]
    if not answer.segments:
        longest = service.recognizer.cutting.longest
        st.html(
            remark(f"Recordings over {longest:g} s are answered stretch by stretch; this one is answered as a whole.")
        )
        return
    if told:
        names = list(told[0].probabilities or ())
        columns = "".join(_column(one, answer, names) for one in told)
        label = f"probabilities over time, {len(told)} stretches"
        st.html(
            f'<figure class="vs-time"><div class="vs-stack" role="img" aria-label="{label}">{columns}</div>'
            f"{ticks(answer.seconds)}{legend({name: colour_of(name, at) for at, name in enumerate(names)})}</figure>"
        )
    if any(one.attributes for one in answer.segments):
        st.html(_levels(answer))
    with st.expander(f"All {len(answer.segments)} stretches as a table"):
        st.html(_table(answer))


def _column(one: Recognition, answer: Recognition, names: list[str]) -> str:
    """Return the stacked probabilities of a stretch, the first class at the bottom as in the legend's order."""
    shares = one.probabilities or {}
    parts = "".join(
        f'<i style="flex:0 0 {100 * shares[name]:.2f}%;background:{colour_of(name, place)}"></i>'
        for place, name in reversed([*enumerate(names)])
    )
    place = stretch(one.start - answer.start, one.ends - answer.start, answer.seconds)
    said = escaped(f"{timed(one.start)}: {one.most_probable} {one.confidence:.2f}")
    return f'<div style="{place}" title="{said}">{parts}</div>'


def _levels(answer: Recognition) -> str:
    """Return the attributes of each stretch as lines, on their scale from 1 at the bottom to 7 at the top."""
    lines = "".join(
        line(one.start - answer.start, one.ends - answer.start, answer.seconds, share_of(value), _COLOURS[name])
        for one in answer.segments
        for name, value in (one.attributes or {}).items()
    )
    told = "attributes over time, from 1 to 7"
    return (
        f'<figure class="vs-time"><div class="vs-levels" role="img" aria-label="{told}">{lines}'
        f'<span class="vs-end" style="top:0">{ATTRIBUTE_MAX:g}</span>'
        f'<span class="vs-end" style="bottom:0">{ATTRIBUTE_MIN:g}</span></div>'
        f"{ticks(answer.seconds)}{legend(_COLOURS)}</figure>"
    )


def _table(answer: Recognition) -> str:
    attributes = next((list(one.attributes) for one in answer.segments if one.attributes), [])
    has_words = any(one.transcript for one in answer.segments)
    header = ["from", "to", "emotion", "probability", *attributes, *(["words"] if has_words else [])]
    rows = []
    for one in answer.segments:
        confidence = "" if one.confidence is None else f"{one.confidence:.2f}"
        values = [f"{one.attributes[name]:.1f}" if one.attributes else "" for name in attributes]
        words = [one.transcript or ""] if has_words else []
        rows.append([timed(one.start), timed(one.ends), one.most_probable or "", confidence, *values, *words])
    return table(header, rows)
