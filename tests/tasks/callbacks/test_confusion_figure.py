"""Confusion matrices are drawn a few times in a training, and at its end."""

import pytest

from vibespeaker.tasks.callbacks.confusion_figure import MOST_FIGURES, is_drawn


@pytest.mark.parametrize("epochs", [1, 2, 5, 6, 9, 10, 14, 30, 101])
def test_a_training_has_a_few_figures_the_last_of_its_end(epochs):
    drawn = [epoch for epoch in range(epochs) if is_drawn(epoch, epochs)]
    assert 1 <= len(drawn) <= MOST_FIGURES
    assert drawn[-1] == epochs - 1
    assert len(drawn) >= min(epochs, 3)


@pytest.mark.parametrize("epochs", [None, -1])
def test_all_are_drawn_where_the_end_is_open(epochs):
    assert all(is_drawn(epoch, epochs) for epoch in range(20))
