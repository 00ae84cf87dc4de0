import csv
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.corpora.emodb_builder import write_emodb
from tests.corpora.msp_builder import Clip, Layout, write_msp
from tests.recordings import write_noise
from vibespeaker.cli.main import main
from vibespeaker.errors import CorpusError, ManifestError
from vibespeaker.manifest import Manifest

OUT = "manifest.parquet"


def problems_of(out: Path) -> list[tuple[str, str, str]]:
    with out.with_suffix(".problems.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["item", "dropped", "reason"]
    return [(item, dropped, reason) for item, dropped, reason in rows]


def test_a_clean_corpus_gives_status_0_and_a_whole_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = write_emodb(tmp_path / "emodb"), tmp_path / OUT
    assert main(["prepare", "emodb", str(root), "--out", str(out)]) == 0
    manifest = Manifest.read(out)
    assert manifest.column("audio") == sorted(path.name for path in root.iterdir())
    assert manifest.column("duration") == [0.2] * 6
    assert all(len(digest) == 64 for digest in manifest.column("audio_sha256"))
    assert all(len(picture) == 384 for picture in manifest.column("fingerprint"))
    assert all(-100 <= level <= 0 for level in manifest.column("level_db"))
    assert all(0 <= ratio <= 100 for ratio in manifest.column("snr_db"))
    assert manifest.root == root
    assert manifest.metadata.label_set == "emodb"
    assert manifest.metadata.corpora == ("emodb",)
    assert not manifest.metadata.synthetic
    assert manifest.metadata.history[0]["min_duration"] == 0.1
    assert problems_of(out) == []
    shown = capsys.readouterr().out
    assert "6 utterances, 6 speakers, 0.00 hours" in shown
    assert "Problems" not in shown
    assert "no official splits: --split speakers makes speaker-disjoint ones" in shown
    assert "warning: 6 utterances listed where emodb as published has 535" in shown
    assert sorted(path.name for path in tmp_path.iterdir()) == ["emodb", "manifest.parquet", "manifest.problems.csv"]


def test_unusable_audio_is_listed_by_file_and_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = write_emodb(tmp_path / "emodb"), tmp_path / OUT
    (root / "03a02Wa.wav").write_bytes(b"")
    (root / "03a04Wa.wav").write_bytes((root / "03a01Wa.wav").read_bytes()[:1_000])
    soundfile.write(root / "03a05Wa.wav", np.full(1_600, np.nan), 16_000, subtype="FLOAT")
    soundfile.write(root / "03a07Wa.wav", np.full(800, 0.1), 16_000)
    soundfile.write(root / "03b01Wa.wav", np.zeros(4_000), 16_000)
    (root / "03b02Wa.wav").write_bytes((root / "03a01Wa.wav").read_bytes())
    (root / "nonsense.wav").write_bytes(b"RIFF")
    assert main(["prepare", "emodb", str(root), "--out", str(out)]) == 1
    assert problems_of(out) == [
        ("03a02Wa.wav", "yes", "the file is empty"),
        ("03a04Wa.wav", "yes", "it is truncated: 6400 bytes of samples promised, 956 found"),
        ("03a05Wa.wav", "yes", "it holds samples that are NaN or infinite"),
        ("03a07Wa.wav", "yes", "it lasts 0.050 s, less than 0.1 s"),
        ("03b01Wa.wav", "no", "all its samples are equal: silence"),
        ("03b02Wa.wav", "no", "the same audio as 03a01Wa.wav"),
        ("nonsense.wav", "yes", "the name is not of the form 03a01Wa"),
    ]
    shown = capsys.readouterr().out
    for item, _, reason in problems_of(out):
        assert item in shown
        assert reason in shown
    assert "5 dropped, 2 kept and reported" in shown
    manifest = Manifest.read(out)
    assert len(manifest) == 8
    takes = dict(zip(manifest.column("audio"), manifest.column("take"), strict=True))
    assert takes["03a01Wa.wav"] == takes["03b02Wa.wav"] == "emodb/03a01Wa"
    assert takes["08a01La.wav"] is None


def test_the_shortest_duration_is_an_option(tmp_path: Path) -> None:
    root, out = write_emodb(tmp_path / "emodb", count=2), tmp_path / OUT
    soundfile.write(root / "03a07Wa.wav", np.full(800, 0.1), 16_000)
    assert main(["prepare", "emodb", str(root), "--out", str(out), "--min_duration", "0.05"]) == 0
    assert len(Manifest.read(out)) == 3
    assert main(["prepare", "emodb", str(root), "--out", str(out), "--min_duration", "0.2"]) == 1
    assert len(Manifest.read(out)) == 2


def test_takes_that_share_audio_become_one_take(tmp_path: Path) -> None:
    root, out = tmp_path / "ravdess", tmp_path / OUT
    root.mkdir()
    # the second repetition's audio-only copy is the first repetition; its other modality is a recording of its own
    for name, seed in (("03-01-03-01-01-01-02", 0), ("03-01-03-01-01-02-02", 0), ("01-01-03-01-01-02-02", 1)):
        write_noise(root / f"{name}.wav", seed, 4_000)
    soundfile.write(root / "03-01-04-01-01-01-02.wav", np.full(4_000, 0.5), 16_000)
    assert main(["prepare", "ravdess", str(root), "--out", str(out)]) == 0
    takes = Manifest.read(out).column("take")
    assert takes == ["ravdess/01-03-01-01-01-02"] * 3 + ["ravdess/01-04-01-01-01-02"]


def test_options_reach_the_adapter(tmp_path: Path) -> None:
    root, out = tmp_path / "ravdess", tmp_path / OUT
    root.mkdir()
    for name in ("03-01-03-01-01-01-02", "03-02-03-01-01-01-02"):
        write_noise(root / f"{name}.wav", 0, 4_000)
    assert main(["prepare", "ravdess", str(root), "--out", str(out), "--options.channel", "song"]) == 0
    manifest = Manifest.read(out)
    assert manifest.column("file_name") == ["03-02-03-01-01-01-02.wav"]
    assert manifest.metadata.history[0]["options"] == {"channel": "song"}


def test_mistakes_give_status_2_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", "emo-db", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: unknown corpus format. Found: emo-db. Allowed: msp-podcast")
    assert main(["prepare", "emodb", str(tmp_path / "missing")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    root = write_emodb(tmp_path / "emodb", count=1)
    assert main(["prepare", "emodb", str(root), "--min_duration", "9", "--out", str(tmp_path / OUT)]) == 2
    assert "holds no usable audio. Found: 03a01Wa.wav: it lasts 0.200 s, less than 9 s" in capsys.readouterr().err
    assert not (tmp_path / OUT).exists()


def test_generated_speech_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = write_msp(tmp_path / "msp"), tmp_path / OUT
    (root / "SYNTHETIC.json").write_text(json.dumps({"generator": "test"}))
    assert main(["prepare", "msp-podcast", str(root), "--out", str(out)]) == 0
    assert Manifest.read(out).metadata.synthetic
    assert "7 synthetic utterances" in capsys.readouterr().out


def ablation_clips() -> list[Clip]:
    """40 training speakers with 5 clips, one of them without agreement, and a development speaker with 7."""
    train = [
        Clip(f"MSP-PODCAST_{speaker:04d}_{number:04d}.wav", "X" if number == 0 else "H", speaker=str(speaker))
        for speaker in range(40)
        for number in range(5)
    ]
    development = [
        Clip(f"MSP-PODCAST_9000_{number:04d}.wav", "A", "Development", speaker="9000") for number in range(7)
    ]
    return [*train, *development, Clip("MSP-PODCAST_test3_0001.wav", split="Test3", labelled=False)]


def test_the_ablation_split_of_the_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = write_msp(tmp_path / "msp", ablation_clips(), Layout(schema="none")), tmp_path / OUT
    arguments = ["prepare", "msp-podcast", str(root), "--out", str(out), "--split", "ablation"]
    assert main([*arguments, "--seed", "3"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "train : validation : test = 144 : 16 : 7 (source: 61,495 : 6,833 : 25,900)" in shown
    frame = Manifest.read(out).frame(["split", "speaker"])
    assert frame["split"].value_counts().to_dict() == {"train": 180, "validation": 20, "test": 7, "test3": 1}
    assert (frame.groupby("speaker")["split"].nunique() == 1).all()
    assert set(frame[frame["split"] == "test"]["speaker"]) == {"msp-podcast/9000"}
    validation = set(frame[frame["split"] == "validation"]["speaker"])
    assert main([*arguments, "--seed", "4"]) == 0
    frame = Manifest.read(out).frame(["split", "speaker"])
    assert set(frame[frame["split"] == "validation"]["speaker"]) != validation


def test_the_ablation_needs_official_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_emodb(tmp_path / "emodb", count=2)
    assert main(["prepare", "emodb", str(root), "--out", str(tmp_path / OUT), "--split", "ablation"]) == 2
    assert "Found: no utterance in train and development. Remedy: use --split speakers" in capsys.readouterr().err


def test_new_splits_by_speaker(tmp_path: Path) -> None:
    root, out = write_emodb(tmp_path / "emodb", count=10), tmp_path / OUT
    arguments = ["prepare", "emodb", str(root), "--out", str(out), "--split", "speakers"]
    assert main([*arguments, "--fractions", json.dumps({"train": 0.8, "test": 0.2})]) == 0
    splits = Manifest.read(out).column("split")
    assert (splits.count("train"), splits.count("test")) == (8, 2)
    assert main(arguments) == 0
    assert set(Manifest.read(out).column("split")) == {"train", "development", "test"}


def test_functions_raise_what_the_command_prints(tmp_path: Path) -> None:
    from vibespeaker.corpora import adapter
    from vibespeaker.prepare.prepare import apply_split, prepare_corpus

    with pytest.raises(CorpusError, match="holds no EmoDB audio"):
        prepare_corpus(adapter("emodb"), tmp_path, tmp_path / "journal")
    prepared = prepare_corpus(adapter("emodb"), write_emodb(tmp_path / "emodb", count=1), tmp_path / "journal")
    assert prepared.complete
    with pytest.raises(ManifestError, match="fewer speakers than splits"):
        apply_split(prepared.manifest, "speakers")


@pytest.mark.slow
def test_real_ravdess_with_its_duplicate(shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / OUT
    assert main(["prepare", "ravdess", str(shared_data / "ravdess"), "--out", str(out)]) == 0
    assert problems_of(out) == [
        (
            "Actor_07/03-01-03-01-02-02-07.flac",
            "no",
            "the same audio as Actor_07/03-01-03-01-02-01-07.flac",
        )
    ]
    frame = Manifest.read(out).frame(["duration", "audio_sha256", "take", "category"])
    assert len(frame) == 960
    assert frame["audio_sha256"].nunique() == frame["take"].nunique() == 959
    assert frame["duration"].between(2.9, 5.3).all()
    assert (frame["category"] == "neutral").sum() == 64


@pytest.mark.slow
def test_real_emodb(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / OUT
    assert main(["prepare", "emodb", str(shared_data / "emodb"), "--out", str(out), "--split", "speakers"]) == 0
    assert "warning" not in capsys.readouterr().out
    frame = Manifest.read(out).frame(["duration", "split", "speaker", "category"])
    assert len(frame) == 535
    assert frame["duration"].between(1.2, 9.0).all()
    assert (frame.groupby("speaker")["split"].nunique() == 1).all()
    # whole speakers of 35 to 69 clips cannot come closer than some clips
    shares = frame["split"].value_counts(normalize=True)
    assert shares["train"] == pytest.approx(0.7, abs=0.05)
    assert shares["development"] == pytest.approx(0.15, abs=0.05)
    mixture = frame.groupby("split")["category"].value_counts(normalize=True).unstack()
    assert (mixture.max() - mixture.min()).max() < 0.12
