import time
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest, ManifestMetadata, build
from vibespeaker.prepare.split.groups import (
    ablation_split,
    assign_groups,
    leave_one_speaker_out,
    speaker_folds,
    split_by_speaker,
)

CATEGORIES = ("anger", "happiness", "neutral", None)


def make_manifest(
    speakers: Sequence[int], categories: Sequence[str | None], split: Sequence[str] | None = None
) -> Manifest:
    rows = len(speakers)
    names = [f"corpus/{row:07d}" for row in range(rows)]
    columns = {
        "utterance_id": names,
        "corpus": ["corpus"] * rows,
        "audio": [f"{name}.wav" for name in names],
        "file_name": [f"{name}.wav" for name in names],
        "speaker": [f"corpus/{speaker:06d}" for speaker in speakers],
        "language": ["en"] * rows,
        "category": list(categories),
        "split": split,
    }
    return build({k: v for k, v in columns.items() if v is not None}, ManifestMetadata(root="/", label_set="challenge"))


def balanced(speakers: int, each: int = 4) -> Manifest:
    rows = np.arange(speakers * each)
    return make_manifest((rows // each).tolist(), [CATEGORIES[row % 3] for row in rows])


def speakers_of(manifest: Manifest) -> dict[str, set[str]]:
    splits: dict[str, set[str]] = {}
    for speaker, split in zip(manifest.column("speaker"), manifest.column("split"), strict=True):
        splits.setdefault(split, set()).add(speaker)
    return splits


def test_equal_speakers_are_split_exactly() -> None:
    split = split_by_speaker(balanced(20, each=6), {"train": 0.7, "development": 0.15, "test": 0.15}, seed=1)
    counts = {name: split.column("split").count(name) for name in ("train", "development", "test")}
    assert counts == {"train": 84, "development": 18, "test": 18}
    assert split.metadata.history == (
        {
            "step": "split",
            "by": "speaker",
            "fractions": {"train": 0.7, "development": 0.15, "test": 0.15},
            "seed": 1,
        },
    )


def test_categories_are_mixed_alike() -> None:
    # ten speakers are always angry, ten never: each split needs both kinds
    speakers = np.repeat(np.arange(20), 5)
    manifest = make_manifest(speakers.tolist(), ["anger" if speaker < 10 else "neutral" for speaker in speakers])
    for seed in range(5):
        split = split_by_speaker(manifest, {"train": 0.8, "test": 0.2}, seed)
        rows = list(zip(split.column("split"), split.column("category"), strict=True))
        assert rows.count(("train", "anger")) == rows.count(("train", "neutral")) == 40
        assert rows.count(("test", "anger")) == rows.count(("test", "neutral")) == 10


def test_the_seed_decides() -> None:
    manifest = balanced(30)
    first = split_by_speaker(manifest, {"train": 0.5, "test": 0.5}, seed=1)
    assert split_by_speaker(manifest, {"train": 0.5, "test": 0.5}, seed=1).column("split") == first.column("split")
    assert split_by_speaker(manifest, {"train": 0.5, "test": 0.5}, seed=2).column("split") != first.column("split")


def test_the_order_of_rows_does_not_decide() -> None:
    manifest = balanced(12)
    shuffled = manifest.select(np.random.default_rng(0).permutation(len(manifest)).tolist())
    fractions = {"train": 0.75, "test": 0.25}
    assert speakers_of(split_by_speaker(manifest, fractions)) == speakers_of(split_by_speaker(shuffled, fractions))


@settings(max_examples=60, deadline=None)
@given(
    speakers=st.lists(st.integers(0, 8), min_size=3, max_size=60),
    shares=st.lists(st.floats(0.05, 1), min_size=1, max_size=3),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_no_speaker_is_in_two_splits_and_no_split_is_empty(
    speakers: list[int], shares: list[float], seed: int, data: st.DataObject
) -> None:
    categories = data.draw(st.lists(st.sampled_from(CATEGORIES), min_size=len(speakers), max_size=len(speakers)))
    manifest = make_manifest(speakers, categories)
    fractions = {
        name: share / sum(shares) for name, share in zip(("train", "development", "test"), shares, strict=False)
    }
    if len(set(speakers)) < len(fractions):
        with pytest.raises(ManifestError, match="fewer speakers than splits"):
            split_by_speaker(manifest, fractions, seed)
        return
    splits = speakers_of(split_by_speaker(manifest, fractions, seed))
    assert set(splits) == set(fractions)
    assert sum(len(split) for split in splits.values()) == len(set(speakers))


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"train": 0.5, "test": 0.4}, "add up to 1"),
        ({"train": 1.2, "test": -0.2}, "above 0"),
        ({}, "above 0"),
        ({"train": 0.5, "dev": 0.5}, r"unknown split\. Found: \['dev'\]\. Allowed: train, validation"),
    ],
)
def test_impossible_fractions_are_refused(fractions: dict[str, float], message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        split_by_speaker(balanced(4), fractions)


def test_folds_test_every_speaker_once() -> None:
    manifest = balanced(10)
    folds = list(speaker_folds(manifest, 5, seed=3))
    tested = [speakers_of(fold)["test"] for fold in folds]
    assert [len(split) for split in tested] == [2] * 5
    assert len(set.union(*tested)) == 10
    for fold in folds:
        splits = speakers_of(fold)
        assert splits["train"] == set(manifest.column("speaker")) - splits["test"]
    assert folds[2].metadata.history[-1] == {"step": "split", "by": "speaker folds", "folds": 5, "fold": 2, "seed": 3}
    with pytest.raises(ManifestError, match="at least two folds"):
        next(speaker_folds(manifest, 1))
    with pytest.raises(ManifestError, match="fewer speakers than splits"):
        next(speaker_folds(manifest, 11))


def test_leaving_one_speaker_out() -> None:
    left_out = dict(leave_one_speaker_out(balanced(3, each=2)))
    assert list(left_out) == ["corpus/000000", "corpus/000001", "corpus/000002"]
    assert left_out["corpus/000001"].column("split") == ["train", "train", "test", "test", "train", "train"]
    with pytest.raises(ManifestError, match="at least two speakers"):
        next(leave_one_speaker_out(balanced(1)))


def test_the_ablation_moves_whole_speakers_of_the_training_part_only() -> None:
    speakers = np.repeat(np.arange(50), 4)
    official = np.where(speakers < 30, "train", np.where(speakers < 40, "development", "test3"))
    manifest = make_manifest(speakers.tolist(), ["anger"] * 200, official.tolist())
    split = ablation_split(manifest, seed=5)
    splits = speakers_of(split)
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 27,
        "validation": 3,
        "test": 10,
        "test3": 10,
    }
    assert splits["train"] | splits["validation"] == {f"corpus/{speaker:06d}" for speaker in range(30)}
    assert splits["test"] == {f"corpus/{speaker:06d}" for speaker in range(30, 40)}
    assert split.metadata.history[-1] == {"step": "split", "by": "ablation", "fraction": 0.1, "seed": 5}
    assert ablation_split(manifest, seed=6).column("split") != split.column("split")


