"""Writing shards in a thread while the encoder runs.

A shard of 512 clips is hundreds of megabytes to sum up, write and sync: seconds in which the encoder would wait.
A thread does it, since checksums, writes and syncs all release the interpreter lock. The guarantees hold as before: a
shard is on disk as a whole or not at all, and its chunk is claimed until then.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType

from vibespeaker.cache.records import EncoderRecord
from vibespeaker.cache.shards import Entry, write_shard


class ShardWriter:
    """Writes shards one after the other; when its context is left, all are written.

    The thread starts with the first shard, so that reading processes that were forked before know nothing of it.

    Args:
        folder: the encoder's folder.
        record: what is declared of it.
        behind: most shards that are kept in memory while the encoder goes on, which bounds memory; 0 writes each before
            the encoder goes on.
    """

    def __init__(self, folder: Path, record: EncoderRecord, behind: int) -> None:
        self._folder, self._record, self._behind = folder, record, behind
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="shards")
        self._waiting: deque[tuple[Future[None], Callable[[], None]]] = deque()

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._settle(0)
        finally:
            # the shard being written is finished in any case, queued ones only where no error occurred
            self._thread.shutdown(wait=True, cancel_futures=True)

    def write(self, name: str, entries: Sequence[Entry], then: Callable[[], None]) -> None:
        """Queue a shard, and report those that are written by now.

        Args:
            name: file name without suffix.
            entries: as of `write_shard`; not to be changed any more.
            then: called in this thread once the shard is on disk.

        Raises:
            CacheError: this or an earlier shard could not be written.
        """
        record = self._record
        future = self._thread.submit(write_shard, self._folder, name, entries, record.dtype, record.identity)
        self._waiting.append((future, then))
        self._settle(self._behind)

    def _settle(self, behind: int) -> None:
        """Report what is written, and wait until at most `behind` shards are queued."""
        while self._waiting and (len(self._waiting) > behind or self._waiting[0][0].done()):
            future, then = self._waiting.popleft()
            future.result()
            then()
