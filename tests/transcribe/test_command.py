"""The command transcribe: what is filled, provenance, resuming after a kill, bad recordings."""

import json
import time

import pyarrow.parquet as pq
import pytest
import soundfile
from torch.multiprocessing import start_processes

from tests.manifests import manifest_of
from tests.recordings import record
from tests.sounds import speech_like
from vibespeaker.cli.main import main
from vibespeaker.errors import ConfigError, ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.transcribe.command import transcribe
from vibespeaker.transcribe.finished import FinishedBatches
from vibespeaker.transcribe.whisper import WhisperTranscriber

ROWS = 5


@pytest.fixture
def manifest(tmp_path):
    """Five clips; the second has a human transcript, the last belongs to another split."""
    root = tmp_path / "corpus"
    rows = [record(root, f"clip{row}", speech_like(0.5 + 0.25 * row, row)) for row in range(ROWS)]
    texts = {1: {"text": "spoken by a person", "text_origin": "human"}}
    languages, splits = ["en", "en", "de", "en", "de"], ["train"] * 4 + ["test1"]
    rows = [
        row | {"speaker": f"toy/{number % 2}", "language": language, "split": split, **texts.get(number, {})}
        for number, (row, language, split) in enumerate(zip(rows, languages, splits, strict=True))
    ]
    table = manifest_of(rows, str(root), "challenge")
    path = tmp_path / "manifest.parquet"
    table.write(path)
    return path


@pytest.fixture
def whisper(tiny_checkpoint):
    return str(tiny_checkpoint("whisper"))


@pytest.fixture
def heard(monkeypatch):
    """Counts the clips that are transcribed."""
    counts = []
    original = WhisperTranscriber.transcribe

    def counting(self, clips, language=None):
        counts.append(len(clips))
        return original(self, clips, language)

    monkeypatch.setattr(WhisperTranscriber, "transcribe", counting)
    return counts


