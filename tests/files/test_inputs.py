import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vibespeaker.errors import CacheError, PredictionsError
from vibespeaker.files.inputs import read_json, reading
from vibespeaker.files.parquet import read_parquet


def test_the_true_cause_is_named(tmp_path: Path) -> None:
    for name, content in {"foreign": b"a,b\n1,2\n", "empty": b"", "cut": b"PAR1 and no more", "broken": b"{"}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "list").write_text("[]")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    whole = tmp_path / "whole"
    pq.write_table(pa.table({"a": list(range(1000))}), whole)
    content = bytearray(whole.read_bytes())
    content[20:200] = bytes(180)
    (tmp_path / "page").write_bytes(content)
    tables = {
        "missing": "table .*missing does not exist. Remedy: make it",
        "whole/below": "table .* does not exist",
        ".": "is a folder",
        "foreign": "not a Parquet file. Found: it begins with b'a,b",
        "empty": "not a Parquet file. Found: it is empty",
        "cut": "is not a Parquet file, or one cut short",
        "page": "page is a damaged Parquet file",
    }
    for name, reason in tables.items():
        with pytest.raises(PredictionsError, match=reason):
            read_parquet(tmp_path / name, PredictionsError, "table", "make it")
    texts = {"missing": "record .* does not exist", "broken": "is damaged: it is no JSON", "list": "holds no record"}
    for name, reason in {**texts, "bytes": "is no text", ".": "is a folder"}.items():
        with pytest.raises(CacheError, match=reason):
            read_json(tmp_path / name, CacheError, "record")
    assert read_parquet(whole, PredictionsError, "table").num_rows == 1000


def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match="may not be read: no permission"), reading(tmp_path, CacheError, "record"):
        raise PermissionError(13, os.strerror(13))
