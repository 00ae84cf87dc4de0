from dataclasses import replace
from pathlib import Path

import pytest

from tests.corpora.msp_builder import DEFAULT_CLIPS, PLAIN, Clip, Layout, write_msp
from vibespeaker.corpora.base import CorpusReading, Problem
from vibespeaker.corpora.msp_podcast import SYNTHETIC_MARK, MSPPodcast
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Utterance, Vote

FIRST = DEFAULT_CLIPS[0]


def read(root: Path, *clips: Clip, layout: Layout = PLAIN) -> CorpusReading:
    return MSPPodcast().read(write_msp(root, clips or DEFAULT_CLIPS, layout))


def by_name(reading: CorpusReading) -> dict[str, Utterance]:
    return {utterance.file_name: utterance for utterance in reading.utterances}


def replace_line(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_labelled_clip_has_all_that_is_published(tmp_path: Path) -> None:
    reading = read(tmp_path)
    assert reading.problems == ()
    assert [row.utterance_id for row in reading.utterances] == sorted(row.utterance_id for row in reading.utterances)
    clip = by_name(reading)["MSP-PODCAST_0001_0002.wav"]
    assert clip == Utterance(
        utterance_id="msp-podcast/Audios/MSP-PODCAST_0001_0002",
        corpus="msp-podcast",
        audio="Audios/MSP-PODCAST_0001_0002.wav",
        file_name="MSP-PODCAST_0001_0002.wav",
        speaker="msp-podcast/2",
        language="en",
        gender="male",
        split="train",
        text="that is good news",
        text_origin="human",
        category="anger",
        arousal=6.2,
        valence=2.0,
        dominance=6.0,
        votes=(Vote("WORKER00000001", "anger", ("angry",), 6.0, 2.0, 6.0),),
        session="msp-podcast/0001",
    )


def test_test_clips_come_without_labels(tmp_path: Path) -> None:
    clips = by_name(read(tmp_path))
    # the first is in Partitions.txt, the second only among the audio
    for name in ("MSP-PODCAST_test3_0001.wav", "MSP-PODCAST_test3_0002.wav"):
        clip = clips[name]
        assert clip.split == "test3"
        assert clip.category is clip.arousal is clip.text is clip.text_origin is clip.gender is clip.session is None
        assert clip.votes == ()
        assert clip.speaker == f"msp-podcast/unknown/{name[:-4]}"


def test_each_clip_of_unknown_speaker_is_a_speaker_of_its_own(tmp_path: Path) -> None:
    clips = by_name(read(tmp_path))
    first, second = clips["MSP-PODCAST_0002_0001.wav"], clips["MSP-PODCAST_0002_0002.wav"]
    assert first.speaker != second.speaker
    assert first.gender is None
    assert (first.category, second.category) == ("no_agreement", "other")


@pytest.mark.parametrize("labels", ["Labels", "labels", "label"])
@pytest.mark.parametrize("consensus", ["labels_consensus", "labels_concensus"])
@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_all_spellings_of_the_label_files(tmp_path: Path, labels: str, consensus: str, suffix: str) -> None:
    layout = Layout(labels=labels, consensus=consensus, suffix=suffix)  # type: ignore[arg-type]
    expected = read(tmp_path / "plain")
    assert read(tmp_path / "other", layout=layout) == expected


def test_the_old_name_of_the_development_part(tmp_path: Path) -> None:
    reading = read(tmp_path, replace(FIRST, split="Validation"))
    assert reading.utterances[0].split == "development"
    assert reading.problems == ()


@pytest.mark.parametrize("name", ["Test1", "Test2", "Test3", "test_set_1", "Test"])
def test_the_test_parts(tmp_path: Path, name: str) -> None:
    expected = {"test_set_1": "test1"}.get(name, name.lower())
    assert read(tmp_path, replace(FIRST, split=name)).utterances[0].split == expected


def test_speakers_and_genders_from_the_list_fill_gaps_only(tmp_path: Path) -> None:
    lines = ("Speaker_7; Female", "Speaker_1; Male", "", "MSP-PODCAST_0002_0001.wav; 7", "MSP-PODCAST_0001_0001.wav; 9")
    clips = by_name(read(tmp_path, layout=Layout(speaker_lines=lines)))
    assert clips["MSP-PODCAST_0002_0001.wav"].speaker == "msp-podcast/7"
    assert clips["MSP-PODCAST_0002_0001.wav"].gender == "female"
    # the label file knows better
    assert clips["MSP-PODCAST_0001_0001.wav"].speaker == "msp-podcast/1"
    assert clips["MSP-PODCAST_0001_0001.wav"].gender == "female"


def test_files_listed_and_missing_are_problems(tmp_path: Path) -> None:
    labelled = Clip("MSP-PODCAST_0009_0001.wav", audio=False)
    listed = Clip("MSP-PODCAST_test3_0009.wav", split="Test3", audio=False, labelled=False)
    reading = read(tmp_path, FIRST, labelled, listed)
    reason = "listed, but the audio folder has no such file"
    assert reading.problems == tuple(Problem(clip.name, reason, absent=True) for clip in (labelled, listed))
    assert len(reading.utterances) == 1


def test_audio_in_no_list_is_kept_without_labels_and_reported(tmp_path: Path) -> None:
    stray = Clip("MSP-PODCAST_0009_0001.wav", labelled=False, partition=False)
    reading = read(tmp_path, FIRST, stray)
    clip = by_name(reading)[stray.name]
    assert (clip.split, clip.category) == (None, None)
    (problem,) = reading.problems
    assert problem == Problem(f"Audios/{stray.name}", "no list names its split: kept without", dropped=False)


def test_lists_that_disagree_are_reported_and_the_labels_followed(tmp_path: Path) -> None:
    write_msp(tmp_path, [FIRST])
    replace_line(tmp_path / "Partitions.txt", "Train", "Test1")
    reading = MSPPodcast().read(tmp_path)
    assert reading.utterances[0].split == "train"
    assert reading.problems[0].reason == "train in the labels, test1 in Partitions.txt: the labels are followed"
    assert not reading.problems[0].dropped


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (",H,5.0", ",Q,5.0", "EmoClass 'Q' is none of A, S, H, U, F, D, C, N, O, X"),
        (",H,5.0", ",H,0.5", "EmoAct 0.5 lies outside 1 to 7"),
        (",H,5.0", ",H,high", "'high' is not a number"),
        (",Train", ",Trian", "split 'Trian' is none of Train, Development, Validation, Test1, Test2, Test3"),
    ],
)
def test_a_wrong_row_is_named_and_its_clip_dropped(tmp_path: Path, old: str, new: str, reason: str) -> None:
    other = Clip("MSP-PODCAST_0001_0002.wav", "A", attributes=(6.2, 2.0, 6.0))
    write_msp(tmp_path, [other, replace(FIRST, partition=False)])
    path = tmp_path / "Labels" / "labels_consensus.csv"
    lines = path.read_text().splitlines()
    lines[2] = lines[2].replace(old, new)
    path.write_text("\n".join(lines))
    reading = MSPPodcast().read(tmp_path)
    assert reading.problems == (Problem("labels_consensus.csv:3", f"{FIRST.name}: {reason}"),)
    assert [row.file_name for row in reading.utterances] == [other.name]


