from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora import adapter
from vibespeaker.corpora.ravdess import RAVDESS
from vibespeaker.errors import CorpusError
from vibespeaker.labels import LABEL_SETS


def test_every_field_of_the_name_is_read(tmp_path: Path) -> None:
    touch(tmp_path, "Actor_18/03-01-05-02-01-02-18.wav")
    (utterance,) = RAVDESS().read(tmp_path).utterances
    assert utterance.utterance_id == "ravdess/Actor_18/03-01-05-02-01-02-18"
    assert utterance.audio == "Actor_18/03-01-05-02-01-02-18.wav"
    assert utterance.file_name == "03-01-05-02-01-02-18.wav"
    assert utterance.speaker == "ravdess/18"
    assert utterance.gender == "female"
    assert utterance.category == "anger"
    assert utterance.intensity == "strong"
    assert utterance.text == "Kids are talking by the door"
    assert utterance.text_origin == "script"
    assert utterance.sentence == "ravdess/01"
    assert utterance.language == "en"
    assert utterance.split is None


def test_all_emotions_are_classes_of_the_label_set(tmp_path: Path) -> None:
    touch(tmp_path, *(f"03-01-{code:02d}-01-02-01-01.wav" for code in range(1, 9)))
    reading = RAVDESS().read(tmp_path)
    categories = [utterance.category for utterance in reading.utterances]
    assert categories == ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]
    assert set(categories) == set(LABEL_SETS[RAVDESS.label_set].classes)
    assert {utterance.gender for utterance in reading.utterances} == {"male"}
    assert {utterance.text for utterance in reading.utterances} == {"Dogs are sitting by the door"}


def test_modalities_of_one_recording_share_the_take(tmp_path: Path) -> None:
    touch(tmp_path, "01-01-03-01-01-01-02.wav", "03-01-03-01-01-01-02.wav", "03-01-03-01-01-02-02.wav")
    takes = [utterance.take for utterance in RAVDESS().read(tmp_path).utterances]
    assert takes[0] == takes[1] == "ravdess/01-03-01-01-01-02"
    assert takes[2] != takes[0]


@pytest.mark.parametrize(
    ("channel", "expected"),
    [("speech", ["03-01-03-01-01-01-02"]), ("song", ["03-02-03-01-01-01-02"]), ("both", None)],
)
def test_the_channel_is_chosen_and_the_rest_is_counted(
    tmp_path: Path, channel: str, expected: list[str] | None
) -> None:
    names = ["03-01-03-01-01-01-02", "03-02-03-01-01-01-02"]
    touch(tmp_path, *(f"{name}.wav" for name in names))
    reading = adapter("ravdess", {"channel": channel}).read(tmp_path)
    assert [utterance.file_name[:-4] for utterance in reading.utterances] == (expected or names)
    left_out = [warning for warning in reading.warnings if "another channel" in warning]
    assert len(left_out) == (0 if channel == "both" else 1)


def test_foreign_names_are_listed_with_what_is_wrong(tmp_path: Path) -> None:
    good = "03-01-01-01-01-01-01.wav"
    touch(tmp_path, good, "notes.wav", "03-01-09-01-01-01-01.wav", "03-01-01-01-01-01-25.wav", "readme.txt")
    reading = RAVDESS().read(tmp_path)
    assert [utterance.audio for utterance in reading.utterances] == [good]
    assert {problem.item: problem.reason for problem in reading.problems} == {
        "notes.wav": "the name has 1 fields instead of 7",
        "03-01-09-01-01-01-01.wav": "emotion '09' is none of 01, 02, 03, 04, 05, 06, 07, 08",
        "03-01-01-01-01-01-25.wav": "actor '25' is none of " + ", ".join(f"{actor:02d}" for actor in range(1, 25)),
    }
    assert all(problem.dropped for problem in reading.problems)


def test_the_same_recording_in_two_formats_is_one_utterance(tmp_path: Path) -> None:
    touch(tmp_path, "03-01-01-01-01-01-01.flac", "03-01-01-01-01-01-01.WAV")
    reading = RAVDESS().read(tmp_path)
    assert len(reading.utterances) == 1
    assert reading.warnings == ("1 files of folder . left out as further copies, the first 03-01-01-01-01-01-01.flac",)


