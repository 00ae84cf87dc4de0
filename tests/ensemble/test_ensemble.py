"""Ensembles of tables: exact means, votes, selections, stacking without leaks, and refusals by name."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from vibespeaker import cli
from vibespeaker.ensemble import ensemble, stacking
from vibespeaker.ensemble.combiners import Weighted, score
from vibespeaker.ensemble.members import Stack
from vibespeaker.ensemble.recipe import Recipe
from vibespeaker.ensemble.selection import greedy, top_k
from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.files import file_sha256
from vibespeaker.labels import ATTRIBUTES, CHALLENGE_OTHER, LABEL_SETS, LabelSet
from vibespeaker.manifest import Manifest, ManifestMetadata, build
from vibespeaker.predictions import Predictions, PredictionsMetadata, softmax

SMALL = LabelSet("small", ("anger", "sadness", "neutral"))
IDS = tuple(f"c/{number}" for number in range(4))


def table(logits=None, attributes=None, ids=IDS, split="test3", labels=SMALL, system="one", **metadata) -> Predictions:
    splits = [split] * len(ids) if isinstance(split, str) else split
    names = [f"{name.removeprefix('c/')}.wav" for name in ids]
    made = PredictionsMetadata(labels.name, labels.classes, system, **metadata)
    return Predictions.build(ids, names, splits, logits, attributes, made)


def saved(tmp_path, **tables) -> list:
    paths = []
    for name, one in tables.items():
        one.write(tmp_path / f"{name}.parquet")
        paths.append(tmp_path / f"{name}.parquet")
    return paths


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
    refusal(ConfigError, "weights must be one a member", [a, b], out, weights=[1.0])
    refusal(ConfigError, "must not be negative", [a, b], out, weights=[1.0, -1.0])
    refusal(ConfigError, "needs members", None, out)
    (tmp_path / "base.csv").write_text("FileName,EmoAct,EmoVal,EmoDom\n0.wav,1,2,3\n")
    refusal(PredictionsError, "base.csv lacks 3 files. Found: 1.wav, 2.wav, 3.wav", [a, tmp_path / "base.csv"], out)
    refusal(PredictionsError, "at least one prediction table", [tmp_path / "base.csv"], out)
    (tmp_path / "base.csv").write_text("FileName,EmoClass\n0.wav,A\n")
    refusal(PredictionsError, "base.csv is not a challenge file of task 2", [a, tmp_path / "base.csv"], out)
    (tmp_path / "r.yaml").write_text("metod: mean\n")
    refusal(ConfigError, "unknown keys. Found: metod", [a], out, recipe=tmp_path / "r.yaml")
    (tmp_path / "r.yaml").write_text("k: three\n")
    refusal(ConfigError, "wrong type", [a], out, recipe=tmp_path / "r.yaml")
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
        PredictionsError, "'two' lacks classes of 'small'. Found: neutral", [a, fewer], tmp_path / "x", labels="small"
    )


def test_a_split_of_tables_that_differ_elsewhere(tmp_path):
    splits = ["development", "development", "test3", "test3"]
    paths = saved(tmp_path, a=table(np.eye(4, 3), split=splits), b=table(np.eye(2, 3), ids=IDS[2:]))
    ensemble(paths, tmp_path / "e.parquet", split="test3")
    assert list(Predictions.read(tmp_path / "e.parquet").frame["utterance_id"]) == ["c/2", "c/3"]


def test_top_k_takes_the_best_and_those_that_belong_anyway():
    truth = np.array([1.0, 2.0, 3.0, 4.0])
    worse = truth[::-1]
    attributes = np.stack([np.tile(v[:, None], 3) for v in (worse, truth, truth + 1, truth + 0.1, truth * 0)])
    stack = Stack(("worse", "best", "third", "second", "base"), np.full((5, 4, 2), np.nan), attributes)
    chosen = top_k("valence", stack, truth, 2, joined=["base"], apart=["base"])
    assert chosen.record() == {"weights": {"best": 1 / 3, "second": 1 / 3, "base": 1 / 3}}
    # a member that belongs to another head does not compete here
    assert top_k("valence", stack, truth, 2, apart=["best"]).record() == {"weights": {"third": 0.5, "second": 0.5}}
    assert top_k("categories", stack, truth, 2) is None


def test_greedy_finds_the_mixture_that_is_right():
    truth = np.linspace(1, 7, 50)
    errors = np.random.default_rng(0).normal(size=50)
    # one part of the first and two of the second cancel their errors
    members = [truth + 2 * errors, truth - errors, truth[::-1]]
    attributes = np.stack([np.tile(v[:, None], 3) for v in members])
    stack = Stack(("a", "b", "c"), np.full((3, 50, 2), np.nan), attributes)
    chosen = greedy("arousal", stack, truth, rounds=20)
    assert chosen.record()["weights"] == pytest.approx({"a": 1 / 3, "b": 2 / 3})
    assert score("arousal", chosen.apply(stack), truth) == pytest.approx(1)


def development(tmp_path, speakers=8, each=30, seed=0, labels=SMALL):
    """Three noisy members of a development and a test part, and the manifest of truths. Synthetic numbers."""
    generator = np.random.default_rng(seed)
    size = speakers * each
    ids = [f"c/{number:04d}" for number in range(size + 20)]
    splits = ["development"] * size + ["test3"] * 20
    category = generator.integers(0, 3, len(ids))
    truth = generator.uniform(1, 7, (len(ids), 3))
    manifest = {
        "utterance_id": ids,
        "corpus": ["c"] * len(ids),
        "audio": ids,
        "file_name": [f"{name}.wav" for name in ids],
        "speaker": [f"c/{number // each}" for number in range(len(ids))],
        "language": ["en"] * len(ids),
        "split": splits,
        "category": [SMALL.classes[c] if s == "development" else None for c, s in zip(category, splits, strict=True)],
    } | {
        name: [v if s == "development" else None for v, s in zip(truth[:, i], splits, strict=True)]
        for i, name in enumerate(ATTRIBUTES)
    }
    build(manifest, ManifestMetadata(".", "small")).write(tmp_path / "manifest.parquet")
    tables = {}
    for name, noise in (("good", 1.0), ("fair", 1.5), ("poor", 4.0)):
        logits = np.eye(len(labels))[category] + generator.normal(size=(len(ids), len(labels))) * noise
        values = np.clip(truth + generator.normal(size=truth.shape) * noise, 1, 7)
        tables[name] = table(logits, values, ids, splits, system=name, labels=labels)
    return saved(tmp_path, **tables), tmp_path / "manifest.parquet"


@pytest.fixture
def small_labels(monkeypatch):
    monkeypatch.setitem(__import__("vibespeaker.labels").labels.LABEL_SETS, "small", SMALL)


@pytest.mark.usefixtures("small_labels")
@pytest.mark.parametrize("method", ["top-k", "greedy", "stack-logistic"])
def test_fitted_methods_print_a_cross_fitted_score(tmp_path, method, capsys):
    paths, manifest = development(tmp_path)
    out = tmp_path / "e.parquet"
    assert ensemble(paths, out, method=method, manifest=manifest, k=2, rounds=10, folds=4) == 0
    provenance = Predictions.read(out).metadata.provenance
    assert provenance["fitted"] == {
        "what": f"{method} ensemble",
        "split": "development",
        "manifest": file_sha256(manifest),
        "cross_fitted": True,
    }
    for head, scores in provenance["ensemble"]["scores"].items():
        assert scores["ensemble"] > scores["mean of all"], head
        assert set(scores) == {"best member", "mean of all", "ensemble, in sample", "ensemble"}
    assert "ensemble, cross-fitted" in capsys.readouterr().out


@pytest.mark.usefixtures("small_labels")
@pytest.mark.slow
def test_stacking_cannot_see_the_speaker_it_scores(tmp_path):
    """Members that know nothing: an honest score is at chance, one on the speakers fitted is not."""
    generator = np.random.default_rng(3)
    paths, manifest = development(tmp_path, speakers=6, each=20)
    rows = 6 * 20
    for path in paths:
        one = Predictions.read(path)
        noise = generator.normal(size=(len(one), 3)).astype(np.float32)
        one.frame[list(one.labels.logit_columns)] = noise
        one.frame[list(ATTRIBUTES)] = np.float32(np.nan)
        one.write(path)
    ensemble(paths, tmp_path / "e.parquet", method="stack-mlp", manifest=manifest, folds=3)
    scores = Predictions.read(tmp_path / "e.parquet").metadata.provenance["ensemble"]["scores"]["categories"]
    chance, deviation = 1 / 3, (2 / 9 / rows) ** 0.5
    assert abs(scores["ensemble"] - chance) < 4 * deviation
    assert scores["ensemble, in sample"] > chance + 4 * deviation


@pytest.mark.parametrize("kind", ["logistic", "mlp"])
def test_stacked_attributes_keep_the_spread_of_the_truth(kind):
    generator = np.random.default_rng(0)
    truth = generator.uniform(2, 6, 300)
    # the members are shrunk towards 4, one of them is upside down
    attributes = np.stack([4 + (truth - 4) * slope + generator.normal(size=300) * 0.3 for slope in (0.4, -0.5)])
    stack = Stack(("a", "b"), np.full((2, 300, 3), np.nan), np.stack([attributes] * 3, axis=2))
    model = stacking.fit("valence", stack, truth, np.arange(300) % 30, kind)
    values = model.apply(stack)
    assert values.shape == (300, 1)
    assert values.std() == pytest.approx(truth.std(), rel=0.02)
    assert score("valence", values, truth) > 0.9
    assert stacking.fit("categories", stack, truth, np.arange(300) % 30, kind) is None


@pytest.mark.usefixtures("small_labels")
def test_development_rows_are_cross_fitted_and_test_rows_use_the_whole_part(tmp_path):
    paths, manifest = development(tmp_path)
    ensemble(paths, tmp_path / "a.parquet", method="stack-logistic", manifest=manifest, folds=4)
    first = Predictions.read(tmp_path / "a.parquet")
    # the labels of one speaker are turned over: nothing of hers may change but the others' rows must
    table_ = Manifest.read(manifest)
    category = table_.column("category")
    speaker = np.array(table_.column("speaker"))
    turned = [
        SMALL.classes[(SMALL.classes.index(c) + 1) % 3] if s == "c/0" else c
        for c, s in zip(category, speaker, strict=True)
    ]
    table_.with_columns({"category": turned}).write(manifest)
    ensemble(paths, tmp_path / "b.parquet", method="stack-logistic", manifest=manifest, folds=4)
    second = Predictions.read(tmp_path / "b.parquet")
    hers = speaker == "c/0"
    np.testing.assert_array_equal(first.probabilities()[hers], second.probabilities()[hers])
    test = np.array(first.frame["split"] == "test3")
    assert (first.probabilities()[test] != second.probabilities()[test]).any()
    np.testing.assert_array_equal(first.attributes(), second.attributes())


@pytest.mark.usefixtures("small_labels")
def test_the_published_recipe_with_a_baseline_that_has_no_development_rows(tmp_path):
    paths, manifest = development(tmp_path)
    lines = "".join(f"c/{number:04d}.wav,4,4,4\n" for number in range(240, 260))
    (tmp_path / "baseline.csv").write_text("FileName,EmoAct,EmoVal,EmoDom\n" + lines.replace("c/", ""))
    recipe = {
        "members": [*map(str, paths), str(tmp_path / "baseline.csv")],
        "method": "top-k",
        "k": 1,
        "arousal": ["baseline"],
        "dominance": ["baseline"],
        "valence": ["poor"],
        "split": "test3",
        "folds": 4,
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    ensemble(out=tmp_path / "e.parquet", recipe=tmp_path / "recipe.yaml", manifest=manifest)
    combined = Predictions.read(tmp_path / "e.parquet")
    good, poor = Predictions.read(paths[0]).attributes()[-20:], Predictions.read(paths[2]).attributes()[-20:]
    np.testing.assert_allclose(combined.attributes()[:, 0], (good[:, 0] + 4) / 2, atol=1e-5)
    np.testing.assert_allclose(combined.attributes()[:, 1], (good[:, 1] + poor[:, 1]) / 2, atol=1e-5)
    assert len(combined) == 20
    assert json.dumps(combined.metadata.provenance["ensemble"]["recipe"]["arousal"]) == '["baseline"]'


@pytest.mark.usefixtures("small_labels")
def test_stacking_reads_only_what_it_was_fitted_on(tmp_path, caplog):
    """A baseline without development rows, and an attribute without labels there."""
    paths, manifest = development(tmp_path)
    lines = "".join(f"{number:04d}.wav,4,4,4\n" for number in range(240, 260))
    (tmp_path / "baseline.csv").write_text("FileName,EmoAct,EmoVal,EmoDom\n" + lines)
    table_ = Manifest.read(manifest)
    table_.with_columns({"dominance": [None] * len(table_)}).write(manifest)
    options = {"method": "stack-logistic", "split": "test3", "folds": 3, "manifest": manifest}
    ensemble([*paths, tmp_path / "baseline.csv"], tmp_path / "with.parquet", **options)
    ensemble(paths, tmp_path / "without.parquet", **options)
    both = [Predictions.read(tmp_path / f"{name}.parquet") for name in ("with", "without")]
    np.testing.assert_array_equal(both[0].attributes()[:, :2], both[1].attributes()[:, :2])
    mean = np.mean([Predictions.read(path).attributes()[-20:, 2] for path in paths], axis=0)
    np.testing.assert_allclose(both[1].attributes()[:, 2], mean, atol=1e-6)
    assert "no dominance is labelled in development: its members are averaged" in caplog.text


def test_shipped_recipes_are_read():
    (path,) = sorted((Path(__file__).parents[2] / "configs" / "ensemble").glob("*.yaml"))
    recipe = Recipe.read(path)
    assert (recipe.method, recipe.k, recipe.split, len(recipe.members)) == ("top-k", 3, "test3", 10)
    assert recipe.named("categories") == ()
    assert recipe.named("arousal") == recipe.named("dominance") == ("baseline.csv",)
    # the names are those of experiments that are shipped
    runs = [Path(member).parent.name for member in recipe.members[:-1]]
    assert all((path.parents[1] / "experiment" / f"{run}.yaml").is_file() for run in runs)


@pytest.mark.usefixtures("small_labels")
def test_further_classes_do_not_count_in_scores(tmp_path):
    wider = LabelSet("small+other", ("anger", "sadness", "neutral", "other"))
    paths, manifest = development(tmp_path, labels=wider)
    for path in paths:
        one = Predictions.read(path)
        one.frame["logit_other"] = np.float32(50)
        one.write(path)
    ensemble(paths, tmp_path / "e.parquet", method="greedy", manifest=manifest, rounds=5, folds=4)
    scores = Predictions.read(tmp_path / "e.parquet").metadata.provenance["ensemble"]["scores"]["categories"]
    assert scores["ensemble"] > 0.5
