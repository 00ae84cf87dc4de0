"""What audio and text say, and what comes of both, beside each other."""

import streamlit as st

from vibespeaker.app.drawing import ACCENT, bars, escaped, remark
from vibespeaker.app.service import Answered, Service
from vibespeaker.recognizer.results import MemberAnswer
from vibespeaker.systems.base import modality_of
from vibespeaker.systems.fusion import Fusion

_GOES_BY = {"audio": "the voice", "text": "the words", "both": "voice and words"}


def show(answered: Answered, service: Service) -> None:
    """Draw what each member says, with what it counts for, and the answer of all."""
    st.subheader("Voice, words, both", anchor=False)
    answer, kinds = answered.answer, _kinds(service)
    told = {name: one for name, one in answer.members.items() if one.probabilities is not None}
    if answer.probabilities is None:
        st.html(remark("There is nothing to compare: no category is said."))
    elif not told:
        st.html(remark("The model is one, not several: there are no answers of voice and words beside each other."))
    else:
        order = sorted(answer.probabilities, key=lambda name: -(answer.probabilities or {})[name])
        columns = [_column(name, kinds.get(name, ""), one, order) for name, one in told.items()]
        fused = bars(answer.probabilities, "fusion", ACCENT)
        columns.append(f"<div><h4>fusion</h4><p>what comes out</p>{fused}</div>")
        st.html(f'<div class="vs-side">{"".join(columns)}</div>')


def _kinds(service: Service) -> dict[str, str]:
    """Return member → what it goes by."""
    system = service.recognizer.system
    if not isinstance(system, Fusion):
        return {}
    return {name: _GOES_BY[modality_of(member.system)] for name, member in system.members.items()}


def _column(name: str, kind: str, member: MemberAnswer, order: list[str]) -> str:
    """Return a member's bars, in the order of the fusion's."""
    goes_by = f"{kind}; " if kind else ""
    said = member.probabilities or {}
    shares = bars({one: said.get(one, 0.0) for one in order}, name, is_sorted=False)
    return f"<div><h4>{escaped(name)}</h4><p>{goes_by}counts {member.share:.0%}</p>{shares}</div>"
