"""What answers: what it is, what it learned from, and what it is good and not good for."""

import streamlit as st

from vibespeaker.app.drawing import escaped
from vibespeaker.app.service import Service
from vibespeaker.systems.base import System, modality_of
from vibespeaker.systems.beside import facts_of
from vibespeaker.systems.facts import ModelFacts, corpora_in_words
from vibespeaker.systems.fusion import Fusion

_GOES_BY = {"audio": "the sound of the voice", "text": "the words alone", "both": "voice and words"}


def show(service: Service) -> None:
    """Tell it of the model, or of each of its members."""
    st.subheader("The model", anchor=False)
    system = service.recognizer.system
    if isinstance(system, Fusion):
        names = ", ".join(system.members)
        st.markdown(
            f"A late fusion of {len(system.members)} members ({names}): each answers, the answers are averaged."
        )
        told = [_told(name, member.system) for name, member in system.members.items()]
    else:
        told = [_told("", system)]
    transcribers = service.recognizer.transcribers.values()
    heard = [f"<p>Words are heard by {escaped(str(getattr(one, 'name', 'a recogniser')))}.</p>" for one in transcribers]
    st.html(f'<div class="vs-told">{"".join(told)}{"".join(heard)}</div>')


def _told(name: str, system: System) -> str:
    provenance, facts = system.provenance, facts_of(system)
    points = [f"It goes by {_GOES_BY[modality_of(system)]}."]
    if "categories" in system.heads:
        points.append(f"It tells apart: {', '.join(provenance.classes)}.")
    has_attributes = "attributes" in system.heads
    points.append(f"It {'says' if has_attributes else 'has no head for'} arousal, valence and dominance.")
    learned = facts.learned_from if facts is not None else corpora_in_words(provenance)
    points.append(f"It learned from {learned}.")
    # how well it does on voices that nobody has says nothing
    points += [] if facts is None or provenance.synthetic else _qualities(facts)
    loud = (
        '<p class="vs-synthetic">It learned from SYNTHETIC speech: it shows how everything works, and says nothing '
        "about people.</p>"
        if provenance.synthetic
        else ""
    )
    title = f"<h4>{escaped(name)}</h4>" if name else ""
    return f"{title}{loud}<ul>{''.join(f'<li>{escaped(point)}</li>' for point in points)}</ul>"


def _qualities(facts: ModelFacts) -> list[str]:
    scores = [
        f"{', '.join(f'{name} {value:.3f}' for name, value in values.items())} on {what}"
        for what, values in facts.scores.items()
    ]
    points = [f"How well: {'; '.join(scores)}."] if scores else []
    points.append("Good for voices like those. Expect less of other languages, people, microphones and rooms.")
    points += [f"At home with {', '.join(ranges)}."] if (ranges := facts.ranges()) else []
    return [*points, f"For a better one {facts.better}."] if facts.better else points
