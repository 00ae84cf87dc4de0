import time
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.manifests import manifest_of
from vibespeaker.audio.fingerprint import fingerprint
from vibespeaker.prepare.split.groups import assign_groups, belonging_together, connected, without_speaker


def recording(seed, louder=1.0):
    noise = np.random.default_rng(seed).normal(size=8000) * np.linspace(0, 1, 8000) ** (seed % 3)
    return {"fingerprint": fingerprint((louder * noise).astype(np.float32), 16_000), "duration": 0.5}


def groups_of(rows, *by):
    return belonging_together(manifest_of(rows), *by).tolist()


def test_speakers_takes_and_copies_belong_together():
    rows = [{"speaker": f"toy/{n}"} for n in range(9)]
    rows[0]["take"] = rows[8]["take"] = "one"
    rows[1]["audio_sha256"] = rows[7]["audio_sha256"] = "same"
    rows[7]["take"] = rows[6]["take"] = "other"
    rows[2].update(recording(1))
    rows[5].update(recording(1, louder=0.3))
    rows[3].update(recording(2))
    assert groups_of(rows) == [0, 1, 2, 3, 4, 2, 1, 1, 0]


def test_numbers_follow_the_names_and_not_the_rows():
    rows = [{"name": name, "speaker": f"toy/{name[0]}"} for name in ("c1", "a1", "b1", "a2", "c2")]
    assert groups_of(rows) == [2, 0, 1, 0, 2]
    assert groups_of(rows[::-1]) == [2, 0, 1, 0, 2]


def test_sessions_and_sentences_stand_in_for_each_other():
    rows = [
        {"speaker": "toy/a", "session": "one", "sentence": "s"},
        {"speaker": "toy/b", "session": "one"},
        {"speaker": "toy/b"},
        {"speaker": "toy/b"},
        {"speaker": "toy/unknown/4", "sentence": "s"},
        {"speaker": "toy/unknown/5", "sentence": "s"},
        {"speaker": "toy/unknown/6"},
    ]
    assert groups_of(rows, "speaker") == [1, 2, 2, 2, 0, 0, 3]
    assert groups_of(rows, "session") == [0, 0, 2, 2, 1, 1, 3]
    assert groups_of(rows, "sentence") == [0, 1, 1, 1, 0, 0, 2]
    assert groups_of(rows, "speaker", "sentence") == [0, 1, 1, 1, 0, 0, 2]


def test_what_names_no_speaker_is_said():
    known, sentence, nothing = {}, {"speaker": "toy/unknown/1", "sentence": "s"}, {"speaker": "toy/unknown/2"}
    assert without_speaker(manifest_of([known])) == ()
    found = without_speaker(manifest_of([known, sentence, nothing]))
    assert [text[:37] for text in found] == [
        "1 of 3 utterances name no speaker: th",
        "1 of 3 utterances name neither speake",
    ]


@given(st.lists(st.tuples(*[st.sampled_from([None, "a", "b", "c", "d"])] * 2), min_size=1, max_size=12))
def test_components_are_those_of_joining_one_after_another(rows):
    columns = [list(column) for column in zip(*rows, strict=True)]
    groups = [{row} for row in range(len(rows))]
    for column in columns:
        sharing = defaultdict(set)
        for row, value in enumerate(column):
            sharing[value].add(row)
        for value, members in sharing.items():
            touched = [group for group in groups if value is not None and group & members]
            if touched:
                groups = [group for group in groups if group not in touched] + [set().union(*touched)]
    found = connected([np.array(column, dtype=object) for column in columns])
    assert {frozenset(np.flatnonzero(found == one).tolist()) for one in set(found.tolist())} == set(
        map(frozenset, groups)
    )


def test_uneven_speakers_come_close_to_the_shares() -> None:
    generator = np.random.default_rng(0)
    sizes = generator.geometric(0.02, size=400)
    counts = np.stack([generator.multinomial(size, [0.6, 0.3, 0.1]) for size in sizes]).astype(float)
    splits = assign_groups(counts, [0.8, 0.1, 0.1], seed=0)
    for split, share in enumerate((0.8, 0.1, 0.1)):
        found = counts[splits == split].sum(axis=0) / counts.sum(axis=0)
        np.testing.assert_allclose(found, share, atol=0.01)


@pytest.mark.slow
def test_a_million_rows_are_split_within_seconds() -> None:
    generator = np.random.default_rng(0)
    speakers = generator.integers(0, 50_000, size=1_000_000)
    counts = np.zeros((50_000, 8))
    np.add.at(counts, (speakers, generator.integers(0, 8, size=1_000_000)), 1)
    started = time.process_time()
    splits = assign_groups(counts, [0.8, 0.1, 0.1], seed=0)
    assert time.process_time() - started < 20
    np.testing.assert_allclose(np.bincount(splits, counts.sum(axis=1)) / 1_000_000, [0.8, 0.1, 0.1], atol=1e-3)
