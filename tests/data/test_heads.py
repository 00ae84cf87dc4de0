"""Further heads: classes of the training split, targets of every row, and declarations that cannot be met."""

from pathlib import Path

import numpy as np
import pytest

from vibespeaker.batch import NO_CATEGORY
from vibespeaker.data.columns import read_targets
from vibespeaker.data.heads import HeadConfig, resolve_heads
from vibespeaker.data.targets import LabelPolicy
from vibespeaker.errors import ConfigError
from vibespeaker.labels import CHALLENGE
from vibespeaker.labels.heads import HeadSpec, check_head_names
from vibespeaker.manifest import ManifestMetadata, build

MAP = "{anger: negative, happiness: positive, neutral: null, fear: negative}"
SECONDARY = [[("sad", "tense"), ("sad",)], [("tense",), ("sad",)], [("tense", "tense")], [(), None], []]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five rows: three train, one of them X; the fourth is of an unheard speaker, the last knows its gender alone."""
    path = tmp_path_factory.mktemp("heads") / "manifest.parquet"
    columns = {
        "utterance_id": [f"u{i}" for i in range(5)],
        **{name: ["x"] * 5 for name in ("corpus", "audio", "file_name", "language")},
        "speaker": ["b", "a", "b", "c", "a"],
        "gender": ["male", "female", None, "male", "female"],
        "split": ["train", "train", "train", "development", "development"],
        "category": ["anger", "happiness", "no_agreement", "fear", None],
        "arousal": [2.0, None, 5.0, 6.0, None],
        "valence": [None] * 5,
        "dominance": [None] * 5,
        "votes": [[{"secondary": names} for names in raters] for raters in SECONDARY],
    }
    build(columns, ManifestMetadata(root=".", label_set="challenge")).write(path)
    return path


def _resolved(manifest: Path, **declared: HeadConfig) -> dict[str, HeadSpec]:
    return resolve_heads(declared, manifest, np.array([True, True, True, False, False]), CHALLENGE, LabelPolicy())


def _map(tmp_path: Path, text: str = MAP) -> str:
    (tmp_path / "map.yaml").write_text(text)
    return str(tmp_path / "map.yaml")


def test_classes_and_targets_come_from_columns_maps_and_votes(manifest: Path, tmp_path: Path) -> None:
    heads = _resolved(
        manifest,
        gender=HeadConfig(),
        speaker=HeadConfig(),
        subclass=HeadConfig(column="category"),
        main=HeadConfig(column="category", map=_map(tmp_path)),
        activation=HeadConfig("regression", "arousal", low=1.0, high=7.0),
        secondary=HeadConfig("multilabel", "votes.secondary"),
        tone=HeadConfig(column="votes.secondary", classes=["tense", "sad"]),
    )
    assert {name: spec.classes for name, spec in heads.items()} == {
        "gender": ("female", "male"),
        "speaker": ("a", "b"),
        "subclass": ("anger", "happiness"),  # what nobody agreed on is no class
        "main": ("negative", "positive"),
        "activation": (),
        "secondary": ("sad", "tense"),
        "tone": ("tense", "sad"),
    }
    targets = read_targets(manifest, CHALLENGE, LabelPolicy(), heads)
    unknown = NO_CATEGORY
    assert targets.heads["gender"].tolist() == [1, 0, unknown, 1, 0]
    assert targets.heads["speaker"].tolist() == [1, 0, 1, unknown, 0]
    assert targets.heads["subclass"].tolist() == [0, 1, unknown, unknown, unknown]
    assert targets.heads["main"].tolist() == [0, 1, unknown, 0, unknown]
    # two raters are for sad and one for tense; then one each; one rater said tense twice
    assert targets.heads["tone"].tolist() == [1, unknown, 0, unknown, unknown]
    nan = np.nan
    np.testing.assert_array_equal(targets.heads["activation"], np.float32([[2], [nan], [5], [6], [nan]]))
    np.testing.assert_array_equal(targets.heads["secondary"], [[1, 1], [1, 1], [0, 1], [nan, nan], [nan, nan]])
    # X stays out by policy; the last row can teach its gender
    assert targets.usable.tolist() == [True, True, False, True, True]
    assert read_targets(manifest, CHALLENGE, LabelPolicy()).usable.tolist() == [True, True, False, True, False]
    assert targets.class_counts(2, "gender").tolist() == [2, 2]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (HeadConfig("multilabel", "gender"), r"kind multilabel cannot be read.*Allowed: votes\.secondary"),
        (HeadConfig("regression", "gender"), "cannot be read from this column.*Allowed: arousal"),
        (HeadConfig(column="tone"), "cannot be read from this column. Found: tone"),
        (HeadConfig(column="intensity"), "no label in the training split"),
        (HeadConfig("regression", "valence"), "no label in the training split"),
        (HeadConfig("regression", "arousal", low=3.0, high=4.0), "cannot predict.*2 to 5.*Allowed: 3 to 4"),
        (HeadConfig("regression", "arousal", low=3.0), "low and high belong together"),
        (HeadConfig("regression", "arousal", classes=["high"]), "has no classes"),
        (HeadConfig(column="gender", classes=["female"]), r"two or more.*Found: \['male'\]"),
        (HeadConfig(column="corpus"), r"two or more distinct classes.*Found: \('x',\)"),
    ],
)
def test_declarations_that_cannot_be_met_are_refused(manifest: Path, config: HeadConfig, message: str) -> None:
    with pytest.raises(ConfigError, match=f"head 'it'.*{message}"):
        _resolved(manifest, it=config)


def test_maps_must_know_every_value_and_be_words(manifest: Path, tmp_path: Path) -> None:
    for text, message in (
        ("{anger: negative}", r"does not map.*Found: \['happiness'\]"),
        ("{anger: 1}", "must give a class, or null"),
        ("[anger]", "must be a mapping"),
        ("", "must give a class, or null"),
    ):
        with pytest.raises(ConfigError, match=message):
            _resolved(manifest, it=HeadConfig(column="category", map=_map(tmp_path, text)))


@pytest.mark.parametrize("name", ["categories", "valence", "Gender", "a.b", "1st"])
def test_names_that_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot have this name. Found: {name}"):
        check_head_names({name: None})
