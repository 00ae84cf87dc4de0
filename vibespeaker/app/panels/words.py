"""The words: what was said, and who says so."""

import streamlit as st

from vibespeaker.app.drawing import escaped, remark
from vibespeaker.app.service import Answered, Service


def show(answered: Answered, service: Service) -> None:
    """Show the transcript, or say why there is none."""
    st.subheader("Words", anchor=False)
    said, recognizer = answered.answer.transcript, service.recognizer
    if said:
        st.html(f'<p class="vs-quote" tabindex="0">“{escaped(said)}”</p>')
        st.html(remark(_source(answered, service)))
    elif not recognizer.reads_text:
        st.html(remark("The model reads no words. One that does is named with --model; --demo brings one."))
    elif recognizer.transcribers:
        st.html(remark("No words were heard."))
    else:
        st.html(remark("Nobody says what was said: type the words above, or start the page with --transcriber."))


def _source(answered: Answered, service: Service) -> str:
    if answered.sound.text is not None:
        return "As you typed them."
    names = sorted({str(getattr(one, "name", "a recogniser")) for one in service.recognizer.transcribers.values()})
    return f"As {', '.join(names)} heard them: words may be wrong, and what is read in them with them."
