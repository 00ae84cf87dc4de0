"""From shards to the one index that readers open."""

import logging
from pathlib import Path

from vibespeaker.cache.index import Index, ShardIndex, merge
from vibespeaker.cache.shards import index_path, shard_names, shard_path
from vibespeaker.errors import CacheError
from vibespeaker.files import storage_errors

log = logging.getLogger(__name__)

INDEX_FILE = "index.parquet"


def read_shard(folder: Path, name: str, identity: str) -> ShardIndex | None:
    """Return the index of a shard, or None when the shard is damaged, so that its clips count as not done.

    Args:
        folder: the encoder's folder.
        name: file name without suffix.
        identity: `EncoderRecord.identity`.

    Raises:
        CacheError: the shard was made by another encoder or in another precision.
    """
    path = shard_path(folder, name)
    try:
        shard = ShardIndex.read(index_path(folder, name))
    except CacheError as error:
        log.warning("%s", error)
        return None
    if shard.identity != identity:
        raise CacheError(
            f"cache shard {path} was made by another encoder or in another precision",
            found=shard.identity[:12],
            allowed=identity[:12],
            remedy="remove that file and the .parquet file beside it",
        )
    size = path.stat().st_size if path.is_file() else 0
    if size != shard.size:
        log.warning("cache shard %s is damaged: %d bytes instead of %d", path, size, shard.size)
        return None
    return shard


def merge_index(folder: Path, identity: str) -> None:
    """Write the index of all whole shards, unless it is there already.

    The caller keeps other processes from merging the same folder at the same time.

    Raises:
        CacheError: a shard is of another encoder, or the folder cannot be written.
    """
    path = folder / INDEX_FILE
    shards = [(name, read_shard(folder, name, identity)) for name in shard_names(folder)]
    whole = [(name, shard) for name, shard in shards if shard is not None]
    if path.is_file():
        index = Index.read(path)
        # an index that was merged before it had checksums gets them
        if index.shard_names == tuple(name for name, _ in whole) and index.checksums is not None:
            return
    with storage_errors(path):
        merge(whole).write(path)
