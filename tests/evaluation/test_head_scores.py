"""Further heads in `evaluate`: scored against the manifest where it holds their truth, hand-computed."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.manifests import manifest_from
from vibespeaker.evaluation.command import evaluate
from vibespeaker.evaluation.head_scores import head_scores, head_sums, scores_of
from vibespeaker.evaluation.scores import Evaluation
from vibespeaker.evaluation.uncertainty import Interval
from vibespeaker.labels import CHALLENGE, NO_CATEGORY
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.predictions import Predictions, PredictionsMetadata

GENDER = HeadSpec("classification", "gender", ("female", "male"))
TONE = HeadSpec("multilabel", "votes.secondary", ("calm", "tense"))
AROUSAL = HeadSpec("regression", "arousal")
NAN = math.nan


def test_scores_are_those_of_the_labelled_utterances() -> None:
    found = head_scores(GENDER, [[2, 1], [2, 1], [0, 1], [0, 9]], [0, 1, 1, NO_CATEGORY])
    assert (found.labelled, found.counts) == (3, {"female": 1, "male": 2})
    # recalls 1 and 1/2; F1 2/3 of both classes
    assert found.scores == pytest.approx({"uar": 0.75, "accuracy": 2 / 3, "macro_f1": 2 / 3})
    found = head_scores(TONE, [[1, -1], [-1, 1], [1, 1]], [[1, 1], [0, 1], [NAN, NAN]])
    assert (found.labelled, found.counts) == (2, {"calm": 1, "tense": 2})
    assert found.scores == pytest.approx({"macro_f1": (1 + 2 / 3) / 2})
    found = head_scores(AROUSAL, [[3], [5], [9]], [[2], [5], [NAN]])
    # covariance 1.5, variances 2.25 and 1, squared distance of means 0.25
    assert found.scores == pytest.approx({"ccc": 3 / 3.5, "rmse": math.sqrt(0.5)})


@pytest.mark.parametrize(
    ("spec", "outputs", "truth"),
    [(GENDER, [[1, 2]], [NO_CATEGORY]), (TONE, [[1, 2]], [[NAN, NAN]]), (AROUSAL, [[3]], [[NAN]])],
)
def test_without_a_label_there_is_no_score(spec: HeadSpec, outputs: list, truth: list) -> None:
    found = head_scores(spec, outputs, truth)
    assert (found.labelled, dict(found.scores)) == (0, {})


def test_evaluate_scores_a_system_of_further_heads_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    genders = ["female", "male", "male", None, "female"]
    columns = {
        "corpus": "c",
        "name": [f"{i}" for i in range(5)],
        "speaker": [f"c/{i}" for i in range(5)],
        "gender": genders,
        "split": ["test"] * 5,
        "category": ["anger", "neutral", "fear", "anger", "no_agreement"],
    }
    manifest = manifest_from(columns, label_set="challenge")
    manifest.write(tmp_path / "manifest.parquet")
    ids, names = manifest.column("utterance_id"), manifest.column("file_name")
    from vibespeaker.labels.policy import LabelPolicy

    metadata = PredictionsMetadata(
        "challenge", CHALLENGE.classes, "gendered", label_policy=LabelPolicy(), heads={"gender": GENDER, "tone": TONE}
    )
    says_male = np.array([[1, 0], [0, 1], [1, 0], [0, 1], [0, 1]])
    table = Predictions.build(ids, names, ["test"] * 5, None, None, metadata, {"gender": says_male})
    table.write(tmp_path / "table.parquet")
    outputs = [tmp_path / "scores.json", tmp_path / "scores.parquet"]
    evaluate([tmp_path / "table.parquet"], manifest=tmp_path / "manifest.parquet", draws=50, out=outputs, full=True)
    heads = Evaluation.read(tmp_path / "scores.json").system("gendered").heads
    assert list(heads) == ["gender"]  # it predicts no tone
    # the last one is wrong, but the policy leaves out what nobody agreed on
    assert heads["gender"].labelled == 3
    assert heads["gender"].scores["uar"] == pytest.approx(0.75)
    low, high = heads["gender"].intervals["uar"]
    assert 0 <= low < 0.75 < high <= 1
    assert heads["gender"].interval("uar") == Interval(heads["gender"].scores["uar"], low, high)
    frame = pd.read_parquet(tmp_path / "scores.parquet").set_index(["system", "score"])
    assert tuple(frame.loc[("gendered", "gender_uar"), ["value", "low", "high"]]) == pytest.approx((0.75, low, high))
    assert "Further heads" in capsys.readouterr().out


def test_intervals_are_those_of_the_speakers_drawn() -> None:
    """A classification, a multilabel head and a value, each against the sums of its draws, one by one."""
    random = np.random.default_rng(0)
    clusters = random.integers(0, 7, 60)
    truths = {
        GENDER: random.integers(0, 2, 60),
        TONE: random.integers(0, 2, (60, 2)).astype(float),
        AROUSAL: random.uniform(1, 7, (60, 1)),
    }
    truths[GENDER][:9], truths[TONE][:9], truths[AROUSAL][:9] = NO_CATEGORY, NAN, NAN
    for spec, truth in truths.items():
        outputs = random.normal(size=(60, spec.outputs)) + truth.reshape(60, -1)
        sums = head_sums(spec, outputs, truth, clusters, 7)
        drawn = np.array([2, 0, 1, 0, 3, 0, 1])
        rows = np.concatenate([np.flatnonzero(clusters == one) for one in np.repeat(np.arange(7), drawn)])
        expected = head_scores(spec, outputs[rows], truth[rows]).scores
        assert {name: float(value) for name, value in scores_of(spec, drawn @ sums).items()} == pytest.approx(expected)
