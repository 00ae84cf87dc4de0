from pathlib import Path

import pytest
import yaml

from tests.experiments.conftest import merge, resolved
from tests.manifests import manifest_of
from vibespeaker.config_files import find_config, shipped_configs
from vibespeaker.errors import ConfigError
from vibespeaker.labels import CHALLENGE, label_set
from vibespeaker.manifest import Manifest
from vibespeaker.workflows.ablation.command import emotions_by_corpus, intersection
from vibespeaker.workflows.ablation.plan import Selection, read_plan
from vibespeaker.workflows.ablation.running import experiment_manifest, write_variants
from vibespeaker.workflows.sweep.plan import nested


def write(folder, **fields) -> str:
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump(fields))
    return str(path)


def test_rows_are_selected_by_values_and_by_missing_ones():
    frame = manifest_of(
        [
            {"corpus": corpus, "name": f"{n}", "intensity": level}
            for n, (corpus, level) in enumerate([("a", "normal"), ("a", "strong"), ("b", None), ("b", "strong")])
        ]
    ).frame()
    assert Selection().mask(frame).all()
    assert Selection(only={"intensity": ["normal", None]}).mask(frame).tolist() == [True, False, True, False]
    both = Selection(only={"intensity": ["strong"]}, without={"corpus": ["a"]})
    assert both.mask(frame).tolist() == [False, False, False, True]
    with pytest.raises(ConfigError, match="Found: text"):
        Selection(only={"text": ["x"]})
    with pytest.raises(ConfigError, match="lists of values"):
        Selection(only={"corpus": "a"})


@pytest.mark.parametrize("path", sorted((shipped_configs() / "ablation").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_plans_name_configs_that_are_there(path):
    plan = read_plan(f"ablation/{path.stem}")
    for name in (plan.labels, plan.config, plan.encoders, plan.augmentation):
        assert name is None or find_config(name).is_file()


@pytest.mark.parametrize("name", ["beyond", "beyond-msp"])
def test_plans_of_parts_leave_out_something_that_their_experiment_has(name):
    """Every setting names a key of the experiment or of the plan's own, and each term of the loss keeps its weight."""
    plan = read_plan(f"ablation/{name}")
    for variant in plan.variants:
        said = resolved(Path(variant.config or plan.config).name)
        whole = merged(said, {**plan.settings, **variant.settings})
        loss = whole["model"]["init_args"]["loss"]
        assert set(loss["terms"]) == set(loss["weights"])
        assert (whole == merged(said, plan.settings)) == variant.name.endswith("all parts")


def merged(said, settings):
    whole = yaml.safe_load(yaml.safe_dump(said))
    merge(whole, nested(settings))
    return whole


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "variants with names of their own"),
        ({"variants": [{"name": "a"}, {"name": "a"}]}, "variants with names of their own"),
        ({"variants": [{"name": "a", "train": {"just": {}}}]}, "variants.0.train has unknown keys. Found: just"),
        ({"variants": [{"name": "a", "train": 3}]}, "variants.0.train must be a mapping. Found: 3"),
        ({"variants": [{"nom": "a"}]}, "variants.0 has unknown keys. Found: nom. Allowed: name, train"),
        ({"variants": [{"name": "a", "labels": "none"}]}, "unknown label set"),
        ({"variants": [{"name": "a"}], "split": "halves"}, "halves"),
        ({"variants": [{"name": "a"}], "colour": 1}, "colour"),
    ],
)
def test_a_wrong_plan_is_refused_by_its_file(tmp_path, fields, message):
    with pytest.raises(ConfigError, match=rf"plan\.yaml.*{message}"):
        read_plan(write(tmp_path, **fields))


def corpora(folder):
    """Two corpora with different classes."""
    paths = []
    for corpus, emotions in (("a", ("anger", "fear", "calm")), ("b", ("anger", "fear", "boredom"))):
        rows = [
            {"corpus": corpus, "name": str(n), "category": emotions[n % 3], "speaker": f"{corpus}/{n // 6}"}
            for n in range(60)
        ]
        paths.append(folder / f"{corpus}.parquet")
        manifest_of(rows, root=f"/data/{corpus}").write(paths[-1])
    return paths


