import csv
import hashlib
import json
import wave
from collections import Counter
from pathlib import Path

import pytest

from vibespeaker.corpora.synthetic import corpus as module
from vibespeaker.corpora.synthetic.corpus import MARKER, SIMULATED_ASR, TRUE_TEST_LABELS, generate_corpus
from vibespeaker.corpora.synthetic.plan import draw_clips
from vibespeaker.corpora.synthetic.raters import PRIMARY_NAMES
from vibespeaker.errors import ConfigError, CorpusError
from vibespeaker.labels import LETTER_OF, MSP_LETTERS

SIZES = {"seed": 7, "speakers": 5, "utterances": 60}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("generated") / "corpus"
    generate_corpus(path, **SIZES)
    return path


def digest(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def partitions(root: Path) -> dict[str, str]:
    lines = (root / "Partitions.txt").read_text(encoding="utf-8").splitlines()
    return {name: split for split, name in (line.split("; ") for line in lines)}


def test_same_seed_same_bytes(root, tmp_path):
    generate_corpus(tmp_path / "again", **SIZES)
    assert digest(tmp_path / "again") == digest(root)


def test_another_seed_gives_another_corpus(root, tmp_path):
    generate_corpus(tmp_path / "other", **{**SIZES, "seed": 8})
    ours, theirs = digest(root), digest(tmp_path / "other")
    assert ours["Labels/labels_consensus.csv"] != theirs["Labels/labels_consensus.csv"]


def test_audio_is_16_khz_mono_pcm16_of_one_to_four_seconds(root):
    paths = sorted((root / "Audios").iterdir())
    assert len(paths) == 60
    for path in paths:
        with wave.open(str(path)) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
            assert 0.8 < file.getnframes() / 16_000 < 6.0


def test_every_clip_is_in_one_part_and_only_the_test_part_is_unlabelled(root):
    parts = partitions(root)
    assert sorted(parts) == sorted(path.name for path in (root / "Audios").iterdir())
    labels = rows(root / "Labels" / "labels_consensus.csv")
    assert list(labels[0]) == ["FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "SpkrID", "Gender", "Split_Set"]
    assert {row["FileName"]: row["Split_Set"] for row in labels} == {
        name: split for name, split in parts.items() if split != "Test3"
    }
    transcripts = {path.stem for path in (root / "Transcripts").iterdir()}
    assert transcripts == {Path(row["FileName"]).stem for row in labels}
    heard = {row["FileName"] for row in rows(root / SIMULATED_ASR)}
    assert heard == set(parts)


def test_true_test_labels_are_apart_and_balanced(root):
    labels = rows(root / TRUE_TEST_LABELS)
    assert {row["FileName"] for row in labels} == {name for name, part in partitions(root).items() if part == "Test3"}
    counts = Counter(row["EmoClass"] for row in labels)
    assert set(counts) == set("ASHUFDCN")
    assert len(set(counts.values())) == 1


def test_consensus_and_attributes_follow_from_the_published_votes(root):
    emotion_of = {name: emotion for emotion, name in PRIMARY_NAMES.items()}
    votes: dict[str, list[tuple[str, float, float, float]]] = {}
    for row in rows(root / "Labels" / "labels_detailed.csv"):
        fields = [field.strip() for field in row["EmoDetail"].rstrip(";").split(";")]
        points = [float(field.split(":")[1]) for field in fields[-3:]]
        letter = "O" if fields[1].startswith("Other") else LETTER_OF[emotion_of[fields[1]]]
        votes.setdefault(row["FileName"], []).append((letter, *points))
    for row in rows(root / "Labels" / "labels_consensus.csv"):
        heard = votes.pop(row["FileName"])
        counts = Counter(letter for letter, *_ in heard).most_common()
        tied = len(counts) > 1 and counts[0][1] == counts[1][1]
        assert row["EmoClass"] == ("X" if tied else counts[0][0])
        for position, column in enumerate(("EmoAct", "EmoVal", "EmoDom"), start=1):
            mean = sum(vote[position] for vote in heard) / len(heard)
            assert float(row[column]) == pytest.approx(mean, abs=1e-6)
    assert not votes


def test_default_plan_exercises_the_real_paths():
    clips = draw_clips(seed=0, speakers=30, utterances=900)
    assert len(clips) == 900
    assert set(MSP_LETTERS.values()) == {clip.category for clip in clips}
    named: dict[str, set[int]] = {}
    for clip in clips:
        if clip.speaker.number is not None:
            named.setdefault(clip.split, set()).add(clip.speaker.number)
    assert any(clip.speaker.number is None for clip in clips)
    assert not named["Train"] & named["Development"]
    assert not named["Test3"] & (named["Train"] | named["Development"])
    assert len({clip.file_name for clip in clips}) == 900


def test_speakers_are_listed_with_gender_and_clips_with_speaker(root):
    lines = (root / "Speaker_ids.txt").read_text(encoding="utf-8").splitlines()
    pairs = dict(line.split("; ") for line in lines)
    for row in rows(root / "Labels" / "labels_consensus.csv"):
        assert pairs[row["FileName"]] == row["SpkrID"]
        if row["SpkrID"] != "Unknown":
            assert pairs[f"Speaker_{row['SpkrID']}"] == row["Gender"]


def test_marker_says_synthetic(root):
    marker = json.loads((root / MARKER).read_text(encoding="utf-8"))
    assert marker["synthetic"] is True
    assert {name: marker[name] for name in SIZES} == SIZES


def test_a_finished_corpus_is_left_alone(root, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(module, "draw_clips", refuse)
    generate_corpus(root, **SIZES)


def test_an_interrupted_run_leaves_nothing_that_looks_finished(root, tmp_path, monkeypatch):
    target = tmp_path / "corpus"
    written = []
    write = module._write_audio

    def stop_after_five(path: Path, clip: object) -> None:
        written.append(path)
        if len(written) > 5:
            raise KeyboardInterrupt
        write(path, clip)

    monkeypatch.setattr(module, "_write_audio", stop_after_five)
    with pytest.raises(KeyboardInterrupt):
        generate_corpus(target, **SIZES)
    assert not target.exists()
    monkeypatch.undo()
    generate_corpus(target, **SIZES)
    assert digest(target) == digest(root)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_foreign_folders_and_other_parameters_are_refused(root, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("words")
    with pytest.raises(CorpusError, match="is no generated corpus"):
        generate_corpus(tmp_path / "mine", **SIZES)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "words"
    with pytest.raises(CorpusError, match=r"generated otherwise.*'seed': 7.*'seed': 9"):
        generate_corpus(root, **{**SIZES, "seed": 9})


def test_an_empty_folder_is_filled(root, tmp_path):
    (tmp_path / "empty").mkdir()
    generate_corpus(tmp_path / "empty", **SIZES)
    assert digest(tmp_path / "empty") == digest(root)


@pytest.mark.parametrize(("speakers", "utterances"), [(2, 60), (5, 39)])
def test_too_small_is_refused(tmp_path, speakers, utterances):
    with pytest.raises(ConfigError, match="at least 3 speakers and 40 utterances"):
        generate_corpus(tmp_path / "small", 0, speakers, utterances)
