import pytest

from tests.manifests import counted, manifest_of
from vibespeaker.cli.main import main
from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.leaks import leaks_of
from vibespeaker.prepare.split.folds import group_folds, leave_one_out


def speakers_by_split(manifest, column="speaker"):
    found = {}
    for value, split in zip(manifest.column(column), manifest.column("split"), strict=True):
        found.setdefault(split, set()).add(value)
    return found


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
        assert not leaks_of(made)
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


def test_folds_honour_what_they_go_by():
    rows = [{"speaker": f"toy/{n % 2}", "sentence": f"toy/s{n // 2}"} for n in range(12)]
    for made in group_folds(manifest_of(rows), 3, validation=0.25, by=("sentence",)):
        found = speakers_by_split(made, "sentence")
        assert {name: len(group) for name, group in found.items()} == {"train": 3, "validation": 1, "test": 2}
    rows = [{"speaker": f"toy/{n // 4}", "sentence": f"toy/s{n // 2}"} for n in range(16)]
    for made in group_folds(manifest_of(rows), 2, validation=0, by=("speaker", "sentence")):
        assert not leaks_of(made)
    with pytest.raises(ManifestError, match=r"fewer groups than folds. Found: 1 groups, the largest with 4 utter"):
        next(group_folds(manifest_of([{"sentence": "s"}] * 4), 2, by=("speaker", "sentence")))


def test_one_group_to_train_on_cannot_validate():
    with pytest.raises(ManifestError, match=r"none can validate\. Remedy: with folds and --leave-out, --validation 0"):
        next(group_folds(manifest_of([{}, {}]), 2))


def test_a_speaker_left_out_who_shares_a_recording_is_named(tmp_path, caplog):
    path = tmp_path / "emovo.parquet"
    rows = [{"corpus": "emovo", "name": str(n), "speaker": f"emovo/m{n % 4}"} for n in range(8)]
    rows[0]["audio_sha256"] = rows[1]["audio_sha256"] = "same"
    manifest_of(rows).write(path)
    assert main(["split", str(path), "--out", str(path), "--leave-out", "speaker", "--validation", "0"]) == 1
    assert "emovo-m0.parquet: 1 identical recordings in both train and test (emovo/1 = emovo/0)" in caplog.text
    assert sorted(made.name for made in tmp_path.iterdir()) == [
        "emovo-m0.parquet",
        "emovo-m1.parquet",
        "emovo-m2.parquet",
        "emovo-m3.parquet",
        "emovo.parquet",
    ]
