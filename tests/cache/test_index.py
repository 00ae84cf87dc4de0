from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vibespeaker.cache.index import Index, ShardIndex, merge
from vibespeaker.errors import CacheError


def shard(contents: list[int], views: list[int], frames: list[int]) -> ShardIndex:
    lengths = np.array(frames, np.int32)
    return ShardIndex(
        contents=np.array([[number] * 32 for number in contents], np.uint8),
        views=np.array(views, np.int16),
        offsets=np.cumsum(lengths, dtype=np.int64) - lengths,
        frames=lengths,
        checksums=np.arange(len(frames), dtype=np.uint32),
        identity="of this encoder",
        size=99,
    )


def test_merged_entries_are_sorted_and_keep_the_first_of_equal_keys() -> None:
    index = merge([("b", shard([5, 2], [0, 1], [10, 20])), ("c", shard([2, 5, 1], [0, 0, 0], [3, 4, 5]))])
    assert index.contents[:, 0].tolist() == [1, 2, 2, 5]
    assert index.views.tolist() == [0, 0, 1, 0]
    assert [index.shard_names[number] for number in index.shards] == ["c", "c", "b", "b"]
    assert index.offsets.tolist() == [7, 0, 10, 0]
    assert index.frames.tolist() == [5, 3, 20, 10]


def test_indexes_read_back_as_written_and_equal_ones_have_equal_bytes(tmp_path: Path) -> None:
    one = shard([5, 2], [0, 1], [10, 20])
    one.write(tmp_path / "one.parquet")
    again = ShardIndex.read(tmp_path / "one.parquet")
    assert (again.identity, again.size, again.checksums.tolist()) == ("of this encoder", 99, [0, 1])
    assert np.array_equal(again.contents, one.contents)

    index = merge([("b", one)])
    index.write(tmp_path / "index.parquet")
    read = Index.read(tmp_path / "index.parquet")
    for column in ("contents", "views", "shards", "offsets", "frames"):
        assert np.array_equal(getattr(read, column), getattr(index, column))
    assert read.shard_names == ("b",)
    read.write(tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "index.parquet").read_bytes()


def test_nothing_merges_to_an_empty_index(tmp_path: Path) -> None:
    merge([]).write(tmp_path / "index.parquet")
    assert len(Index.read(tmp_path / "index.parquet")) == 0


@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", None])
def test_damaged_index_is_refused_with_a_remedy(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "index.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CacheError, match=r"index\.parquet (is damaged|does not exist).*Remedy: remove"):
        Index.read(path)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("view", ["x", "y"], "view is damaged"),
        ("frames", pa.array([1, None], pa.int32()), "frames is damaged"),
        ("frames", pa.array([1, 0], pa.int32()), "places frames where none can be"),
        ("offset", pa.array([0, -5], pa.int64()), "places frames where none can be"),
        ("shard", pa.array([0, 7], pa.int32()), "names shards that cannot be"),
        ("content", ["x", "y"], "content is damaged"),
        ("offset", None, "lacks offset"),
        ("metadata", b"[1]", "is damaged"),
        ("metadata", b"\xff", "is damaged"),
        ("metadata", b'{"shards": [7]}', "shards is of another type"),
        ("metadata", b'{"shards": ["../../elsewhere"]}', "names shards that cannot be"),
        ("metadata", b"{}", "lacks shards"),
    ],
)
def test_an_index_that_cannot_be_is_refused(tmp_path: Path, column: str, values: object, message: str) -> None:
    path = tmp_path / "index.parquet"
    merge([("b", shard([5, 2], [0, 0], [10, 20]))]).write(path)
    table = pq.read_table(path)
    if column == "metadata":
        table = table.replace_schema_metadata({b"vibespeaker": values})
    elif values is None:
        table = table.drop_columns([column])
    else:
        array = values if isinstance(values, pa.Array) else pa.array(values)
        table = table.set_column(table.column_names.index(column), column, array)
    pq.write_table(table, path)
    with pytest.raises(CacheError, match=message):
        Index.read(path)
