"""All folds, trained, predicted and scored together, on toy data."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from tests.manifests import manifest_of
from tests.sounds import RATE, speech_like
from tests.toy import SMALL_TASK, make_toy
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cli.main import main
from vibespeaker.ensemble import ensemble
from vibespeaker.errors import CacheError, PredictionsError
from vibespeaker.evaluation import Evaluation
from vibespeaker.evaluation.command import evaluate
from vibespeaker.evaluation.folds import join, read_tables
from vibespeaker.files import file_sha256
from vibespeaker.manifest import Manifest
from vibespeaker.metrics import concordance
from vibespeaker.predictions import Predictions
from vibespeaker.prepare.split.folds import leave_one_out
from vibespeaker.workflows.cross_validation import _extract
from vibespeaker.workflows.folds import write_folds


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder of a cross-validation over three folds, and the words that made it."""
    folder = tmp_path_factory.mktemp("folds")
    toy = make_toy(folder, {"train": 30}, others=2)
    task = yaml.safe_load(SMALL_TASK)
    task["trainer"]["max_epochs"] = 1
    task["data"] = {
        "class_path": "vibespeaker.tasks.EmotionDataModule",
        "init_args": {"manifest": "m", "batch_size": 8},
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(task))
    words = ["cross-validate", str(toy.manifest), "--config", str(folder / "task.yaml"), "--cache", str(toy.cache)]
    words += ["--folds", "3", "--out", str(folder / "cv"), "--draws", "50", "--validation", "0"]
    assert main(words) == 0
    return folder, words


def test_every_utterance_is_predicted_once_and_scored_once(done, caplog):
    folder, words = done
    truth = Manifest.read(folder / "manifest.parquet").frame().set_index("utterance_id")
    joined = Predictions.read(folder / "cv" / "predictions.parquet")
    assert sorted(joined.frame["utterance_id"]) == sorted(truth.index)
    assert [one["path"].split("/")[-2] for one in joined.metadata.provenance["folds"]] == ["fold0", "fold1", "fold2"]
    scored = truth.loc[joined.frame["utterance_id"]]
    kept = ~scored["category"].isin(["no_agreement", "other"]).to_numpy()  # by the policy of the runs
    found = Evaluation.read(folder / "cv" / "evaluation.json").systems[-1]
    expected = concordance(scored["arousal"].to_numpy()[kept], joined.attributes()[kept, 0])
    assert found.scores["ccc_arousal"].value == pytest.approx(expected, abs=1e-12)
    assert found.scores["ccc_arousal"].low < found.scores["ccc_arousal"].high
    table = (folder / "cv" / "table.md").read_text()
    assert table.count("| fold") == 4
    assert "| all folds together | 30 |" in table
    # what was done is done
    tables = sorted((folder / "cv" / "runs").glob("*/predictions.parquet"))
    before = [path.stat().st_mtime_ns for path in tables]
    with caplog.at_level(logging.INFO):
        assert main(words) == 0
    assert [path.stat().st_mtime_ns for path in tables] == before
    assert caplog.text.count("done before") == 3
    assert (folder / "cv" / "table.md").read_text() == table


def test_published_folds_that_share_speakers_are_refused_unless_that_is_named(done, tmp_path, capsys):
    folder, words = done
    names = Manifest.read(folder / "manifest.parquet").column("utterance_id")
    published = tmp_path / "folds.csv"
    published.write_text("utterance_id,fold\n" + "".join(f"{name},{row % 2}\n" for row, name in enumerate(names)))
    words = [*words[:6], "--by", str(published), "--out", str(tmp_path / "cv"), "--draws", "0", "--validation", "0"]
    assert main(words) == 2
    assert "allow_leaks: [speaker]" in capsys.readouterr().err
    assert main([*words, "--allow_leaks=[speaker]"]) == 0
    assert "speaker" in capsys.readouterr().out


