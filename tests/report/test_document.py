import math

import pytest

from vibespeaker.report.document import Section, best_cells, number, with_interval


def test_numbers():
    assert number(0.12345) == "0.123"
    assert number(-0.0001) == "0.000"  # no minus before nothing
    assert number(None) == number(math.nan) == "–"
    assert with_interval(0.5, 0.4, 0.6) == "0.500 [0.400, 0.600]"
    assert with_interval(0.5, math.nan, 0.6) == "0.500"


def test_the_best_of_each_column():
    columns = [(1, [0.2, 0.4, None]), (2, [math.nan, 0.3, math.nan]), (3, [0.5, 0.5, 0.1])]
    assert best_cells(columns) == {(1, 1), (0, 3), (1, 3)}  # column 2 has one value: nothing to be best of
    assert best_cells(columns, lower=True) == {(0, 1), (2, 3)}


@pytest.mark.parametrize(("title", "anchor"), [("How it was made", "how-it-was-made"), ("α / β", "α-β")])
def test_anchor(title, anchor):
    assert Section(title, ()).anchor == anchor
