"""Disks that are full or read-only: one clear error, and the next run goes on."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.disks import mounted
from tests.extract.toy import all_frames, run, spec, write_specs
from vibespeaker.cache.index import ShardIndex
from vibespeaker.errors import CacheError
from vibespeaker.extract import extract


def test_folder_that_cannot_be_written_is_one_clear_error(corpus: Path) -> None:
    (corpus / "file").write_text("in the way")
    specs = write_specs(corpus / "encoders.yaml", sound=spec("StridedFrames"))
    with pytest.raises(CacheError, match=r"cannot write .*Not a directory"):
        extract(corpus / "manifest.parquet", specs, corpus / "file" / "cache")


def test_full_disk_is_one_clear_error_and_the_next_run_goes_on(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(corpus)
    log = corpus / "log"
    specs = write_specs(corpus / "logged.yaml", sound=spec("StridedFrames", log=str(log)))
    write, calls = ShardIndex.write, []

    def write_until_full(index: ShardIndex, path: Path) -> None:
        calls.append(path)
        if len(calls) >= 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(index, path)

    with monkeypatch.context() as patched:
        patched.setattr(ShardIndex, "write", write_until_full)
        with pytest.raises(CacheError, match=r"cannot write .*No space left on device.*Remedy: free some space"):
            extract(corpus / "manifest.parquet", specs, corpus / "full", shard_size=3)
    # the first shard is whole; the encoder may have gone on while the second was written
    before = len(log.read_text().splitlines())
    assert 6 <= before <= 8
    assert extract(corpus / "manifest.parquet", specs, corpus / "full", shard_size=3) == 0
    assert len(log.read_text().splitlines()) == before + 5
    assert all_frames(corpus / "full", "sound") == all_frames(corpus / "cache", "sound")


@pytest.mark.parametrize("kib", [0, 4, 12, 24])
def test_a_disk_that_is_full_sooner_or_later_is_one_clear_error(corpus: Path, kib: int) -> None:
    run(corpus)
    specs = corpus / "encoders.yaml"
    with mounted(corpus / "small", "size=256k") as disk:
        room = 256 - kib
        (disk / "ballast").write_bytes(bytes(1024 * room))
        with pytest.raises(CacheError, match=r"cannot write .*No space left on device.*Remedy: free some space"):
            extract(corpus / "manifest.parquet", specs, disk / "cache", shard_size=3)
        (disk / "ballast").unlink()
        assert extract(corpus / "manifest.parquet", specs, disk / "cache", shard_size=3) == 0
        assert all_frames(disk / "cache", "sound") == all_frames(corpus / "cache", "sound")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder that cannot be written, also by root where it may mount one."""
    folder = tmp_path / "read_only"
    folder.mkdir(mode=0o555)
    is_root = os.geteuid() == 0
    if (
        is_root
        and subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], capture_output=True).returncode
    ):
        pytest.skip("root writes everywhere and may not mount a read-only folder here")
    yield folder
    if is_root:
        subprocess.run(["umount", folder], check=True)


def test_read_only_folder_is_one_clear_error(corpus: Path, read_only: Path) -> None:
    specs = write_specs(corpus / "encoders.yaml", sound=spec("StridedFrames"))
    with pytest.raises(CacheError, match=r"cannot write .*(read-only: name another folder|change its permissions)"):
        extract(corpus / "manifest.parquet", specs, read_only / "cache")