def test_empty_labels_are_unknown(tmp_path: Path) -> None:
    write_msp(tmp_path, [replace(FIRST, ratings=())])
    replace_line(tmp_path / "Labels" / "labels_consensus.csv", ",H,5.0,6.0,4.0,1,Female,", ",,,nan,,,,")
    (clip,) = MSPPodcast().read(tmp_path).utterances
    assert clip.category is clip.arousal is clip.valence is clip.dominance is clip.gender is None
    assert clip.speaker.startswith("msp-podcast/unknown/")
    assert clip.split == "train"


def test_a_repeated_row_is_reported(tmp_path: Path) -> None:
    write_msp(tmp_path, [FIRST])
    path = tmp_path / "Labels" / "labels_consensus.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[1].replace(",H,", ",S,"))
    reading = MSPPodcast().read(tmp_path)
    assert reading.utterances[0].category == "happiness"
    assert reading.problems[0].item == "labels_consensus.csv:3"
    assert "was listed before: the first row is used" in reading.problems[0].reason


def test_missing_columns_are_named(tmp_path: Path) -> None:
    write_msp(tmp_path, [FIRST])
    replace_line(tmp_path / "Labels" / "labels_consensus.csv", "EmoVal,EmoDom", "Valence,Dominance")
    with pytest.raises(CorpusError, match=r"labels_consensus\.csv lacks the columns EmoVal, EmoDom\. Found: FileName,"):
        MSPPodcast().read(tmp_path)


@pytest.mark.parametrize("content", ["[1, 2]", "{", '{"a.wav": 3}', '{"a.wav": {"EmoClass": "A"}}'])
def test_broken_json_is_named(tmp_path: Path, content: str) -> None:
    write_msp(tmp_path, [FIRST], Layout(suffix="json"))
    (tmp_path / "Labels" / "labels_consensus.json").write_text(content)
    with pytest.raises(CorpusError, match=r"labels_consensus\.json"):
        MSPPodcast().read(tmp_path)


