"""Whether an extraction fits on its disk, told before its first clip."""

import errno
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from vibespeaker.errors import CacheError

log = logging.getLogger(__name__)

_GIGABYTE = 1e9


def check_room(out: Path, planned: Mapping[str, int]) -> None:
    """Say how large the frames will be, and refuse what cannot fit.

    Args:
        out: the cache folder, which exists.
        planned: encoder → bytes of all its frames (`plan.expected_bytes`); what it has stored already is taken off.

    Raises:
        CacheError: the disk has less space than is lacking.
    """
    lacking = sum(max(0, size - _stored(out / name)) for name, size in planned.items())
    free = shutil.disk_usage(out).free
    log.info("%s of frames to store in %s, where %s are free", _shown(lacking), out, _shown(free))
    if lacking > free:
        raise CacheError(
            f"cannot write {out}: {os.strerror(errno.ENOSPC)} for {_shown(lacking)} of frames",
            found=f"{_shown(free)} free",
            remedy="free some space or name a folder on another disk; or store less, with --dtype int8, --stride or "
            "--statistics",
        )


def _stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _shown(size: int) -> str:
    return f"{size / _GIGABYTE:,.1f} GB" if size >= _GIGABYTE else f"{size / 1e6:,.2f} MB"
