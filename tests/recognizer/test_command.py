"""The command `recognize`: everything that can be named, every way to write answers, and mistakes in one sentence."""

import io
import json
import sys

import numpy as np
import pandas as pd
import pytest

from tests.manifests import manifest_from
from tests.sounds import RATE, speech_like
from tests.systems import folders
from vibespeaker.audio.files import write_audio
from vibespeaker.cli.main import main
from vibespeaker.corpora.textgrid_files import read_textgrid

LONG = np.concatenate([speech_like(9), np.zeros(2 * RATE, np.float32), speech_like(12, seed=1)])


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    folders.write_folder(folder / "model")
    (folder / "calls" / "more").mkdir(parents=True)
    for number, name in enumerate(("b.wav", "a.wav", "more/c.wav")):
        write_audio(folder / "calls" / name, speech_like(1 + number / 2, seed=number))
    (folder / "calls" / "notes.txt").write_text("no audio")
    write_audio(folder / "long.wav", LONG)
    write_audio(folder / "call.wav", np.stack([speech_like(1.5), speech_like(1.5, seed=9)], axis=1))
    return folder


@pytest.fixture
def recognize(place, monkeypatch, capsys):
    monkeypatch.chdir(place)

    def run(*words, status=0):
        assert main(["recognize", *words, "--model", "model"]) == status
        return capsys.readouterr()

    return run


def csv(shown):
    return pd.read_csv(io.StringIO(shown.out), keep_default_na=False)


def test_folders_patterns_and_files_in_order_and_once(recognize):
    names = ["calls/a.wav", "calls/b.wav", "calls/more/c.wav"]
    assert csv(recognize("calls", "--csv"))["file"].tolist() == names
    assert csv(recognize("calls/*.wav", "calls/more", "calls/a.wav", "--csv"))["file"].tolist() == names
    assert csv(recognize("calls/**/c.wav", "--csv"))["file"].tolist() == names[2:]


def test_tables_as_csv_parquet_and_json_say_the_same(recognize, place):
    shown = csv(recognize("calls", "--csv", "--out", "a.parquet"))
    first = ["file", "start", "end", "category", "confidence", *(f"probability_{name}" for name in folders.CLASSES)]
    assert list(shown)[: len(first) + 6] == [*first, "arousal", "valence", "dominance", "text", "abstained", "notes"]
    recognize("calls", "--out", "a.csv")
    answers = json.loads(recognize("calls", "--json", "--out", "a.json").out)
    assert json.loads((place / "a.json").read_text()) == answers
    for table in (pd.read_parquet(place / "a.parquet"), pd.read_csv(place / "a.csv")):
        assert table["category"].tolist() == [answer["category"] for answer in answers] == shown["category"].tolist()
        np.testing.assert_allclose(table["confidence"], [answer["confidence"] for answer in answers], atol=1e-6)
    assert [answer["prediction_set"][0] for answer in answers] == shown["category"].tolist()


def test_one_of_several_that_cannot_be_used_is_said_and_the_others_are_answered(recognize):
    shown = recognize("calls/a.wav", "none.wav", "calls/notes.txt", "calls/b.wav", "--csv", status=1)
    table = csv(shown)
    assert [bool(one) for one in table["category"]] == [True, False, False, True]
    assert "the file does not exist" in table["notes"][1]
    assert "cannot be decoded" in table["notes"][2]
    people = recognize("calls/a.wav", "none.wav", status=1).out
    assert "not usable" in people
    assert "model: learned from noise; UAR 0.143 on noise left out; for a better one train one" in people


