"""Options take the types of an adapter's signature; what no adapter reads is refused at every level."""

from pathlib import Path

import pytest

from vibespeaker.corpora import FORMATS, adapter
from vibespeaker.corpora.iemocap import IEMOCAP
from vibespeaker.corpora.table_formats import NamedColumns
from vibespeaker.errors import CorpusError


@pytest.mark.parametrize("name", FORMATS)
def test_no_adapter_takes_an_option_that_it_does_not_read(name: str) -> None:
    with pytest.raises(CorpusError, match=rf"format {name} has no such option\. Found: columnz\. Allowed: "):
        adapter(name, {"columnz": {"audio": "clip"}})


@pytest.mark.parametrize(("text", "value"), [("yes", True), ("True", True), ("no", False), (False, False)])
def test_truth_values(text: object, value: bool) -> None:
    corpus = adapter("iemocap", {"self_reports": text})
    assert isinstance(corpus, IEMOCAP)
    assert corpus.self_reports is value


def test_text_becomes_what_the_signature_asks_for() -> None:
    corpus = adapter("table", {"language": "no", "corpus": 2024, "attribute_range": "[0, 1e2]", "columns.text": "null"})
    assert isinstance(corpus, NamedColumns)
    assert (corpus.name, corpus.layout.language, corpus.layout.attribute_range) == ("2024", "no", (0.0, 100.0))
    assert corpus.layout.columns["text"] == "null"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("iemocap", {"self_reports": "maybe"}, r"option self_reports of format iemocap\. Found: maybe\. Allowed: true"),
        ("ravdess", {"channel.song": "yes"}, r"option channel of format ravdess has no entries\. Found: song"),
        (
            "ravdess",
            {"channel": ["song"]},
            r"option channel of format ravdess\. Found: \['song'\]\. Allowed: one value",
        ),
        ("table", {"emotions": {"wut": ["anger"]}}, r"option emotions of format table, entry wut\. Found: \['anger'\]"),
    ],
)
def test_values_of_another_type_are_refused(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        adapter(name, options)


def test_a_dotted_name_of_an_entry_is_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,category\nhello,V1.0\n")
    corpus = adapter("table", {"emotions": {"v1": {"0": "anger"}}})
    assert [row.category for row in corpus.read(tmp_path / "a.csv").utterances] == ["anger"]
