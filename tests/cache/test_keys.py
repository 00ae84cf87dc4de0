import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.manifests import manifest_from
from vibespeaker.cache.keys import KeyTable, audio_contents, text_contents
from vibespeaker.errors import CacheError
from vibespeaker.manifest import Manifest

# few distinct bytes in few places, so that prefixes, whole contents and views coincide in every combination
contents = st.tuples(st.sampled_from([0, 255]), st.sampled_from([0, 7]), st.sampled_from([0, 1])).map(
    lambda marks: bytes([marks[0]]) + bytes(15) + bytes([marks[1]]) + bytes(14) + bytes([marks[2]])
)
keys = st.tuples(contents, st.integers(0, 2))


def arrays(pairs: list[tuple[bytes, int]]) -> tuple[np.ndarray, np.ndarray]:
    joined = np.frombuffer(b"".join(content for content, _ in pairs), np.uint8).reshape(-1, 32)
    return joined, np.array([view for _, view in pairs], np.int16)


@given(st.lists(keys, unique=True), st.lists(keys))
def test_lookup_is_that_of_a_dictionary(stored: list[tuple[bytes, int]], wanted: list[tuple[bytes, int]]) -> None:
    table = KeyTable(*arrays(stored))
    rows = {key: row for row, key in enumerate(stored)}
    assert table.find(*arrays(wanted)).tolist() == [rows.get(key, -1) for key in wanted]


def test_audio_hash_is_read_from_hexadecimal() -> None:
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(3)]
    found = audio_contents(manifest_from({"audio_sha256": hashes}))
    assert [row.tobytes().hex() for row in found] == hashes


def test_audio_hashes_are_read_from_pieces_of_a_table() -> None:
    hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(9)]
    whole = manifest_from({"audio_sha256": hashes})
    pieces = pa.concat_tables([whole.table.slice(2, 3), whole.table.slice(7, 0), whole.table.slice(4, 5)])
    found = audio_contents(Manifest(pieces, whole.metadata))
    assert [row.tobytes().hex() for row in found] == [*hashes[2:5], *hashes[4:]]


@pytest.mark.parametrize("wrong", [None, "", "abc", "0" * 63, "g" * 64, "0" * 62 + "ä"])
def test_missing_or_odd_audio_hash_is_refused_with_its_row(wrong: str | None) -> None:
    with pytest.raises(CacheError, match="row 1 has no content hash"):
        audio_contents(manifest_from({"audio_sha256": ["0" * 64, wrong]}))


def test_missing_text_counts_as_the_empty_one() -> None:
    found = text_contents(manifest_from({"text": ["", None, "äöü"]}))
    assert found[0].tobytes() == found[1].tobytes() == hashlib.sha256(b"").digest()
    assert found[2].tobytes() == hashlib.sha256("äöü".encode()).digest()
