"""Ensembles of tables: exact means, votes, recipes, and refusals by name."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.ensemble.example import IDS, SMALL, saved, table
from vibespeaker.cli import main as cli
from vibespeaker.ensemble import ensemble
from vibespeaker.ensemble.combiners import Weighted
from vibespeaker.ensemble.stack import Stack
from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.files import file_sha256
from vibespeaker.labels import CHALLENGE_OTHER, LABEL_SETS, LabelSet
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.metrics import softmax
from vibespeaker.predictions import Predictions


@pytest.fixture
def two(tmp_path):
    generator = np.random.default_rng(0)
    tables = {
        name: table(generator.normal(size=(4, 3)), generator.uniform(1, 7, (4, 3)), system=name) for name in ("a", "b")
    }
    return tables, saved(tmp_path, **tables)


def test_mean_is_of_probabilities_and_attributes(tmp_path, two):
    tables, paths = two
    assert ensemble(paths, tmp_path / "e.parquet") == 0
    combined = Predictions.read(tmp_path / "e.parquet")
    a, b = tables["a"], tables["b"]
    np.testing.assert_allclose(combined.probabilities(), (a.probabilities() + b.probabilities()) / 2, atol=1e-6)
    np.testing.assert_allclose(combined.attributes(), (a.attributes() + b.attributes()) / 2, atol=1e-6)
    assert list(combined.frame["utterance_id"]) == list(IDS)
    assert combined.metadata.classes == SMALL.classes


def test_a_member_with_other_as_a_class_joins_those_without(tmp_path):
    nine, eight = np.arange(36.0).reshape(4, 9), np.ones((4, 8))
    paths = saved(
        tmp_path, pretrained=table(nine, labels=CHALLENGE_OTHER), tuned=table(eight, labels=LABEL_SETS["challenge"])
    )
    assert ensemble(paths, tmp_path / "e.parquet") == 0
    combined = Predictions.read(tmp_path / "e.parquet")
    assert combined.metadata.label_set == "challenge"
    np.testing.assert_allclose(combined.probabilities(), (softmax(nine[:, :8]) + softmax(eight)) / 2, atol=1e-6)


GENDER = HeadSpec("classification", "gender", ("female", "male"))
TONE = HeadSpec("multilabel", "votes.secondary", ("calm", "tense"))
LENGTH = HeadSpec("regression", "duration")


def with_heads(one: Predictions, heads: dict[str, HeadSpec], **values) -> Predictions:
    columns = {
        column: np.float32(values[name][:, place]) if name in values else np.float32(np.nan)
        for name, spec in heads.items()
        for place, column in enumerate(spec.columns(name))
    }
    return Predictions(one.frame.assign(**columns), replace(one.metadata, heads=heads))


def test_further_heads_are_the_mean_of_those_that_have_them(tmp_path, two):
    tables, paths = two
    ensemble(paths, tmp_path / "e.parquet", weights=[1, 3])
    expected = Predictions.read(tmp_path / "e.parquet").frame
    random = np.random.default_rng(1)
    heads = {"gender": GENDER, "tone": TONE, "length": LENGTH}
    said = [{name: random.normal(size=(4, spec.outputs)) for name, spec in heads.items()} for _ in "ab"]
    del said[0]["length"]  # a declares it, and fills it nowhere
    for path, values, one in zip(paths, said, tables.values(), strict=True):
        with_heads(one, heads, **values).write(path)
    ensemble(paths, tmp_path / "e.parquet", weights=[1, 3])
    combined = Predictions.read(tmp_path / "e.parquet")
    assert list(combined.metadata.heads) == ["gender", "tone", "length"]
    pd.testing.assert_frame_equal(combined.frame[expected.columns], expected)
    a, b = said
    genders = (softmax(a["gender"]) + 3 * softmax(b["gender"])) / 4
    np.testing.assert_allclose(softmax(combined.head("gender")), genders, atol=1e-6)
    tones = 1 / (1 + np.exp(-a["tone"])) / 4 + 3 / (1 + np.exp(-b["tone"])) / 4
    np.testing.assert_allclose(1 / (1 + np.exp(-combined.head("tone"))), tones, atol=1e-6)
    np.testing.assert_allclose(combined.head("length"), b["length"], atol=1e-6)
    record = combined.metadata.provenance["ensemble"]["further_heads"]
    assert record["length"] == {str(paths[1]): 1.0}
    assert record["gender"] == {str(paths[0]): 0.25, str(paths[1]): 0.75}


def test_further_heads_that_differ_are_left_out_and_said(tmp_path, two, caplog):
    tables, paths = two
    values = np.zeros((4, 2))
    with_heads(tables["a"], {"gender": GENDER}, gender=values).write(paths[0])
    with_heads(tables["b"], {"gender": replace(GENDER, classes=("male", "female"))}, gender=values).write(paths[1])
    ensemble(paths, tmp_path / "e.parquet")
    assert not Predictions.read(tmp_path / "e.parquet").metadata.heads
    assert "the head gender is left out, since members do not mean the same by it" in caplog.text


def test_further_heads_outlive_classes_that_are_dropped(tmp_path):
    tuned = table(np.ones((4, 8)), labels=LABEL_SETS["challenge"])
    nine = table(np.ones((4, 9)), labels=CHALLENGE_OTHER)
    paths = saved(tmp_path, tuned=tuned, nine=with_heads(nine, {"length": LENGTH}, length=np.full((4, 1), 2.0)))
    ensemble(paths, tmp_path / "e.parquet")
    assert Predictions.read(tmp_path / "e.parquet").head("length").tolist() == [[2.0]] * 4


def test_weighted_mean(tmp_path, two):
    tables, paths = two
    ensemble(paths, tmp_path / "e.parquet", weights=[3, 1])
    combined = Predictions.read(tmp_path / "e.parquet")
    expected = 0.75 * tables["a"].attributes() + 0.25 * tables["b"].attributes()
    np.testing.assert_allclose(combined.attributes(), expected, atol=1e-6)


def test_rows_are_matched_by_id_not_by_position(tmp_path, two):
    tables, paths = two
    backwards = Predictions(tables["b"].frame.iloc[::-1].reset_index(drop=True), tables["b"].metadata)
    backwards.write(paths[1])
    ensemble(paths, tmp_path / "e.parquet")
    expected = (tables["a"].attributes() + tables["b"].attributes()) / 2
    np.testing.assert_allclose(Predictions.read(tmp_path / "e.parquet").attributes(), expected, atol=1e-6)


def test_each_attribute_has_its_own_members_and_a_baseline_among_them(tmp_path, two):
    tables, paths = two
    (tmp_path / "baseline.csv").write_text(
        "FileName,EmoAct,EmoVal,EmoDom\n0.wav,1,2,3\n1.wav,1,2,3\n2.wav,1,2,3\n3.wav,1,2,3\n"
    )
    words = [*map(str, paths), str(tmp_path / "baseline.csv"), "--out", str(tmp_path / "e.parquet")]
    words += ["--arousal", "a", "b", "baseline", "--valence", "b", "--dominance", "a", "baseline.csv"]
    assert cli.main(["ensemble", *words]) == 0
    combined = Predictions.read(tmp_path / "e.parquet")
    a, b = tables["a"].attributes(), tables["b"].attributes()
    np.testing.assert_allclose(combined.attributes()[:, 0], (a[:, 0] + b[:, 0] + 1) / 3, atol=1e-6)
    np.testing.assert_allclose(combined.attributes()[:, 1], b[:, 1], atol=1e-6)
    np.testing.assert_allclose(combined.attributes()[:, 2], (a[:, 2] + 3) / 2, atol=1e-6)
    heads = combined.metadata.provenance["ensemble"]["heads"]
    assert heads["arousal"]["weights"] == dict.fromkeys(words[:3], pytest.approx(1 / 3))
    assert heads["valence"]["weights"] == {str(paths[1]): 1.0}


def test_members_and_their_hashes_are_recorded(tmp_path, two):
    _, paths = two
    ensemble(paths, tmp_path / "e.parquet", system="both")
    metadata = Predictions.read(tmp_path / "e.parquet").metadata
    members = metadata.provenance["ensemble"]["members"]
    assert [(member["path"], member["sha256"], member["system"]) for member in members] == [
        (str(path), file_sha256(path), path.stem) for path in paths
    ]
    assert metadata.system == "both"


def test_the_recorded_command_makes_the_same_bytes(tmp_path, two):
    _, paths = two
    ensemble(paths, tmp_path / "e.parquet", weights=[1, 2])
    before = file_sha256(tmp_path / "e.parquet")
    command = Predictions.read(tmp_path / "e.parquet").metadata.provenance["command"].split()
    (tmp_path / "e.parquet").unlink()
    assert cli.main(command[1:]) == 0
    assert file_sha256(tmp_path / "e.parquet") == before


def test_recipe_file(tmp_path, two):
    tables, paths = two
    recipe = {"members": [str(path) for path in paths], "valence": ["a"], "method": "vote"}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    assert cli.main(["ensemble", "--recipe", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "e.parquet")]) == 0
    combined = Predictions.read(tmp_path / "e.parquet")
    np.testing.assert_allclose(combined.attributes()[:, 1], tables["a"].attributes()[:, 1])


def test_vote_goes_by_the_members_best_classes_and_ties_by_mean_probability():
    probabilities = np.array([[[0.9, 0.1, 0.0]], [[0.3, 0.4, 0.3]], [[0.3, 0.4, 0.3]]])
    stack = Stack(("a", "b", "c"), probabilities, np.zeros((3, 1, 3)))
    # the mean prefers the first class, two of three vote for the second
    assert Weighted("categories", stack.names, (1, 1, 1)).apply(stack).argmax() == 0
    assert Weighted("categories", stack.names, (1, 1, 1), vote=True).apply(stack).argmax() == 1
    assert Weighted("categories", stack.names, (1, 1, 0), vote=True).apply(stack).argmax() == 0


def test_members_without_a_head_are_left_out_of_it(tmp_path):
    attributes = np.full((4, 3), 2.0)
    paths = saved(tmp_path, a=table(np.eye(4, 3)), b=table(None, attributes), c=table(None, attributes + 2))
    ensemble(paths, tmp_path / "e.parquet")
    combined = Predictions.read(tmp_path / "e.parquet")
    assert combined.attributes().tolist() == [[3.0] * 3] * 4
    np.testing.assert_allclose(combined.probabilities(), softmax(np.eye(4, 3)), atol=1e-6)


def refusal(kind, text, *arguments, **options):
    with pytest.raises(kind) as caught:
        ensemble(*arguments, **options)
    assert text in str(caught.value), str(caught.value)


def test_mixtures_are_refused_by_name(tmp_path, two):
    _, (a, b) = two
    out = tmp_path / "e.parquet"
    fewer, more, other, order, categories = saved(
        tmp_path,
        fewer=table(np.eye(3), ids=IDS[:3]),
        more=table(np.eye(5, 3), ids=(*IDS, "c/x")),
        other=table(np.zeros((4, 9)), labels=CHALLENGE_OTHER),
        order=table(np.zeros((4, 3)), labels=LabelSet("small", ("sadness", "anger", "neutral"))),
        categories=table(np.zeros((4, 3))),
    )
    refusal(PredictionsError, f"{fewer} lacks utterances of {a}. Found: 1, e.g. c/3", [a, fewer], out)
    refusal(PredictionsError, f"{more} has utterances that {a} lacks. Found: 1, e.g. c/x", [a, more], out)
    refusal(PredictionsError, f"{other} has another label set than {a}", [a, other], out)
    refusal(PredictionsError, f"{order} has another label set than {a}", [a, order], out)
    refusal(PredictionsError, "given twice", [a, a], out)
    refusal(PredictionsError, "no such head. Found: " + str(categories), [a, categories], out, valence=["categories"])
    refusal(PredictionsError, "no utterances of split train", [a, b], out, split="train")
    refusal(PredictionsError, "needs labels", [a, b], out, method="greedy")
    refusal(ConfigError, "'nobody', named for arousal, is no member", [a, b], out, arousal=["nobody"])
    refusal(ConfigError, "weights must be one per member", [a, b], out, weights=[1.0])
    refusal(ConfigError, "weights for members.1 is out of range", [a, b], out, weights=[1.0, -1.0])
    refusal(ConfigError, "needs members", None, out)
    (tmp_path / "base.csv").write_text("FileName,EmoAct,EmoVal,EmoDom\n0.wav,1,2,3\n")
    refusal(PredictionsError, "base.csv lacks 3 files. Found: 1.wav, 2.wav, 3.wav", [a, tmp_path / "base.csv"], out)
    refusal(PredictionsError, "at least one prediction table", [tmp_path / "base.csv"], out)
    (tmp_path / "base.csv").write_text("FileName,EmoClass\n0.wav,A\n")
    refusal(PredictionsError, "base.csv is not a challenge file of task 2", [a, tmp_path / "base.csv"], out)
    (tmp_path / "r.yaml").write_text("metod: mean\n")
    refusal(ConfigError, "unknown keys. Found: metod", [a], out, recipe=tmp_path / "r.yaml")
    (tmp_path / "r.yaml").write_text("k: three\n")
    refusal(ConfigError, "k has an unusable value. Found: three. Allowed: int", [a], out, recipe=tmp_path / "r.yaml")
    assert not out.exists()


def test_members_for_attributes_alone_may_have_any_label_set(tmp_path):
    wider = LabelSet("small+calm", (*SMALL.classes, "calm"))
    values = np.full((4, 3), 2.0)
    a, b = saved(tmp_path, a=table(np.eye(4, 3), values), b=table(np.eye(4), values + 2, labels=wider))
    ensemble([a, b], tmp_path / "e.parquet", categories=["a"])
    combined = Predictions.read(tmp_path / "e.parquet")
    assert combined.metadata.classes == SMALL.classes
    assert combined.attributes().tolist() == [[3.0] * 3] * 4
    np.testing.assert_allclose(combined.probabilities(), softmax(np.eye(4, 3)), atol=1e-6)
    ensemble([a, b], tmp_path / "e.parquet", categories=[])
    assert not Predictions.read(tmp_path / "e.parquet").has_categories


@pytest.mark.usefixtures("small_labels")
def test_members_with_more_classes_drop_the_others_when_a_label_set_is_named(tmp_path):
    wider = LabelSet("small+calm", (*SMALL.classes, "calm"))
    a, b = saved(tmp_path, a=table(np.eye(4, 3)), b=table(np.eye(4) * 2, labels=wider))
    ensemble([b, a], tmp_path / "e.parquet", labels="small")
    combined = Predictions.read(tmp_path / "e.parquet")
    assert combined.metadata.classes == SMALL.classes
    expected = (softmax(np.eye(4, 3)) + softmax(np.eye(4, 3) * 2)) / 2
    np.testing.assert_allclose(combined.probabilities(), expected, atol=1e-6)
    (fewer,) = saved(tmp_path, fewer=table(np.eye(4, 2), labels=LabelSet("two", SMALL.classes[:2])))
    refusal(
        PredictionsError,
        "'two' lacks classes of 'small'. Found: neutral",
        [a, fewer],
        tmp_path / "x.parquet",
        labels="small",
    )


def test_a_split_of_tables_that_differ_elsewhere(tmp_path):
    splits = ["development", "development", "test3", "test3"]
    paths = saved(tmp_path, a=table(np.eye(4, 3), split=splits), b=table(np.eye(2, 3), ids=IDS[2:]))
    ensemble(paths, tmp_path / "e.parquet", split="test3")
    assert list(Predictions.read(tmp_path / "e.parquet").frame["utterance_id"]) == ["c/2", "c/3"]
