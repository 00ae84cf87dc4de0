"""Memory that small work takes again and again is kept by the process.

The C library gives freed memory at the end of its heap back to the system, and the next operation asks for it again,
page by page: without this an answer for one clip meets some thousand page faults.
"""

import ctypes
import sys
from functools import cache

#: Numbers of mallopt's parameters in the GNU C library's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
#: As much as freed is kept; larger arrays than the second come from the system and go back to it at once, as before.
KEPT_BYTES, LARGE_BYTES = 64 << 20, 16 << 20


@cache
def keep_freed_memory() -> bool:
    """Keep up to 64 MB of freed memory in this process from now on, and return whether its C library can."""
    if not sys.platform.startswith("linux"):
        return False
    change = getattr(ctypes.CDLL(None), "mallopt", None)
    if change is None:
        return False
    return bool(change(_TRIM_THRESHOLD, KEPT_BYTES)) and bool(change(_MMAP_THRESHOLD, LARGE_BYTES))
