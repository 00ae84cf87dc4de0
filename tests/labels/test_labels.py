import pytest

from vibespeaker.errors import ConfigError
from vibespeaker.labels import (
    ATTRIBUTES,
    CHALLENGE,
    CHALLENGE_OTHER,
    EMOTIONS,
    LABEL_SETS,
    LETTER_OF,
    MSP_LETTERS,
    LabelSet,
    label_set,
    rescale,
)


def test_the_order_is_the_challenges() -> None:
    assert "".join(LETTER_OF[emotion] for emotion in CHALLENGE.classes) == "ASHUFDCN"
    assert "".join(LETTER_OF[emotion] for emotion in CHALLENGE_OTHER.classes) == "ASHUFDCNO"
    assert CHALLENGE.logit_columns[:2] == ("logit_anger", "logit_sadness")
    assert ATTRIBUTES == ("arousal", "valence", "dominance")
    assert len(MSP_LETTERS) == len(LETTER_OF) == 10


def test_every_label_set_is_found_by_name() -> None:
    for name, labels in LABEL_SETS.items():
        assert label_set(name) is labels
        assert [labels.index(emotion) for emotion in labels.classes] == list(range(len(labels)))
        assert set(labels.classes) <= set(EMOTIONS)
    with pytest.raises(ConfigError, match=r"unknown label set\. Found: eight\. Allowed: challenge, challenge\+other"):
        label_set("eight")


def test_a_class_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"label set 'challenge' has no such class\. Found: calm\. Allowed: anger"):
        CHALLENGE.index("calm")


@pytest.mark.parametrize("classes", [(), ("anger", "anger"), ("anger", "rage")])
def test_impossible_label_sets_are_refused(classes: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="label set 'mine' must list distinct known emotions"):
        LabelSet("mine", classes)


def test_attributes_are_rescaled_linearly() -> None:
    assert [rescale(value, 1, 5) for value in (1, 2, 3, 5)] == [1.0, 2.5, 4.0, 7.0]
    assert [rescale(value, 0, 1) for value in (0.0, 0.5, 1.0)] == [1.0, 4.0, 7.0]
    assert rescale(0.62, 0, 1) == pytest.approx(4.72)
    with pytest.raises(ValueError, match=r"5\.5 lies outside 1 to 5"):
        rescale(5.5, 1, 5)
