import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.extract.toy import make_corpus, read, spec, strided, worded, write_specs
from vibespeaker.audio.files import read_audio
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.index import Index
from vibespeaker.cache.merge import INDEX_FILE, merge_index
from vibespeaker.errors import CacheError
from vibespeaker.extract import extract
from vibespeaker.manifest import Manifest


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    manifest = make_corpus(folder, 9)
    specs = write_specs(folder / "encoders.yaml", sound=spec("StridedFrames"), words=spec("WordFrames"))
    assert extract(manifest, specs, folder / "cache", views=2, dtype="float32", shard_size=4) == 0
    return folder


@pytest.fixture(scope="module")
def manifest(corpus: Path) -> Manifest:
    return read(corpus / "manifest.parquet")


@pytest.fixture
def cache(corpus: Path) -> EmbeddingCache:
    return EmbeddingCache.open(corpus / "cache")


def test_records_say_what_training_needs(cache: EmbeddingCache) -> None:
    assert list(cache.encoders) == ["sound", "words"]
    sound = cache.encoders["sound"]
    assert (sound.modality, sound.dim, sound.frames_per_second, sound.dtype) == ("audio", 3, 10.0, "float32")
    assert sound.fingerprint.parts == {"kind": "strided", "salt": "", "scale": "1.0"}
    assert sound.spec["class_path"] == "tests.extract.toy.StridedFrames"
    assert cache.encoders["words"].frames_per_second is None
    assert cache.views == 2


def test_every_row_reads_its_own_frames(cache: EmbeddingCache, manifest: Manifest, corpus: Path) -> None:
    sound, words = cache.entries("sound", manifest), cache.entries("words", manifest)
    for row, (name, text) in enumerate(zip(manifest.column("audio"), manifest.column("text"), strict=True)):
        waveform = torch.from_numpy(read_audio(corpus / name))
        assert torch.equal(cache.read("sound", int(sound[row])), strided(waveform))
        assert torch.equal(cache.read("words", int(words[row])), worded(text or ""))
    assert cache.lengths("words", words).tolist() == [3, 1] * 4 + [3]
    assert cache.lengths("sound", sound).dtype == np.int64


def test_equal_content_shares_an_entry(cache: EmbeddingCache, manifest: Manifest) -> None:
    sound = cache.entries("sound", manifest)
    assert sound[3] == sound[1]
    assert len(set(sound.tolist())) == 8
    assert len(set(cache.entries("words", manifest).tolist())) == 2


def test_views_are_there_for_the_training_part_only(cache: EmbeddingCache, manifest: Manifest) -> None:
    train = manifest.select([split == "train" for split in manifest.column("split")])
    views = [cache.entries("sound", train, view) for view in range(3)]
    assert len({int(view[0]) for view in views}) == 3
    with pytest.raises(CacheError, match=r"augmented view 1 of the audio content of 2 of 9 utterances.*toy/clip002"):
        cache.entries("sound", manifest, 1)


@pytest.mark.parametrize(("encoder", "view", "allowed"), [("sound", 3, "0 to 2"), ("words", 1, "0 to 0")])
def test_view_that_no_one_has_is_refused(
    cache: EmbeddingCache, manifest: Manifest, encoder: str, view: int, allowed: str
) -> None:
    with pytest.raises(CacheError, match=f"Found: {view}. Allowed: {allowed}"):
        cache.entries(encoder, manifest, view)


def test_unknown_encoder_is_refused_with_the_known_ones(cache: EmbeddingCache, manifest: Manifest) -> None:
    with pytest.raises(CacheError, match=r"Found: whisper\. Allowed: sound, words"):
        cache.entries("whisper", manifest)


def test_audio_that_changed_is_not_found_and_named(cache: EmbeddingCache, manifest: Manifest) -> None:
    hashes = manifest.column("audio_sha256")
    hashes[4] = "0" * 64
    with pytest.raises(
        CacheError, match=r"sound: audio content of 1 of 9 .*changed since.*clip004.*vibespeaker extract"
    ):
        cache.entries("sound", manifest.with_columns({"audio_sha256": hashes}))


def test_no_copy_is_made(cache: EmbeddingCache, manifest: Manifest) -> None:
    entry = int(cache.entries("sound", manifest)[0])
    assert cache.read("sound", entry).data_ptr() == cache.read("sound", entry).data_ptr()


def test_pickled_cache_reads_the_same(cache: EmbeddingCache, manifest: Manifest) -> None:
    entry = int(cache.entries("sound", manifest)[5])
    frames = cache.read("sound", entry)
    other = pickle.loads(pickle.dumps(cache))
    assert torch.equal(other.read("sound", entry), frames)
    assert len(pickle.dumps(cache)) < 20_000


def test_digest_is_of_recipe_and_encoders(cache: EmbeddingCache, corpus: Path, tmp_path: Path) -> None:
    assert EmbeddingCache.open(corpus / "cache").digest == cache.digest
    salted = write_specs(tmp_path / "encoders.yaml", sound=spec("StridedFrames", salt="x"), words=spec("WordFrames"))
    extract(corpus / "manifest.parquet", salted, tmp_path / "cache", views=2, dtype="float32")
    assert EmbeddingCache.open(tmp_path / "cache").digest != cache.digest


def test_folder_without_cache_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CacheError, match=r"holds no embedding cache.*vibespeaker extract"):
        EmbeddingCache.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [("{", "is damaged"), ('{"format": 99}', "another format version. Found: 99. Allowed: 1")],
)
def test_unreadable_record_is_refused(corpus: Path, tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "cache.json").write_text(content)
    with pytest.raises(CacheError, match=message):
        EmbeddingCache.open(tmp_path)


def test_extraction_that_never_finished_is_refused(corpus: Path, tmp_path: Path, manifest: Manifest) -> None:
    for name in ("cache.json", "sound/encoder.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((corpus / "cache" / name).read_bytes())
    with pytest.raises(CacheError, match=r"encoder sound .* never finished"):
        EmbeddingCache.open(tmp_path).entries("sound", manifest)


def test_bytes_that_changed_are_refused_when_they_are_first_read(corpus: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(corpus / "cache", tmp_path / "cache")
    shard = next(folder.glob("sound/shards/*.safetensors"))
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1  # the last frame of the shard's last entry
    shard.write_bytes(content)
    damaged = EmbeddingCache.open(folder)
    index = damaged._index("sound")
    own = np.flatnonzero(index.shards == index.shard_names.index(shard.stem))
    last = int(own[index.offsets[own].argmax()])
    with pytest.raises(CacheError, match=rf"{shard.name} is damaged: frames .*--verify --repair"):
        damaged.read("sound", last)
    whole = [entry for entry in range(len(index)) if entry != last]
    before = EmbeddingCache.open(corpus / "cache")
    assert all(torch.equal(damaged.read("sound", entry), before.read("sound", entry)) for entry in whole)


def test_an_index_without_checksums_is_read_and_the_next_extraction_adds_them(corpus: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(corpus / "cache", tmp_path / "cache")
    path = folder / "sound" / INDEX_FILE
    index = Index.read(path)
    assert index.checksums is not None
    replace(index, checksums=None).write(path)
    old = EmbeddingCache.open(folder)
    assert old._index("sound").checksums is None
    assert torch.equal(old.read("sound", 0), EmbeddingCache.open(corpus / "cache").read("sound", 0))
    merge_index(folder / "sound", old.encoders["sound"].identity)
    np.testing.assert_array_equal(Index.read(path).checksums, index.checksums)
