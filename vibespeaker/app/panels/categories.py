"""The categories: what comes out, with its face, and how probable each class is."""

import streamlit as st

from vibespeaker.app.drawing import bars, escaped, remark
from vibespeaker.app.service import Answered, Service
from vibespeaker.labels.emoji import emoji_of


def show(answered: Answered, service: Service) -> None:
    """Draw the category with its face, the probabilities as bars, and what must be known of them."""
    answer = answered.answer
    st.subheader("Emotion", anchor=False)
    if answer.most_probable is None or answer.probabilities is None:
        said = "Nobody is heard to speak." if answer.attributes is None else "The model has no head for categories."
        st.html(remark(said))
    else:
        name = answer.most_probable
        face = f'<span class="vs-face" aria-hidden="true">{emoji_of(name)}</span>' if emoji_of(name) else ""
        probable = f"<small>probability {answer.confidence:.2f}</small>"
        st.html(f'<p class="vs-said">{face}<span>{escaped(name)}</span>{probable}</p>')
        st.html(bars(answer.probabilities, "probability of each class"))
        if answer.prediction_set is not None:
            _show_set(answer.prediction_set, service)
    if answer.notes:
        notes = "".join(f"<li>{escaped(note)}</li>" for note in answer.notes)
        st.html(f'<ul class="vs-notes" aria-label="what to know of these numbers">{notes}</ul>')


def _show_set(classes: tuple[str, ...], service: Service) -> None:
    """Name the classes among which the true one is as often as the calibration promises."""
    calibration = service.recognizer.calibration
    conformal = None if calibration is None else calibration.conformal
    often = "mostly" if conformal is None else f"in {conformal.level:.0%} of cases"
    st.html(remark(f"Of voices like those it was calibrated on, the true one is {often} among: {', '.join(classes)}."))
