import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.manifests import counted, manifest_of
from vibespeaker.cli.main import main
from vibespeaker.config_files import shipped_configs
from vibespeaker.errors import ConfigError, ManifestError
from vibespeaker.labels import LABEL_SETS
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.combine import combine_manifests
from vibespeaker.prepare.label_map import read_label_map


def write_map(folder: Path, **fields) -> str:
    path = folder / "map.yaml"
    path.write_text(yaml.safe_dump({"label_set": "four", **fields}))
    return str(path)


MAP = {"anger": "anger", "excitement": "happiness", "happiness": "happiness", "neutral": None}


def test_categories_votes_and_audio_paths_follow_the_map_and_the_common_root(tmp_path):
    first = manifest_of(
        [
            {
                "corpus": "b",
                "name": "wav/1",
                "category": "excitement",
                "votes": [
                    {"rater": "x", "primary": "excitement", "secondary": ["a"], "arousal": 3.0},
                    {"rater": "y", "primary": "frustration"},
                ],
            },
            {"corpus": "b", "name": "wav/2", "category": "neutral"},
        ],
        root="/data/b",
    )
    second = manifest_of(
        [{"corpus": "a", "category": "anger", "split": "test"}, {"corpus": "a", "category": "anger", "audio": ""}],
        root="/data/deep/a",
    )
    labels = read_label_map(write_map(tmp_path, categories=MAP))
    combined = combine_manifests([(first, "1"), (second, "2")], labels)
    made = combined.manifest
    assert made.column("utterance_id") == ["a/00000", "a/00001", "b/wav/1"]
    assert made.metadata.root == "/data"
    assert made.column("audio") == ["deep/a/00000.wav", "", "b/wav/1.wav"]
    assert made.column("category") == ["anger", "anger", "happiness"]
    assert made.column("split") == ["test", None, None]
    votes = made.column("votes")
    assert [len(vote) for vote in votes] == [0, 0, 2]
    assert [vote["primary"] for vote in votes[2]] == ["happiness", "frustration"]
    assert votes[2][0]["secondary"] == ["a"]
    assert votes[2][0]["arousal"] == 3.0
    assert combined.dropped == {("b", "neutral"): 1}
    assert made.metadata.label_set == "four"
    assert made.metadata.corpora == ("a", "b")


def test_overrides_come_before_categories(tmp_path):
    labels = read_label_map(write_map(tmp_path, categories=MAP, overrides={"b": {"excitement": None}}))
    tables = [
        (manifest_of([{"corpus": corpus, "category": "excitement"}], root=f"/data/{corpus}"), corpus)
        for corpus in ("a", "b")
    ]
    assert combine_manifests(tables, labels).manifest.column("utterance_id") == ["a/00000"]


def test_what_the_map_does_not_mention_is_left_out_listed_and_told_by_the_status(tmp_path, capsys):
    rows = [{"category": "anger"}, {"category": "boredom"}, {"category": None}]
    manifest_of(rows).write(tmp_path / "one.parquet")
    out = tmp_path / "made.parquet"
    name = write_map(tmp_path, categories=MAP)
    assert main(["combine", str(tmp_path / "one.parquet"), "--labels", name, "--out", str(out)]) == 1
    assert Manifest.read(out).column("utterance_id") == ["toy/00000"]
    assert (tmp_path / "made.problems.csv").read_text().splitlines() == [
        "item,dropped,reason",
        "toy/00001,yes,label map map does not mention boredom",
        "toy/00002,yes,it has no category",
    ]
    assert "boredom" in capsys.readouterr().out
    kept = write_map(tmp_path, categories=MAP, unlabelled="keep")
    assert main(["combine", str(tmp_path / "one.parquet"), "--labels", kept, "--out", str(out)]) == 1
    assert Manifest.read(out).column("category") == ["anger", None]


def test_bytes_depend_neither_on_the_order_of_arguments_nor_on_the_locale(tmp_path):
    paths = []
    for corpus in ("ä", "b", "Z"):
        paths.append(tmp_path / f"{corpus}.parquet")
        manifest_of([{"corpus": corpus, "name": name, "category": "anger"} for name in ("é", "z", "A")]).write(
            paths[-1]
        )
    name = write_map(tmp_path, categories=MAP)
    made = []
    for number, (order, locale) in enumerate(((paths, "C"), (paths[::-1], "de_DE.UTF-8"))):
        out = tmp_path / f"made{number}.parquet"
        command = [
            sys.executable,
            "-m",
            "vibespeaker",
            "combine",
            *map(str, order),
            "--labels",
            name,
            "--out",
            str(out),
        ]
        subprocess.run(command, check=True, env={"LC_ALL": locale, "PYTHONUTF8": "1"}, capture_output=True)
        made.append(out.read_bytes())
    assert made[0] == made[1]


def test_an_utterance_in_two_manifests_is_refused(tmp_path):
    table = manifest_of([{"category": "anger"}])
    labels = read_label_map(write_map(tmp_path, categories=MAP))
    with pytest.raises(ManifestError, match=r"1 utterances are in more than one manifest. Found: toy/00000"):
        combine_manifests([(table, "1"), (table, "2")], labels)


