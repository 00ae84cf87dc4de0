from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora import adapter
from vibespeaker.corpora.base import Problem
from vibespeaker.corpora.iemocap import IEMOCAP
from vibespeaker.corpora.iemocap_labels import LABELS
from vibespeaker.errors import CorpusError
from vibespeaker.labels import LABEL_SETS
from vibespeaker.utterance import Vote

HEADER = "% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n"
RATINGS = (
    "C-E2:\tNeutral;\t()\nC-E3:\tHappiness; Excited;\t(laughs; a little)\nC-F1:\tNeutral; Anger;\t(curious)\n"
    "A-E3:\tval 3; act 2; dom  2;\t()\nA-E4:\tval 5; act 1; dom ;\t(mild)\nA-F1:\tval 3; act 2; dom  1;\t()"
)


def turn(name: str, label: str = "neu", vad: str = "2.5000, 2.0000, 5.0000", ratings: str = RATINGS) -> str:
    return f"[6.2901 - 8.2357]\t{name}\t{label}\t[{vad}]\n{ratings}\n"


def write_dialogue(root: Path, *turns: str, name: str = "Ses01F_impro01", session: str = "Session1") -> Path:
    """One dialogue as published: evaluations, transcripts, the turns' audio, and what else lies around."""
    evaluations = root / session / "dialog" / "EmoEvaluation" / f"{name}.txt"
    evaluations.parent.mkdir(parents=True, exist_ok=True)
    evaluations.write_text(HEADER + "\n" + "\n".join(turns))
    stems = [line.split()[3] for text in turns for line in text.splitlines() if line.startswith("[")]
    texts = root / session / "dialog" / "transcriptions" / f"{name}.txt"
    texts.parent.mkdir(parents=True, exist_ok=True)
    texts.write_text("".join(f"{stem} [006.2901-008.2357]: Said  by {stem[-4:]}.\n" for stem in stems) + "M: hm\n")
    touch(root, f"{session}/dialog/wav/{name}.wav", f"{session}/dialog/EmoEvaluation/Categorical/{name}_e2_cat.txt")
    return touch(root, *(f"{session}/sentences/wav/{name}/{stem}.wav" for stem in stems))


def test_a_turn_with_all_its_labels(tmp_path: Path) -> None:
    reading = IEMOCAP().read(write_dialogue(tmp_path, turn("Ses01F_impro01_M000")))
    assert reading.problems == ()
    assert reading.warnings == ()
    (row,) = reading.utterances
    assert row.utterance_id == "iemocap/Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M000"
    assert row.file_name == "Ses01F_impro01_M000.wav"
    # the letter of the turn, not that of the dialogue
    assert row.speaker == "iemocap/Ses01M"
    assert row.gender == "male"
    assert row.session == "iemocap/Ses01"
    assert row.sentence is None
    assert row.category == "neutral"
    # published as valence, activation, dominance on 1–5
    assert (row.valence, row.arousal, row.dominance) == (3.25, 2.5, 7.0)
    assert (row.text, row.text_origin) == ("Said by M000.", "human")


def test_every_rater_is_a_vote_and_the_actors_only_when_asked(tmp_path: Path) -> None:
    root = write_dialogue(tmp_path, turn("Ses01F_impro01_F000"))
    listeners = (
        Vote("E2", "neutral"),
        Vote("E3", "happiness", ("excited",), arousal=2.5, valence=4.0, dominance=2.5),
        Vote("E4", arousal=1.0, valence=7.0),
    )
    assert IEMOCAP().read(root).utterances[0].votes == listeners
    actor = Vote("F1", "neutral", ("anger",), arousal=2.5, valence=4.0, dominance=1.0)
    votes = adapter("iemocap", {"self_reports": True}).read(root).utterances[0].votes
    assert votes == (listeners[0], listeners[1], actor, listeners[2])


def test_all_labels(tmp_path: Path) -> None:
    names = [f"Ses05M_script01_1b_F{number:03d}" for number in range(len(LABELS))]
    turns = [turn(name, label) for name, label in zip(names, LABELS, strict=True)]
    rows = IEMOCAP().read(write_dialogue(tmp_path, *turns, name="Ses05M_script01_1b", session="Session5")).utterances
    assert [row.category for row in rows] == list(LABELS.values())
    assert set(LABELS.values()) - set(LABEL_SETS["iemocap"].classes) == {"other", "no_agreement"}
    assert {row.sentence for row in rows} == {"iemocap/script01_1b"}
    assert {row.speaker for row in rows} == {"iemocap/Ses05F"}


def test_sessions_are_told_apart(tmp_path: Path) -> None:
    write_dialogue(tmp_path, turn("Ses01F_impro01_F000"), turn("Ses01F_impro01_M000"))
    write_dialogue(tmp_path, turn("Ses02M_impro02_F000"), name="Ses02M_impro02", session="Session2")
    rows = IEMOCAP().read(tmp_path).utterances
    assert [row.speaker for row in rows] == ["iemocap/Ses01F", "iemocap/Ses01M", "iemocap/Ses02F"]
    assert {row.session for row in rows} == {"iemocap/Ses01", "iemocap/Ses02"}


