import re
from pathlib import Path

import pytest
import torch

from tests.extract.toy import all_frames, make_corpus, read, spec, write_specs
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.shards import index_path, shard_names, shard_path
from vibespeaker.errors import CacheError
from vibespeaker.extract import extract


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    manifest = make_corpus(tmp_path, 9)
    specs = write_specs(tmp_path / "encoders.yaml", sound=spec("StridedFrames"), words=spec("WordFrames"))
    assert extract(manifest, specs, tmp_path / "cache", views=1, shard_size=3) == 0
    return tmp_path


def verify(corpus: Path, repair: bool = False, views: int = 1) -> int:
    specs = corpus / "encoders.yaml"
    return extract(corpus / "manifest.parquet", specs, corpus / "cache", views=views, verify=True, repair=repair)


def a_shard(corpus: Path, number: int = 0) -> tuple[Path, str]:
    folder = corpus / "cache" / "sound"
    return folder, shard_names(folder)[number]


def test_whole_cache_passes(corpus: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert verify(corpus) == 0
    assert "every shard is whole and the manifest is complete" in caplog.text


def damage_byte(folder: Path, name: str) -> None:
    path = shard_path(folder, name)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def damage_nan(folder: Path, name: str) -> None:
    """A shard that an unchecked writer filled with NaN: its checksum is right."""
    from vibespeaker.cache.index import ShardIndex
    from vibespeaker.cache.shards import Entry, write_shard

    index = ShardIndex.read(index_path(folder, name))
    entries = [
        Entry(content.tobytes(), int(view), torch.full((int(frames), 3), float("nan"), dtype=torch.bfloat16))
        for content, view, frames in zip(index.contents, index.views, index.frames, strict=True)
    ]
    write_shard(folder, name, entries, "bfloat16", index.identity)


DAMAGES = {
    "flipped bit": (damage_byte, r"wrong checksum in 1 of 3 entries \(toy/clip\d+"),
    "not a number": (damage_nan, r"frames that are not finite in 3 of 3 entries \(toy/clip\d+"),
    "truncated": (lambda f, n: shard_path(f, n).write_bytes(shard_path(f, n).read_bytes()[:-9]), "has the wrong size"),
    "frames gone": (lambda f, n: shard_path(f, n).unlink(), r"is missing in 3 of 3 entries \(toy/clip\d+"),
    "index damaged": (lambda f, n: index_path(f, n).write_bytes(b"PAR1"), r"\.parquet is damaged"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_named_removed_and_made_again(corpus: Path, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    damage, message = DAMAGES[kind]
    before = all_frames(corpus / "cache", "sound")
    folder, name = a_shard(corpus, 1)
    damage(folder, name)
    assert verify(corpus) == 1
    assert name in caplog.text
    assert re.search(message, caplog.text)
    assert verify(corpus, repair=True) == 1
    assert not shard_path(folder, name).exists()
    assert not index_path(folder, name).exists()
    with pytest.raises(CacheError, match=r"is not there"):
        EmbeddingCache.open(corpus / "cache").entries("sound", read(corpus / "manifest.parquet"))
    assert extract(corpus / "manifest.parquet", corpus / "encoders.yaml", corpus / "cache", views=1, shard_size=3) == 0
    assert verify(corpus) == 0
    assert all_frames(corpus / "cache", "sound") == before


def test_missing_utterances_and_views_are_counted_and_named(corpus: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = corpus / "more"
    folder.mkdir()
    more = make_corpus(folder, 2, seed=5, texts=["new", "words"])
    assert extract(more, None, corpus / "cache", verify=True) == 1
    assert "sound: clean view of 2 of 2 utterances is missing (toy/clip000, toy/clip001)" in caplog.text
    assert "words: clean view of 2 of 2 utterances is missing" in caplog.text
    caplog.clear()
    assert verify(corpus, views=2) == 1
    assert "augmented view 2 of 7 of 9 utterances is missing (toy/clip000, toy/clip001, toy/clip003 …)" in caplog.text


def test_index_that_disagrees_with_the_shards_is_found_and_repaired(
    corpus: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index = corpus / "cache" / "sound" / "index.parquet"
    index.write_bytes((corpus / "cache" / "words" / "index.parquet").read_bytes())
    assert verify(corpus, repair=True) == 1
    assert "index.parquet: does not agree with the whole shards" in caplog.text
    assert verify(corpus) == 0


def test_shard_of_another_encoder_is_damage(corpus: Path, caplog: pytest.LogCaptureFixture) -> None:
    specs = write_specs(corpus / "other.yaml", sound=spec("StridedFrames", salt="other"))
    extract(corpus / "manifest.parquet", specs, corpus / "foreign", shard_size=3)
    source, name = corpus / "foreign" / "sound", shard_names(corpus / "foreign" / "sound")[0]
    for place in (shard_path, index_path):
        place(corpus / "cache" / "sound", name).write_bytes(place(source, name).read_bytes())
    assert verify(corpus) == 1
    assert f"{name}.safetensors: was made by another encoder" in caplog.text


def test_checking_against_another_configuration_is_refused(corpus: Path) -> None:
    write_specs(corpus / "encoders.yaml", sound=spec("StridedFrames", salt="other"))
    with pytest.raises(CacheError, match=r"encoder sound differs.*Found: fingerprint\.salt = other\."):
        verify(corpus)
