"""What anybody must know who reads an answer."""

import streamlit as st

from vibespeaker.app.drawing import escaped
from vibespeaker.systems.cautions import CAUTIONS


def show() -> None:
    """Say it, once."""
    said = "".join(f"<p>{escaped(one)}</p>" for one in CAUTIONS)
    st.html(f'<div class="vs-caution" role="note" aria-label="cautions">{said}</div>')
