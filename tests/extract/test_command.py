from pathlib import Path

import numpy as np
import pytest
import torch

from tests.extract.toy import all_frames, read, run, spec, strided, write_specs
from vibespeaker.audio.augmentation import Augmentation, AugmentationRecipe
from vibespeaker.audio.files import read_audio, write_audio
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.index import ShardIndex
from vibespeaker.cache.precision import dequantized, from_stored, quantized, to_stored
from vibespeaker.cache.shards import Entry, index_path, shard_names, write_shard
from vibespeaker.cli.main import main
from vibespeaker.errors import CacheError, ConfigError
from vibespeaker.extract import extract, helping


def encoded(corpus: Path) -> int:
    log = corpus / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_second_run_encodes_nothing_and_changes_nothing(corpus: Path) -> None:
    sound = spec("StridedFrames", log=str(corpus / "log"))
    assert run(corpus, sound) == 0
    assert encoded(corpus) == 8
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in corpus.glob("cache/sound/**/*.*")}
    assert run(corpus, sound) == 0
    assert encoded(corpus) == 8
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in corpus.glob("cache/sound/**/*.*")}


def test_same_input_gives_the_same_files(corpus: Path) -> None:
    run(corpus, views=1)
    specs = corpus / "encoders.yaml"
    extract(corpus / "manifest.parquet", specs, corpus / "again", shard_size=3, views=1)
    first = {path.relative_to(corpus / "cache"): path.read_bytes() for path in corpus.glob("cache/**/*.*")}
    second = {path.relative_to(corpus / "again"): path.read_bytes() for path in corpus.glob("again/**/*.*")}
    assert first == second
    assert len(first) > 10


def test_what_another_manifest_brought_is_not_done_again(corpus: Path) -> None:
    sound = spec("StridedFrames", log=str(corpus / "log"))
    specs = write_specs(corpus / "encoders.yaml", sound=sound)
    part = read(corpus / "manifest.parquet").select([0, 1, 2, 3])
    part.write(corpus / "part.parquet")
    extract(corpus / "part.parquet", specs, corpus / "cache", shard_size=3)
    assert encoded(corpus) == 3
    run(corpus, sound)
    assert encoded(corpus) == 8
    cache, manifest = EmbeddingCache.open(corpus / "cache"), read(corpus / "manifest.parquet")
    for name, entry in zip(manifest.column("audio"), cache.entries("sound", manifest), strict=True):
        frames = strided(torch.from_numpy(read_audio(corpus / name))).bfloat16()
        assert torch.equal(cache.read("sound", int(entry)), frames)


def test_bad_files_are_named_the_rest_is_stored_and_a_repaired_file_is_added_later(
    corpus: Path, caplog: pytest.LogCaptureFixture
) -> None:
    good = {name: (corpus / name).read_bytes() for name in ("clip004.wav", "clip005.wav", "clip006.wav")}
    (corpus / "clip004.wav").write_bytes(good["clip004.wav"][:-100])
    write_audio(corpus / "clip005.wav", np.zeros(500, np.float32))
    (corpus / "clip006.wav").unlink()
    assert run(corpus) == 1
    assert "toy/clip004: audio file" in caplog.text
    assert "truncated" in caplog.text
    assert "clip005.wav changed since the manifest was made" in caplog.text
    assert "clip006.wav" in caplog.text
    manifest = read(corpus / "manifest.parquet")
    with pytest.raises(CacheError, match=r"of 3 of 9 utterances is not there.*clip004, toy/clip005, toy/clip006"):
        EmbeddingCache.open(corpus / "cache").entries("sound", manifest)
    rest = manifest.select([0, 1, 2, 3, 7, 8])
    assert len(EmbeddingCache.open(corpus / "cache").entries("sound", rest)) == 6
    for name, content in good.items():
        (corpus / name).write_bytes(content)
    assert run(corpus) == 0
    assert len(EmbeddingCache.open(corpus / "cache").entries("sound", manifest)) == 9


def test_encoder_that_padding_disturbs_gets_clips_of_equal_length(corpus: Path) -> None:
    run(corpus)
    usual = all_frames(corpus / "cache", "sound")
    specs = write_specs(corpus / "encoders.yaml", sound=spec("StridedFrames", invariant=False))
    assert extract(corpus / "manifest.parquet", specs, corpus / "alone") == 0
    assert all_frames(corpus / "alone", "sound") == usual


def test_reading_ahead_in_processes_gives_the_same_cache(corpus: Path) -> None:
    run(corpus, views=1)
    specs = corpus / "encoders.yaml"
    extract(corpus / "manifest.parquet", specs, corpus / "ahead", shard_size=3, views=1, workers=2)
    assert all_frames(corpus / "ahead", "sound") == all_frames(corpus / "cache", "sound")


