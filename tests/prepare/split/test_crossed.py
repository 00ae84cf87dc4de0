from collections import Counter

import pytest

from tests.manifests import manifest_of
from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.leaks import find_leaks, rows_by_split
from vibespeaker.prepare.split.crossed import split_by_speakers_and_sentences as split

TWO = {"train": 0.8, "test": 0.2}
EMOTIONS = ("anger", "fear")


def acted(speakers: int, sentences: int, **more) -> list[dict]:
    cells = [
        (speaker, sentence, emotion)
        for speaker in range(speakers)
        for sentence in range(sentences)
        for emotion in EMOTIONS
    ]
    return [{"speaker": f"toy/{a}", "sentence": f"toy/{b:02d}", "category": c, **more} for a, b, c in cells]


def shared(made: Manifest) -> list[str]:
    report = find_leaks(made, rows_by_split(made.column("split")))
    return [leak.kind for leak in (*report.leaks, *report.sentences)]


def test_nothing_is_left_out_where_few_sentences_are_shared():
    rows = [{"speaker": f"toy/{n // 4}", "sentence": f"toy/{n // 2 if n % 8 else 1000}"} for n in range(160)]
    made = split(manifest_of(rows), {"train": 0.75, "test": 0.25})
    assert Counter(made.column("split")) == {"train": 120, "test": 40}
    assert shared(made) == []


def test_an_acted_corpus_leaves_out_what_would_leak(caplog):
    made = split(manifest_of(acted(9, 9)), TWO, seed=1)
    # shares of kept utterances: six of nine speakers say six of nine sentences, three of nine the other three
    assert Counter(made.column("split")) == {"train": 72, "test": 18, None: 72}
    assert shared(made) == []
    assert "162 of 162 utterances hang together by speakers and sentences: 72 whose" in caplog.text


def test_free_speech_and_unknown_speakers_beside_acted_speech_go_by_what_they_name():
    rows = acted(6, 6)
    rows += [{"corpus": "free", "name": str(n), "speaker": f"free/{n // 3}"} for n in range(24)]
    rows += [
        {"corpus": "anon", "name": str(n), "speaker": f"anon/unknown/{n}", "sentence": f"toy/{n % 6:02d}"}
        for n in range(24)
    ]
    rows[0]["take"] = rows[72]["take"] = rows[-1]["take"] = "copied into all three"
    made = split(manifest_of(rows), TWO)
    assert shared(made) == []
    splits = made.column("split")
    assert None not in splits[75:96]
    # the copied one ties the speakers of its sentence's four utterances to those of the acted corpus
    assert None not in [split for n, split in enumerate(splits[96:]) if n % 6 != 5]


def test_what_cannot_be_split_is_said():
    with pytest.raises(ManifestError, match=r"no utterance names a sentence\. Remedy: split --by speakers"):
        split(manifest_of([{}, {}]), TWO)
    with pytest.raises(ManifestError, match="Found: 2 sentences for 3 splits"):
        split(manifest_of(acted(8, 2)), {"train": 0.6, "development": 0.2, "test": 0.2})
    # one speaker says all three sentences, the others one of them: whoever is apart from her says nothing of her own
    rows = [{"speaker": f"toy/{n % 3}", "sentence": f"toy/{n}"} for n in (0, 0, 1, 1)]
    rows += [{"speaker": "toy/0", "sentence": "toy/1"}]
    made = split(manifest_of(rows), {"train": 0.5, "test": 0.5})
    assert made.column("split") in (["train"] * 2 + ["test"] * 2 + [None], ["test"] * 2 + ["train"] * 2 + [None])
