"""The attributes: each on its scale, and the plane of arousal and valence."""

import streamlit as st

from vibespeaker.app.drawing import ACCENT, escaped, remark
from vibespeaker.app.service import Answered, Service
from vibespeaker.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN
from vibespeaker.systems.fusion import Fusion

#: Attribute → what its ends are called.
_ENDS = {
    "arousal": ("calm", "excited"),
    "valence": ("unpleasant", "pleasant"),
    "dominance": ("weak", "strong"),
}
_CORNERS = {
    "left:0;top:0": "excited, unpleasant",
    "right:0;top:0": "excited, pleasant",
    "left:0;bottom:0": "calm, unpleasant",
    "right:0;bottom:0": "calm, pleasant",
}


def show(answered: Answered, service: Service) -> None:
    """Draw the attributes, or say why there are none."""
    st.subheader("Arousal, valence, dominance", anchor=False)
    answer = answered.answer
    if answer.attributes is None:
        has_head = "attributes" in service.recognizer.system.heads
        why = "Nobody is heard to speak." if has_head else "The model has no head for them."
        st.html(remark(why))
        return
    if sources := synthetic_sources(service):
        names = ", ".join(map(escaped, sources))
        st.html(f'<p class="vs-synthetic">{names}: learned from SYNTHETIC voices, says nothing about people.</p>')
    scales = "".join(_scale(name, value) for name, value in answer.attributes.items())
    st.html(f'<div class="vs-side"><div>{scales}</div><div>{_plane(answered)}</div></div>')


def synthetic_sources(service: Service) -> list[str]:
    """Return the members that say attributes and learned from generated speech alone."""
    system = service.recognizer.system
    if not isinstance(system, Fusion):
        return ["the model"] if service.recognizer.provenance.synthetic else []
    members = system.members.items()
    return [name for name, m in members if "attributes" in m.system.heads and m.system.provenance.synthetic]


def _scale(name: str, value: float) -> str:
    low, high = _ENDS.get(name, ("low", "high"))
    return (
        f"<h4>{escaped(name)} {value:.1f}</h4>"
        f'<div class="vs-scale" aria-hidden="true"><div class="vs-dot" style="left:{100 * share_of(value):.1f}%;'
        f'background:{ACCENT}"></div></div>'
        f"<p>{ATTRIBUTE_MIN:g} {low} – {ATTRIBUTE_MAX:g} {high}</p>"
    )


def _plane(answered: Answered) -> str:
    """Return the plane: a point for the recording, small ones for its stretches."""
    answer = answered.answer
    attributes = answer.attributes or {}
    corners = "".join(f'<span class="vs-corner" style="{at}">{name}</span>' for at, name in _CORNERS.items())
    small = "".join(_point(one.attributes, "vs-dot vs-small") for one in answer.segments if one.attributes)
    told = f"plane of arousal {attributes['arousal']:.1f} and valence {attributes['valence']:.1f}, each from 1 to 7"
    points = small + _point(attributes, "vs-dot")
    return f'<div class="vs-plane" role="img" aria-label="{told}">{corners}{points}</div>'


def _point(attributes: dict[str, float], kind: str) -> str:
    left, top = 100 * share_of(attributes["valence"]), 100 * (1 - share_of(attributes["arousal"]))
    return f'<div class="{kind}" style="left:{left:.1f}%;top:{top:.1f}%;background:{ACCENT}"></div>'


def share_of(value: float) -> float:
    """Return where a value lies on the scale, 0 to 1."""
    return min(1.0, max(0.0, (value - ATTRIBUTE_MIN) / (ATTRIBUTE_MAX - ATTRIBUTE_MIN)))
