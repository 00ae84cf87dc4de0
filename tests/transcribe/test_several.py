"""Texts of several recognisers beside each other: from the manifest through the cache to encoders inside a model."""

import pytest
import torch
import yaml

from tests.manifests import manifest_of
from tests.recordings import record
from tests.sounds import speech_like
from vibespeaker.audio.files import read_audio
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.verify import verify_encoder
from vibespeaker.cli.main import main
from vibespeaker.encoders import HashedText
from vibespeaker.errors import CacheError, ConfigError, ManifestError
from vibespeaker.extract import extract
from vibespeaker.manifest import Manifest
from vibespeaker.models.live import LiveEncoders
from vibespeaker.prepare.combine import combine
from vibespeaker.tasks import EmotionDataModule
from vibespeaker.transcribe import CTCTranscriber, WhisperTranscriber
from vibespeaker.transcribe.command import transcribe

WORDS = {"class_path": "vibespeaker.encoders.HashedText", "init_args": {"dim": 16}}
ENCODERS = {"given": WORDS, "by_ctc": {**WORDS, "text": "ctc"}, "by_whisper": {**WORDS, "text": "whisper"}}


@pytest.fixture(scope="module")
def recognizers(tiny_checkpoint):
    return {
        "whisper": WhisperTranscriber(str(tiny_checkpoint("whisper"))),
        "ctc": CTCTranscriber(str(tiny_checkpoint("wav2vec2-ctc"))),
    }


@pytest.fixture(scope="module")
def manifest(tmp_path_factory, tiny_checkpoint):
    """Three clips with human texts, transcribed by two recognisers; the last clip is silent."""
    folder = tmp_path_factory.mktemp("several")
    clips = [speech_like(0.6, 1), speech_like(0.9, 2), 0 * speech_like(0.5)]
    said = {"category": "anger", "text_origin": "human"}
    rows = [
        record(folder, f"clip{row}", clip) | said | {"text": f"human {row}", "split": "train" if row < 2 else "test1"}
        for row, clip in enumerate(clips)
    ]
    path = folder / "manifest.parquet"
    manifest_of(rows, str(folder), "challenge").write(path)
    spec = {"class_path": "CTCTranscriber", "init_args": {"checkpoint": str(tiny_checkpoint("wav2vec2-ctc"))}}
    (folder / "ctc.yaml").write_text(yaml.safe_dump(spec))
    words = ["transcribe", str(path), "--out", str(path)]
    assert main([*words, "--model", str(tiny_checkpoint("whisper")), "--name", "whisper"]) == 0
    assert main([*words, "--transcriber", str(folder / "ctc.yaml"), "--name", "ctc"]) == 0
    (folder / "encoders.yaml").write_text(yaml.safe_dump(ENCODERS, sort_keys=False))
    assert (
        main(["extract", str(path), "--encoders", str(folder / "encoders.yaml"), "--out", str(folder / "cache")]) == 0
    )
    return path


def test_each_recogniser_fills_columns_of_its_own(manifest, recognizers):
    table = Manifest.read(manifest)
    assert table.table.schema.names[-4:] == ["text.ctc", "text_origin.ctc", "text.whisper", "text_origin.whisper"]
    assert table.column("text") == ["human 0", "human 1", "human 2"]
    assert table.column("text_origin") == ["human"] * 3
    for name, recognizer in recognizers.items():
        language = "en" if name == "whisper" else None
        clips = [read_audio(table.root / audio) for audio in table.column("audio")]
        assert table.column(f"text.{name}") == [recognizer(clip, language).text for clip in clips]
        assert table.column(f"text_origin.{name}") == [recognizer.origin] * 3
    assert table.column("text.ctc")[0] != table.column("text.whisper")[0]
    assert [step.get("name") for step in table.metadata.history] == ["whisper", "ctc"]


