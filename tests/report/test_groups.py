from tests.report.test_scores import evaluation, system
from vibespeaker.evaluation.scores import Slice
from vibespeaker.evaluation.uncertainty import Interval
from vibespeaker.report.groups import slices


def test_groups_name_the_worst():
    groups = tuple(
        Slice("a", "level_db", name, 50, 5, {"uar": Interval(value)}, worst)
        for name, value, worst in (("under -35 dB", 0.6, ()), ("-35 dB and more", 0.5, ("uar",)))
    )
    table, picture = slices(evaluation(system("a", uar=0.55), slices=groups), "a").blocks
    assert table.header[0] == "loudness"
    assert table.rows == (("under -35 dB", "50", "5", "0.600", ""), ("-35 dB and more", "50", "5", "0.500", "UAR"))
    assert picture.figure.axes[0].lines[0].get_xdata()[0] == 0.55
    assert picture.alt == "UAR by loudness, all utterances 0.550: under -35 dB (50) 0.600, -35 dB and more (50) 0.500."
    assert slices(evaluation(system("a", uar=0.55), slices=groups), "b").blocks == ()


def test_a_group_of_three_clips_is_marked_and_not_drawn():
    groups = tuple(
        Slice("a", "gender", name, count, 5, {"uar": Interval(value, value, value)})
        for name, count, value in (("female", 50, 0.6), ("male", 40, 0.5), ("other", 3, 1.0))
    )
    table, picture = slices(evaluation(system("a", uar=0.6), slices=groups), "a").blocks
    assert table.rows[2][-1] == "too few clips"
    assert [label.get_text() for label in picture.figure.axes[0].get_yticklabels()] == ["female (50)", "male (40)"]
    assert "1 with fewer than 20 clips left out" in picture.caption
    _, said = slices(evaluation(system("a", uar=0.6), slices=groups[1:]), "a").blocks
    assert said.text == "No two groups by gender have 20 clips: none is drawn."


def test_every_speaker_has_a_bar_and_the_lowest_are_listed():
    groups = tuple(
        Slice("a", "speaker", str(n), 50, 1, {"uar": Interval(1 - n / 50, 0.9 - n / 50, 1.0)}) for n in range(30)
    )
    table, picture = slices(evaluation(system("a", uar=0.5), slices=groups), "a").blocks
    assert [row[0] for row in table.rows] == [str(n) for n in range(29, 19, -1)]
    assert "of 30 groups the 10 with the lowest UAR" in table.caption
    axes = picture.figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == [str(n) for n in range(29, -1, -1)]
    assert len(axes.collections[0].get_segments()) == 30