def test_frames_that_the_precision_cannot_hold_are_refused(corpus: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert run(corpus, spec("StridedFrames", scale=1e9), dtype="float16") == 1
    assert "frames are not finite in float16; try another --dtype" in caplog.text


def test_views_are_those_of_the_recipe_and_all_encoders_share_them(corpus: Path) -> None:
    specs = write_specs(
        corpus / "encoders.yaml", sound=spec("StridedFrames"), other=spec("StridedFrames", salt="other")
    )
    extract(corpus / "manifest.parquet", specs, corpus / "cache", views=2, dtype="float32")
    cache, manifest = EmbeddingCache.open(corpus / "cache"), read(corpus / "manifest.parquet").select([5])
    content = bytes.fromhex(manifest.column("audio_sha256")[0])
    waveform = read_audio(corpus / "clip005.wav")
    seen = []
    for view in (1, 2):
        frames = [cache.read(name, int(cache.entries(name, manifest, view)[0])) for name in ("sound", "other")]
        assert torch.equal(*frames)
        drawn = Augmentation(AugmentationRecipe()).view(waveform, content, view)
        assert torch.equal(frames[0], strided(torch.from_numpy(drawn)))
        seen.append(frames[0])
    assert not torch.equal(*seen)
    assert not torch.equal(seen[0], strided(torch.from_numpy(waveform)))


def test_views_can_be_added_to_a_cache_without(corpus: Path) -> None:
    sound = spec("StridedFrames", log=str(corpus / "log"))
    run(corpus, sound)
    assert EmbeddingCache.open(corpus / "cache").views == 0
    run(corpus, sound, views=1)
    assert EmbeddingCache.open(corpus / "cache").views == 1
    assert encoded(corpus) == 8 + 6
    run(corpus, sound)
    assert EmbeddingCache.open(corpus / "cache").views == 1


def test_same_name_for_another_encoder_is_refused_with_the_difference(corpus: Path) -> None:
    run(corpus)
    with pytest.raises(
        CacheError, match=r"encoder sound differs.*Found: fingerprint\.salt = x\. Allowed: fingerprint\.salt = \."
    ):
        run(corpus, spec("StridedFrames", salt="x"))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"dtype": "float16"}, "dtype = float16"),
        ({"dtype": "int8"}, "dtype = int8"),
        ({"autocast": "bfloat16"}, "autocast = bfloat16"),
        ({"stride": 2}, "fingerprint.stride = 2"),
        ({"statistics": ["mean"]}, "fingerprint.statistics = mean"),
    ],
)
def test_other_precision_is_refused(corpus: Path, option: dict, message: str) -> None:
    run(corpus)
    with pytest.raises(CacheError, match=rf"differs from what this cache was made with\. Found: {message}"):
        run(corpus, **option)


def test_other_augmentation_is_refused_with_the_difference(corpus: Path) -> None:
    run(corpus, views=1)
    recipe = corpus / "augmentation.yaml"
    recipe.write_text("gain: {max_db: 6.0}\nseed: 1\n")
    with pytest.raises(CacheError, match=r"augmentation differs.*Found: gain\.max_db = 6\.0; seed = 1\."):
        run(corpus, views=1, augmentation=recipe)


