import numpy as np
import pytest
import soundfile

from tests.manifests import manifest_of
from vibespeaker.cli.main import main
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.leaks import find_leaks, rows_by_split


@pytest.mark.parametrize(
    ("words", "excluding"),
    [
        (["--folds", "3", "--leave-out", "speaker"], "--folds and --leave_out"),
        (["--folds", "3", "--fractions.train", "1"], "--fractions and --folds"),
        (["--by", "utterances", "--folds", "3"], "--by and --folds"),
        (["--by", "ablation", "--fractions.train", "1"], "--by and --fractions"),
        (["--by", "sentences", "--speakers.test", "1"], "--by and --speakers"),
        (["--by", "folds.csv", "--folds", "3"], "--by and --folds"),
    ],
)
def test_options_of_which_one_would_be_ignored_are_refused(words, excluding, tmp_path, capsys):
    path = tmp_path / "toy.parquet"
    manifest_of([{}, {}]).write(path)
    assert main(["split", str(path), *words]) == 2
    assert f"error: {excluding} exclude each other" in capsys.readouterr().err


def test_a_table_without_speakers_is_split_by_sentence_and_says_so(tmp_path, caplog):
    path, out = tmp_path / "toy.parquet", tmp_path / "made.parquet"
    rows = [{"speaker": f"toy/unknown/{n}", "sentence": f"s{n // 4}"} for n in range(40)]
    manifest_of(rows).write(path)
    assert main(["split", str(path), "--out", str(out)]) == 0
    assert "40 of 40 utterances name no speaker: they are split by sentence" in caplog.text
    made = Manifest.read(out)
    pairs = set(zip(made.column("sentence"), made.column("split"), strict=True))
    assert len(pairs) == 10
    manifest_of([{"speaker": f"toy/unknown/{n}"} for n in range(40)]).write(path)
    assert main(["split", str(path), "--out", str(out)]) == 0
    assert "40 of 40 utterances name neither speaker nor sentence" in caplog.text


def test_one_recording_under_two_speakers_is_in_one_split_of_prepare(tmp_path):
    table, out = tmp_path / "table.csv", tmp_path / "made.parquet"
    for number in range(40):
        # the last recording is the first one again, under another speaker
        noise = np.random.default_rng(number % 39).normal(scale=0.1, size=3200)
        soundfile.write(tmp_path / f"{number}.wav", noise, 16_000)
    rows = [f"{number}.wav,p{number % 10},{'anger' if number % 2 else 'fear'}" for number in range(40)]
    table.write_text("\n".join(["audio,speaker,category", *rows]))
    for seed in range(4):
        words = ["prepare", "table", str(table), "--out", str(out), "--seed", str(seed), "--split", "speakers"]
        assert main(words) == 0
        made = Manifest.read(out)
        splits = dict(zip(made.column("speaker"), made.column("split"), strict=True))
        assert splits["table/p0"] == splits["table/p9"]
        assert find_leaks(made, rows_by_split(made.column("split"))).refuse([], out) == {}
    assert main(["check", str(out)]) == 0


def test_official_splits_that_leak_are_named_by_prepare_and_still_written(tmp_path, capsys):
    table, out = tmp_path / "table.csv", tmp_path / "made.parquet"
    for number in range(4):
        soundfile.write(tmp_path / f"{number}.wav", np.random.default_rng(number).normal(scale=0.1, size=3200), 16_000)
    rows = [f"{number}.wav,p{number // 3},{'train' if number % 2 else 'test'}" for number in range(4)]
    table.write_text("\n".join(["audio,speaker,split", *rows]))
    assert main(["prepare", "table", str(table), "--out", str(out)]) == 1
    assert "1 speakers in both train and test (table/p0): scores are optimistic" in capsys.readouterr().out
    assert len(Manifest.read(out)) == 4
