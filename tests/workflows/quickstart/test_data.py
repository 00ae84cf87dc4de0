"""The steps from a corpus to a cache: which corpus, its simulated texts, its hidden labels."""

from pathlib import Path

import pytest

from tests.manifests import manifest_from
from vibespeaker.corpora.synthetic.corpus import SIMULATED_ASR, TRUE_TEST_LABELS
from vibespeaker.errors import ConfigError, CorpusError
from vibespeaker.manifest import Manifest
from vibespeaker.workflows.quickstart.data import choose_source, with_simulated_texts, with_true_test_labels


@pytest.fixture
def manifest() -> Manifest:
    columns = {
        "corpus": "c",
        "name": ["train_1", "test3_1"],
        "split": ["train", "test3"],
        "text": ["What I said.", None],
        "text_origin": ["human", None],
        "category": ["anger", None],
        "arousal": [5.0, None],
    }
    return manifest_from(columns, synthetic=True)


def test_corpus_and_format_go_together(tmp_path):
    for corpus, format_name in ((tmp_path, None), (None, "ravdess")):
        with pytest.raises(ConfigError, match="both --corpus and --format"):
            choose_source(corpus, format_name, 0, 5, 80)
    with pytest.raises(CorpusError, match=r"unknown corpus format.*Found: tess2"):
        choose_source(tmp_path, "tess2", 0, 5, 80)
    with pytest.raises(ConfigError, match="does not exist"):
        choose_source(tmp_path / "nowhere", "ravdess", 0, 5, 80)
    assert choose_source(None, None, 0, 5, 80).format == "msp-podcast"


def test_simulated_texts_replace_all_splits_alike(manifest, tmp_path):
    (tmp_path / SIMULATED_ASR).write_text("FileName,Text\ntest3_1.wav,whatever\ntrain_1.wav,what he said\n")
    filled = with_simulated_texts(manifest, tmp_path)
    assert filled.column("text") == ["what he said", "whatever"]
    origins = set(filled.column("text_origin"))
    assert len(origins) == 1
    assert origins.pop().startswith("asr:simulated@")
    assert filled.metadata.history[-1]["model"] == "simulated"


def test_true_labels_fill_the_test_split_only(manifest, tmp_path):
    (tmp_path / TRUE_TEST_LABELS).write_text("FileName,EmoClass,EmoAct,EmoVal,EmoDom\ntest3_1.wav,F,5.5,2.0,3.25\n")
    truth = with_true_test_labels(manifest, tmp_path)
    assert truth.column("category") == ["anger", "fear"]
    assert truth.column("arousal") == [5.0, 5.5]
    assert truth.column("dominance") == [None, 3.25]
    assert manifest.column("category") == ["anger", None]


def test_relative_corpus_is_taken_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").mkdir()
    assert choose_source(Path("corpus"), "emodb", 0, 5, 80).corpus == Path("corpus")