def test_another_run_hears_nothing_again_and_gives_the_same_bytes(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(CTCTranscriber, "recognize", None)
    out = tmp_path / "again.parquet"
    assert (
        main(["transcribe", str(manifest), "--transcriber", "no.such.Class", "--name", "ctc", "--out", str(out)]) == 0
    )
    assert out.read_bytes() == manifest.read_bytes()


def test_encoders_of_different_texts_have_different_contents(manifest):
    table, cache = Manifest.read(manifest), EmbeddingCache.open(manifest.parent / "cache")
    encoder = HashedText(dim=16)
    for name, spec in ENCODERS.items():
        column = f"text.{spec['text']}" if "text" in spec else "text"
        entries = cache.entries(name, table)
        for text, entry in zip(table.column(column), entries, strict=True):
            assert torch.equal(cache.read(name, int(entry)), encoder([text]).values[0].bfloat16())
        assert verify_encoder(cache.path / name, table) == []
    assert main(["extract", str(manifest), "--out", str(cache.path), "--verify"]) == 0
    assert len({cache.record(name).identity for name in ENCODERS}) == 3
    other = manifest.parent / "other.yaml"
    other.write_text(yaml.safe_dump({"by_ctc": {**WORDS, "text": "whisper"}}))
    with pytest.raises(CacheError, match=r"by_ctc differs .* Found: text = whisper. Allowed: text = ctc"):
        extract(manifest, other, cache.path)


def test_encoders_inside_a_model_read_the_same(manifest):
    cached = EmotionDataModule(manifest, cache=manifest.parent / "cache", batch_size=3)
    live = EmotionDataModule(manifest, batch_size=3)
    encoders = LiveEncoders(ENCODERS)
    expected, batch = next(iter(cached.test_dataloader())).frames, next(iter(live.test_dataloader()))
    for name, frames in encoders(batch.to("cpu")).items():
        assert torch.equal(frames.values.bfloat16(), expected[name].values)


def test_a_checkpoint_records_where_the_texts_that_it_reads_are_from(manifest, recognizers):
    folder, origins = manifest.parent, {name: one.origin for name, one in recognizers.items()}

    def transcripts(*encoders):
        return EmotionDataModule(manifest, cache=folder / "cache", encoders=[*encoders]).provenance.transcripts

    assert transcripts("given") == ("human",)
    assert transcripts("by_ctc") == (origins["ctc"],)
    assert transcripts("given", "by_whisper") == (origins["whisper"], "human")
    live, encoders = EmotionDataModule(manifest), LiveEncoders({"by_ctc": ENCODERS["by_ctc"]}).provenance()
    assert encoders["by_ctc"].spec["text"] == "ctc"
    live.adopt_encoders(encoders)
    assert live.provenance.transcripts == (origins["ctc"],)


def test_texts_that_are_not_there_are_named_with_the_way_to_them(manifest, tmp_path):
    specs = tmp_path / "encoders.yaml"
    specs.write_text(yaml.safe_dump({"words": {**WORDS, "text": "vosk"}}))
    with pytest.raises(ManifestError, match=r"Found: \['text.vosk'\].*transcribe .* --name vosk"):
        extract(manifest, specs, tmp_path / "cache")
    live = EmotionDataModule(manifest)
    live.adopt_encoders(LiveEncoders({"words": {**WORDS, "text": "vosk"}}).provenance())
    with pytest.raises(ManifestError, match=r"--name vosk"):
        _ = live.provenance
    with pytest.raises(ConfigError, match=r"--name is unusable. Found: a.b"):
        transcribe(manifest, name="a.b")


def test_combined_manifests_keep_named_texts(manifest, tmp_path):
    rows = [{"corpus": "other", "name": "clip", "category": "anger", "text": "hello", "text_origin": "human"}]
    manifest_of(rows, str(tmp_path), "challenge").write(tmp_path / "other.parquet")
    assert combine([tmp_path / "other.parquet", manifest], out=tmp_path / "both.parquet") == 0
    table, before = Manifest.read(tmp_path / "both.parquet"), Manifest.read(manifest)
    assert table.column("text.ctc") == [None, *before.column("text.ctc")]
    assert table.column("text_origin.whisper") == [None, *before.column("text_origin.whisper")]
