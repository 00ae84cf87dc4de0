from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora import adapter
from vibespeaker.corpora.common_voice import CommonVoice
from vibespeaker.errors import CorpusError

#: The columns of release 19.
COLUMNS = [
    *("client_id", "path", "sentence_id", "sentence", "sentence_domain", "up_votes", "down_votes", "age", "gender"),
    *("accents", "variant", "locale", "segment"),
]


def write_common_voice(root: Path, *rows: dict[str, str], columns: list[str] = COLUMNS) -> Path:
    """A language's folder: `validated.tsv` and `clips/`, with the other lists beside."""
    root.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(row.get(column, "") for column in columns) for row in rows]
    (root / "validated.tsv").write_text("\n".join(["\t".join(columns), *lines]) + "\n")
    (root / "other.tsv").write_text("\t".join(columns) + "\n")
    return touch(root, *(f"clips/{row['path']}" for row in rows))


MICA = {
    "client_id": "ab12",
    "path": "common_voice_ro_30960424.mp3",
    "sentence": "Mica afacere a tatălui meu rămâne mică.",
    "gender": "female_feminine",
    "locale": "ro",
}
QUOTED = {"client_id": "cd34", "path": "common_voice_ro_2.mp3", "sentence": '"Da, a spus el.', "locale": "ro"}
THIRD = {**MICA, "path": "common_voice_ro_3.mp3", "sentence": "mica afacere a tatălui meu rămâne mică"}


def test_a_row(tmp_path: Path) -> None:
    reading = CommonVoice().read(write_common_voice(tmp_path / "ro", MICA))
    assert reading.problems == ()
    assert reading.warnings == ()
    (row,) = reading.utterances
    assert row.utterance_id == "common-voice/clips/common_voice_ro_30960424"
    assert row.audio == "clips/common_voice_ro_30960424.mp3"
    assert row.speaker == "common-voice/ab12"
    assert row.gender == "female"
    assert row.language == "ro"
    assert (row.text, row.text_origin) == ("Mica afacere a tatălui meu rămâne mică.", "script")
    assert (row.category, row.arousal, row.split) == (None, None, None)


def test_quotation_marks_are_characters(tmp_path: Path) -> None:
    reading = CommonVoice().read(write_common_voice(tmp_path / "ro", QUOTED, MICA))
    assert [row.text for row in reading.utterances] == ['"Da, a spus el.', MICA["sentence"]]


def test_official_parts_and_shared_sentences(tmp_path: Path) -> None:
    root = write_common_voice(tmp_path / "ro", MICA, QUOTED, THIRD)
    (root / "train.tsv").write_text(f"client_id\tpath\nab12\t{MICA['path']}\n")
    (root / "dev.tsv").write_text(f"client_id\tpath\ncd34\t{QUOTED['path']}\n")
    rows = {row.file_name: row for row in CommonVoice().read(root).utterances}
    assert {name: row.split for name, row in rows.items()} == {
        MICA["path"]: "train",
        QUOTED["path"]: "development",
        THIRD["path"]: None,
    }
    assert rows[MICA["path"]].sentence == rows[THIRD["path"]].sentence != rows[QUOTED["path"]].sentence


def test_several_languages_and_converted_clips(tmp_path: Path) -> None:
    release = tmp_path / "cv-corpus-19.0-2024-09-13"
    write_common_voice(release / "ro", MICA)
    write_common_voice(release / "zh-CN", {"path": "common_voice_zh-CN_1.mp3", "sentence": "你好", "locale": "zh-CN"})
    clip = release / "ro" / "clips" / "common_voice_ro_30960424.mp3"
    clip.rename(clip.with_suffix(".wav"))
    reading = CommonVoice().read(release)
    assert [(row.audio, row.language) for row in reading.utterances] == [
        ("ro/clips/common_voice_ro_30960424.wav", "ro"),
        ("zh-CN/clips/common_voice_zh-CN_1.mp3", "zh"),
    ]
    # submissions and lists know the clip by its published name
    assert reading.utterances[0].file_name == "common_voice_ro_30960424.mp3"
    assert reading.utterances[1].speaker == "common-voice/unknown/zh-CN/clips/common_voice_zh-CN_1"
    assert reading.warnings == ("1 clips name no client: each counts as a speaker of its own",)


def test_a_list_of_ones_own_needs_its_language(tmp_path: Path) -> None:
    root = write_common_voice(tmp_path / "mine", MICA, columns=["path", "sentence"])
    with pytest.raises(CorpusError, match=r"does not state its language.*--options\.language en"):
        CommonVoice().read(root)
    assert adapter("common-voice", {"language": "en"}).read(root).utterances[0].language == "en"


def test_wrong_rows_are_named_and_clips_of_other_lists_ignored(tmp_path: Path) -> None:
    rows = (MICA, {**QUOTED, "sentence": ""}, MICA, {**QUOTED, "path": "gone.mp3"})
    root = write_common_voice(tmp_path / "ro", *rows)
    (root / "clips" / "gone.mp3").unlink()
    touch(root, "clips/common_voice_ro_invalidated.mp3")
    reading = CommonVoice().read(root)
    assert len(reading.utterances) == 1
    assert [(problem.item, problem.reason) for problem in reading.problems] == [
        ("validated.tsv:3", "common_voice_ro_2.mp3 has no sentence"),
        ("validated.tsv:4", "common_voice_ro_30960424.mp3 was listed before: the first row is used"),
        ("validated.tsv:5", "there is no audio file gone.mp3"),
    ]


def test_an_incomplete_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"holds no validated\.tsv.*--options\.table"):
        CommonVoice().read(tmp_path)
    root = write_common_voice(tmp_path / "ro", MICA)
    (root / "clips" / MICA["path"]).unlink()
    with pytest.raises(CorpusError, match=r"no clip that validated\.tsv names\. Found: validated\.tsv:2: there is no"):
        CommonVoice().read(root)


def test_real_sentences(shared_data: Path) -> None:
    options = {"table": "transcripts.tsv", "language": "en"}
    reading = adapter("common-voice", options).read(shared_data / "asr" / "sense_and_sensibility")
    assert len(reading.utterances) == 5
    assert reading.problems == ()
    assert reading.utterances[1].text == "he was not an ill disposed young man"
    assert {row.language for row in reading.utterances} == {"en"}