def test_without_detailed_labels_there_are_no_votes_and_a_warning(tmp_path: Path) -> None:
    reading = read(tmp_path, FIRST, layout=Layout(schema="none"))
    assert reading.utterances[0].votes == ()
    assert "no detailed labels (labels_detailed.csv or .json): the manifest has no votes" in reading.warnings


def test_transcripts_lose_line_ends_and_empty_ones_are_unknown(tmp_path: Path) -> None:
    write_msp(tmp_path, [FIRST, Clip("MSP-PODCAST_0001_0002.wav", transcript=" \n")])
    folder = tmp_path / "Transcripts"
    (folder / FIRST.name).with_suffix(".txt").write_bytes("\ufeffwell,\r\n it  is\u00e4\n".encode())
    (folder / "MSP-PODCAST_0099_0001.txt").write_text("stray")
    reading = MSPPodcast().read(tmp_path)
    assert [row.text for row in reading.utterances] == ["well, it isä", None]
    assert [row.text_origin for row in reading.utterances] == ["human", None]
    assert "1 transcripts of clips without audio, the first MSP-PODCAST_0099_0001.txt" in reading.warnings
    (folder / FIRST.name).with_suffix(".txt").write_bytes("don’t".encode("cp1252"))
    assert MSPPodcast().read(tmp_path).utterances[0].text == "don’t"


def test_wrong_lines_of_the_lists_are_named(tmp_path: Path) -> None:
    write_msp(tmp_path, [FIRST], Layout(speaker_lines=("Speaker_1; Male", "who knows")))
    with (tmp_path / "Partitions.txt").open("a") as file:
        file.write("Test7; MSP-PODCAST_0001_0001.wav\nno separator\n")
    problems = MSPPodcast().read(tmp_path).problems
    assert [(problem.item, problem.dropped) for problem in problems] == [
        ("Partitions.txt:2", True),
        ("Partitions.txt:3", True),
        ("Speaker_ids.txt:2", False),
    ]
    assert problems[0].reason.startswith("split 'Test7' is none of")
    assert problems[1].reason == "is not of the form 'Test3; FILE.wav'"


def test_audio_may_lie_in_subfolders_and_be_compressed(tmp_path: Path) -> None:
    write_msp(tmp_path, [FIRST, Clip("MSP-PODCAST_0001_0002.wav")])
    audios = tmp_path / "Audios"
    (audios / "0001").mkdir()
    (audios / FIRST.name).rename(audios / "0001" / "MSP-PODCAST_0001_0001.flac")
    (audios / "copy").mkdir()
    (audios / "copy" / "MSP-PODCAST_0001_0002.wav").write_bytes(b"")
    reading = MSPPodcast().read(tmp_path)
    assert [row.audio for row in reading.utterances] == [
        "Audios/0001/MSP-PODCAST_0001_0001.flac",
        "Audios/MSP-PODCAST_0001_0002.wav",
    ]
    # the published name stays, since submissions are written with it
    assert reading.utterances[0].file_name == FIRST.name
    assert reading.warnings[0].startswith("1 files of folder Audios/copy left out, whose names are used but whose")


def test_counts_other_than_published_are_a_warning_unless_the_speech_is_generated(tmp_path: Path) -> None:
    reading = read(tmp_path)
    assert not reading.synthetic
    assert reading.warnings == (
        "counts differ from release 1.12 of the challenge: 4 instead of 84,260 train clips, "
        "1 instead of 31,961 development clips, 2 instead of 3,200 test3 clips, "
        "3 instead of 68,428 train clips with agreement, 1 instead of 25,900 development clips with agreement, "
        "5 instead of 649,102 votes",
    )
    (tmp_path / SYNTHETIC_MARK).write_text("{}")
    reading = MSPPodcast().read(tmp_path)
    assert reading.synthetic
    assert reading.warnings == ()


@pytest.mark.parametrize(
    ("missing", "message"),
    [("Audios", "no folder Audios"), ("Labels", "no consensus labels"), (".", "is not a folder")],
)
def test_an_incomplete_folder_is_refused(tmp_path: Path, missing: str, message: str) -> None:
    root = write_msp(tmp_path / "corpus", [FIRST])
    (root / missing).rename(tmp_path / "away")
    with pytest.raises(CorpusError, match=message):
        MSPPodcast().read(root)
