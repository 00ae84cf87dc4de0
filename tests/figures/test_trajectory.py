"""The picture of a recording's emotions over time: neighbours meet in the middle, pauses stay empty."""

import numpy as np

from vibespeaker.figures import png_bytes, trajectory_figure
from vibespeaker.figures.trajectory import _apart, _steps


def test_overlapping_stretches_meet_in_the_middle_and_pauses_break_the_line():
    left, right = _apart(np.array([0.0, 2.0, 8.0]), np.array([4.0, 6.0, 9.0]))
    assert (left.tolist(), right.tolist()) == ([0, 3, 8], [3, 6, 9])
    edges, values = _steps(left, right, np.array([[0.1, 0.2, 0.3]]))
    assert edges.tolist() == [0, 3, 3, 6, 6, 8, 9]
    np.testing.assert_array_equal(values[0], [0.1, 0.1, 0.2, 0.2, np.nan, 0.3, 0.3])


def test_panels_are_those_that_have_something_to_show():
    shares = {"anger": [0.9, 0.2], "neutral": [0.1, 0.8]}
    attributes = {"arousal": [6.0, 2.0]}
    figure = trajectory_figure([0, 2], [3, 4], shares, attributes, 200.0, "talk.wav", ["A", None])
    assert [axes.get_ylabel() for axes in figure.axes] == ["probability", "1–7", ""]
    assert figure.axes[-1].get_xlabel() == "minutes"
    assert [text.get_text() for text in figure.axes[0].texts] == ["anger", "neutral"]
    assert [label.get_text() for label in figure.axes[2].get_yticklabels()] == ["A"]
    assert png_bytes(figure) == png_bytes(figure)
    only = trajectory_figure([0, 2], [3, 4], {}, attributes, 4.0)
    assert [axes.get_ylabel() for axes in only.axes] == ["1–7"]
    assert only.axes[0].get_xlabel() == "seconds"
