"""`vibespeaker submit`: from predictions to a folder that remakes itself; refusals leave nothing behind."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.manifests import manifest_from
from vibespeaker.cli import main as cli
from vibespeaker.ensemble import ensemble
from vibespeaker.errors import PredictionsError, SubmissionError
from vibespeaker.files import file_sha256
from vibespeaker.labels import CHALLENGE, CHALLENGE_OTHER, RAVDESS
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.submission import submit
from vibespeaker.submission.challenge import TEST_FILES

PROVENANCE = {
    "corpora": ["msp-podcast"],
    "encoders": {"descriptors": {"class_path": "vibespeaker.encoders.AcousticDescriptors", "init_args": {}}},
    "transcripts": [],
    "command": "vibespeaker predict --config run.yaml",
}


def predictions(names=TEST_FILES, labels=CHALLENGE, split="test3", attributes=True, provenance=PROVENANCE, best=None):
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(len(names), len(labels)))
    if best is not None:
        logits[:, labels.index(best)] += 100
    metadata = PredictionsMetadata(labels.name, labels.classes, system="full", provenance=provenance)
    values = generator.uniform(1, 7, (len(names), 3)) if attributes else None
    return Predictions.build(
        [f"m/{name.removesuffix('.wav')}" for name in names], names, [split] * len(names), logits, values, metadata
    )


@pytest.fixture
def manifest(tmp_path):
    columns = {"corpus": "m", "name": ["x", "y", "z"], "speaker": "m/1", "split": ["test3", "test3", "train"]}
    path = tmp_path / "manifest.parquet"
    manifest_from(columns).write(path)
    return path


def test_both_files_of_the_whole_test_set(tmp_path):
    table = predictions(TEST_FILES[::-1])
    table.write(tmp_path / "p.parquet")
    assert submit(tmp_path / "p.parquet", tmp_path / "out") == 0
    task1 = (tmp_path / "out" / "task1.csv").read_text().splitlines()
    task2 = (tmp_path / "out" / "task2.csv").read_text().splitlines()
    assert (len(task1), task1[0], len(task2), task2[0]) == (
        3201,
        "FileName,EmoClass",
        3201,
        "FileName,EmoAct,EmoVal,EmoDom",
    )
    # the table's last row is the first file
    assert task1[1] == f"{TEST_FILES[0]},{'ASHUFDCN'[table.logits()[-1].argmax()]}"
    arousal, valence, dominance = table.attributes()[-1]
    assert task2[1] == f"{TEST_FILES[0]},{arousal:.6f},{valence:.6f},{dominance:.6f}"
    for name in ("task1.csv", "task2.csv"):
        assert submit(check=tmp_path / "out" / name) == 0


def test_the_ninth_logit_is_ignored(tmp_path):
    predictions(labels=CHALLENGE_OTHER, best="other").write(tmp_path / "p.parquet")
    submit(tmp_path / "p.parquet", tmp_path / "out")
    letters = {line.split(",")[1] for line in (tmp_path / "out" / "task1.csv").read_text().splitlines()[1:]}
    assert letters == set("ASHUFDCN")


def test_folder_has_hashes_configs_and_the_command_that_remakes_it(tmp_path, monkeypatch):
    (tmp_path / "run" / "tables").mkdir(parents=True)
    table = tmp_path / "run" / "tables" / "p.parquet"
    predictions().write(table)
    (tmp_path / "run" / "config.yaml").write_text("alpha: 0.25\n")
    (tmp_path / "extra.yaml").write_text("beta: 0.75\n")
    submit(table, tmp_path / "out", configs=[tmp_path / "extra.yaml"])
    out = tmp_path / "out"
    record = json.loads((out / "submission.json").read_text())
    assert record["files"] == {
        str(path.relative_to(out)): file_sha256(path)
        for path in out.rglob("*")
        if path.is_file() and path.name != "submission.json"
    }
    assert (out / "configs" / f"1-{tmp_path.name}-extra.yaml").read_text() == "beta: 0.75\n"
    assert (out / "configs" / "2-run-config.yaml").read_text() == "alpha: 0.25\n"
    assert record["closed_condition"]["verdict"] == "kept"
    assert record["systems"]["predictions.parquet"]["system"] == "full"
    commands = (out / "remake.sh").read_text().splitlines()
    assert "# vibespeaker predict --config run.yaml" in commands
    monkeypatch.chdir(out)
    assert cli.main(commands[-1].split()[1:]) == 0
    for name in ("task1.csv", "task2.csv", "predictions.parquet"):
        assert (out / "remade" / name).read_bytes() == (out / name).read_bytes()


def test_writing_again_replaces_the_earlier_submission(tmp_path):
    predictions().write(tmp_path / "p.parquet")
    predictions(attributes=False).write(tmp_path / "q.parquet")
    submit(tmp_path / "p.parquet", tmp_path / "out")
    submit(tmp_path / "q.parquet", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "predictions.parquet",
        "remake.sh",
        "submission.json",
        "task1.csv",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "p.parquet", "q.parquet"]


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    predictions().write(tmp_path / "p.parquet")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("precious")
    with pytest.raises(SubmissionError, match=r"holds something else"):
        submit(tmp_path / "p.parquet", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_task2_may_come_from_another_system(tmp_path):
    predictions(attributes=False).write(tmp_path / "p.parquet")
    other = predictions()
    other.frame["arousal"] = np.float32(2.5)
    other.write(tmp_path / "q.parquet")
    submit(tmp_path / "p.parquet", tmp_path / "out", task2=tmp_path / "q.parquet")
    assert ",2.500000," in (tmp_path / "out" / "task2.csv").read_text().splitlines()[1]
    assert "--task2 task2-predictions.parquet" in (tmp_path / "out" / "remake.sh").read_text()


def test_refusals_list_all_reasons_and_leave_nothing(tmp_path):
    table = predictions((*TEST_FILES[1:], "extra.wav"))
    table.frame.loc[0, "valence"] = np.float32(7.000005)
    table.write(tmp_path / "p.parquet")
    with pytest.raises(SubmissionError) as refusal:
        submit(tmp_path / "p.parquet", tmp_path / "out")
    for reason in (
        "task1.csv: 1 files are missing (MSP-PODCAST_test3_0001.wav)",
        "task2.csv: 1 files are not in the test set (extra.wav)",
        "task2.csv: EmoVal is outside 1 to 7 (line 2: '7.000005')",
    ):
        assert reason in str(refusal.value)
    assert [path.name for path in tmp_path.iterdir()] == ["p.parquet"]


def test_manifest_names_the_files_of_its_split(tmp_path, manifest):
    predictions(("y.wav", "x.wav")).write(tmp_path / "p.parquet")
    submit(tmp_path / "p.parquet", tmp_path / "out", manifest=manifest)
    assert [line.split(",")[0] for line in (tmp_path / "out" / "task1.csv").read_text().splitlines()] == [
        "FileName",
        "x.wav",
        "y.wav",
    ]
    assert submit(check=tmp_path / "out" / "task1.csv", manifest=manifest) == 0
    with pytest.raises(SubmissionError, match=r"would be refused: .*2 files are not in the test set"):
        submit(check=tmp_path / "out" / "task1.csv")
    with pytest.raises(SubmissionError, match=r"no utterances of the split. Found: test1. Allowed: test3, train"):
        submit(tmp_path / "p.parquet", tmp_path / "other", manifest=manifest, split="test1")


def test_predictions_of_another_split_are_refused(tmp_path):
    predictions(split="development").write(tmp_path / "p.parquet")
    with pytest.raises(SubmissionError, match=r"nothing of split test3. Found: development"):
        submit(tmp_path / "p.parquet", tmp_path / "out")


def test_missing_challenge_classes_are_remarked(tmp_path, manifest, caplog):
    predictions(("y.wav", "x.wav"), RAVDESS, attributes=False, best="calm").write(tmp_path / "p.parquet")
    submit(tmp_path / "p.parquet", tmp_path / "out", manifest=manifest)
    assert "no class for contempt" in caplog.text
    assert "task2.csv is not written" in caplog.text


def test_closed_refuses_what_is_not_shown_to_be_closed(tmp_path, capsys):
    predictions(provenance={**PROVENANCE, "corpora": ["msp-podcast", "iemocap"]}).write(tmp_path / "p.parquet")
    with pytest.raises(SubmissionError, match=r"closed condition broken by 1 of \d ingredients.*--declare FOLDER=NAME"):
        submit(tmp_path / "p.parquet", tmp_path / "out", closed=True)
    assert "full, corpus iemocap" in " ".join(capsys.readouterr().out.split())
    assert not (tmp_path / "out").exists()


def test_what_is_declared_is_recorded(tmp_path):
    encoder = {"class_path": "vibespeaker.encoders.SpeechEncoder", "init_args": {"checkpoint": "models/w"}}
    predictions(provenance={**PROVENANCE, "encoders": {"w": encoder}}).write(tmp_path / "p.parquet")
    submit(tmp_path / "p.parquet", tmp_path / "out", closed=True, declare=["models/w=microsoft/wavlm-large"])
    record = json.loads((tmp_path / "out" / "submission.json").read_text())["closed_condition"]
    assert (record["verdict"], record["declared"]) == ("kept", {"models/w": "microsoft/wavlm-large"})
    assert "--declare models/w=microsoft/wavlm-large" in (tmp_path / "out" / "remake.sh").read_text()
    with pytest.raises(SubmissionError, match=r"--declare says what .* Found: models/w\. Allowed: FOLDER=NAME"):
        submit(tmp_path / "p.parquet", tmp_path / "out", declare=["models/w"])


def test_missing_configs_are_refused(tmp_path):
    predictions().write(tmp_path / "p.parquet")
    with pytest.raises(SubmissionError, match=r"nothing.yaml does not exist"):
        submit(tmp_path / "p.parquet", tmp_path / "out", configs=[tmp_path / "nothing.yaml"])


def test_an_ensemble_carries_its_recipe_and_its_members_configs(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        predictions().write(tmp_path / name / "p.parquet")
        (tmp_path / name / "config.yaml").write_text(f"name: {name}\n")
    ensemble([tmp_path / name / "p.parquet" for name in ("a", "b")], tmp_path / "e" / "e.parquet")
    submit(tmp_path / "e" / "e.parquet", tmp_path / "out")
    carried = sorted(path.name for path in (tmp_path / "out" / "configs").iterdir())
    assert carried == ["1-e-e.recipe.yaml", "2-a-config.yaml", "3-b-config.yaml"]
    commands = (tmp_path / "out" / "remake.sh").read_text().splitlines()
    assert commands[2] == "# vibespeaker predict --config run.yaml"
    assert commands[3].startswith("# vibespeaker ensemble --recipe ")
    assert json.loads((tmp_path / "out" / "submission.json").read_text())["closed_condition"]["verdict"] == "kept"


def test_command_line(tmp_path, manifest, capsys):
    predictions(("x.wav", "y.wav")).write(tmp_path / "p.parquet")
    words = ["--manifest", str(manifest), "--split", "test3"]
    assert cli.main(["submit", str(tmp_path / "p.parquet"), "--out", str(tmp_path / "out"), *words]) == 0
    assert cli.main(["submit", "--check", str(tmp_path / "out" / "task2.csv"), *words]) == 0
    assert cli.main(["submit", "--check", str(tmp_path / "out" / "task2.csv")]) == 2
    assert cli.main(["submit", "--check", str(tmp_path / "nothing.csv")]) == 2
    assert cli.main(["submit"]) == 2
    errors = capsys.readouterr().err
    assert "3200 files are missing" in errors
    assert "nothing.csv does not exist" in errors
    assert "submit needs predictions and a folder" in errors


def test_rows_that_the_manifest_does_not_hold_are_refused(tmp_path, manifest):
    table = predictions(("y.wav", "x.wav"))
    table.frame["utterance_id"] = ["m/y", "m/unknown"]
    table.write(tmp_path / "p.parquet")
    with pytest.raises(SubmissionError, match=r"1 utterances that manifest \S+ does not hold\. Found: m/unknown"):
        submit(tmp_path / "p.parquet", tmp_path / "out", manifest=manifest)
    table.frame["utterance_id"] = ["m/x", "m/y"]
    table.write(tmp_path / "p.parquet")
    with pytest.raises(PredictionsError, match=r"2 in all\. Found: m/x is y\.wav, there x\.wav"):
        submit(tmp_path / "p.parquet", tmp_path / "out", manifest=manifest)


def test_classes_in_another_order_are_refused(tmp_path):
    table = predictions()
    metadata = replace(table.metadata, classes=CHALLENGE.classes[::-1])
    columns = [*table.frame.columns[:3], *metadata.value_columns]
    Predictions(table.frame[columns], metadata).write(tmp_path / "p.parquet")
    with pytest.raises(PredictionsError, match=r"not those of label set 'challenge' in their order"):
        submit(tmp_path / "p.parquet", tmp_path / "out")


def test_a_head_that_nothing_trained_is_not_submitted(tmp_path):
    predictions(provenance={**PROVENANCE, "trained_heads": ["attributes"]}).write(tmp_path / "p.parquet")
    with pytest.raises(SubmissionError, match=r"task1\.csv cannot be made.*head categories was never trained"):
        submit(tmp_path / "p.parquet", tmp_path / "out")
    predictions(provenance={**PROVENANCE, "trained_heads": ["categories"]}).write(tmp_path / "q.parquet")
    assert submit(tmp_path / "q.parquet", tmp_path / "q") == 0
    assert (tmp_path / "q" / "task1.csv").is_file()
    assert not (tmp_path / "q" / "task2.csv").exists()
    assert "task2.csv is not written: the head attributes of" in (tmp_path / "q" / "submission.json").read_text()
    trained = {**PROVENANCE, "trained_heads": ["attributes", "categories"]}
    predictions(provenance=trained).write(tmp_path / "p.parquet")
    assert submit(tmp_path / "p.parquet", tmp_path / "out") == 0
    with pytest.raises(SubmissionError, match=r"task2\.csv cannot be made.*head attributes was never trained"):
        submit(tmp_path / "p.parquet", tmp_path / "r", task2=tmp_path / "q.parquet")
