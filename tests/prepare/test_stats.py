import re

import numpy as np
import pytest

from tests.manifests import counted, manifest_of
from vibespeaker.prepare.combine import combine_manifests
from vibespeaker.prepare.counts import ALL, as_csv, as_markdown, count, table_rows
from vibespeaker.prepare.label_map import read_label_map
from vibespeaker.prepare.stats import statistics

CLASSES = ("anger", "fear")


def frame_of(*rows):
    return manifest_of(
        [dict(zip(("corpus", "category", "split", "name"), (*row, str(n)), strict=True)) for n, row in enumerate(rows)]
    ).frame()


def test_utterances_are_counted_by_part_corpus_and_class_in_the_orders_given():
    frame = frame_of(
        ("b", "fear", "test"),
        ("a", "anger", "train"),
        ("a", "anger", "train"),
        ("b", None, "train"),
        ("c", "calm", None),
    )
    counts = count(frame, CLASSES, ("b", "a"))
    assert counts.corpora == ("b", "a", "c")
    assert counts.classes == ("anger", "fear", "calm", "unlabelled")
    assert list(counts.splits) == ["train", "test", "no split", ALL]
    assert counts.splits["train"].tolist() == [[0, 0, 0, 1], [2, 0, 0, 0], [0, 0, 0, 0]]
    assert counts.splits[ALL].sum() == 5
    assert counts.by_class("test") == {"anger": 0, "fear": 1, "calm": 0, "unlabelled": 0}


def test_tables_have_totals_and_published_numbers_where_they_differ():
    counts = count(frame_of(("a", "anger", "train"), ("b", "fear", "train")), CLASSES)
    published = {"a": {"anger": 1, "fear": 2}, "b": {"anger": 0, "fear": 1}}
    assert table_rows(counts, "train", published) == [
        ("a", ("1", "0 (2)", "1 (3)")),
        ("b", ("0", "1", "1")),
        ("total", ("1", "1 (3)", "2 (4)")),
    ]
    assert as_csv(counts).splitlines()[:3] == ["part,corpus,category,utterances", "train,a,anger,1", "train,a,fear,0"]
    text = as_markdown(counts, {"train": published}, ["mind this"])
    assert text.startswith(
        "> mind this\n\n## train\n\n| corpus | anger | fear | total |\n|---|---:|---:|---:|\n| a | 1 |"
    )


#: A hundredth of the seven-class corpus's size, in the layout of its table 4.
MINIATURE = {
    "savee": dict.fromkeys(("happiness", "sadness", "anger", "fear", "disgust", "surprise"), 6),
    "ravdess": dict.fromkeys(("calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"), 16),
    "tess": dict.fromkeys(("happiness", "sadness", "anger", "fear", "disgust", "surprise"), 10),
    "iemocap": {"happiness": 10, "sadness": 20, "anger": 20, "fear": 4, "surprise": 4, "neutral": 9, "excitement": 3},
    "crema-d": dict.fromkeys(("happiness", "sadness", "anger", "fear", "disgust"), 30),
}


@pytest.fixture(scope="module")
def seven():
    labels = read_label_map("corpora/seven")
    tables = [(counted(corpus, counts, speakers=8), corpus) for corpus, counts in MINIATURE.items()]
    return combine_manifests(tables, labels).manifest, labels


def test_table_4_is_what_the_corpora_hold_beside_the_published_numbers(seven):
    manifest, labels = seven
    found = statistics(manifest, labels)
    assert found.counts.corpora == ("savee", "ravdess", "tess", "iemocap", "crema-d")
    wanted = [[counts.get(emotion, 0) for emotion in labels.labels.classes] for counts in MINIATURE.values()]
    assert found.counts.splits[ALL].tolist() == wanted
    total = dict(table_rows(found.counts, ALL, found.published[ALL]))["total"]
    assert total[0] == "16 (192)"
    assert total[-1] == f"{sum(map(sum, wanted))} (13,236)"
    assert "savee is not complete, or was cleaned: 6 of 60 happiness" in found.notes[0]


def test_our_protocol_balances_the_training_part_alone(seven):
    manifest, labels = seven
    found = statistics(manifest, labels, "speakers", target=40)
    assert found.counts.by_class("train") == dict.fromkeys(labels.labels.classes, 40)
    held_out = found.counts.splits["validation"].sum() + found.counts.splits["test"].sum()
    assert 0.25 * len(manifest) < held_out < 0.45 * len(manifest)
    assert found.notes == ()


def test_the_sources_protocol_balances_before_it_splits_and_warns_of_the_copies(seven):
    manifest, labels = seven
    found = statistics(manifest, labels, "source", target=160)
    assert found.counts.by_class("train") == dict.fromkeys(labels.labels.classes, 160)
    assert found.counts.by_class("validation") == dict.fromkeys(labels.labels.classes, 40)
    calm = sum(MINIATURE["ravdess"].values()) // 7
    assert found.counts.by_class("test")["calm"] == round(0.2 * calm)
    # more calm validation rows than the corpus has calm recordings: copies, as in the published table 2
    assert found.counts.by_class("validation")["calm"] > calm
    assert re.match(r"the source's protocol leaks: 2\d\d of 280 validation rows are copies", found.notes[0])
    assert re.search(r"and (3\d|40) speakers are in more than one split", found.notes[0])


def test_the_published_tables_add_up():
    published = read_label_map("corpora/seven").published
    sums = {part: np.array([list(row.values()) for row in table.values()]).sum() for part, table in published.items()}
    assert sums == {"train": 11_084, "validation": 2_772, "test": 2_648, "all": 13_236}
