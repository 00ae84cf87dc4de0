"""The inputs of the page: a file or a recording, how much of it is heard, and what was said where that is known."""

from dataclasses import dataclass

import streamlit as st

from vibespeaker.app.service import Service

#: Seconds that are heard of a recording, as in the published page.
SHORT = 3.0
_UPLOAD, _RECORD = "Upload a file", "Record"
_SHORT, _FREE = f"the first {SHORT:g} s", "all of it"


@dataclass(frozen=True)
class Asked:
    """What a visitor wants to know about.

    Args:
        key: changes with everything that changes the answer.
        content: of the file.
        name: of the file.
        text: what was said; null where the visitor does not say.
        seconds: to hear; null for all.
    """

    key: tuple[object, ...]
    content: bytes
    name: str
    text: str | None
    seconds: float | None


def ask(service: Service) -> Asked | None:
    """Show the inputs and return what was given; null where nothing was yet."""
    how = st.radio("Where the voice comes from", (_UPLOAD, _RECORD), horizontal=True)
    seconds = None
    if how == _UPLOAD:
        # of any suffix: what a file is, its content says
        given = st.file_uploader("A recording", max_upload_size=service.bounds.megabytes)
    else:
        given = st.audio_input("A recording of your voice", sample_rate=16_000)
        length = st.radio("Heard of it", (_SHORT, _FREE), horizontal=True)
        seconds = SHORT if length == _SHORT else None
    text = _words(service)
    if given is None:
        return None
    name = given.name if how == _UPLOAD else "recording"
    return Asked((given.file_id, text, seconds), given.getvalue(), name, text, seconds)


def _words(service: Service) -> str | None:
    """Ask what was said where the model reads words; null where that is left open."""
    if not service.recognizer.reads_text:
        return None
    hint = "left empty, they are heard" if service.recognizer.transcribers else "left empty, nobody knows them"
    return st.text_input("The words, if you know them", placeholder=hint, max_chars=2000).strip() or None
