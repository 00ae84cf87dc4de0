"""Whether an extraction fits on its disk, told before its first clip."""

import errno
import logging
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vibespeaker.cache.index import ShardIndex
from vibespeaker.cache.records import EncoderRecord
from vibespeaker.cache.shards import index_path, shard_names
from vibespeaker.errors import CacheError
from vibespeaker.extract.plan import Plan, expected_bytes

log = logging.getLogger(__name__)

_GIGABYTE = 1e9


def check_room(out: Path, planned: Iterable[tuple[Plan, EncoderRecord]]) -> None:
    """Say how large the frames will be, and refuse what cannot fit.

    Args:
        out: the cache folder, which exists.
        planned: each encoder with its clips; those that are stored already, whoever did it, need no room.

    Raises:
        CacheError: the disk has less space than is lacking.
    """
    lacking = sum(expected_bytes(plan, record, _missing(out / record.name, plan)) for plan, record in planned)
    free = shutil.disk_usage(out).free
    log.info("%s of frames to store in %s, where %s are free", _shown(lacking), out, _shown(free))
    if lacking > free:
        raise CacheError(
            f"cannot write {out}: {os.strerror(errno.ENOSPC)} for {_shown(lacking)} of frames",
            found=f"{_shown(free)} free",
            remedy="free some space or name a folder on another disk; or store less, with --dtype int8, --stride or "
            "--statistics",
        )


def _missing(folder: Path, plan: Plan) -> npt.NDArray[np.bool_]:
    """Return which planned clips no shard of an encoder's folder holds, `(clips,)`."""
    missing = np.ones(len(plan), bool)
    for name in shard_names(folder):
        try:
            shard = ShardIndex.read(index_path(folder, name))
        except CacheError:  # its clips are made again, and it is said then
            continue
        found = plan.keys.find(shard.contents, shard.views)
        missing[found[found >= 0]] = False
    return missing


def _shown(size: int) -> str:
    return f"{size / _GIGABYTE:,.1f} GB" if size >= _GIGABYTE else f"{size / 1e6:,.2f} MB"
