"""The script that Streamlit runs for each visitor, from top to bottom, whenever something was chosen."""

import streamlit as st

from vibespeaker.app.asking import Asked, ask
from vibespeaker.app.drawing import style
from vibespeaker.app.panels import (
    attributes,
    categories,
    cautions,
    downloads,
    members,
    model,
    sound,
    trajectory,
    words,
)
from vibespeaker.app.service import Answered, Service, service_at_hand
from vibespeaker.errors import VibeSpeakerError
from vibespeaker.files.markdown import plain

_LAST = "last"


def main() -> None:
    """Show the page."""
    st.set_page_config("VibeSpeaker", layout="wide")
    st.html(style())
    st.title("VibeSpeaker", anchor=False)
    st.markdown("What emotion is heard in a voice? Upload a recording, or record one.")
    service = service_at_hand()
    asked = ask(service)
    answered = None if asked is None else _answered(service, asked)
    if answered is not None:
        categories.show(answered, service)
    cautions.show()
    if answered is not None:
        sound.show(answered)
        words.show(answered, service)
        members.show(answered, service)
        attributes.show(answered, service)
        trajectory.show(answered, service)
        downloads.show(answered, service)
    model.show(service)


def _answered(service: Service, asked: Asked) -> Answered | None:
    """Return the answer for what is asked, once computed; say why where there is none."""
    key, last = asked.key, st.session_state.get(_LAST)
    if last is not None and last[0] == key:
        return last[1]
    st.session_state.pop(_LAST, None)
    place = st.empty()
    try:
        with place, st.spinner("listening …", show_time=True):
            waits = st.empty()

            def told(ahead: int) -> None:
                waits.caption(f"{ahead} before you; your turn comes")

            answered = service.answered(asked.content, asked.name, asked.text, asked.seconds, told)
            # before anything is shown: where something else was chosen meanwhile, the script ends with the next drawing
            st.session_state[_LAST] = (key, answered)
    except VibeSpeakerError as error:
        place.error(plain(str(error)), icon=":material/error:")
        return None
    place.empty()
    return answered


main()
