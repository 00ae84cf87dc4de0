from collections import Counter
from pathlib import Path

import pytest

from tests.corpora.files import touch
from vibespeaker.corpora.emovo import EMOVO
from vibespeaker.errors import CorpusError
from vibespeaker.labels import LABEL_SETS

ACTORS = ("f1", "f2", "f3", "m1", "m2", "m3")
SENTENCES = ("b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2")
EMOTIONS = ("dis", "gio", "pau", "rab", "sor", "tri", "neu")


def write_emovo(root: Path) -> Path:
    """The whole corpus, a folder an actor."""
    names = (f"{a}/{e}-{a}-{s}.wav" for a in ACTORS for e in EMOTIONS for s in SENTENCES)
    return touch(root, *names)


def test_the_published_layout(tmp_path: Path) -> None:
    reading = EMOVO().read(write_emovo(tmp_path))
    assert reading.problems == ()
    assert len(reading.utterances) == EMOVO.expected_utterances == 588
    assert Counter(row.category for row in reading.utterances) == EMOVO.expected_categories
    assert set(EMOVO.expected_categories) == set(LABEL_SETS[EMOVO.label_set].classes)
    assert Counter(row.gender for row in reading.utterances) == {"female": 294, "male": 294}
    assert len({row.speaker for row in reading.utterances}) == 6
    assert len({row.sentence for row in reading.utterances}) == len({row.text for row in reading.utterances}) == 14


def test_one_name(tmp_path: Path) -> None:
    (row,) = EMOVO().read(touch(tmp_path, "EMOVO/f2/gio-f2-b2.wav")).utterances
    assert row.utterance_id == "emovo/EMOVO/f2/gio-f2-b2"
    assert row.category == "happiness"
    assert row.speaker == "emovo/f2"
    assert row.gender == "female"
    assert row.language == "it"
    assert row.text == "I vigili sono muniti di pistola."
    assert row.sentence == "emovo/b2"


def test_wrong_names_are_listed_and_case_does_not_matter(tmp_path: Path) -> None:
    touch(tmp_path, "RAB-M1-D1.WAV", "gio-f4-b2.wav", "gio-f2-b9.wav", "zzz-f2-b2.wav", "gio_f2_b2.wav")
    reading = EMOVO().read(tmp_path)
    assert [row.category for row in reading.utterances] == ["anger"]
    assert {problem.item: problem.reason for problem in reading.problems} == {
        "gio-f4-b2.wav": "actor 'f4' is none of f1, f2, f3, m1, m2, m3",
        "gio-f2-b9.wav": "sentence 'b9' is none of b1, b2, b3, l1, l2, l3, l4, n1, n2, n3, n4, n5, d1, d2",
        "zzz-f2-b2.wav": "emotion 'zzz' is none of dis, gio, pau, rab, sor, tri, neu",
        "gio_f2_b2.wav": "the name is not of the form gio-f2-b2",
    }
    with pytest.raises(CorpusError, match=r"holds no EMOVO audio.*f2/gio-f2-b2\.wav"):
        EMOVO().read(touch(tmp_path / "other", "03a01Wa.wav"))
