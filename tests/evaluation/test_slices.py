"""Scores by group, the worst of them, and the groupings themselves."""

import numpy as np
import pandas as pd
import pytest

from tests.evaluation.example import random_case, targets_of
from vibespeaker.errors import PredictionsError
from vibespeaker.evaluation.slices import groupings, read_extra, slices
from vibespeaker.evaluation.statistics import System
from vibespeaker.metrics import concordance


def two_genders(rows=40):
    """Right for women, at chance for men; women's arousal exact, men's 2 too high."""
    categories = np.tile([0, 1], rows)
    gender = np.repeat(["female", "male"], rows)
    attributes = np.random.default_rng(0).uniform(1, 5, (2 * rows, 3))
    targets = targets_of(categories, attributes, np.arange(2 * rows) // 5, gender=gender)
    predicted = np.where(gender == "female", categories, 0)
    answers = attributes + 2 * (gender == "male")[:, None]
    return targets, System("s", predicted, answers)


def test_groups_have_their_own_scores_and_the_worst_is_named():
    targets, system = two_genders()
    women, men = slices([system], targets, ("a", "b"), groupings(targets, ["gender"]), 200, 0.95, 0)
    assert (women.group, women.utterances, women.speakers, women.scores["uar"].value) == ("female", 40, 8, 1.0)
    assert (men.group, men.scores["accuracy"].value, men.scores["bias_arousal"].value) == (
        "male",
        0.5,
        pytest.approx(2),
    )
    assert women.worst_by == ()
    assert set(men.worst_by) >= {"uar", "accuracy", "macro_f1", "ccc_arousal", "ccc_mean"}
    expected = concordance(targets.attributes[40:, 0], system.attributes[40:, 0])
    assert men.scores["ccc_arousal"].value == pytest.approx(expected)
    assert men.scores["ccc_arousal"].low < expected < men.scores["ccc_arousal"].high


def test_loudness_and_noise_are_cut_into_bins():
    targets, system = two_genders()
    targets.frame["snr_db"] = [10.0] * 40 + [20.0] * 40
    targets.frame["level_db"] = [-40.0] * 79 + [np.nan]
    found = groupings(targets, ["snr_db", "level_db"])
    assert found == {"snr_db": ["under 15 dB"] * 40 + ["15 to 25 dB"] * 40}
    quiet, noisy = slices([system], targets, ("a", "b"), found, 50, 0.95, 0)
    assert (quiet.group, noisy.group) == ("under 15 dB", "15 to 25 dB")  # by their edges, not by their letters
    assert (quiet.utterances, noisy.utterances) == (40, 40)


def test_small_groups_are_scored_but_not_named_the_worst():
    targets, system = two_genders()
    targets.frame["intensity"] = ["strong"] * 70 + ["normal"] * 10
    strong, normal = sorted(
        slices([system], targets, ("a", "b"), groupings(targets, ["intensity"]), 50, 0.95, 0),
        key=lambda one: -one.utterances,
    )
    assert normal.scores["uar"].value < strong.scores["uar"].value
    assert normal.worst_by == strong.worst_by == ()
    assert (normal.is_small, strong.is_small) == (True, False)


def test_speakers_with_enough_utterances_are_groups_with_intervals_over_utterances():
    targets, system = random_case(size=90, speakers=2)
    found = slices([system], targets, "abcd", groupings(targets, ["speaker"]), 100, 0.95, 0)
    assert [one.group for one in found] == ["c/0", "c/1"]
    assert all(one.speakers == 1 and one.scores["uar"].low < one.scores["uar"].high for one in found)
    targets, system = random_case(size=30, speakers=5)
    assert slices([system], targets, "abcd", groupings(targets, ["speaker"]), 100, 0.95, 0) == ()


def test_durations_and_further_numbers_are_cut_into_bins():
    targets, _ = random_case(size=6)
    targets.frame["duration"] = [1.0, 3.0, 4.9, 8.0, 60.0, np.nan]
    extra = pd.DataFrame({"snr": [0.0, 10.0, 20.0, 30.0, 40.0]}, index=[f"c/{i}" for i in range(5)])
    found = groupings(targets, ["duration", "snr"], extra)
    assert found["duration"] == ["under 3 s", "3 to 5 s", "3 to 5 s", "8 s and more", "8 s and more", None]
    assert found["snr"] == ["under 10", "10 to 20", "20 to 30", "30 and more", "30 and more", None]


def test_groupings_with_one_group_are_left_out_and_unknown_ones_refused():
    targets, _ = two_genders()
    assert set(groupings(targets, None)) == {"gender", "speaker"}
    assert groupings(targets, []) == {}
    with pytest.raises(PredictionsError, match=r"unknown groupings. Found: accent. Allowed: gender, corpus"):
        groupings(targets, ["accent"])


def test_further_columns_are_read_from_both_formats(tmp_path):
    frame = pd.DataFrame({"utterance_id": ["c/0"], "snr": [3.0]})
    frame.to_csv(tmp_path / "x.csv", index=False)
    frame.to_parquet(tmp_path / "x.parquet")
    for name in ("x.csv", "x.parquet"):
        assert read_extra(tmp_path / name)["snr"].to_dict() == {"c/0": 3.0}
    (tmp_path / "german.csv").write_text("Utterance_ID;snr;room\nc/0;3,5;a\nc/1;;b\n")
    read = read_extra(tmp_path / "german.csv")
    assert read["snr"].dropna().to_dict() == {"c/0": 3.5}
    assert read["room"].tolist() == ["a", "b"]
    (tmp_path / "shifted.csv").write_text("utterance_id,snr\nc/0,3,5\n")
    with pytest.raises(PredictionsError, match=r"shifted\.csv:2 cannot be read: 3 fields, header has 2"):
        read_extra(tmp_path / "shifted.csv")
    with pytest.raises(PredictionsError, match=r"nothing.csv cannot be read"):
        read_extra(tmp_path / "nothing.csv")
    pd.concat([frame, frame]).to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(PredictionsError, match=r"twice.csv needs a column utterance_id without repetitions"):
        read_extra(tmp_path / "twice.csv")
