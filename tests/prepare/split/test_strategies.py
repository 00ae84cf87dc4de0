from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.manifests import counted, manifest_from, manifest_of
from vibespeaker.cli.main import main
from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.strategies import (
    ablation_split,
    official_split,
    split_by_group,
    split_by_utterance,
    stratified,
)

HALVES = {"train": 0.5, "test": 0.5}


def speakers_by_split(manifest, column="speaker"):
    found = {}
    for value, split in zip(manifest.column(column), manifest.column("split"), strict=True):
        found.setdefault(split, set()).add(value)
    return found


def test_each_stratum_is_dealt_by_its_shares():
    strata = np.repeat([0, 1], [100, 10])
    found = stratified(strata, [0.64, 0.16, 0.2], seed=0)
    assert np.bincount(found[:100]).tolist() == [64, 16, 20]
    assert np.bincount(found[100:]).tolist() == [6, 2, 2]
    assert found.tolist() != stratified(strata, [0.64, 0.16, 0.2], seed=1).tolist()


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=5), share=st.floats(0.1, 0.9), seed=st.integers(0, 9))
def test_no_stratum_is_off_by_one_or_more(counts, share, seed):
    strata = np.repeat(np.arange(len(counts)), counts)
    second = stratified(strata, [share, 1 - share], seed) == 1
    for stratum, count in enumerate(counts):
        assert abs(int(second[strata == stratum].sum()) - (1 - share) * count) <= 0.5 + 1e-6


def test_the_sources_split_leaks_every_speaker_and_says_so(tmp_path, caplog):
    path = tmp_path / "corpus.parquet"
    counted("toy", {"anger": 100, "fear": 100}, speakers=5).write(path)
    assert main(["split", str(path), "--out", str(tmp_path / "made.parquet"), "--by", "utterances"]) == 1
    assert "5 speakers in both train and test (toy/0, toy/1, toy/2 …)" in caplog.text
    made = Manifest.read(tmp_path / "made.parquet")
    assert Counter(made.column("split")) == {"train": 128, "validation": 32, "test": 40}
    assert Counter(zip(made.column("split"), made.column("category"), strict=True))["test", "fear"] == 20


def test_the_utterance_split_goes_by_id_and_not_by_row():
    manifest = counted("toy", {"anger": 40}, speakers=4)
    order = np.random.default_rng(0).permutation(40).tolist()
    first, second = (split_by_utterance(one, HALVES) for one in (manifest, manifest.select(order)))
    assert speakers_by_split(first, "utterance_id") == speakers_by_split(second, "utterance_id")


def test_takes_and_identical_audio_keep_speakers_together():
    rows = [{"speaker": f"s{n}", "category": "anger"} for n in range(8)]
    rows[0]["take"] = rows[5]["take"] = "one"
    rows[5]["audio_sha256"] = rows[7]["audio_sha256"] = "same"
    for seed in range(8):
        made = split_by_group(manifest_of(rows), "speaker", HALVES, seed)
        together = [made.column("split")[row] for row in (0, 5, 7)]
        assert len(set(together)) == 1
        assert Counter(made.column("split")) == {"train": 4, "test": 4}


def test_sessions_go_whole_and_without_one_by_speaker():
    rows = [{"speaker": f"s{n % 4}", "session": f"d{n % 6}" if n < 18 else None, "category": "fear"} for n in range(24)]
    made = split_by_group(manifest_of(rows), "session", HALVES, 3)
    sessions = {row: split for row, split in zip(made.column("session"), made.column("split"), strict=True) if row}
    for row, split in zip(made.column("session"), made.column("split"), strict=True):
        assert row is None or sessions[row] == split
    loose = [pair for pair in zip(made.column("speaker"), made.column("split"), strict=True)][18:]
    assert len({speaker for speaker, _ in loose}) == len(set(loose))


def test_official_splits_stay_and_others_are_made():
    rows = [{"corpus": "a", "name": str(n), "split": "test"} for n in range(3)]
    rows += [{"corpus": "b", "name": str(n), "category": "fear"} for n in range(10)]
    made = official_split(manifest_of(rows), {"train": 0.8, "test": 0.2})
    assert made.column("split")[:3] == ["test"] * 3
    assert Counter(made.column("split")[3:]) == {"train": 8, "test": 2}
    assert made.metadata.history[-1]["by speaker"] == ["b"]


CATEGORIES = ("anger", "happiness", "neutral", None)


def make_manifest(
    speakers: Sequence[int], categories: Sequence[str | None], split: Sequence[str] | None = None
) -> Manifest:
    columns = {
        "corpus": "corpus",
        "name": [f"{row:07d}" for row in range(len(speakers))],
        "speaker": [f"corpus/{speaker:06d}" for speaker in speakers],
        "category": list(categories),
        "split": split,
    }
    return manifest_from(columns)


def balanced(speakers: int, each: int = 4) -> Manifest:
    rows = np.arange(speakers * each)
    return make_manifest((rows // each).tolist(), [CATEGORIES[row % 3] for row in rows])


def test_equal_speakers_are_split_exactly() -> None:
    split = split_by_group(balanced(20, each=6), "speaker", {"train": 0.7, "development": 0.15, "test": 0.15}, seed=1)
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
        split = split_by_group(manifest, "speaker", {"train": 0.8, "test": 0.2}, seed)
        rows = list(zip(split.column("split"), split.column("category"), strict=True))
        assert rows.count(("train", "anger")) == rows.count(("train", "neutral")) == 40
        assert rows.count(("test", "anger")) == rows.count(("test", "neutral")) == 10


def test_the_seed_decides() -> None:
    manifest = balanced(30)
    first = split_by_group(manifest, "speaker", {"train": 0.5, "test": 0.5}, seed=1)
    assert split_by_group(manifest, "speaker", {"train": 0.5, "test": 0.5}, seed=1).column("split") == first.column(
        "split"
    )
    assert split_by_group(manifest, "speaker", {"train": 0.5, "test": 0.5}, seed=2).column("split") != first.column(
        "split"
    )


def test_the_order_of_rows_does_not_decide() -> None:
    manifest = balanced(12)
    shuffled = manifest.select(np.random.default_rng(0).permutation(len(manifest)).tolist())
    fractions = {"train": 0.75, "test": 0.25}
    assert speakers_by_split(split_by_group(manifest, "speaker", fractions)) == speakers_by_split(
        split_by_group(shuffled, "speaker", fractions)
    )


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
            split_by_group(manifest, "speaker", fractions, seed)
        return
    splits = speakers_by_split(split_by_group(manifest, "speaker", fractions, seed))
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
        split_by_group(balanced(4), "speaker", fractions)


def test_the_ablation_moves_whole_speakers_of_the_training_part_only() -> None:
    speakers = np.repeat(np.arange(50), 4)
    official = np.where(speakers < 30, "train", np.where(speakers < 40, "development", "test3"))
    manifest = make_manifest(speakers.tolist(), ["anger"] * 200, official.tolist())
    split = ablation_split(manifest, seed=5)
    splits = speakers_by_split(split)
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
    with pytest.raises(ManifestError, match="the training utterances all belong together"):
        ablation_split(official.select([0, 2]))
