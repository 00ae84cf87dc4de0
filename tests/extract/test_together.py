"""Several encoders over one manifest: each clip is read once, and every encoder's folder is what it would be alone."""

from collections import Counter
from pathlib import Path

import pytest
import torch

from tests.extract.toy import StridedFrames, all_frames, spec, write_specs
from vibespeaker.audio import recordings
from vibespeaker.cache.shards import shard_names, shard_path
from vibespeaker.errors import CacheError
from vibespeaker.extract import extract
from vibespeaker.extract import work as work_module
from vibespeaker.processes.claims import Claims

NAMES = ("first", "second", "third")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file was decoded in this process."""
    counted: Counter[str] = Counter()
    original = recordings.hear

    def count(path: Path, excerpt):
        counted[path.name] += 1
        return original(path, excerpt)

    monkeypatch.setattr(recordings, "hear", count)
    return counted


def together(corpus: Path, cache: str, names=NAMES, **options) -> int:
    specs = {name: spec("StridedFrames", salt=name, invariant=name != "second") for name in names}
    specs = write_specs(corpus / "encoders.yaml", **specs, words=spec("WordFrames"))
    return extract(corpus / "manifest.parquet", specs, corpus / cache, **{"shard_size": 3, **options})


def test_each_clip_is_decoded_once_for_all_encoders(corpus: Path, reads: Counter[str]) -> None:
    assert together(corpus, "together") == 0
    assert len(reads) == 8  # nine files, two of the same content
    assert set(reads.values()) == {1}
    for name in NAMES:
        assert together(corpus, name, [name]) == 0
        assert all_frames(corpus / "together", name) == all_frames(corpus / name, name)
        alone = {file.name for file in (corpus / name / name / "shards").iterdir()}
        assert {file.name for file in (corpus / "together" / name / "shards").iterdir()} == alone


def test_each_view_is_drawn_from_one_reading(corpus: Path, reads: Counter[str]) -> None:
    assert together(corpus, "together", views=1) == 0
    assert sum(reads.values()) == 8 + 6


def test_only_what_an_encoder_lacks_is_encoded_and_only_that_is_read(corpus: Path, reads: Counter[str]) -> None:
    together(corpus, "cache")
    whole = {name: all_frames(corpus / "cache", name) for name in NAMES}
    folder = corpus / "cache" / "second"
    lost = shard_names(folder)[0]
    shard_path(folder, lost).unlink()
    reads.clear()
    assert together(corpus, "cache") == 0
    assert sum(reads.values()) == 3  # one shard of three clips
    assert {name: all_frames(corpus / "cache", name) for name in NAMES} == whole


def test_a_chunk_that_another_process_has_for_one_encoder_is_left_to_it(
    corpus: Path, reads: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the rest of the chunk taken, both processes would read all of its clips."""
    refused, taken = [], []
    take, release = Claims.take, Claims.release

    def take_unless_second(claims: Claims, name: str) -> bool:
        if claims.path.parent.name == "second" and len(refused) < 2:
            refused.append(name)
            return False
        taken.append((claims.path.parent.name, name))
        return take(claims, name)

    def release_and_tell(claims: Claims, name: str) -> None:
        taken.remove((claims.path.parent.name, name))
        release(claims, name)

    monkeypatch.setattr(Claims, "take", take_unless_second)
    monkeypatch.setattr(Claims, "release", release_and_tell)
    monkeypatch.setattr(work_module, "_POLL_SECONDS", 0.0)
    assert together(corpus, "shared") == 0
    assert len(set(refused)) == 2
    assert taken == []
    assert set(reads.values()) == {1}


def test_encoders_that_do_not_fit_together_follow_in_passes_of_their_own(
    corpus: Path, reads: Counter[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    resident: list[str] = []

    def move(encoder: StridedFrames, device: torch.device | str) -> StridedFrames:
        if isinstance(device, str):  # off the device
            resident[:] = [salt for salt in resident if salt != encoder.salt]
        elif len(resident) == 2:
            raise torch.OutOfMemoryError("full")
        else:
            resident.append(encoder.salt)
        return encoder

    monkeypatch.setattr(StridedFrames, "to", move)
    assert together(corpus, "passes") == 0
    assert "cpu is full: encoder third follows in a pass of its own" in caplog.text
    assert sum(reads.values()) == 2 * 8
    assert resident == []
    monkeypatch.undo()
    together(corpus, "together")
    for name in NAMES:
        assert all_frames(corpus / "passes", name) == all_frames(corpus / "together", name)


def test_an_encoder_too_large_for_the_device_is_named(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def move(encoder: StridedFrames, device: torch.device | str) -> StridedFrames:
        if not isinstance(device, str):
            raise torch.OutOfMemoryError("full")
        return encoder

    monkeypatch.setattr(StridedFrames, "to", move)
    with pytest.raises(CacheError, match=r"encoder first does not fit on cpu\. Remedy: use another --device"):
        together(corpus, "never")
