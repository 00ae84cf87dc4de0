"""Shards written beside the encoder are those written in between, and as safe."""

import errno
import os
import threading
from pathlib import Path

import pytest
import torch

from tests.extract.toy import StridedFrames, make_corpus, read, spec
from vibespeaker.cache import EncoderRecord
from vibespeaker.cache.keys import AUDIO
from vibespeaker.cache.shards import Entry, shard_names
from vibespeaker.errors import CacheError
from vibespeaker.extract import writing
from vibespeaker.extract.clips import ClipReader
from vibespeaker.extract.plan import make_plan
from vibespeaker.extract.reading import ReadingConfig
from vibespeaker.extract.target import Target
from vibespeaker.extract.work import Extraction
from vibespeaker.extract.writing import ShardWriter
from vibespeaker.processes.claims import Claims

RECORD = EncoderRecord.of(StridedFrames(), "sound", spec("StridedFrames"), "bfloat16")


def entries(number: int) -> list[Entry]:
    return [Entry(bytes([number] * 32), 0, torch.full((number + 1, 3), number, dtype=torch.bfloat16))]


@pytest.mark.parametrize("behind", [0, 1, 3])
def test_any_number_behind_gives_the_same_files(tmp_path: Path, behind: int) -> None:
    manifest = read(make_corpus(tmp_path, 9))
    plan = make_plan(manifest, [RECORD], [], shard_size=2)
    feeding = ReadingConfig(torch.device("cpu"), 0, batch_seconds=160.0, batch_clips=1, shards_behind=behind)
    with Claims(tmp_path / "sound" / "lock") as claims:
        reader = ClipReader(manifest, plan, AUDIO)
        target = Target(tmp_path / "sound", RECORD, StridedFrames(), plan, claims)
        Extraction([target], plan, reader, feeding).run()
    found = {name: (tmp_path / "sound" / "shards" / f"{name}.safetensors").read_bytes() for name in names(plan)}
    with ShardWriter(tmp_path / "plain", RECORD, 0) as writer:
        for chunk in plan.chunks:
            frames = [StridedFrames()([torch.from_numpy(reader[clip].content)]).values[0].bfloat16() for clip in chunk]
            contents = [plan.contents[clip].tobytes() for clip in chunk]
            plain = [Entry(content, 0, values) for content, values in zip(contents, frames, strict=True)]
            writer.write(plan.name(chunk), plain, lambda: None)
    assert found == {name: (tmp_path / "plain" / "shards" / f"{name}.safetensors").read_bytes() for name in names(plan)}


def names(plan):
    return [plan.name(chunk) for chunk in plan.chunks]


def test_the_encoder_goes_on_while_one_shard_is_written_but_waits_for_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on, waiting = threading.Semaphore(0), []

    def write_slowly(folder: Path, name: str, *_: object) -> None:
        waiting.append((name, threading.current_thread() is threading.main_thread()))
        assert may_go_on.acquire(timeout=60)

    monkeypatch.setattr(writing, "write_shard", write_slowly)
    done = []
    with ShardWriter(tmp_path, RECORD, 1) as writer:
        writer.write("a", entries(0), lambda: done.append("a"))  # returns although nothing is written yet
        assert done == []
        may_go_on.release()
        writer.write("b", entries(1), lambda: done.append("b"))  # returns when the first is written
        assert done == ["a"]
        may_go_on.release()
    assert done == ["a", "b"]
    assert waiting == [("a", False), ("b", False)]


def test_a_shard_that_fails_stops_the_work_and_what_waits_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = writing.write_shard, []

    def fail_second(folder: Path, name: str, *rest: object) -> None:
        calls.append(name)
        if name == "b":
            raise CacheError(f"cannot write {folder}: {os.strerror(errno.ENOSPC)}")
        write(folder, name, *rest)

    monkeypatch.setattr(writing, "write_shard", fail_second)
    done: list[str] = []
    with pytest.raises(CacheError, match="No space left on device"):
        write_all(tmp_path, "abcde", done)
    assert done == ["a"]
    assert "a" in shard_names(tmp_path)
    assert "b" not in shard_names(tmp_path)
    assert "e" not in calls


def write_all(folder: Path, names: str, done: list[str]) -> None:
    with ShardWriter(folder, RECORD, 1) as writer:
        for number, name in enumerate(names):
            writer.write(name, entries(number), lambda name=name: done.append(name))


def test_the_last_shard_fails_where_the_work_ends(tmp_path: Path) -> None:
    (tmp_path / "shards").write_text("in the way")
    done: list[str] = []
    with pytest.raises(CacheError, match="cannot write"):
        write_all(tmp_path, "a", done)
    assert done == []


def test_an_accident_elsewhere_lets_the_shard_at_work_be_finished(tmp_path: Path) -> None:
    def interrupted() -> None:
        with ShardWriter(tmp_path, RECORD, 1) as writer:
            writer.write("a", entries(0), lambda: None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert shard_names(tmp_path) in (["a"], [])  # begun or not, but never half
    assert not list(tmp_path.rglob("*.tmp"))
