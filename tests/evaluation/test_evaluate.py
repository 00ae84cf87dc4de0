"""`vibespeaker evaluate` whole: files, references, seeds, notes, and refusals that name file and rows."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from tests.evaluation.example import write_manifest, write_predictions
from vibespeaker.cli import main as cli
from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.evaluation import Evaluation, Interval
from vibespeaker.evaluation.command import evaluate
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.targets import Truth
from vibespeaker.files import file_sha256
from vibespeaker.labels import CHALLENGE, CHALLENGE_OTHER, EMODB, LabelSet
from vibespeaker.labels.policy import LabelPolicy
from vibespeaker.manifest import Manifest
from vibespeaker.metrics import concordance, confusion_matrix, macro_f1
from vibespeaker.predictions import Predictions


@pytest.fixture
def manifest(tmp_path):
    write_manifest(tmp_path / "manifest.parquet")
    return tmp_path / "manifest.parquet"


def tables(tmp_path, manifest, **settings):
    frame = Manifest.read(manifest).frame()
    for number, (name, options) in enumerate(settings.items()):
        write_predictions(tmp_path / f"{name}.parquet", frame, seed=number, **{"system": name, **options})
    return [tmp_path / f"{name}.parquet" for name in settings]


def quick(paths, manifest, **options) -> Evaluation:
    return evaluate_tables(paths, Truth.read(manifest), Options(**{"draws": 100, "by": [], **options}))


def test_scores_are_those_of_the_metrics(tmp_path, manifest):
    (path,) = tables(tmp_path, manifest, full={})
    found = quick([path], manifest).system("full")
    truth = Manifest.read(manifest).frame().iloc[:120]
    predictions = Predictions.read(path)
    known = truth["category"] != "no_agreement"
    true = [CHALLENGE.index(name) for name in truth["category"][known]]
    predicted = predictions.logits().argmax(axis=1)[known]
    assert found.scores["macro_f1"].value == pytest.approx(float(macro_f1(confusion_matrix(true, predicted, 8))))
    assert np.array(found.confusion).sum() == found.labelled["categories"] == 119
    assert found.labelled["valence"] == 120
    expected = concordance(truth["valence"], predictions.attributes()[:, 1])
    assert found.scores["ccc_valence"].value == pytest.approx(expected)
    assert found.scores["ccc_valence"].low < expected < found.scores["ccc_valence"].high
    assert (found.sha256, found.speakers, found.utterances) == (file_sha256(path), 12, 120)


def test_majority_and_mean_of_the_training_split_stand_beside(tmp_path, manifest):
    (path,) = tables(tmp_path, manifest, full={})
    found = quick([path], manifest)
    reference = found.systems[0]
    assert (reference.system, reference.reference, reference.source) == (
        "majority/mean",
        True,
        "labels of the training split",
    )
    # every training clip is sad
    assert np.array(reference.confusion)[:, CHALLENGE.index("sadness")].sum() == 119
    assert reference.scores["ccc_mean"].value == 0
    truth = Manifest.read(manifest).frame().iloc[:120]
    assert reference.scores["bias_dominance"].value == pytest.approx(4 - truth["dominance"].mean(), abs=1e-5)


def test_utterances_without_agreement_may_be_left_out(tmp_path, manifest):
    path, *_ = tables(tmp_path, manifest, full={})
    truth = Truth.read(manifest).targets(Predictions.read(path).frame["utterance_id"], path)
    named = truth.categories >= 0
    assert (~named).sum() == 1
    predicted = Predictions.read(path).attributes()
    for choice, rows in (("attributes", slice(None)), ("exclude", named)):
        policy = LabelPolicy(no_agreement=choice)
        found = evaluate_tables([path], Truth.read(manifest, policy=policy), Options(draws=0, by=[]))
        wanted = concordance(truth.attributes[rows, 0], predicted[rows, 0])
        assert found.systems[1].scores["ccc_arousal"].value == pytest.approx(wanted, abs=1e-12)
    assert "1 of 120 utterances have no category of the label set: not scored" in found.notes


def test_the_policy_of_the_tables_is_applied_unless_told_otherwise(tmp_path, manifest, caplog):
    strict, wide = tables(
        tmp_path,
        manifest,
        strict={"label_policy": LabelPolicy()},
        wide={"label_policy": LabelPolicy(no_agreement="attributes", other="class")},
    )
    truth = Truth.read(manifest).targets(Predictions.read(strict).frame["utterance_id"], strict)
    named = truth.categories >= 0

    def arousal(*paths, **options) -> float:
        evaluate(list(paths), manifest=manifest, draws=0, by=["none"], out=[tmp_path / "e.json"], **options)
        return Evaluation.read(tmp_path / "e.json").systems[-1].scores["ccc_arousal"].value

    predicted = Predictions.read(wide).attributes()[:, 0]
    everything = concordance(truth.attributes[:, 0], predicted)
    assert arousal(wide) == pytest.approx(everything, abs=1e-12)
    assert not caplog.records
    without = pytest.approx(concordance(truth.attributes[named, 0], predicted[named]), abs=1e-12)
    assert arousal(strict, wide) == without
    assert "different label policies" in caplog.text
    assert "scored are the labels that count by all of them (no_agreement exclude, other exclude" in caplog.text
    assert arousal(strict, wide, policy={"no_agreement": "attributes"}) == pytest.approx(everything, abs=1e-12)
    with pytest.raises(ConfigError, match=r"policy\.no_agreement is unknown\. Found: class"):
        arousal(wide, policy={"no_agreement": "class"})


def test_seeds_show_their_spread(tmp_path, manifest):
    paths = tables(tmp_path, manifest, seed1={"system": "full"}, seed2={"system": "full"}, other={})
    found = quick(paths, manifest)
    assert [one.system for one in found.systems] == ["majority/mean", "full (seed1)", "full (seed2)", "other"]
    values = [found.system(f"full ({name})").scores["macro_f1"].value for name in ("seed1", "seed2")]
    spread = found.seeds["full"]["macro_f1"]
    assert (spread.low, spread.high, spread.count) == (min(values), max(values), 2)
    assert (spread.mean, spread.deviation) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert set(found.seeds) == {"full"}


def test_comparisons_and_balanced_tests_are_there(tmp_path, manifest):
    found = quick(tables(tmp_path, manifest, good={"noise": 0.5}, poor={"noise": 4.0}), manifest, draws=400)
    (macro,) = [one for one in found.comparisons if one.score == "macro_f1"]
    assert macro.difference.value == pytest.approx(
        found.system("good").scores["macro_f1"].value - found.system("poor").scores["macro_f1"].value
    )
    assert macro.p_holm < 0.05
    tests = found.system("good").balanced_tests["macro_f1"]
    assert tests.mean == pytest.approx(found.system("good").scores["balanced_macro_f1"].value, abs=0.05)


def test_the_order_of_rows_does_not_matter_and_the_seed_fixes_everything(tmp_path, manifest):
    one, two = tables(tmp_path, manifest, one={}, two={})
    straight = quick([one, two], manifest)
    table = Predictions.read(two)
    Predictions(table.frame.iloc[::-1].reset_index(drop=True), table.metadata).write(two)
    turned = quick([one, two], manifest)
    assert straight.system("two").scores == turned.system("two").scores
    assert straight.comparisons == turned.comparisons


def test_json_comes_back_as_it_was(tmp_path, manifest):
    paths = tables(tmp_path, manifest, seed1={"system": "full"}, seed2={"system": "full"})
    found = evaluate_tables(paths, Truth.read(manifest), Options(draws=50))
    found.write(tmp_path / "e.json")
    again = Evaluation.read(tmp_path / "e.json")
    assert again.to_json() == found.to_json()
    assert again.systems[1] == found.systems[1]
    assert again.slices == found.slices
    assert again.comparisons == found.comparisons
    assert found.slices
    json.loads(found.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_other_json_is_no_evaluation(tmp_path):
    (tmp_path / "e.json").write_text("{}")
    with pytest.raises(PredictionsError, match=r"e.json is not an evaluation"):
        Evaluation.read(tmp_path / "e.json")
    with pytest.raises(PredictionsError, match=r"nothing.json does not exist"):
        Evaluation.read(tmp_path / "nothing.json")


def test_parquet_has_one_row_per_score(tmp_path, manifest):
    found = evaluate_tables(tables(tmp_path, manifest, full={}), Truth.read(manifest), Options(draws=20, by=["gender"]))
    found.write(tmp_path / "e.parquet")
    frame = pd.read_parquet(tmp_path / "e.parquet")
    (row,) = frame[(frame["system"] == "full") & (frame["score"] == "uar") & frame["by"].isna()].to_dict("records")
    assert row["value"] == found.system("full").scores["uar"].value
    assert set(frame["group"].dropna()) == {"female", "male"}


def test_an_evaluation_names_its_systems(tmp_path, manifest):
    found = quick(tables(tmp_path, manifest, full={}), manifest)
    with pytest.raises(PredictionsError, match=r"no such system. Found: half. Allowed: majority/mean, full"):
        found.system("half")


def test_intervals_print_to_three_digits():
    assert str(Interval(0.12345, 0.1, 0.2)) == "0.123 [0.100, 0.200]"
    assert str(Interval(0.12345)) == "0.123"


def test_notes_tell_what_a_reader_must_know(tmp_path, manifest):
    fitted = {"fitted": {"what": "temperature", "split": "development", "cross_fitted": False}}
    honest = {"fitted": {"what": "stack-mlp ensemble", "split": "development", "cross_fitted": True}}
    elsewhere = {"fitted": {"what": "temperature", "split": "validation", "cross_fitted": False}}
    paths = tables(
        tmp_path,
        manifest,
        leaky={"provenance": fitted},
        honest={"provenance": honest},
        clean={"provenance": elsewhere, "synthetic": True},
    )
    found = quick(paths, manifest)
    assert found.synthetic
    assert [found.system(name).fitted_on for name in ("leaky", "honest", "clean")] == [
        "temperature, not cross-fitted",
        "stack-mlp ensemble, cross-fitted by speaker",
        None,
    ]
    notes = "\n".join(found.notes)
    assert "leaky: temperature, not cross-fitted, so its scores are optimistic" in notes
    assert "honest:" not in notes
    assert "the speech is synthetic" in notes
    assert "1 of 120 utterances have no category of the label set" in notes
    assert "12 speakers are few" in notes
    assert "no audio-only or text-only system" in notes


def test_further_classes_are_left_out_and_missing_ones_refused(tmp_path, manifest):
    (path,) = tables(tmp_path, manifest, full={"labels": CHALLENGE_OTHER})
    table = Predictions.read(path)
    table.frame["logit_other"] = np.float32(99)
    table.write(path)
    assert quick([path], manifest).system("full").scores["macro_f1"].value > 0.3
    (path,) = tables(tmp_path, manifest, seven={"labels": EMODB})
    with pytest.raises(
        PredictionsError, match=r"seven.parquet: label set 'emodb' lacks classes of 'challenge'. Found: sur"
    ):
        quick([path], manifest)
    turned = LabelSet("challenge", CHALLENGE.classes[::-1])
    (path,) = tables(tmp_path, manifest, turned={"labels": turned})
    with pytest.raises(
        PredictionsError, match=r"turned.parquet: the classes are not those of .*'challenge' in their order"
    ):
        quick([path], manifest)


def test_undefined_cases_are_scored_as_documented(tmp_path, manifest):
    (path,) = tables(tmp_path, manifest, full={})
    table = Predictions.read(path)
    constant = table.frame.assign(valence=np.float32(4), logit_fear=np.float32(99))
    Predictions(constant, table.metadata).write(path)
    found = quick([path], manifest).system("full").scores
    assert (found["ccc_valence"].value, found["pearson_valence"].value, found["slope_valence"].value) == (0, 0, 0)
    assert math.isnan(found["precision_anger"].value)
    assert found["f1_anger"].value == 0
    one = Predictions(constant.iloc[5:6], table.metadata)
    one.write(path)
    alone = quick([path], manifest).system("full")
    assert (alone.utterances, alone.scores["ccc_arousal"].value) == (1, 0)
    assert math.isnan(alone.scores["macro_f1"].low)


def test_bad_input_is_refused_by_file_and_row(tmp_path, manifest):
    one, two = tables(tmp_path, manifest, one={}, two={})
    table = Predictions.read(two)
    Predictions(table.frame.iloc[:-2], table.metadata).write(two)
    with pytest.raises(PredictionsError, match=r"two.parquet lacks utterances of .*one.parquet. Found: 2, e.g. c/118"):
        quick([one, two], manifest)
    with pytest.raises(PredictionsError, match=r"one.parquet has more than .*two.parquet"):
        quick([two, one], manifest)
    strange = table.frame.assign(utterance_id=[f"x/{number}" for number in range(len(table))])
    Predictions(strange, table.metadata).write(two)
    with pytest.raises(PredictionsError, match=r"two.parquet: 120 utterances are not in manifest .* Found: x/0, x/1"):
        quick([two], manifest)
    with pytest.raises(PredictionsError, match=r"predicts nothing of split test1. Found: development"):
        quick([one], manifest, split="test1")
    with pytest.raises(ConfigError, match=r"level is out of range. Found: 1.5"):
        quick([one], manifest, level=1.5)
    with pytest.raises(ConfigError, match=r"e.csv has no suffix .* Allowed: .json, .parquet"):
        evaluate([one], manifest=manifest, out=[tmp_path / "e.csv"])
    with pytest.raises(ConfigError, match=r"unknown label set. Found: nine"):
        evaluate([one], manifest=manifest, labels="nine")


def test_command_line(tmp_path, manifest, capsys):
    paths = tables(tmp_path, manifest, full={}, other={})
    words = [*map(str, paths), "--manifest", str(manifest), "--split", "development", "--draws", "50"]
    words += ["--full", "--by", "gender", "duration", "--out", str(tmp_path / "e.json"), str(tmp_path / "e.parquet")]
    assert cli.main(["evaluate", *words]) == 0
    shown = capsys.readouterr().out
    for text in (
        "macro-F1",
        "majority/mean",
        "Classes of full",
        "Attributes of other",
        "Paired comparisons",
        "By gender",
    ):
        assert text in shown, text
    assert (tmp_path / "e.json").is_file()
    assert (tmp_path / "e.parquet").is_file()
    assert cli.main(["evaluate", str(paths[0])]) == 2
    assert "manifest" in capsys.readouterr().err
