"""The categories: what comes out, and how probable each class is."""

import streamlit as st

from vibespeaker.app.drawing import bars, escaped
from vibespeaker.app.service import Answered
from vibespeaker.labels.emoji import emoji_of


def show(answered: Answered) -> None:
    """Draw the category with its face, and the probabilities as bars."""
    answer = answered.answer
    st.subheader("Emotion")
    if answer.probabilities is None:
        st.info("The model has no head for categories, or nobody speaks.")
        return
    face, name = emoji_of(answer.most_probable), answer.most_probable or ""
    said = f"{escaped(name)} <small>probability {answer.confidence:.2f}</small>"
    st.html(f'<p class="vs-said"><span class="vs-face" aria-hidden="true">{face}</span>{said}</p>')
    st.html(bars(answer.probabilities))