def test_a_corpus_that_the_map_is_not_for_is_refused_and_a_missing_one_told(tmp_path):
    table = manifest_of([{"category": "anger"}])
    with pytest.raises(ManifestError, match=r"not for these corpora. Found: toy. Allowed: savee"):
        combine_manifests([(table, "1")], read_label_map(write_map(tmp_path, categories=MAP, corpora=["savee"])))
    labels = read_label_map(write_map(tmp_path, categories=MAP, corpora=["savee", "toy"]))
    assert combine_manifests([(table, "1")], labels).warnings == ("label map map is for savee as well",)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"categories": {"angry": "anger"}}, r"categories names unknown emotions. Found: \['angry'\]"),
        ({"categories": {"calm": "calm"}}, r"classes that label set 'four' lacks. Found: \['calm'\]"),
        ({"categories": MAP, "overrides": {"a": {"calm": "calm"}}}, "overrides.a has classes"),
        ({"categories": MAP, "unlabelled": "maybe"}, "Allowed: drop, keep"),
        ({"categories": MAP, "extra": 1}, "unknown keys. Found: extra. Allowed: label_set, categories"),
        ({"categories": ["anger"]}, "categories has an unusable value. Found: .*Allowed: a mapping"),
    ],
)
def test_a_wrong_map_is_refused(tmp_path, fields, message):
    with pytest.raises(ConfigError, match=message):
        read_label_map(write_map(tmp_path, **fields))


@pytest.mark.parametrize("path", sorted((shipped_configs() / "corpora").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_maps_are_whole(path):
    labels = read_label_map(f"corpora/{path.stem}")
    # MSP-Podcast, RAVDESS, EmoDB, IEMOCAP and Ekman's six: no emotion is forgotten, unless corpora are listed
    wanted = set() if labels.corpora else {*LABEL_SETS["ravdess"].classes, *LABEL_SETS["emodb"].classes}
    assert wanted | {*LABEL_SETS["iemocap"].classes, "no_agreement", "other"} <= set(labels.categories)
    reached = {target for target in labels.categories.values() if target}
    assert set(labels.labels.classes) <= reached


#: What complete corpora hold; RAVDESS is speech alone.
COMPLETE = {
    "crema-d": dict.fromkeys(("anger", "disgust", "fear", "happiness", "sadness"), 1271) | {"neutral": 1087},
    "savee": dict.fromkeys(("anger", "disgust", "fear", "happiness", "sadness", "surprise"), 60) | {"neutral": 120},
    "tess": dict.fromkeys(("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"), 400),
    "ravdess": dict.fromkeys(("calm", "anger", "disgust", "fear", "happiness", "sadness", "surprise"), 192)
    | {"neutral": 96},
    "iemocap": {
        **{"anger": 1103, "happiness": 595, "sadness": 1084, "neutral": 1708, "excitement": 1041, "frustration": 1849},
        **{"fear": 40, "surprise": 107, "disgust": 2, "other": 3, "no_agreement": 2507},
    },
}
_SPEAKERS = {"crema-d": 91, "savee": 4, "tess": 2, "ravdess": 24, "iemocap": 10}


@pytest.fixture(scope="module")
def complete() -> list[tuple[Manifest, str]]:
    return [(counted(corpus, counts, _SPEAKERS[corpus]), corpus) for corpus, counts in COMPLETE.items()]


def test_complete_corpora_make_the_seven_class_corpus(complete):
    labels = read_label_map("corpora/seven")
    combined = combine_manifests(complete, labels)
    assert not combined.problems
    assert not combined.warnings
    assert combined.dropped["iemocap", "no_agreement"] == 2507
    found = {corpus: dict.fromkeys(counts, 0) for corpus, counts in labels.complete.items()}
    columns = (combined.manifest.column(name) for name in ("corpus", "category"))
    for corpus, category in zip(*columns, strict=True):
        found[corpus][category] += 1
    assert found == labels.complete
    assert len(combined.manifest) == 13_390


def test_complete_iemocap_has_the_usual_5531_utterances_in_four_classes(complete):
    iemocap = [pair for pair in complete if pair[1] == "iemocap"]
    assert len(combine_manifests(iemocap, read_label_map("corpora/four")).manifest) == 5_531


def test_the_seven_corpora_of_seven_classes_keep_neutral_and_drop_calm_and_boredom():
    labels = read_label_map("corpora/basic")
    assert labels.labels.classes == ("anger", "sadness", "happiness", "surprise", "fear", "disgust", "neutral")
    tables = [
        (counted("ravdess", {"calm": 2, "neutral": 1, "surprise": 3}, 2, "ravdess"), "ravdess"),
        (counted("emodb", {"boredom": 2, "neutral": 2, "fear": 1}, 2, "emodb"), "emodb"),
    ]
    made = combine_manifests(tables, labels).manifest
    assert made.metadata.label_set == "basic"
    assert sorted(made.column("category")) == ["fear", *["neutral"] * 3, *["surprise"] * 3]