def test_the_label_intersection_is_that_of_the_mapped_corpora(tmp_path):
    found = emotions_by_corpus(corpora(tmp_path), "corpora/seven-neutral")
    assert found == {"a": {"anger", "fear", "calm"}, "b": {"anger", "fear"}}
    assert intersection(found, label_set("seven").classes) == ("anger", "fear")
    with pytest.raises(ConfigError, match=r"fewer than two classes. Found: a: anger; b: anger, fear"):
        intersection({"a": {"anger"}, "b": {"anger", "fear"}}, CHALLENGE.classes)


def test_spelled_label_sets_keep_their_order():
    assert label_set("fear,anger").classes == ("fear", "anger")
    with pytest.raises(ConfigError, match="must list distinct known emotions"):
        label_set("fear,joy")


def test_variants_share_the_test_split_and_differ_in_what_they_train_on(tmp_path):
    variants = [{"name": "all"}, {"name": "without a", "train": {"without": {"corpus": ["a"]}}}]
    plan = read_plan(write(tmp_path, labels="corpora/seven-neutral", variants=variants))
    manifest = experiment_manifest(corpora(tmp_path), plan, 0, tmp_path / "out")
    whole, selected = (Manifest.read(path) for path in write_variants(plan, manifest, tmp_path / "out"))
    assert len(whole) == 100  # 20 of boredom are dropped
    tests = [
        [
            name
            for name, split in zip(*(one.column(c) for c in ("utterance_id", "split")), strict=True)
            if split == "test"
        ]
        for one in (whole, selected)
    ]
    assert tests[0] == tests[1]
    assert {name[0] for name in tests[0]} == {"a", "b"}
    trained = {(c, s) for c, s in zip(selected.column("corpus"), selected.column("split"), strict=True)}
    assert trained == {("a", "test"), ("b", "train"), ("b", "development"), ("b", "test")}
    assert selected.metadata.history[-1]["variant"] == "without a"


def test_whole_corpora_train_on_their_test_speakers_and_test_all_others(tmp_path):
    variants = [{"name": "a", "train": {"only": {"corpus": ["a"]}}, "whole": True}]
    plan = read_plan(write(tmp_path, labels="corpora/seven-neutral", variants=variants))
    manifest = experiment_manifest(corpora(tmp_path), plan, 0, tmp_path / "out")
    (made,) = (Manifest.read(path) for path in write_variants(plan, manifest, tmp_path / "out"))
    assert len(made) == 100
    pairs = set(zip(made.column("corpus"), made.column("split"), strict=True))
    assert pairs == {("a", "train"), ("a", "development"), ("b", "test")}


def test_a_folder_keeps_to_one_experiment(tmp_path):
    paths = corpora(tmp_path)
    plan = read_plan(write(tmp_path, labels="corpora/seven-neutral", variants=[{"name": "all"}]))
    experiment_manifest(paths, plan, 0, tmp_path / "out")
    experiment_manifest(paths[::-1], plan, 0, tmp_path / "out")
    with pytest.raises(ConfigError, match=r"holds another experiment. Found: another seed"):
        experiment_manifest(paths, plan, 1, tmp_path / "out")
    with pytest.raises(ConfigError, match="Found: another manifests"):
        experiment_manifest(paths[:1], plan, 0, tmp_path / "out")
    empty = read_plan(write(tmp_path, variants=[{"name": "none", "train": {"only": {"corpus": ["c"]}}}]))
    with pytest.raises(ConfigError, match="variant 'none' has nothing to train on"):
        write_variants(empty, tmp_path / "out" / "manifest.parquet", tmp_path / "other")
    with pytest.raises(ConfigError, match="several manifests need a label map"):
        experiment_manifest(paths, empty, 0, tmp_path / "third")


def test_variants_of_names_alike_have_manifests_of_their_own(tmp_path):
    rows = [{"corpus": "a", "name": f"{n}", "split": ("train", "test")[n % 2]} for n in range(4)]
    manifest_of(rows).write(tmp_path / "m.parquet")
    plan = read_plan(write(tmp_path, variants=[{"name": name} for name in ("a b", "a-b", "без шума", "тихо")]))
    paths = write_variants(plan, tmp_path / "m.parquet", tmp_path)
    assert [path.stem for path in paths] == ["a-b", "a-b-2", "unnamed", "unnamed-2"]
    steps = [Manifest.read(path).metadata.history[-1]["variant"] for path in paths]
    assert steps == ["a b", "a-b", "без шума", "тихо"]
