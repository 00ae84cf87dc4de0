from dataclasses import replace
from pathlib import Path

import pytest

from tests.corpora.msp_builder import DEFAULT_CLIPS, Layout, Schema, write_msp
from vibespeaker.corpora.base import CorpusReading, Problem
from vibespeaker.corpora.msp_podcast import MSPPodcast
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Vote

FIRST = DEFAULT_CLIPS[0]

RATINGS = (
    ("Happy", "Happy,Excited", 5.0, 6.0, 4.0),
    ("Other-fed up, and how", "Annoyed,Dissapointed", 4.0, 2.0, 3.0),
    ("Dissapointed", "Disappointed", 3.0, 2.0, 3.0),
    ("Neutral", None, 4.0, 4.0, 4.0),
)
VOTES = (
    Vote("WORKER00000001", "happiness", ("happy", "excited"), 5.0, 6.0, 4.0),
    Vote("WORKER00000002", "other", ("annoyed", "disappointed"), 4.0, 2.0, 3.0),
    Vote("WORKER00000003", "other", ("disappointed",), 3.0, 2.0, 3.0),
    Vote("WORKER00000004", "neutral", (), 4.0, 4.0, 4.0),
)


@pytest.mark.parametrize(
    ("schema", "worker_column"), [("detail", ""), ("rows", "Workers"), ("rows", "WorkerID"), ("json", "")]
)
def test_every_schema_of_the_detailed_labels_gives_the_same_votes(
    tmp_path: Path, schema: Schema, worker_column: str
) -> None:
    clip = replace(FIRST, ratings=RATINGS)
    reading = MSPPodcast().read(write_msp(tmp_path, [clip], Layout(schema=schema, worker_column=worker_column)))
    assert reading.problems == ()
    assert reading.utterances[0].votes == VOTES


def test_missing_columns_of_detailed_labels_are_named(tmp_path: Path) -> None:
    write_msp(tmp_path, [FIRST], Layout(schema="rows"))
    path = tmp_path / "Labels" / "labels_detailed.csv"
    path.write_text(path.read_text().replace("EmoAct", "Activation"))
    with pytest.raises(CorpusError, match=r"labels_detailed\.csv lacks the columns EmoAct\."):
        MSPPodcast().read(tmp_path)


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ("WORKER1; Happy; Happy; A:5.0; V:6.0;", "cannot be read: 'WORKER1; Happy; Happy; A:5.0; V:6.0;'"),
        ("WORKER1; Happy; Happy; A:9.0; V:6.0; D:4.0;", "arousal 9 lies outside 1 to 7"),
        ("WORKER1; Happy; Happy; A:x; V:6.0; D:4.0;", "'x' is not a number"),
    ],
)
def test_a_wrong_vote_is_named_and_the_others_kept(tmp_path: Path, detail: str, reason: str) -> None:
    write_msp(tmp_path, [FIRST])
    path = tmp_path / "Labels" / "labels_detailed.csv"
    path.write_text(path.read_text() + f'{FIRST.name},"{detail}"\n')
    reading = MSPPodcast().read(tmp_path)
    assert reading.problems == (Problem("labels_detailed.csv:3", reason),)
    assert len(reading.utterances[0].votes) == 1


def votes_of(root: Path, *details: str) -> tuple[tuple[Vote, ...], CorpusReading]:
    write_msp(root, [replace(FIRST, ratings=())])
    path = root / "Labels" / "labels_detailed.csv"
    path.write_text(path.read_text() + "".join(f'{FIRST.name},"{detail}"\n' for detail in details))
    reading = MSPPodcast().read(root)
    return reading.utterances[0].votes, reading


def test_free_text_may_hold_semicolons(tmp_path: Path) -> None:
    votes, reading = votes_of(
        tmp_path,
        "W1; Other-tired; really; Annoyed,Sad; A:2.0; V:3.0; D:3.0;",
        "W2; Other-tired; really; A:2.0; V:3.0; D:3.0;",
        "W3; Other-A: hm; Neutral; A:2.0; V:3.0; D:3.0;",
    )
    assert reading.problems == ()
    assert [vote.primary for vote in votes] == ["other"] * 3
    assert [vote.secondary for vote in votes] == [("annoyed", "sad"), (), ("neutral",)]


def test_missing_answers_are_unknown(tmp_path: Path) -> None:
    votes, reading = votes_of(tmp_path, "W1; ; ; A:nan; V:3.0; D:;", "; Sad; ; A:1; V:1; D:1")
    assert reading.problems == ()
    assert votes == (Vote("W1", None, (), None, 3.0, None), Vote(None, "sadness", (), 1.0, 1.0, 1.0))


def test_an_unforeseen_primary_is_other_and_reported(tmp_path: Path) -> None:
    votes, reading = votes_of(tmp_path, "W1; Jealous; Sad; A:2.0; V:3.0; D:3.0;")
    assert votes[0].primary == "other"
    assert reading.problems[0].reason == "primary emotion 'Jealous' is none of the nine choices: counted as other"
    assert not reading.problems[0].dropped


def test_votes_for_a_file_in_no_list_are_reported(tmp_path: Path) -> None:
    write_msp(tmp_path, [FIRST])
    path = tmp_path / "Labels" / "labels_detailed.csv"
    path.write_text(path.read_text() + 'MSP-PODCAST_9.wav,"W1; Sad; Sad; A:2.0; V:3.0; D:3.0;"\n')
    reading = MSPPodcast().read(tmp_path)
    assert reading.problems == (
        Problem("MSP-PODCAST_9.wav", "rated in the detailed labels, but in no list and no audio folder"),
    )