def test_a_flat_copy_with_flac_and_other_case(tmp_path: Path) -> None:
    write_dialogue(tmp_path, turn("Ses01F_impro01_F000"))
    folder = tmp_path / "Session1"
    (folder / "sentences" / "wav" / "Ses01F_impro01" / "Ses01F_impro01_F000.wav").unlink()
    (folder / "dialog" / "EmoEvaluation").rename(folder / "emoevaluation")
    touch(tmp_path, "audio/Ses01F_impro01_F000.FLAC", "audio/copy/Ses01F_impro01_F000.wav")
    reading = IEMOCAP().read(tmp_path)
    assert [row.audio for row in reading.utterances] == ["audio/Ses01F_impro01_F000.FLAC"]
    assert reading.problems == ()
    copies = "1 files of folder audio/copy left out as further copies, the first audio/copy/Ses01F_impro01_F000.wav"
    assert copies in reading.warnings


def test_a_folder_of_another_session_is_a_remark(tmp_path: Path) -> None:
    write_dialogue(tmp_path, turn("Ses01F_impro01_F000"))
    (tmp_path / "Session1" / "sentences").rename(tmp_path / "Session 2")
    (problem,) = IEMOCAP().read(tmp_path).problems
    assert problem.reason == "its folder 'Session 2' says another session: the name counts"
    assert not problem.dropped


def test_broken_lines_are_named_and_the_rest_is_kept(tmp_path: Path) -> None:
    write_dialogue(
        tmp_path,
        turn("Ses01F_impro01_F000", ratings="C-E2:\tJealous;\t()\nA-E3:\tval 9; act 2; dom  2;\t()\nC-E4\tAnger;"),
        turn("Ses01F_impro01_F001", label="bor"),
        turn("Ses01F_impro01_F002", vad="2.5, 2.5, 5.5"),
        turn("Ses01F_impro01_F000", ratings=""),
        turn("Ses01F_impro01_F003", ratings="C-E2:\tSadness;\t()"),
        "[6.2901 - 8.2357] nonsense nonsense nonsense",
    )
    reading = IEMOCAP().read(tmp_path)
    assert [row.votes for row in reading.utterances] == [(Vote("E2", "other"),), (Vote("E2", "sadness"),)]
    where = "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
    found = {problem.item.removeprefix(where): (problem.reason, problem.dropped) for problem in reading.problems}
    wav = "Session1/sentences/wav/Ses01F_impro01/"
    assert found == {
        ":4": ("rater E2: 'jealous' is none of the ten choices: counted as other", False),
        ":5": ("9 lies outside 1 to 5", True),
        ":6": ("is no rating such as 'C-E2: Neutral; ()': 'C-E4\\tAnger;'", True),
        ":8": (f"turn Ses01F_impro01_F001: label 'bor' is none of {', '.join(LABELS)}", True),
        ":16": ("turn Ses01F_impro01_F002: 5.5 lies outside 1 to 5", True),
        ":24": ("turn Ses01F_impro01_F000 was listed before: the first is used", True),
        ":30": (
            "is no turn such as '[6.2 - 8.2] NAME neu [2.5, 2.5, 2.5]': '[6.2901 - 8.2357] nonsense nonsense nonsense'",
            True,
        ),
        f"{wav}Ses01F_impro01_F001.wav": ("no evaluation file labels it", True),
        f"{wav}Ses01F_impro01_F002.wav": ("no evaluation file labels it", True),
    }


def test_missing_audio_and_missing_transcripts(tmp_path: Path) -> None:
    write_dialogue(tmp_path, turn("Ses01F_impro01_F000"), turn("Ses01F_impro01_F001"))
    (tmp_path / "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F001.wav").unlink()
    (tmp_path / "Session1/dialog/transcriptions/Ses01F_impro01.txt").unlink()
    reading = IEMOCAP().read(tmp_path)
    assert reading.problems == (
        Problem("Ses01F_impro01_F001", "labelled, but there is no audio file of that name", absent=True),
    )
    assert [(row.text, row.text_origin) for row in reading.utterances] == [(None, None)]
    assert reading.warnings == ("1 turns have no transcript",)


def test_an_incomplete_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no evaluation files of IEMOCAP.*Session1 to Session5"):
        IEMOCAP().read(touch(tmp_path, "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"))
    root = write_dialogue(tmp_path / "labels", turn("Ses01F_impro01_F000"))
    (root / "Session1" / "sentences").rename(tmp_path / "away")
    with pytest.raises(CorpusError, match=r"no audio of labelled turns\. Found: 1 labelled turns, 0 audio files"):
        IEMOCAP().read(root)


def test_published_counts_add_up() -> None:
    assert sum(IEMOCAP.expected_categories.values()) == IEMOCAP.expected_utterances == 10_039