def test_the_archive_of_kaggle_holds_every_file_twice(tmp_path: Path) -> None:
    ends = [(actor, emotion) for actor in ("01", "02") for emotion in ("03", "05")]
    names = [f"Actor_{actor}/03-01-{emotion}-01-01-01-{actor}.wav" for actor, emotion in ends]
    touch(tmp_path, *names, *(f"audio_speech_actors_01-24/{name}" for name in names))
    (tmp_path / "audio_speech_actors_01-24" / names[0]).write_bytes(b"edited")
    reading = RAVDESS().read(tmp_path)
    assert [row.audio for row in reading.utterances] == names
    assert reading.problems == ()
    copy = "audio_speech_actors_01-24"
    assert reading.warnings == (
        f"1 files of folder {copy}/Actor_01 left out as further copies, the first {copy}/{names[1]}",
        f"2 files of folder {copy}/Actor_02 left out as further copies, the first {copy}/{names[2]}",
        f"1 files of folder {copy}/Actor_01 left out, whose names are used but whose bytes differ, the first "
        f"{copy}/{names[0]}",
    )


def test_a_folder_of_another_actor_is_a_remark(tmp_path: Path) -> None:
    touch(tmp_path, "Actor_02/03-01-04-01-01-01-01.wav")
    reading = RAVDESS().read(tmp_path)
    assert [row.speaker for row in reading.utterances] == ["ravdess/01"]
    assert [(problem.reason, problem.dropped) for problem in reading.problems] == [
        ("its folder 'Actor_02' says speaker 02, its name 01: the name counts", False)
    ]


def test_metadata_files_of_macos_are_no_recordings(tmp_path: Path) -> None:
    name = "03-01-01-01-01-01-01.wav"
    touch(tmp_path, f"Actor_01/{name}", f"Actor_01/._{name}", f"__MACOSX/Actor_01/{name}", f".cache/{name}")
    reading = RAVDESS().read(tmp_path)
    assert [utterance.audio for utterance in reading.utterances] == [f"Actor_01/{name}"]
    assert reading.problems == ()


def test_linked_folders_are_read_once(tmp_path: Path) -> None:
    root = touch(tmp_path / "corpus", "Actor_01/03-01-01-01-01-01-01.wav")
    touch(tmp_path / "elsewhere", "Actor_02/03-01-01-01-01-01-02.wav")
    (root / "Actor_02").symlink_to(tmp_path / "elsewhere" / "Actor_02")
    (root / "Actor_01" / "loop").symlink_to(root)
    assert [row.speaker for row in RAVDESS().read(root).utterances] == ["ravdess/01", "ravdess/02"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no RAVDESS audio.*Found: no file.*Actor_18/03-01-05"):
        RAVDESS().read(tmp_path)
    touch(tmp_path, "03a01Wa.wav")
    with pytest.raises(CorpusError, match=r"Found: 03a01Wa\.wav"):
        RAVDESS().read(tmp_path)
    with pytest.raises(CorpusError, match="is not a folder"):
        RAVDESS().read(tmp_path / "missing")


def test_unknown_formats_and_options_are_refused() -> None:
    with pytest.raises(CorpusError, match=r"unknown corpus format\. Found: ravdes\. Allowed: msp-podcast, ravdess"):
        adapter("ravdes")
    with pytest.raises(CorpusError, match=r"format ravdess has no such option\. Found: chanel\. Allowed: channel"):
        adapter("ravdess", {"chanel": "song"})
    with pytest.raises(CorpusError, match=r"format emodb has no such option.*Allowed: none"):
        adapter("emodb", {"channel": "song"})
    with pytest.raises(CorpusError, match=r"Found: singing\. Allowed: speech, song, both"):
        adapter("ravdess", {"channel": "singing"})


def test_real_recordings(shared_data: Path) -> None:
    reading = RAVDESS().read(shared_data / "ravdess")
    assert len(reading.utterances) == 960
    assert reading.problems == ()
    counts: dict[str | None, int] = {}
    for utterance in reading.utterances:
        counts[utterance.category] = counts.get(utterance.category, 0) + 1
    # neutral has no strong takes
    assert counts.pop("neutral") == 64
    assert set(counts.values()) == {128}
    assert len({utterance.speaker for utterance in reading.utterances}) == 16
