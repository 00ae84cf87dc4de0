"""Labels by their spellings, by a mapping, or as classes of one's own; mostly unknown ones are refused."""

import pytest

from vibespeaker.corpora.labelling import Labelling
from vibespeaker.errors import ConfigError, CorpusError


def read(labels: list[str], **options: object) -> tuple[list[str | None], str]:
    labelling = Labelling(**options)  # type: ignore[arg-type]
    found = [labelling.category(label) for label in labels]
    return found, labelling.label_set(found)


def test_spellings_whatever_case_and_blanks() -> None:
    labels = ["Angry", " HAPPY ", "sad", "Fearful", "joy", "ps", "Pleasant_Surprise", "calm", "neutrality", "", "NaN"]
    emotions = ["anger", "happiness", "sadness", "fear", "happiness", "surprise", "surprise", "calm", "neutral"]
    assert read(labels)[0] == [*emotions, None, None]


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (["sad", "angry", "neutral", "happy"], "four"),
        (["sad", "angry"], "anger,sadness"),
        (["neutral", "bored", "xxx"], "neutral,boredom"),
        (["calm"], "ravdess"),
        (["", ""], "challenge"),
    ],
)
def test_a_table_has_the_label_set_of_its_labels(labels: list[str], name: str) -> None:
    assert read(labels)[1] == name


def test_labels_of_ones_own() -> None:
    assert read(["Low", "high", "-1", "1"], label_set="own") == (["low", "high", "-1", "1"], "own:-1,1,high,low")
    assert read(["L", "h"], emotions={"l": "low", "H": "high"}, label_set="own:low,high") == (
        ["low", "high"],
        "own:low,high",
    )
    with pytest.raises(ValueError, match="'medium' is no emotion that is known"):
        read(["medium"], label_set="own:low,high")
    # a comma would take the name of the set apart
    with pytest.raises(ValueError, match="'a, b' is no emotion that is known"):
        read(["a, b"], label_set="own")
    with pytest.raises(ConfigError, match=r"label set 'own:low,low' must list distinct classes"):
        read([], label_set="own:low,low")


def test_mostly_unknown_labels_are_refused_with_what_to_do() -> None:
    labelling = Labelling({"wut": "angry", "idle": "sad"})
    for label in ("Wut", "angry", "Very Sad", "Very Sad", "meh"):
        try:
            assert labelling.category(label) == "anger"
        except ValueError:
            assert label in ("Very Sad", "meh")
    assert labelling.remarks() == ["option emotions: no row has the label idle"]
    with pytest.raises(CorpusError) as raised:
        labelling.require_known("t.csv")
    assert str(raised.value).startswith(
        "t.csv: 3 of 5 labels are no emotions that are known. Found: 'Very Sad' (2), 'meh'"
    )
    assert "Remedy: say what each means: '--options.emotions.Very Sad' anger …; or make a class" in str(raised.value)
    # as many known as unknown
    labelling.category("angry")
    labelling.require_known("t.csv")
