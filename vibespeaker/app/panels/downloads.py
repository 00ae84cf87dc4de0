"""The answer as files: JSON, CSV, and a picture; each is made when it is asked for."""

from collections.abc import Callable
from pathlib import PurePath

import streamlit as st

from vibespeaker.app.service import Answered, Service
from vibespeaker.files.outputs import plain_name
from vibespeaker.recognizer.results import Recognitions
from vibespeaker.recognizer.writing import csv_of, explanation_png, json_of, picture_png


def show(answered: Answered, service: Service) -> None:
    """Offer them."""
    st.subheader("Take it with you", anchor=False)
    answers = Recognitions([answered.answer], service.recognizer.classes)
    stem = plain_name(PurePath(answered.sound.file or "recording").stem)

    def picture() -> bytes:
        return explanation_png(answered.answer, answered.sound)

    def over_time() -> bytes:
        return picture_png(answered.answer)

    with st.container(horizontal=True):
        _offer("JSON", json_of(answers, as_list=False), f"{stem}.json", "application/json")
        _offer("CSV", csv_of(answers), f"{stem}.csv", "text/csv")
        _offer("PNG", picture, f"{stem}.png", "image/png")
        if answered.answer.segments:
            _offer("PNG over time", over_time, f"{stem}-over-time.png", "image/png")


def _offer(label: str, content: str | Callable[[], bytes], name: str, kind: str) -> None:
    st.download_button(label, content, name, kind, on_click="ignore")
