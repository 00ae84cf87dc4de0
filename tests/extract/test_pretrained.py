"""The real encoder classes through the whole command, with small random checkpoints."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.extract.toy import make_corpus, read, write_specs
from vibespeaker.audio.files import read_audio
from vibespeaker.cache import EmbeddingCache
from vibespeaker.encoders.pretrained import PretrainedEncoder
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.extract import extract

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("class_name", "kind"),
    [
        ("WhisperEncoder", "whisper"),
        ("SpeechEncoder", "wavlm"),
        ("SpeechEncoder", "wavlm-base"),
        ("TextEncoder", "roberta"),
    ],
)
def test_cached_frames_are_those_of_each_utterance_alone(
    tmp_path: Path, tiny_checkpoint: Callable[[str], Path], class_name: str, kind: str
) -> None:
    manifest = read(make_corpus(tmp_path, 5, texts=["so it is", None, "a longer thing to say"]))
    checkpoint = str(tiny_checkpoint(kind))
    spec = {"class_path": f"vibespeaker.encoders.{class_name}", "init_args": {"checkpoint": checkpoint}}
    specs = write_specs(tmp_path / "encoders.yaml", encoder=spec)
    assert extract(tmp_path / "manifest.parquet", specs, tmp_path / "cache") == 0
    encoder, cache = build_encoders({"encoder": spec})["encoder"], EmbeddingCache.open(tmp_path / "cache")
    for row, entry in enumerate(cache.entries("encoder", manifest).tolist()):
        text = manifest.column("text")[row] or ""
        waveform = torch.from_numpy(read_audio(tmp_path / manifest.column("audio")[row]))
        with torch.inference_mode():
            alone = encoder([text if encoder.modality == "text" else waveform])
        cached = cache.read("encoder", entry)
        assert cached.shape == alone.values[0].shape
        # bfloat16 keeps eight bits
        torch.testing.assert_close(cached.float(), alone.values[0].float(), rtol=2**-8, atol=2**-8)


def test_compiled_layers_are_asked_for_by_an_option_and_the_cache_takes_their_frames(
    tmp_path: Path, tiny_checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_corpus(tmp_path, 5)
    compiled = []
    monkeypatch.setattr(PretrainedEncoder, "compile_layers", lambda encoder, _: compiled.append(type(encoder).__name__))
    init_args = {"checkpoint": str(tiny_checkpoint("wavlm"))}
    specs = write_specs(
        tmp_path / "encoders.yaml",
        encoder={"class_path": "vibespeaker.encoders.SpeechEncoder", "init_args": init_args},
        words={"class_path": "vibespeaker.encoders.HashedText", "init_args": {}},  # has no layers to compile
    )
    assert extract(tmp_path / "manifest.parquet", specs, tmp_path / "cache") == 0
    assert compiled == []
    # the same cache: nothing is recorded of it
    assert extract(tmp_path / "manifest.parquet", specs, tmp_path / "cache", compile=True) == 0
    assert compiled == ["SpeechEncoder"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize(("class_name", "kind"), [("WhisperEncoder", "whisper"), ("SpeechEncoder", "wavlm")])
def test_a_gpu_stores_the_frames_that_the_processor_stores(
    tmp_path: Path, tiny_checkpoint: Callable[[str], Path], class_name: str, kind: str
) -> None:
    manifest = read(make_corpus(tmp_path, 40))
    init_args = {"checkpoint": str(tiny_checkpoint(kind))}
    spec = {"class_path": f"vibespeaker.encoders.{class_name}", "init_args": init_args}
    specs = write_specs(tmp_path / "encoders.yaml", encoder=spec)
    caches = []
    for device in ("cpu", "cuda"):
        options = {"device": device, "batch_clips": 7, "shard_size": 9, "dtype": "float32"}
        assert extract(tmp_path / "manifest.parquet", specs, tmp_path / device, **options) == 0
        caches.append(EmbeddingCache.open(tmp_path / device))
    for entries in zip(*(cache.entries("encoder", manifest).tolist() for cache in caches), strict=True):
        frames = [cache.read("encoder", entry) for cache, entry in zip(caches, entries, strict=True)]
        torch.testing.assert_close(frames[1], frames[0], rtol=1e-2, atol=1e-2)  # TF32 may be on
