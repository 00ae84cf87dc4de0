import errno
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from vibespeaker.cache.index import ShardIndex
from vibespeaker.cache.precision import DTYPES, to_stored
from vibespeaker.cache.shards import (
    Entry,
    index_path,
    map_frames,
    shard_names,
    shard_path,
    storage_errors,
    write_shard,
)
from vibespeaker.errors import CacheError


def entries(lengths: list[int], dim: int = 4, dtype: str = "bfloat16") -> list[Entry]:
    generator = torch.Generator().manual_seed(len(lengths))
    return [
        Entry(bytes([number]) * 32, 0, to_stored(torch.randn(length, dim, generator=generator), dtype))
        for number, length in enumerate(lengths)
    ]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 5), st.sampled_from(sorted(DTYPES)))
def test_frames_read_back_bit_by_bit(lengths: list[int], dim: int, dtype: str) -> None:
    written = entries(lengths, dim, dtype)
    with tempfile.TemporaryDirectory() as folder:
        write_shard(Path(folder), "a0", written, dtype, "identity")
        path = shard_path(Path(folder), "a0")
        mapped = map_frames(path, dim, dtype)
        assert torch.equal(mapped, torch.cat([entry.frames for entry in written]))
        # the file is what the safetensors library takes it for
        assert torch.equal(load_file(path)["frames"], mapped)
        index = ShardIndex.read(index_path(Path(folder), "a0"))
        assert index.size == path.stat().st_size
        for entry, start, count in zip(written, index.offsets, index.frames, strict=True):
            assert torch.equal(mapped[start : start + count], entry.frames)


def test_mapping_keeps_no_file_open(tmp_path: Path) -> None:
    write_shard(tmp_path, "a0", entries([3]), "bfloat16", "identity")
    before = len(os.listdir("/proc/self/fd"))
    mapped = map_frames(shard_path(tmp_path, "a0"), 4, "bfloat16")
    assert len(os.listdir("/proc/self/fd")) == before
    shard_path(tmp_path, "a0").unlink()
    assert mapped.shape == (3, 4)


def test_writing_to_mapped_frames_does_not_reach_the_file(tmp_path: Path) -> None:
    write_shard(tmp_path, "a0", entries([3]), "bfloat16", "identity")
    before = shard_path(tmp_path, "a0").read_bytes()
    map_frames(shard_path(tmp_path, "a0"), 4, "bfloat16").zero_()
    assert shard_path(tmp_path, "a0").read_bytes() == before


@pytest.mark.parametrize("size", [0, 5, 60, -1])
def test_truncated_shard_is_refused(tmp_path: Path, size: int) -> None:
    write_shard(tmp_path, "a0", entries([3]), "bfloat16", "identity")
    path = shard_path(tmp_path, "a0")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(CacheError, match=r"a0\.safetensors has (a damaged header|the wrong size).*--repair"):
        map_frames(path, 4, "bfloat16")


def test_shard_of_another_width_or_precision_is_refused(tmp_path: Path) -> None:
    write_shard(tmp_path, "a0", entries([3]), "bfloat16", "identity")
    with pytest.raises(CacheError, match=r"Found: 4 × BF16\. Allowed: 5 × F16"):
        map_frames(shard_path(tmp_path, "a0"), 5, "float16")


def test_only_shards_with_an_index_count_and_left_overs_of_a_killed_writer_go(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    (folder / "a0.safetensors").write_bytes(b"frames whose index was never written")
    (folder / ".a0.safetensors.1.tmp").write_bytes(b"half")
    (folder / ".a0.parquet.1.tmp").write_bytes(b"half")
    (folder / ".b1.safetensors.1.tmp").write_bytes(b"of another writer, at work")
    assert shard_names(tmp_path) == []
    write_shard(tmp_path, "a0", entries([3]), "bfloat16", "identity")
    assert shard_names(tmp_path) == ["a0"]
    assert map_frames(shard_path(tmp_path, "a0"), 4, "bfloat16").shape == (3, 4)
    assert sorted(path.name for path in folder.iterdir()) == [".b1.safetensors.1.tmp", "a0.parquet", "a0.safetensors"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "read-only"), (errno.EACCES, "permissions"), (errno.EIO, "run")],
)
def test_refusal_of_the_operating_system_becomes_one_sentence(tmp_path: Path, number: int, remedy: str) -> None:
    sentence = rf"cannot write .*: {os.strerror(number)}.*Remedy: .*{remedy}"
    with pytest.raises(CacheError, match=sentence), storage_errors(tmp_path / "x"):
        raise OSError(number, os.strerror(number))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB, where the tests may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs privileges")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_full_disk_leaves_nothing_half_written(small_disk: Path) -> None:
    write_shard(small_disk, "a0", entries([3]), "bfloat16", "identity")
    with pytest.raises(CacheError, match=r"No space left on device.*Remedy: free some space"):
        write_shard(small_disk, "b1", entries([40_000]), "bfloat16", "identity")
    assert sorted(path.name for path in (small_disk / "shards").iterdir()) == ["a0.parquet", "a0.safetensors"]
    write_shard(small_disk, "c2", entries([5]), "bfloat16", "identity")
    assert shard_names(small_disk) == ["a0", "c2"]


def test_full_disk_between_frames_and_index_leaves_a_shard_that_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ShardIndex, "write", full)
    with pytest.raises(CacheError, match="No space left"):
        write_shard(tmp_path, "a0", entries([3]), "bfloat16", "identity")
    assert shard_names(tmp_path) == []
