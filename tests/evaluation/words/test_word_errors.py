"""Errors of recognised words: counts as jiwer has them, intervals by speaker, paired comparison, what is left out."""

import json
from pathlib import Path

import jiwer
import numpy as np
import pytest

from tests.manifests import manifest_from
from vibespeaker.cli.main import main
from vibespeaker.errors import ManifestError, PredictionsError
from vibespeaker.evaluation.words.command import wer
from vibespeaker.evaluation.words.counting import count_errors, normalised, rates
from vibespeaker.evaluation.words.scoring import score_heard
from vibespeaker.evaluation.words.texts import read_heard

SAID = ["He was not an ill-disposed young man.", "Don’t go!", "…", "to be rather cold hearted", "made amiable himself"]
GOOD = ["he was not an ill disposed young man", "don't go", "noise", "to be rather cold hearted", "may amiable himself"]
BAD = ["he was man", "do go now", "", "", "made able him self"]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    columns = {
        "text": [*SAID, "a person wrote this"],
        "text_origin": "script",
        "speaker": ["toy/a", "toy/a", "toy/b", "toy/b", "toy/c", "toy/c"],
        "split": ["test"] * 5 + ["train"],
    }
    heard = {
        "text.good": [*GOOD, None],
        "text_origin.good": ["asr:good@0"] * 5 + [None],
        "text.bad": [*BAD, "a person wrote this"],
        "text_origin.bad": ["asr:bad@0"] * 5 + ["human"],
    }
    path = tmp_path_factory.mktemp("words") / "m.parquet"
    manifest_from(columns).with_columns(heard).write(path)
    return path


def test_counts_are_those_of_jiwer() -> None:
    counts = count_errors(SAID, BAD)
    kept = [row for row in range(len(SAID)) if normalised(SAID[row])]
    assert kept == [0, 1, 3, 4]
    said, heard = ([normalised(texts[row]) for row in kept] for texts in (SAID, BAD))
    words, characters = jiwer.process_words(said, heard), jiwer.process_characters(said, heard)
    assert counts.sum(0)[:3].tolist() == [words.substitutions, words.deletions, words.insertions]
    assert counts.sum(0)[4:7].tolist() == [characters.substitutions, characters.deletions, characters.insertions]
    found = rates(counts.sum(0))
    assert found["wer"] == pytest.approx(words.wer, abs=1e-15)
    assert found["cer"] == pytest.approx(characters.cer, abs=1e-15)
    # by hand: 5 of 8 words left out; one changed, one put in; 5 left out; 2 changed, 1 put in
    assert counts[kept, :4].tolist() == [[0, 5, 0, 8], [1, 0, 1, 2], [0, 5, 0, 5], [2, 0, 1, 3]]
    assert counts[2].tolist() == [0] * 8
    assert np.isnan(rates(counts[2])["wer"])


def test_what_is_compared() -> None:
    assert normalised(" Ill-disposed,\tISN’T it? 'Tis 5 €") == "ill disposed isn't it tis 5"
    assert normalised("Straße MA\u0306 mâine") == "strasse mă mâine"
    assert normalised(" As  it IS. ", "none") == "As it IS."


def test_the_command_compares_recognisers(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "wer.json"
    assert main(["wer", "good", f"{manifest}:bad", "--manifest", str(manifest), "--draws=200", f"--out={out}"]) == 0
    shown = capsys.readouterr().out
    assert "4 utterances of 3 speakers" in shown
    assert "asr:bad@0" in shown
    found = json.loads(out.read_text())
    good, bad = found["recognisers"]
    assert (good["rates"]["wer"]["value"], bad["rates"]["wer"]["value"]) == (1 / 18, 15 / 18)
    assert good["rates"]["wer"]["low"] <= 1 / 18 <= good["rates"]["wer"]["high"]
    assert [one["utterance_id"] for one in bad["worst"]] == ["toy/00000", "toy/00003", "toy/00004", "toy/00001"]
    assert good["worst"] == [
        {
            "utterance_id": "toy/00004",
            "errors": 1,
            "words": 3,
            "reference": "made amiable himself",
            "heard": "may amiable himself",
        }
    ]
    first, second = found["comparisons"]
    assert (first["score"], second["score"]) == ("wer", "cer")
    assert first["difference"]["value"] == pytest.approx(-14 / 18)
    # all eight swaps of three speakers are made: only the two that swap all or none differ as much
    assert first["p_permutation"] == 2 / 8


def test_without_draws_there_are_rates_alone(manifest: Path, tmp_path: Path) -> None:
    out = tmp_path / "wer.json"
    assert wer(["good"], manifest, split="test", draws=0, out=out) == 0
    (one,) = json.loads(out.read_text())["recognisers"]
    assert one["rates"]["wer"] == {"value": 1 / 18, "low": None, "high": None}


def test_speakers_are_drawn_not_utterances(manifest: Path) -> None:
    heard = read_heard(manifest, ["bad"], None, None, "words")
    assert heard.utterance_ids == ("toy/00000", "toy/00001", "toy/00003", "toy/00004")
    drawn = score_heard(heard, "words", 2_000, 0.95, 0, 0).recognisers[0].rates["wer"]
    # speaker b alone has a WER of 1, speaker a alone of .7: no draw is beyond
    assert (drawn.low, drawn.high) == (0.7, 1.0)


def test_what_people_wrote_was_not_recognised(manifest: Path, caplog: pytest.LogCaptureFixture) -> None:
    heard = read_heard(manifest, ["bad", "good"], None, None, "words")
    assert "toy/00005" not in heard.utterance_ids
    assert "bad has no text for 1 of 5 utterances: left out" in caplog.messages
    read_heard(manifest, ["good"], None, "bad", "words")
    assert "references were heard by a recogniser, not written by people: asr:bad@0" in caplog.messages


def test_mistakes(manifest: Path) -> None:
    with pytest.raises(PredictionsError, match=r"wer needs what was said.*--manifest"):
        wer(["good"])
    with pytest.raises(PredictionsError, match=r"two recognisers have one name\. Found: good"):
        wer(["good", f"{manifest}:good"], manifest)
    with pytest.raises(ManifestError, match=r"lacks columns.*--name great"):
        wer(["great"], manifest)
    with pytest.raises(PredictionsError, match=r"has no split dev.*Allowed: test, train"):
        wer(["good"], manifest, split="dev")
    with pytest.raises(PredictionsError, match=r"there is no utterance that has a reference.*--all --name NAME"):
        wer(["good"], manifest, split="train")
