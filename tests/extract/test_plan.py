import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.extract.toy import StridedFrames, WordFrames, make_corpus, read
from vibespeaker.cache import EncoderRecord
from vibespeaker.cache.shards import Entry, write_shard
from vibespeaker.errors import CacheError
from vibespeaker.extract import plan as plan_module
from vibespeaker.extract.plan import augmented_rows, expected_bytes, make_plan
from vibespeaker.extract.reading import ReadingConfig
from vibespeaker.extract.room import check_room
from vibespeaker.manifest import Manifest

SOUND = EncoderRecord.of(StridedFrames(), "sound", {}, "bfloat16")
WORDS = EncoderRecord.of(WordFrames(), "words", {}, "bfloat16")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return read(make_corpus(tmp_path_factory.mktemp("corpus"), 9))


def planned(manifest, record, views, shard_size):
    return make_plan(manifest, [record], augmented_rows(manifest, views, ("train",)), shard_size)


def test_distinct_content_is_planned_once_longest_first(manifest: Manifest) -> None:
    plan = planned(manifest, SOUND, 0, 4)
    assert len(plan) == 8
    assert plan.sizes.tolist() == sorted(set(manifest.column("duration")), reverse=True)
    assert [chunk.tolist() for chunk in plan.chunks] == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert set(plan.rows.tolist()) == {0, 1, 2, 4, 5, 6, 7, 8}


def test_augmented_views_are_planned_for_the_named_splits_and_for_audio_only(manifest: Manifest) -> None:
    plan = planned(manifest, SOUND, 2, 512)
    splits = manifest.column("split")
    assert {splits[plan.rows[clip]] for clip in np.flatnonzero(plan.views)} == {"train"}
    assert np.bincount(plan.views).tolist() == [8, 6, 6]
    assert len(planned(manifest, WORDS, 2, 512)) == 2


def test_every_process_makes_the_same_plan_whatever_the_order_of_the_rows(manifest: Manifest) -> None:
    plan = planned(manifest, SOUND, 1, 4)
    other = planned(manifest.select([8, 3, 1, 0, 2, 7, 6, 5, 4]), SOUND, 1, 4)
    assert [plan.name(chunk) for chunk in plan.chunks] == [other.name(chunk) for chunk in other.chunks]
    assert len({plan.name(chunk) for chunk in plan.chunks}) == 4


def test_chunk_of_long_recordings_is_bounded_in_bytes(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    # the longest clip decides: 0.75 s × 10 frames × 3 × 2 bytes at most
    longest = max(manifest.column("duration")) * 60
    monkeypatch.setattr(plan_module, "MAX_SHARD_BYTES", int(longest * 2.5))
    plan = planned(manifest, SOUND, 0, 512)
    assert len(plan.chunks[0]) == 2
    assert sum(len(chunk) for chunk in plan.chunks) == 8


def test_room_on_disk_is_foreseen(manifest: Manifest) -> None:
    plan = planned(manifest, SOUND, 0, 4)
    assert expected_bytes(plan, SOUND) == int(plan.sizes.sum() * 10) * 3 * 2


def test_missing_durations_and_splits_are_legal(manifest: Manifest) -> None:
    bare = manifest.with_columns({"duration": [None] * 9, "split": [None] * 9})
    assert len(planned(bare, SOUND, 2, 4)) == 8


def test_batches_keep_to_seconds_and_clips() -> None:
    feeding = ReadingConfig(torch.device("cpu"), 0, batch_seconds=10.0, batch_clips=3)
    seconds = np.array([12.0, 5.0, 4.0, 2.0, 1.0, 1.0, 1.0, 0.0])
    assert feeding.batches(np.arange(8), seconds) == [[0], [1, 2], [3, 4, 5], [6, 7]]
    assert feeding.batches(np.arange(4), None) == [[0, 1, 2], [3]]


def test_what_does_not_fit_is_refused_before_the_work(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plan = planned(manifest, SOUND, 0, 4)
    whole = expected_bytes(plan, SOUND)
    free = whole - expected_bytes(plan, SOUND, np.arange(len(plan)) < 4)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    frames = torch.zeros(1000, 3, dtype=torch.bfloat16)
    # what another corpus stored there leaves nothing out
    write_shard(tmp_path / "sound", "other", [Entry(bytes(32), 0, frames)], "bfloat16", SOUND.identity)
    with pytest.raises(
        CacheError, match=r"cannot write .* No space left .* MB of frames. Found: .* MB free. Remedy: free some space"
    ):
        check_room(tmp_path, [(plan, SOUND)])
    stored = [Entry(plan.contents[clip].tobytes(), 0, frames) for clip in range(4)]
    write_shard(tmp_path / "sound", "first", stored, "bfloat16", SOUND.identity)
    with caplog.at_level("INFO"):
        check_room(tmp_path, [(plan, SOUND)])  # half of it is there already
    assert f"{free / 1e6:,.2f} MB of frames to store" in caplog.text
    with pytest.raises(CacheError, match="No space left"):
        check_room(tmp_path, [(plan, SOUND), (planned(manifest, WORDS, 0, 4), WORDS)])
