import numpy as np
import pytest
from matplotlib.collections import PathCollection

from vibespeaker.figures import block_sheet, feature_boxes, map_figure, svg_bytes
from vibespeaker.figures.projection import project, standardized


def drawn(axes):
    """Return label → number of points."""
    return {one.get_label(): len(one.get_offsets()) for one in axes.collections if isinstance(one, PathCollection)}


def test_a_map_draws_every_point_once_for_each_way_to_group_them():
    emotions = ["fear", "anger", "anger", None]
    groupings = {"emotion": emotions, "corpus": ["a", "a", "b", "b"]}
    figure = map_figure(np.eye(4, 2), groupings, ("x", "y"), {"corpus": "apart"}, "map", {"emotion": ["anger", "fear"]})
    first, second = figure.axes
    assert drawn(first) == {"unknown": 1, "anger": 2, "fear": 1}
    assert [one.get_text() for one in first.get_legend().get_texts()] == ["unknown", "anger", "fear"]
    assert drawn(second) == {"a": 2, "b": 2}
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["emotion: 2", "corpus: 2"]
    assert [text.get_text() for text in second.texts] == ["apart"]
    assert svg_bytes(figure) == svg_bytes(
        map_figure(np.eye(4, 2), groupings, ("x", "y"), {"corpus": "apart"}, "map", {"emotion": ["anger", "fear"]})
    )


def test_of_many_groups_the_largest_are_named():
    speakers = [f"s{number:02d}" for number in range(30)] + ["s29", "s28"]
    (axes,) = map_figure(np.zeros((32, 2)), {"speaker": speakers}).axes
    counts = drawn(axes)
    assert counts["6 others"] == 6
    assert (counts["s28"], counts["s29"], counts["s00"]) == (2, 2, 1)
    assert len(counts) == 25


def test_a_map_keeps_the_direction_that_varies_most_whatever_its_unit():
    random = np.random.default_rng(0)
    shared, other = random.normal(size=200), random.normal(size=200)
    vectors = np.stack([shared, 1e6 * shared, 1e-3 * other, np.full(200, 7.0)], axis=1)
    made = project(vectors)
    assert made.points.shape == (200, 2)
    assert abs(np.corrcoef(made.points[:, 0], shared)[0, 1]) > 0.99
    assert made.axes[0].startswith("component 1 (67%") or made.axes[0].startswith("component 1 (66%")
    assert np.array_equal(made.points, project(vectors).points)
    assert np.array_equal(standardized(vectors)[:, 3], np.zeros(200))


def test_neighbours_stay_together_in_a_t_sne():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(3), 20)
    centres = 8 * random.normal(size=(3, 5))
    points = project(centres[groups] + random.normal(size=(60, 5)), "t-sne").points
    means = np.stack([points[groups == group].mean(axis=0) for group in range(3)])
    distances = np.linalg.norm(points[:, None] - means[None], axis=2)
    assert (distances.argmin(axis=1) == groups).mean() > 0.9


@pytest.mark.parametrize("vectors", [np.ones((1, 3)), np.ones((2, 3)), np.ones((4, 1)), np.arange(18.0).reshape(6, 3)])
@pytest.mark.parametrize("method", ["pca", "t-sne"])
def test_few_or_equal_vectors_have_a_map(vectors, method):
    made = project(vectors, method)
    assert made.points.shape == (len(vectors), 2)
    assert np.isfinite(made.points).all()


def test_boxes_show_each_class_and_its_effect():
    values = [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]
    groups = ["calm"] * 3 + ["anger"] * 3
    effects = {"pitch": [float("nan"), 1.96]}
    figure = feature_boxes({"pitch": values, "level": values}, groups, ("calm", "anger"), effects, {"pitch": "note"})
    pitch, level = figure.axes
    assert pitch.get_title(loc="left") == "pitch\nnote"
    assert [text.get_text() for text in pitch.texts] == ["+2.0"]
    assert [label.get_text() for label in level.get_xticklabels()] == ["calm", "anger"]
    medians = sorted(float(line.get_ydata()[0]) for line in pitch.lines if len(set(line.get_ydata())) == 1)
    assert {1.0, 11.0} <= set(medians)


def test_a_sheet_has_a_row_of_blocks_per_class_lowest_frequency_below():
    picture = np.zeros((3, 4, 5))
    picture[0, 0] = 1.0
    figure = block_sheet({"anger": [picture, picture], "fear": [picture]}, 1.0, 8000.0, "sheet")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [len(axes.images) for axes in shown] == [1, 1, 1]
    image = shown[0].images[0]
    assert image.origin == "lower"
    np.testing.assert_array_equal(image.get_array()[0, 0], [1.0, 0.0, 0.0])
    assert image.get_extent() == [0.0, 1.0, 0.0, 8.0]