def test_a_file_through_a_pipe(recognize, place, monkeypatch):
    expected = json.loads(recognize("calls/a.wav", "--json").out)
    content = io.BytesIO((place / "calls" / "a.wav").read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    found = json.loads(recognize("-", "--json").out)
    assert (found["file"], found["probabilities"]) == ("-", expected["probabilities"])
    assert "a pipe is heard alone" in recognize("-", "calls/a.wav", status=2).err


def test_a_tables_columns_are_kept_and_its_stretches_heard(recognize, place):
    lines = ["audio;agent;category;start;end", "calls/a.wav;Ann;=1+1;;", "long.wav;Bob;joy;11.5;13.5", ";Eve;;;"]
    (place / "list.csv").write_text("\n".join(lines[:3]))
    table = csv(recognize("--list", "list.csv", "--csv"))
    assert table["agent"].tolist() == ["Ann", "Bob"]
    assert table["given.category"].tolist() == ["'=1+1", "joy"]
    assert table[["start", "end"]].to_numpy().tolist() == [[0.0, 1.5], [11.5, 13.5]]
    (place / "list.csv").write_text("\n".join(lines))
    assert "line 4: column audio is empty" in recognize("--list", "list.csv", status=2).err
    (place / "list.csv").write_text("name\nx\n")
    assert "has no column of recordings" in recognize("--list", "list.csv", status=2).err
    assert "named twice" in recognize("calls", "--list", "list.csv", status=2).err


def test_a_manifest_is_answered_and_scored(recognize, place):
    columns = {
        "corpus": "noise",
        "utterance_id": ["noise/a", "noise/b", "noise/c"],
        "audio": ["calls/a.wav", "calls/b.wav", "calls/more/c.wav"],
        "file_name": ["a.wav", "b.wav", "c.wav"],
        "speaker": ["noise/1", "noise/2", "noise/3"],
        "category": ["anger", "surprise", "fear"],
    }
    manifest_from(columns, str(place), "ravdess").write(place / "manifest.parquet")
    shown = recognize("manifest.parquet", "--evaluate", "--csv").out
    assert "noise/b" in shown
    assert "classes that the system does not know are not scored: surprise" in shown
    assert "UAR" in shown.upper() or "uar" in shown
    assert "needs true labels" in recognize("calls/a.wav", "--evaluate", status=2).err


def test_a_long_recording_as_table_picture_textgrid_and_embeddings(recognize, place):
    shown = recognize(
        "long.wav",
        "--by",
        "windows",
        "--out",
        "long.csv",
        "--picture",
        "p.png",
        "--textgrid",
        "p.TextGrid",
        "--embeddings",
        "e.npz",
    )
    assert "the mean of all, weighted by duration" in shown.out
    table = pd.read_csv(place / "long.csv")
    assert len(table) == 4 + 5 or len(table) == 4 + 6
    assert (place / "p.png").read_bytes()[:4] == b"\x89PNG"
    tiers, _ = read_textgrid(place / "p.TextGrid")
    assert [tier.name for tier in tiers] == ["emotion", "confidence"]
    said = [one for one in tiers[0].intervals if one.text]
    assert [one.text for one in said] == table["category"].tolist()
    assert said[0].end == pytest.approx((table["start"][1] + table["end"][0]) / 2, abs=1e-3)
    assert tiers[0].intervals[-1].end == pytest.approx(len(LONG) / RATE, abs=1e-3)
    stored = np.load(place / "e.npz")
    assert stored["embeddings"].shape[0] == len(table) == len(stored["start"])
    assert "belongs to one recording" in recognize("calls", "--picture", "p.png", status=2).err
    assert "has no suffix of what is written there" in recognize("long.wav", "--picture", "p.jpg", status=2).err


def test_turns_of_a_diariser_and_of_an_annotator(recognize, place):
    rttm = "SPEAKER long 1 0.5 3.0 <NA> <NA> Ann <NA> <NA>\nSPEAKER long 1 12.0 4.0 <NA> <NA> Bob <NA> <NA>\n"
    (place / "t.rttm").write_text(rttm + "SPEAKER other 1 1.0 1.0 <NA> <NA> Eve <NA> <NA>\n")
    (place / "t.csv").write_text("start,end,speaker\n0.5,3.5,Ann\n12,16,Bob\n")
    tables = [csv(recognize("long.wav", "--segments", name, "--csv")) for name in ("t.rttm", "t.csv")]
    for table in tables:
        assert table["speaker"].tolist() == ["Ann", "Bob"]
        assert table[["start", "end"]].to_numpy().tolist() == [[0.5, 3.5], [12.0, 16.0]]
    recognize("long.wav", "--segments", "t.rttm", "--textgrid", "turns.TextGrid")
    tiers, _ = read_textgrid(place / "turns.TextGrid")
    assert [tier.name for tier in tiers][:3] == ["Ann: emotion", "Ann: confidence", "Bob: emotion"]
    (place / "speakers.TextGrid").write_text((place / "turns.TextGrid").read_text().replace("Ann: emotion", "speaker"))
    named = csv(recognize("long.wav", "--segments", "speakers.TextGrid", "--csv"))
    assert named[["start", "end"]].to_numpy().tolist() == [[0.5, 3.5]]
    people = recognize("long.wav", "--segments", "t.rttm").out
    assert people.index("speaker") < people.index("the mean of all")
    assert "turns of other recordings" in recognize("calls/a.wav", "--segments", "t.rttm", status=2).err


def test_channels_and_abstaining(recognize):
    both = json.loads(recognize("call.wav", "--channels", "each", "--json").out)
    assert [one["channel"] for one in both] == [1, 2]
    assert both[0]["probabilities"] != both[1]["probabilities"]
    shown = recognize("call.wav", "--abstain-below", "0.999").out
    assert "abstained: " in shown
    table = csv(recognize("calls", "--abstain-below", "0.999", "--csv"))
    assert table["abstained"].tolist() == [True] * 3
    assert table["category"].tolist() == [""] * 3


def test_mistakes_are_one_sentence(recognize, capsys):
    assert main(["recognize"]) == 2
    assert "recognize needs a recording" in capsys.readouterr().err
    for words, said in (
        (["none.wav"], "the file does not exist"),
        (["calls/*.flac"], "no file matches"),
        (["calls/a.wav", "--json", "--csv"], "both print"),
        (["calls/a.wav", "--out", "calls/a.wav"], "no suffix"),
        (["calls/a.wav", "--by", "windows", "--hop", "9"], "windows leave speech out"),
        (["calls/a.wav", "--abstain-below", "7"], "abstain_below"),
    ):
        assert said in recognize(*words, status=2).err
