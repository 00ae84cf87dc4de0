from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.corpus_tables import counted, manifest_of
from vibespeaker.cli.main import main
from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.strategies import (
    group_folds,
    leave_one_out,
    official_split,
    shared_speakers,
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
    assert "5 speakers leak" in caplog.text
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


def test_folds_test_every_speaker_once_and_validate_on_others(tmp_path):
    path = tmp_path / "corpus.parquet"
    counted("toy", {"anger": 60, "fear": 60}, speakers=12).write(path)
    assert (
        main(["split", str(path), "--out", str(tmp_path / "cv.parquet"), "--folds", "3", "--validation", "0.25"]) == 0
    )
    tested = []
    for fold in range(3):
        made = Manifest.read(tmp_path / f"cv-fold{fold}.parquet")
        found = speakers_by_split(made)
        assert {name: len(group) for name, group in found.items()} == {"train": 6, "validation": 2, "test": 4}
        assert shared_speakers(made) == 0
        tested += found["test"]
    assert len(tested) == len(set(tested)) == 12


def test_leaving_out_each_corpus(tmp_path):
    rows = [{"corpus": corpus, "name": str(n), "speaker": f"{corpus}/{n % 4}"} for corpus in "ab" for n in range(8)]
    path = tmp_path / "both.parquet"
    manifest_of(rows).write(path)
    options = ["--out", str(tmp_path / "left.parquet"), "--leave-out", "corpus", "--validation", "0.25"]
    assert main(["split", str(path), *options]) == 0
    made = speakers_by_split(Manifest.read(tmp_path / "left-b.parquet"))
    assert {name: {speaker[0] for speaker in group} for name, group in made.items()} == {
        "test": {"b"},
        "train": {"a"},
        "validation": {"a"},
    }
    assert (tmp_path / "left-a.parquet").is_file()


def test_leaving_out_needs_two_values_for_every_utterance():
    with pytest.raises(ManifestError, match="leaving one session out needs at least two of them"):
        next(leave_one_out(manifest_of([{"session": "a"}, {"session": None}]), "session"))
    with pytest.raises(ManifestError, match="at least two folds"):
        next(group_folds(manifest_of([{}, {}]), 1))
    with pytest.raises(ManifestError, match="validation share must lie between 0 and 1"):
        next(group_folds(manifest_of([{}, {}, {}]), 2, validation=1.5))


def test_official_splits_stay_and_others_are_made():
    rows = [{"corpus": "a", "name": str(n), "split": "test"} for n in range(3)]
    rows += [{"corpus": "b", "name": str(n), "category": "fear"} for n in range(10)]
    made = official_split(manifest_of(rows), {"train": 0.8, "test": 0.2})
    assert made.column("split")[:3] == ["test"] * 3
    assert Counter(made.column("split")[3:]) == {"train": 8, "test": 2}
    assert made.metadata.history[-1]["by speaker"] == ["b"]
