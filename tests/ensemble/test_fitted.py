"""Ensembles that choose or learn: top-k, greedy selection and stacking, cross-fitted by speaker."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.ensemble.example import SMALL, development
from vibespeaker.ensemble import ensemble, stacking
from vibespeaker.ensemble.combiners import score
from vibespeaker.ensemble.recipe import Recipe
from vibespeaker.ensemble.selection import greedy, top_k
from vibespeaker.ensemble.stack import Stack
from vibespeaker.files import file_sha256
from vibespeaker.labels import ATTRIBUTES, LabelSet
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions


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
    """Members that know nothing: an unbiased score is at chance, one on the speakers fitted is not."""
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
def test_development_rows_are_cross_fitted_and_test_rows_use_the_whole_split(tmp_path):
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
    path = Path(__file__).parents[2] / "configs" / "ensemble" / "task2.yaml"
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