def test_the_ablation_refuses_what_it_cannot_split() -> None:
    with pytest.raises(ManifestError, match="no utterance in train and development"):
        ablation_split(balanced(4))
    official = make_manifest([0, 1, 2], ["anger"] * 3, ["train", "train", "development"])
    with pytest.raises(ManifestError, match="between 0 and 1"):
        ablation_split(official, fraction=1.0)
    with pytest.raises(ManifestError, match="fewer speakers than splits"):
        ablation_split(official.select([0, 2]))


def test_uneven_speakers_come_close_to_the_shares() -> None:
    generator = np.random.default_rng(0)
    sizes = generator.geometric(0.02, size=400)
    counts = np.stack([generator.multinomial(size, [0.6, 0.3, 0.1]) for size in sizes]).astype(float)
    splits = assign_groups(counts, [0.8, 0.1, 0.1], seed=0)
    for split, share in enumerate((0.8, 0.1, 0.1)):
        found = counts[splits == split].sum(axis=0) / counts.sum(axis=0)
        np.testing.assert_allclose(found, share, atol=0.01)


@pytest.mark.slow
def test_a_million_rows_are_split_within_seconds() -> None:
    generator = np.random.default_rng(0)
    speakers = generator.integers(0, 50_000, size=1_000_000)
    counts = np.zeros((50_000, 8))
    np.add.at(counts, (speakers, generator.integers(0, 8, size=1_000_000)), 1)
    started = time.process_time()
    splits = assign_groups(counts, [0.8, 0.1, 0.1], seed=0)
    assert time.process_time() - started < 20
    np.testing.assert_allclose(np.bincount(splits, counts.sum(axis=1)) / 1_000_000, [0.8, 0.1, 0.1], atol=1e-3)