def test_missing_texts_are_filled_with_their_origin(manifest, whisper, tmp_path):
    out = tmp_path / "out.parquet"
    assert main(["transcribe", str(manifest), "--model", whisper, "--out", str(out), "--batch_size", "2"]) == 0
    table = Manifest.read(out)
    transcriber = WhisperTranscriber(whisper)
    assert table.column("text")[1] == "spoken by a person"
    assert table.column("text_origin") == [transcriber.origin, "human", *[transcriber.origin] * 3]
    for row, language in ((0, "en"), (2, "de"), (4, "de")):
        clip, _ = soundfile.read(table.root / f"clip{row}.wav", dtype="float32")
        assert table.column("text")[row] == transcriber(clip, language).text
    assert table.metadata.history[-1]["step"] == "transcribe"
    assert table.metadata.history[-1]["fingerprint"] == transcriber.origin.split("@")[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["corpus", "manifest.parquet", "out.parquet"]


def test_all_splits_are_transcribed_alike_on_demand(manifest, whisper, tmp_path):
    out = tmp_path / "out.parquet"
    assert main(["transcribe", str(manifest), "--model", whisper, "--out", str(out), "--all"]) == 0
    assert set(Manifest.read(out).column("text_origin")) == {WhisperTranscriber(whisper).origin}


def test_chosen_splits_only(manifest, whisper, tmp_path):
    out = tmp_path / "out.parquet"
    assert transcribe(manifest, whisper, out, splits=["test1"]) == 0
    assert [text is None for text in Manifest.read(out).column("text")] == [True, False, True, True, False]
    with pytest.raises(ConfigError, match=r"Found: \['test9'\]. Allowed: test1, train"):
        transcribe(manifest, whisper, out, splits=["test9"])


def test_killed_run_goes_on_and_gives_the_same_bytes(manifest, whisper, tmp_path, monkeypatch, heard):
    straight, broken = tmp_path / "straight.parquet", tmp_path / "broken.parquet"
    transcribe(manifest, whisper, straight, batch_size=1)
    heard.clear()
    counting = WhisperTranscriber.transcribe

    def dying(self, clips, language=None):
        if len(heard) == 2:
            raise KeyboardInterrupt
        return counting(self, clips, language)

    with monkeypatch.context() as patch:
        patch.setattr(WhisperTranscriber, "transcribe", dying)
        with pytest.raises(KeyboardInterrupt):
            transcribe(manifest, whisper, broken, batch_size=1)
    assert not broken.exists()
    (parts,) = tmp_path.glob(".broken.parquet.*.parts")
    (parts / ".000002.json.1.tmp").write_text('{"half')  # what a kill in the middle of a write leaves
    assert transcribe(manifest, whisper, broken, batch_size=1) == 0
    assert sum(heard) == 4  # two before, two after: none twice
    assert broken.read_bytes() == straight.read_bytes()
    assert not parts.exists()


def test_finished_run_does_nothing_again(manifest, whisper, tmp_path, heard):
    out = tmp_path / "out.parquet"
    transcribe(manifest, whisper, out)
    before = out.read_bytes()
    heard.clear()
    assert transcribe(manifest, whisper, out) == 0
    assert sum(heard) == 0
    assert out.read_bytes() == before
    assert transcribe(manifest, whisper, out, language="en") == 0  # other settings: heard again
    assert sum(heard) == 4


def test_in_place(manifest, whisper, heard):
    assert transcribe(manifest, whisper, manifest, all=True) == 0
    first = manifest.read_bytes()
    heard.clear()
    assert transcribe(manifest, whisper, manifest, all=True) == 0
    assert sum(heard) == 0
    assert manifest.read_bytes() == first


def test_changed_recording_is_heard_again(manifest, whisper, tmp_path, heard):
    out = tmp_path / "out.parquet"
    transcribe(manifest, whisper, out)
    heard.clear()
    table = Manifest.read(manifest)
    hashes = table.column("audio_sha256")
    table.with_columns({"audio_sha256": [*hashes[:-1], "0" * 64]}).write(manifest)
    transcribe(manifest, whisper, out)
    assert sum(heard) == 1


def test_unreadable_recordings_are_reported_and_keep_no_text(manifest, whisper, tmp_path, caplog):
    out = tmp_path / "out.parquet"
    (tmp_path / "corpus" / "clip3.wav").write_bytes(b"no audio")
    assert transcribe(manifest, whisper, out) == 1
    assert [text is None for text in Manifest.read(out).column("text")] == [False, False, False, True, False]
    assert "clip3.wav" in caplog.text
    assert "1 recordings could not be read" in caplog.text


def test_times_stand_in_a_table_of_their_own(manifest, tiny_checkpoint, tmp_path, heard):
    whisper, out, times = str(tiny_checkpoint("whisper-times")), tmp_path / "out.parquet", tmp_path / "times.parquet"
    assert transcribe(manifest, whisper, out, times=times, batch_size=2) == 0
    table, rows = Manifest.read(out), pq.read_table(times).to_pylist()
    assert list(dict.fromkeys(row["utterance_id"] for row in rows)) == [
        utterance
        for utterance in table.column("utterance_id")
        if not utterance.endswith("clip1")  # a person's text
    ]
    transcriber = WhisperTranscriber(whisper, times=True)
    clip, _ = soundfile.read(table.root / "clip4.wav", dtype="float32")
    said = [(one.text, round(one.start, 3), round(one.end, 3)) for one in transcriber(clip, "de").segments]
    own = [row for row in rows if row["utterance_id"].endswith("clip4")]
    assert [(row["text"], row["start"], row["end"]) for row in own] == said
    assert {(row["unit"], row["text_origin"]) for row in own} == {("segment", transcriber.origin)}
    before, texts = times.read_bytes(), out.read_bytes()
    heard.clear()
    assert transcribe(manifest, whisper, out, times=times, batch_size=2) == 0
    assert not heard
    times.unlink()  # what is wanted and lacks is heard again; a table of all times is the same
    assert transcribe(manifest, whisper, out, times=times, batch_size=2) == 0
    assert (times.read_bytes(), out.read_bytes(), sum(heard)) == (before, texts, 4)
    assert transcribe(out, whisper, out, times=times, splits=["test1"], all=True) == 0
    assert times.read_bytes() == before  # those of other utterances stay
    with pytest.raises(ManifestError, match=r"is no table of times"):
        transcribe(manifest, whisper, tmp_path / "b.parquet", times=out)


def test_unknown_language_is_refused_before_the_work(manifest, whisper, tmp_path, heard):
    with pytest.raises(ConfigError, match="does not know the language"):
        transcribe(manifest, whisper, tmp_path / "out.parquet", language="fr")
    assert not heard


def test_output_that_is_another_file_is_not_overwritten(manifest, whisper, tmp_path):
    out = tmp_path / "notes.parquet"
    out.write_text("mine")
    with pytest.raises(ManifestError, match="not a Parquet file"):
        transcribe(manifest, whisper, out)
    assert out.read_text() == "mine"


def test_full_disk_is_one_sentence_and_loses_nothing(manifest, whisper, tmp_path, monkeypatch, heard):
    out = tmp_path / "out.parquet"

    def full(self, path):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Manifest, "write", full)
        with pytest.raises(ManifestError, match=r"\(No space left on device\)"):
            transcribe(manifest, whisper, out)
    heard.clear()
    assert transcribe(manifest, whisper, out) == 0
    assert sum(heard) == 0


