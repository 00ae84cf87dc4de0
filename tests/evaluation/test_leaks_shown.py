"""Leaks that training allowed stand beside every score."""

from vibespeaker.evaluation.scoring import leak_mark, leaks_of
from vibespeaker.predictions import Predictions, PredictionsMetadata


def table(provenance):
    metadata = PredictionsMetadata("anger,fear", ("anger", "fear"), provenance=provenance)
    return Predictions.build(["a"], ["a.wav"], ["test"], [[0.0, 1.0]], None, metadata)


def test_a_system_without_leaks_has_no_mark():
    assert leak_mark(table({})) == ""
    assert leak_mark(table({"leaks": {}})) == ""


def test_leaks_of_a_system_and_of_ensemble_members_are_named():
    assert leak_mark(table({"leaks": {"take": "t", "speaker": "s"}})) == " (leaks: speaker, take)"
    member = {"provenance": {"leaks": {"speaker": "3 speakers"}}}
    inner = {"provenance": {"ensemble": {"members": [{"provenance": {"leaks": {"audio": "1 recording"}}}]}}}
    assert leaks_of({"ensemble": {"members": [member, inner, {}]}}) == {"audio": "1 recording", "speaker": "3 speakers"}