def test_views_are_drawn_of_what_a_fold_trains_on(tmp_path):
    rows = []
    for number in range(3):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, speech_like(0.4, seed=number), RATE)
        rows.append({"name": str(number), "category": "anger", "audio_sha256": file_sha256(path)})
        rows[-1]["split"] = "train" if number else "test"
    whole, fold = manifest_of([{**row, "split": None} for row in rows], str(tmp_path)), manifest_of(rows, str(tmp_path))
    whole.write(tmp_path / "whole.parquet")
    fold.write(tmp_path / "fold.parquet")
    encoders = tmp_path / "means.yaml"
    encoders.write_text("means: {class_path: HandcraftedMeans}", encoding="utf-8")
    places = (tmp_path / "whole.parquet", [tmp_path / "fold.parquet"])
    assert _extract(*places, str(encoders), tmp_path / "cache", 1, "augmentation/speed") == 0
    cache = EmbeddingCache.open(tmp_path / "cache")
    assert len(cache.entries("means", whole)) == 3
    assert len(cache.entries("means", fold.select([1, 2]), view=1)) == 2
    with pytest.raises(CacheError, match="augmented view 1 of the audio content of 1 of 3"):
        cache.entries("means", fold, view=1)


def test_views_need_encoders(done, capsys):
    _, words = done
    assert main([*words, "--views", "1"]) == 2
    assert "add --encoders" in capsys.readouterr().err


def test_a_run_without_validation_keeps_its_last_state(done):
    folder, _ = done
    assert [path.name for path in (folder / "cv" / "runs" / "fold0" / "checkpoints").iterdir()] == ["last.ckpt"]


def test_evaluate_and_ensemble_take_the_tables_of_all_folds(done, tmp_path):
    folder, _ = done
    tables = sorted((folder / "cv" / "runs").glob("*/predictions.parquet"))
    manifest = folder / "manifest.parquet"
    evaluate(tables, manifest=manifest, draws=0, by=["none"], folds=True, out=[tmp_path / "e.json"])
    found = Evaluation.read(tmp_path / "e.json")
    whole = Evaluation.read(folder / "cv" / "evaluation.json")
    assert found.systems[-1].scores["ccc_mean"].value == whole.systems[-1].scores["ccc_mean"].value
    assert "3 folds together predict 30 of the manifest's 30 utterances, each once" in found.notes
    others = []
    for path in tables:  # another system on the same folds
        table = Predictions.read(path)
        frame = table.frame.assign(arousal=np.float32(4.0))
        others.append(tmp_path / f"{path.parent.name}.parquet")
        Predictions(frame, replace(table.metadata, system="constant")).write(others[-1])
    ensemble([*tables, *others], tmp_path / "joined.parquet", joined=True)
    combined = Predictions.read(tmp_path / "joined.parquet").frame.set_index("utterance_id")["arousal"]
    own = pd.concat([Predictions.read(path).frame for path in tables]).set_index("utterance_id")["arousal"]
    pd.testing.assert_series_equal(combined, ((own + 4.0) / 2).loc[combined.index], rtol=1e-6)


def test_folds_that_share_utterances_or_differ_are_refused(done, tmp_path):
    folder, _ = done
    first, second, _ = sorted((folder / "cv" / "runs").glob("*/predictions.parquet"))
    with pytest.raises(PredictionsError, match="utterances more than once"):
        join(read_tables([first, first]))
    table = Predictions.read(second)
    changed = replace(table.metadata, provenance={"encoders": {}})
    Predictions(table.frame, changed).write(tmp_path / "other.parquet")
    with pytest.raises(PredictionsError, match=r"is no fold of the same system as .*: another encoders"):
        join(read_tables([first, tmp_path / "other.parquet"]))


def test_speakers_of_names_alike_have_folds_of_their_own(tmp_path):
    speakers = ("toy/a b", "toy/a-b", "toy/c")
    rows = [{"name": f"{n}", "speaker": speakers[n % 3], "split": "train"} for n in range(9)]
    manifest_of(rows).write(tmp_path / "m.parquet")
    folds = leave_one_out(Manifest.read(tmp_path / "m.parquet"), "speaker", 0.0)
    paths = write_folds(folds, tmp_path / "cv", tmp_path / "m.parquet")
    assert [path.stem for path in paths] == ["toy-a-b", "toy-a-b-2", "toy-c"]
    tested = [Manifest.read(path).frame().query("split == 'test'")["speaker"].unique().tolist() for path in paths]
    assert tested == [[speaker] for speaker in speakers]
