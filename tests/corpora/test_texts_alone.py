"""Utterances without audio, from the corpus to batches: text encoders take them, audio encoders refuse them."""

from pathlib import Path

import pytest

from tests.corpora.test_meld import write_meld
from tests.extract.toy import write_specs
from vibespeaker.cli.main import main
from vibespeaker.errors import CacheError, ConfigError
from vibespeaker.extract import extract
from vibespeaker.manifest import Manifest
from vibespeaker.models.live import LiveEncoders
from vibespeaker.tasks import EmotionDataModule
from vibespeaker.transcribe.command import transcribe

WORDS = {"class_path": "vibespeaker.encoders.HashedText", "init_args": {"dim": 8}}
SOUND = {"class_path": "vibespeaker.encoders.AcousticDescriptors"}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    out = tmp_path / "meld.parquet"
    main(["prepare", "meld", str(write_meld(tmp_path / "meld")), "--out", str(out)])
    return out


def test_text_encoders_and_batches(manifest: Path, tmp_path: Path) -> None:
    assert extract(manifest, write_specs(tmp_path / "encoders.yaml", words=WORDS), tmp_path / "cache") == 0
    data = EmotionDataModule(manifest, tmp_path / "cache", batch_size=2)
    (batch,) = list(data.val_dataloader())
    assert batch.frames["words"].values.shape[2] == 8
    assert batch.category.tolist() == [data.labels.index("neutral")]
    assert sum(len(batch) for batch in data.train_dataloader()) == 2


def test_live_batches_have_empty_waveforms(manifest: Path) -> None:
    (batch,) = list(EmotionDataModule(manifest, batch_size=2).train_dataloader())
    assert sorted(batch.texts) == ['Oh, you’re a "genius"!', "What?"]
    assert [len(waveform) for waveform in batch.audio] == [0, 0]
    assert LiveEncoders({"words": WORDS})(batch)["words"].values.shape[0] == 2
    with pytest.raises(ConfigError, match=r"encoder sound needs audio, but some utterances are texts alone\."):
        LiveEncoders({"sound": SOUND})(batch)


def test_audio_encoders_refuse_them(manifest: Path, tmp_path: Path) -> None:
    with pytest.raises(
        CacheError, match=r"row 0 has no content hash of its audio.*texts alone suit text encoders only"
    ):
        extract(manifest, write_specs(tmp_path / "encoders.yaml", sound=SOUND), tmp_path / "cache")


def test_there_is_nothing_to_transcribe(manifest: Path, tmp_path: Path) -> None:
    # a model that does not exist is not asked for
    assert transcribe(manifest, model="nowhere", out=tmp_path / "out.parquet", all=True) == 0
    assert Manifest.read(tmp_path / "out.parquet").table.equals(Manifest.read(manifest).table)