def test_nothing_to_transcribe_loads_no_model(manifest, whisper, tmp_path, caplog):
    out = tmp_path / "out.parquet"
    transcribe(manifest, whisper, out)
    with caplog.at_level("INFO"):
        assert transcribe(out, "no/such-model", tmp_path / "again.parquet") == 0
    assert "nothing to transcribe" in caplog.text
    assert (tmp_path / "again.parquet").read_bytes() == out.read_bytes()


def _share(rank, manifest, whisper, out, folder):
    heard = []
    original = WhisperTranscriber.transcribe

    def counting(self, clips, language=None):
        heard.append(len(clips))
        (folder / f"{rank}.heard").write_text(str(sum(heard)))
        while rank == 0 and not (folder / "1.heard").exists():  # the other one hears something, too
            time.sleep(0.01)
        return original(self, clips, language)

    WhisperTranscriber.transcribe = counting
    try:
        (folder / f"{rank}.status").write_text(str(transcribe(manifest, whisper, out, batch_size=1)))
    finally:
        WhisperTranscriber.transcribe = original


def test_two_processes_share_one_output(manifest, whisper, tmp_path):
    straight, shared = tmp_path / "straight.parquet", tmp_path / "shared.parquet"
    transcribe(manifest, whisper, straight, batch_size=1)
    start_processes(_share, (manifest, whisper, shared, tmp_path), 2, start_method="fork")
    assert shared.read_bytes() == straight.read_bytes()
    assert [(tmp_path / f"{rank}.status").read_text() for rank in range(2)] == ["0", "0"]
    heard = [int((tmp_path / f"{rank}.heard").read_text()) for rank in range(2)]
    assert sum(heard) == 4  # no clip twice
    assert not list(tmp_path.glob(".shared*"))


def test_what_an_earlier_version_left_counts(manifest, whisper, tmp_path, heard):
    out = tmp_path / "out.parquet"
    table = Manifest.read(manifest)
    key = f"{table.column('utterance_id')[0]} {table.column('audio_sha256')[0]}"
    transcriber = WhisperTranscriber(whisper)
    step = {"model": transcriber.name, "fingerprint": transcriber.fingerprint().digest[:12], "language": "manifest"}
    folder = FinishedBatches(out, step, dict).folder
    folder.mkdir()
    (folder / "000000.json").write_text(json.dumps({key: "heard before"}))
    assert transcribe(manifest, whisper, out) == 0
    assert Manifest.read(out).column("text")[0] == "heard before"
    assert sum(heard) == 3
