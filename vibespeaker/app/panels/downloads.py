"""The answer as files: JSON, CSV, and a picture; each is made when it is asked for."""

from pathlib import PurePath

import streamlit as st

from vibespeaker.app.service import Answered, Service
from vibespeaker.files.outputs import plain_name
from vibespeaker.recognizer.results import Recognitions
from vibespeaker.recognizer.writing import csv_of, explanation_png, json_of


def show(answered: Answered, service: Service) -> None:
    """Offer them."""
    st.subheader("Take it with you", anchor=False)
    answers = Recognitions([answered.answer], service.recognizer.classes)
    stem = plain_name(PurePath(answered.sound.file or "recording").stem)

    def picture() -> bytes:
        return explanation_png(answered.answer, answered.sound)

    with st.container(horizontal=True):
        _offer("JSON", json_of(answers, as_list=False), f"{stem}.json", "application/json")
        _offer("CSV", csv_of(answers), f"{stem}.csv", "text/csv")
        st.download_button("PNG", picture, f"{stem}.png", "image/png", on_click="ignore", help="sound, words, answer")


def _offer(label: str, content: str, name: str, kind: str) -> None:
    st.download_button(label, content, name, kind, on_click="ignore")
