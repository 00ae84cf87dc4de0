import json
from pathlib import Path

import pytest

from tests.manifests import manifest_of
from vibespeaker.cli.main import main
from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.published import published_folds

ROWS = [{"name": f"Actor_0{n // 2}/clip{n}", "speaker": f"toy/{n // 2}", "category": "fear"} for n in range(8)]


@pytest.fixture
def emobox(tmp_path: Path) -> Path:
    """Two folds of the eight clips and of one that is elsewhere, as EmoBox publishes them."""
    for fold in (1, 2):
        folder = tmp_path / "emobox" / f"fold_{fold}"
        folder.mkdir(parents=True)
        for split in ("train", "test"):
            tested = range(4 * fold - 4, 4 * fold)
            clips = [n for n in range(9) if (n in tested) == (split == "test")]
            lines = (
                json.dumps({"key": f"toy-clip{n}", "wav": f"downloads/toy/Actor_0{n // 2}/clip{n}.wav", "emo": "Fear"})
                for n in clips
            )
            (folder / f"toy_{split}_fold_{fold}.jsonl").write_text("\n".join(lines))
    return tmp_path / "emobox"


def test_emobox_gives_one_manifest_per_fold(emobox, tmp_path, caplog):
    path = tmp_path / "toy.parquet"
    manifest_of([{**row, "audio": f"{row['name']}.flac"} for row in ROWS]).write(path)
    assert main(["split", str(path), "--out", str(path), "--by", str(emobox), "--validation", "0.4"]) == 0
    first, second = (Manifest.read(tmp_path / f"toy-fold{fold}.parquet").column("split") for fold in (1, 2))
    assert first[:4] == second[4:] == ["test"] * 4
    assert sorted(first[4:]) == sorted(second[:4]) == ["train"] * 2 + ["validation"] * 2
    assert "fold 1 of" in caplog.text
    assert "1 utterances fit no utterance of the manifest, or several: clip8.wav" in caplog.text
    assert main(["split", str(path), "--out", str(path), "--by", str(emobox / "fold_2"), "--validation", "0"]) == 0
    assert Manifest.read(tmp_path / "toy-fold2.parquet").column("split") == ["train"] * 4 + ["test"] * 4


def test_what_a_fold_does_not_list_gets_no_split_and_what_leaks_is_named(emobox, tmp_path, caplog):
    path = tmp_path / "toy.parquet"
    manifest_of([*ROWS, {"name": "new", "speaker": "toy/0"}]).write(path)
    rows = [json.loads(line) for line in (emobox / "fold_1" / "toy_test_fold_1.jsonl").read_text().splitlines()]
    lines = [json.dumps(row) for row in rows[1:]]
    (emobox / "fold_1" / "toy_test_fold_1.jsonl").write_text("\n".join(lines))
    with (emobox / "fold_1" / "toy_train_fold_1.jsonl").open("a") as file:
        file.write("\n" + json.dumps(rows[0]))
    words = ["split", str(path), "--out", str(path), "--by", str(emobox / "fold_1"), "--validation", "0"]
    assert main(words) == 1
    assert Manifest.read(tmp_path / "toy-fold1.parquet").column("split")[-1] is None
    assert "1 utterances of the manifest are not listed, and get no split: new" in caplog.text
    assert "toy-fold1.parquet: 1 speakers in both train and test (toy/0): scores are optimistic" in caplog.text


TABLES = {
    "utterance_id,split": ("", [f"toy/{row['name']},{'dev' if n < 2 else 'train'}" for n, row in enumerate(ROWS)]),
    "file_name;fold": ("01", [f"clip{n}.mp3;{n // 4}" for n in range(8)]),
    "file_name,fold,split": (
        "ab",
        [f"clip{n}.wav,{f},{'train' if f == 'a' else 'test'}" for n in range(8) for f in "ab"],
    ),
}


@pytest.mark.parametrize("header", TABLES)
def test_tables_of_splits_of_folds_and_of_both(header, tmp_path):
    names, lines = TABLES[header]
    path = tmp_path / "folds.csv"
    path.write_text("\n".join([header, *lines]))
    found = {name: made.column("split") for name, made in published_folds(manifest_of(ROWS), path, validation=0)}
    assert list(found) == (list(names) or [""])
    if not names:
        assert found[""] == ["development"] * 2 + ["train"] * 6
    elif names == "01":
        assert found == {"0": ["test"] * 4 + ["train"] * 4, "1": ["train"] * 4 + ["test"] * 4}
    else:
        assert found == {"a": ["train"] * 8, "b": ["test"] * 8}


def test_equal_file_names_are_told_apart_by_their_folders(tmp_path):
    manifest = manifest_of(
        [{"name": "train/dia0", "audio": "train/dia0.mp4"}, {"name": "dev/dia0", "audio": "dev/dia0.mp4"}]
    )
    path = tmp_path / "folds.csv"
    path.write_text("file_name,split\ndownloads/dev/dia0.wav,dev\ndownloads\\train\\dia0.wav,train\ndia0.wav,test\n")
    assert [made.column("split") for _, made in published_folds(manifest, path)] == [["train", "development"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("utterance_id,part\na,b\n", r"no columns to split by\. Found: utterance_id, part\. Allowed: utterance_id or"),
        ("file_name,split\nclip0,exam\n", r"folds.csv:2: unknown split\. Found: exam"),
        ("file_name,split\nclip0,train\nclip0,test\n", r"clip0 is in two splits of fold the file\. Found: train, test"),
        ("file_name,split\nx,train\n", r"lists no utterance of the manifest\. Found: x\. Allowed: Actor_00/clip0\.wav"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(text, message, tmp_path):
    path = tmp_path / "folds.csv"
    path.write_text(text)
    with pytest.raises(ManifestError, match=message):
        list(published_folds(manifest_of(ROWS), path))


def test_what_is_no_published_split_is_refused(emobox, tmp_path):
    manifest = manifest_of(ROWS)
    with pytest.raises(ManifestError, match=r"no strategy or file speaker\. Allowed: speakers, sessions, sentences"):
        list(published_folds(manifest, Path("speaker")))
    with pytest.raises(ManifestError, match="holds no EmoBox folds"):
        list(published_folds(manifest, tmp_path / "emobox" / ".."))
    (emobox / "fold_1" / "toy_train_fold_1.jsonl").write_text('{"emo": "Fear"}')
    with pytest.raises(ManifestError, match=r"toy_train_fold_1.jsonl:1 is no entry of EmoBox"):
        list(published_folds(manifest, emobox))