def test_shard_of_another_encoder_stops_the_extraction(corpus: Path) -> None:
    run(corpus)
    specs = write_specs(corpus / "other.yaml", sound=spec("StridedFrames", salt="other"))
    extract(corpus / "manifest.parquet", specs, corpus / "foreign", shard_size=4)
    for path in (corpus / "foreign" / "sound" / "shards").iterdir():
        (corpus / "cache" / "sound" / "shards" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(CacheError, match=r"made by another encoder.*Remedy: remove that file"):
        run(corpus)


def test_truncated_shard_is_made_again_without_being_asked(corpus: Path) -> None:
    run(corpus)
    before = all_frames(corpus / "cache", "sound")
    shard = sorted((corpus / "cache" / "sound" / "shards").glob("*.safetensors"))[0]
    shard.write_bytes(shard.read_bytes()[:-1])
    assert run(corpus) == 0
    assert all_frames(corpus / "cache", "sound") == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"views": -1}, "views is out of range. Found: -1"),
        ({"batch_clips": 0}, "batch_clips is out of range"),
        ({"shard_size": 0}, "shard_size is out of range"),
        ({"batch_seconds": 0.0}, "batch_seconds is out of range"),
        ({"repair": True}, "--repair goes with --verify"),
        ({"device": "gpu"}, "no such device. Found: gpu"),
        ({"stride": 0}, "stride of frames is too small"),
        ({"statistics": ["median"]}, "Allowed: mean, std, min, max"),
    ],
)
def test_wrong_option_is_refused(corpus: Path, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(corpus, **options)


def test_smaller_caches_hold_what_the_options_say_and_pass_the_check(corpus: Path) -> None:
    manifest = read(corpus / "manifest.parquet")
    waveform = torch.from_numpy(read_audio(corpus / manifest.column("audio")[0]))
    frames = strided(waveform)
    expected = {
        ("stride", 2): torch.stack([piece.mean(0) for piece in frames.split(2)]),
        ("statistics", ("mean", "max")): torch.cat((frames.mean(0), frames.amax(0)))[None],
        ("dtype", "int8"): dequantized(quantized(frames)),
    }
    for (option, value), wanted in expected.items():
        small = corpus / option
        given = {"dtype": "float32", option: list(value) if isinstance(value, tuple) else value}
        specs = write_specs(corpus / "encoders.yaml", sound=spec("StridedFrames"))
        assert extract(corpus / "manifest.parquet", specs, small, **given) == 0
        cache = EmbeddingCache.open(small)
        stored = cache.read("sound", int(cache.entries("sound", manifest)[0]))
        torch.testing.assert_close(from_stored(stored), wanted)
        assert cache.record("sound").dim == wanted.shape[1]
        assert extract(corpus / "manifest.parquet", specs, small, verify=True, **given) == 0
        assert extract(corpus / "manifest.parquet", None, small, verify=True) == 0


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_damage_to_eight_bits_is_found_as_any(corpus: Path, dtype: str, caplog: pytest.LogCaptureFixture) -> None:
    run(corpus, dtype=dtype)
    name = shard_names(corpus / "cache" / "sound")[0]
    index = ShardIndex.read(index_path(corpus / "cache" / "sound", name))
    entries = [
        Entry(content.tobytes(), int(view), to_stored(torch.full((int(frames), 3), float("nan")), dtype))
        for content, view, frames in zip(index.contents, index.views, index.frames, strict=True)
    ]
    write_shard(corpus / "cache" / "sound", name, entries, dtype, index.identity)
    assert run(corpus, dtype=dtype, verify=True) == 1
    assert "frames that are not finite in 3 of 3 entries" in caplog.text


def test_name_that_cannot_be_a_folder_is_refused(corpus: Path) -> None:
    specs = write_specs(corpus / "encoders.yaml", **{"../escape": spec("StridedFrames")})
    with pytest.raises(ConfigError, match=r"must serve as a folder's\. Found: \['\.\./escape'\]"):
        extract(corpus / "manifest.parquet", specs, corpus / "cache")


def test_command_line(corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_specs(corpus / "encoders.yaml", sound=spec("StridedFrames"), words=spec("WordFrames"))
    arguments = ["extract", str(corpus / "manifest.parquet"), "--out", str(corpus / "cache")]
    assert main(arguments) == 2
    assert "give --encoders FILE.yaml" in capsys.readouterr().err
    arguments += ["--encoders", str(corpus / "encoders.yaml"), "--views", "1"]
    assert main(arguments) == 0
    assert main([*arguments, "--verify"]) == 0
    assert main([*arguments, "--dtype", "float32"]) == 2
    assert "dtype = float32" in capsys.readouterr().err


def test_empty_manifest_gives_an_empty_cache(corpus: Path) -> None:
    read(corpus / "manifest.parquet").select(np.zeros(0, np.int64)).write(corpus / "manifest.parquet")
    assert run(corpus) == 0
    assert len(EmbeddingCache.open(corpus / "cache").entries("sound", read(corpus / "manifest.parquet"))) == 0


def test_several_processes_make_the_same_cache(corpus: Path) -> None:
    specs = write_specs(corpus / "several.yaml", sound={"class_path": "vibespeaker.encoders.AcousticDescriptors"})
    for name, processes in (("alone", 1), ("shared", 2)):
        options = {"shard_size": 2, "dtype": "float32", "processes": processes}
        assert extract(corpus / "manifest.parquet", specs, corpus / name, **options) == 0
    assert all_frames(corpus / "alone", "sound") == all_frames(corpus / "shared", "sound")


@pytest.mark.parametrize(
    ("clips", "wanted", "is_small", "processes"),
    [(10, None, True, 1), (10_000, None, True, 3), (10_000, None, False, 1), (10, 2, False, 2), (10_000, 1, True, 1)],
)
def test_thousands_of_clips_are_shared_by_the_cores(monkeypatch, clips, wanted, is_small, processes) -> None:
    monkeypatch.setattr(helping, "cores", lambda: 3)
    assert helping.processes_for(clips, wanted, is_small) == processes
