"""What holds for every corpus that `prepare` reads."""

import inspect

import pytest

from vibespeaker.cli.main import main
from vibespeaker.corpora import FORMATS, adapter, adapter_class
from vibespeaker.corpora.table_rows import FIELDS
from vibespeaker.labels import EMOTIONS, NO_AGREEMENT, OTHER, label_set
from vibespeaker.prepare.prepare import prepare

OWN = ("vad-csv", "emotion-csv", "table", "folder", "rttm", "textgrid")


@pytest.mark.parametrize("name", FORMATS)
def test_a_corpus_says_what_it_is(name: str) -> None:
    corpus = adapter(name)
    assert corpus.name == name
    assert inspect.getdoc(type(corpus))
    assert corpus.licence
    assert corpus.citation
    assert (corpus.licence == "not stated") == (name in OWN)
    classes = set(label_set(corpus.label_set).classes)
    assert set(corpus.expected_categories) <= set(EMOTIONS)
    assert set(corpus.expected_categories) - {OTHER, NO_AGREEMENT} <= classes
    if corpus.expected_categories:
        assert sum(corpus.expected_categories.values()) == corpus.expected_utterances


def test_every_format_is_in_the_help_of_prepare(capsys: pytest.CaptureFixture[str]) -> None:
    documented = inspect.getdoc(prepare) or ""
    assert [name for name in FORMATS if name not in documented] == []
    assert main(["prepare", "--help"]) == 0
    shown = capsys.readouterr().out
    for name in FORMATS:
        described = shown.partition(f"\n  {name}\n")[2].partition("\n\n")[0]
        assert described
        options = inspect.signature(adapter_class(name)).parameters
        assert [option for option in options if f"--options.{option}: " not in described] == []
    assert main(["prepare", "table", "--help"]) == 0
    shown = capsys.readouterr().out
    assert [field for field in FIELDS if field not in shown] == []
    assert "\n  ravdess\n" not in shown
    assert main(["prepare", "no-such-corpus", "."]) == 2
    assert "unknown corpus format. Found: no-such-corpus. Allowed: msp-podcast, ravdess" in capsys.readouterr().err
