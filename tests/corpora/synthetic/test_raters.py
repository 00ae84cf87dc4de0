import numpy as np
import pytest

from vibespeaker.corpora.synthetic.raters import Answer, consensus, detail, draw_raters, mean_attributes, rate
from vibespeaker.corpora.synthetic.texts import NEIGHBOURS, draw_text, mishear
from vibespeaker.labels import NO_AGREEMENT
from vibespeaker.utterance import Vote


def votes(*primaries: str | None) -> list[Vote]:
    return [Vote(primary=primary) for primary in primaries]


@pytest.mark.parametrize(
    ("primaries", "expected"),
    [
        (("anger", "anger", "sadness"), "anger"),
        (("anger", "anger", "sadness", "sadness", "fear"), NO_AGREEMENT),
        (("anger", "anger", "sadness", "fear", "neutral"), "anger"),
        (("anger", "sadness"), NO_AGREEMENT),
        (("other", "other", "neutral"), "other"),
        ((None, "fear"), "fear"),
        ((), NO_AGREEMENT),
    ],
)
def test_consensus_is_the_plurality(primaries, expected):
    assert consensus(votes(*primaries)) == expected


def test_mean_attributes_by_hand():
    heard = [Vote(arousal=1, valence=2, dominance=7), Vote(arousal=4, valence=3, dominance=7)]
    assert mean_attributes(heard) == (2.5, 2.5, 7.0)


def test_detail_is_spelled_as_published():
    vote = Vote("WORKER00000001", "happiness", ("happy", "excited"), 5.0, 6.0, 5.0)
    answer = Answer(vote, "Happy", ("Happy", "Excited"))
    assert detail(answer) == "WORKER00000001; Happy; Happy,Excited; A:5.000000; V:6.000000; D:5.000000;"
    bare = Answer(vote, "Other-bored", ())
    assert detail(bare) == "WORKER00000001; Other-bored; A:5.000000; V:6.000000; D:5.000000;"


def test_raters_hear_clear_emotions_more_often_and_points_are_whole():
    rng = np.random.default_rng(0)
    raters = draw_raters(30, rng)
    shares = []
    for intensity in (0.1, 1.0):
        answers = [
            answer for _ in range(80) for answer in rate("anger", intensity, np.array([6.0, 2.0, 6.0]), raters, rng)
        ]
        shares.append(np.mean([answer.vote.primary == "anger" for answer in answers]))
        points = np.array([(a.vote.arousal, a.vote.valence, a.vote.dominance) for a in answers])
        assert np.array_equal(points, np.rint(points))
        assert points.min() >= 1
        assert points.max() <= 7
    assert shares[0] < 0.6 < shares[1]


def test_nobody_rates_a_clip_twice():
    rng = np.random.default_rng(0)
    raters = draw_raters(8, rng)
    for _ in range(20):
        names = [answer.vote.rater for answer in rate("fear", 0.5, np.array([4.0, 4.0, 4.0]), raters, rng)]
        assert len(set(names)) == len(names) >= 5


def test_words_lean_towards_the_emotion_but_do_not_tell_it():
    rng = np.random.default_rng(0)
    said = {emotion: {draw_text(emotion, rng) for _ in range(300)} for emotion in NEIGHBOURS}
    assert any("furious" in text for text in said["anger"])
    assert any("platform six" in text for text in said["anger"])
    assert any("smell is revolting" in text for text in said["anger"])
    assert not any("birthday" in text for text in said["anger"])
    assert all(text[0].isupper() and text.endswith(".") for texts in said.values() for text in texts)


def test_mishearing_changes_some_words():
    rng = np.random.default_rng(1)
    text = "Well, the meeting starts at ten today."
    heard = [mishear(text, rng).split() for _ in range(300)]
    right = ["well", "the", "meeting", "starts", "at", "ten", "today"]
    assert right in heard
    kept = np.mean([sum(word in right for word in words) for words in heard]) / len(right)
    assert 0.8 < kept < 0.98
    assert mishear("...", rng) == ""
