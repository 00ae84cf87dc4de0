import numpy as np
import pytest

from vibespeaker.figures import before_and_after, corpus_bars, png_bytes, score_matrix, svg_bytes


def test_bars_stack_corpora_within_every_split():
    counts = {"train": [[3, 1], [2, 0]], "test": [[1, 1], [0, 4]]}
    figure = corpus_bars(counts, ("a", "b"), ("anger", "fear"), "counts")
    train, test = figure.axes
    assert [axes.get_title(loc="left") for axes in (train, test)] == ["train: 6", "test: 6"]
    heights = [(bar.get_y(), bar.get_height()) for bar in train.patches]
    assert heights == [(0, 3), (0, 1), (3, 2), (1, 0)]
    assert svg_bytes(figure) == svg_bytes(corpus_bars(counts, ("a", "b"), ("anger", "fear"), "counts"))


def test_a_matrix_shows_every_score_but_the_missing_ones():
    figure = score_matrix([[0.5, np.nan], [0.25, 1.0]], ["a", "b"], ["a", "b"], "UAR")
    assert sorted(text.get_text() for text in figure.axes[0].texts) == ["0.250", "0.500", "1.000"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["a", "b"]


@pytest.mark.parametrize("after", [np.zeros(8_000), np.zeros(10)], ids=["silence", "shorter than a window"])
def test_clips_are_drawn_on_one_time_scale_whatever_is_left_of_them(after):
    before = np.sin(np.arange(16_000) / 10)
    figure = before_and_after(before, after, 16_000, "clip")
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == [
        "before: 1.00 s",
        f"after: {len(after) / 16_000:.2f} s",
    ]
    assert {axes.get_xlim()[1] for axes in figure.axes[2:]} == {1.0}
    assert png_bytes(figure).startswith(b"\x89PNG")
