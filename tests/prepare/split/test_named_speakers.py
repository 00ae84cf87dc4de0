from collections import Counter

import pytest

from tests.manifests import manifest_of
from vibespeaker.cli.main import main
from vibespeaker.errors import ManifestError, VibeSpeakerError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.leaks import leaks_of
from vibespeaker.prepare.split.named_speakers import read_speakers, split_by_names

ACTORS = [{"name": str(n), "speaker": f"toy/{n // 2 + 1:02d}", "category": "fear"} for n in range(48)]


def speakers_in(made, split):
    return sorted(
        {speaker for speaker, own in zip(made.column("speaker"), made.column("split"), strict=True) if own == split}
    )


def test_actors_17_to_24_are_test(tmp_path):
    path, out = tmp_path / "toy.parquet", tmp_path / "made.parquet"
    manifest_of(ACTORS).write(path)
    assert main(["split", str(path), "--out", str(out), "--speakers.test", "17-24"]) == 0
    made = Manifest.read(out)
    assert speakers_in(made, "test") == [f"toy/{n}" for n in range(17, 25)]
    # the others by the usual shares of the other splits: 0.7 and 0.15 of 0.85
    assert Counter(made.column("split")) == {"train": 26, "development": 6, "test": 16}
    assert made.metadata.history[-1]["speakers"] == {"test": [f"toy/{n}" for n in range(17, 25)]}


def test_speakers_are_named_in_many_ways(tmp_path):
    manifest = manifest_of(ACTORS)
    file = tmp_path / "speakers.yaml"
    file.write_text("development: [3, '04', toy/05, 6-8]\ntest: 17,toy/18-20")
    made = split_by_names(manifest, read_speakers(file), {"train": 1})
    assert speakers_in(made, "development") == [f"toy/{n:02d}" for n in range(3, 9)]
    assert speakers_in(made, "test") == [f"toy/{n}" for n in range(17, 21)]
    assert len(speakers_in(made, "train")) == 14
    assert (
        split_by_names(manifest, {"test": 1, "development": "2", "train": "3-24"}).column("split").count("train") == 44
    )


def test_a_name_that_looks_like_a_range_is_a_name_where_there_is_one():
    made = split_by_names(manifest_of([{"speaker": f"toy/{n}"} for n in ("1", "1-2", "2", "3")]), {"test": "1-2"})
    assert speakers_in(made, "test") == ["toy/1-2"]


def test_who_shares_a_recording_with_a_named_speaker_follows(tmp_path, caplog):
    rows = [dict(row) for row in ACTORS]
    rows[0]["take"] = rows[47]["take"] = "one"
    made = split_by_names(manifest_of(rows), {"test": "24"})
    assert speakers_in(made, "test") == ["toy/01", "toy/24"]
    assert not leaks_of(made)
    path = tmp_path / "toy.parquet"
    manifest_of(rows).write(path)
    words = ["split", str(path), "--out", str(path), "--speakers.test", "24", "--speakers.train", "1-23"]
    assert main(words) == 1
    assert "1 takes in both train and test (toy/0 = toy/47)" in caplog.text


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"test": "30-32"}, "the manifest has no speaker 30-32. Allowed: other/3, toy/01, toy/02,"),
        ({"test": "x"}, "the manifest has no speaker x"),
        ({"dev": "1"}, r"unknown split. Found: \['dev'\]"),
        ({"test": "1,2", "train": "toy/2-4"}, "speaker toy/02 is named for two splits. Found: test, train"),
        ({"test": "3"}, "speaker 3 is in several corpora. Found: other, toy. Remedy: put the corpus before it"),
        ({"test": "1", "development": "2", "train": "4"}, "some speakers for none"),
    ],
)
def test_a_wrong_name_is_one_sentence(named, message):
    rows = [*ACTORS, {"corpus": "other", "name": "1", "speaker": "other/3"}]
    with pytest.raises(ManifestError, match=message):
        split_by_names(manifest_of(rows), named)


@pytest.mark.parametrize("text", ["[17, 18]", "test: {a: b}", "test: [", "test: [[1]]"])
def test_a_file_that_maps_no_splits_to_speakers_is_refused(tmp_path, text):
    path = tmp_path / "speakers.yaml"
    path.write_text(text)
    with pytest.raises(VibeSpeakerError, match=r"speakers.yaml (must map splits to speakers|must be a|is not a YAML)"):
        read_speakers(path)
