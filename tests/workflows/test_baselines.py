"""Classical baselines from a cache: tables, folders that recognise, folds, and going on where it stopped."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.toy import make_toy
from vibespeaker.batch import EmotionBatch, Frames
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cli.main import main
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions
from vibespeaker.systems.opening import open_system
from vibespeaker.workflows.classical.command import baselines

CHOSEN = ["naive-bayes", "decision-tree"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    toy = make_toy(folder, {"train": 40, "validation": 16, "test": 24, "test1": 3})
    words = ["baselines", str(toy.manifest), "--cache", str(toy.cache), "--out", str(folder / "out"), "--draws", "20"]
    words += [f"--classifiers={json.dumps(CHOSEN)}", "--seeds=[0,1]"]
    assert main(words) == 0
    return toy, folder / "out", words


def test_each_classifier_has_a_table_and_scores_beside_the_published(done):
    _, out, _ = done
    names = ["naive-bayes", "decision-tree-seed0", "decision-tree-seed1"]
    assert sorted(path.name for path in (out / "models").iterdir()) == sorted(names)
    table = Predictions.read(out / "models" / "naive-bayes" / "predictions.parquet")
    assert table.frame["split"].value_counts().to_dict() == {"validation": 16, "test": 24, "test1": 3}
    assert table.metadata.synthetic
    assert table.metadata.system == "naive-bayes"
    text = (out / "table.md").read_text()
    assert "synthetic speech" in text
    assert "0.239 / 0.327" in text
    scores = {one["system"]: one for one in json.loads((out / "evaluation.json").read_text())["systems"]}
    assert set(names) <= set(scores)
    assert scores["naive-bayes"]["utterances"] == 24


def test_a_fitted_classifier_is_a_system_with_the_same_answers(done):
    toy, out, _ = done
    folder = out / "models" / "decision-tree-seed1"
    system, table = open_system(folder), Predictions.read(folder / "predictions.parquet")
    manifest, cache = Manifest.read(toy.manifest), EmbeddingCache.open(toy.cache)
    at = {name: row for row, name in enumerate(manifest.column("utterance_id"))}
    rows = [at[name] for name in table.frame["utterance_id"]]
    frames = {}
    for name in ("hear", "read"):
        read = [cache.read(name, int(entry)) for entry in cache.entries(name, manifest)[rows]]
        lengths = torch.tensor([len(one) for one in read])
        frames[name] = Frames(torch.nn.utils.rnn.pad_sequence(read, batch_first=True), lengths)
    system.prepare(system.provenance.encoders)
    answer = system.answer(replace(EmotionBatch.of_inputs((), ()), rows=torch.tensor(rows), frames=frames))
    np.testing.assert_allclose(answer.logits.numpy(), table.logits(), atol=1e-5)
    system.restrict_classes(system.provenance.labels)
    assert system.identity == table.metadata.checkpoint


def test_a_fitted_classifier_is_shared_as_it_is(done, tmp_path, capsys):
    _, out, _ = done
    assert main(["export", str(out / "models" / "naive-bayes"), "--out", str(tmp_path)]) == 2
    assert "share its folder as it is" in capsys.readouterr().err


def test_what_is_done_stays(done, caplog):
    _, out, words = done
    before = {path: path.stat().st_mtime_ns for path in out.glob("models/*/predictions.parquet")}
    with caplog.at_level("INFO"):
        assert main(words) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert caplog.text.count("done before") == 3


def test_folds_leave_speakers_out_and_are_scored_together(done, tmp_path):
    toy, _, _ = done
    options = {"cache": toy.cache, "out": tmp_path, "encoders": ["hear"], "classifiers": ["naive-bayes"], "draws": 0}
    assert baselines(toy.manifest, folds=3, **options) == 0
    whole = Predictions.read(tmp_path / "predictions" / "naive-bayes.parquet")
    assert sorted(whole.frame["utterance_id"]) == sorted(Manifest.read(toy.manifest).column("utterance_id"))
    for path in sorted((tmp_path / "manifests").iterdir()):
        made = Manifest.read(path)
        speakers = np.array(made.column("speaker")), np.array(made.column("split"))
        assert not set(speakers[0][speakers[1] == "test"]) & set(speakers[0][speakers[1] == "train"])


def test_mistakes_are_named(done, tmp_path):
    toy, _, _ = done
    with pytest.raises(ConfigError, match="unknown classifier"):
        baselines(toy.manifest, cache=toy.cache, out=tmp_path, classifiers=["svm"])
    with pytest.raises(ConfigError, match="something twice"):
        baselines(toy.manifest, cache=toy.cache, out=tmp_path, classifiers=["knn", "knn"])
    with pytest.raises(ConfigError, match="does not hold"):
        baselines(toy.manifest, cache=toy.cache, out=tmp_path, encoders=["means"], classifiers=["naive-bayes"])
    random = {"cache": toy.cache, "by": "utterances", "classifiers": ["naive-bayes"], "draws": 0}
    with pytest.raises(ConfigError, match="leak"):
        baselines(toy.manifest, out=tmp_path / "a", **random)
    assert baselines(toy.manifest, out=tmp_path / "b", allow_leaks=["speaker"], **random) == 0
    (row,) = [line for line in (tmp_path / "b" / "table.md").read_text().splitlines() if "naive-bayes" in line]
    assert "naive-bayes (leaks: speaker)" in row
    assert row.count("–") == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("present", [0, 0]), ("present", [99]), ("summaries", {"hear": "frame"}), ("classifier", "svm"), ("kind", "a")],
)
def test_folders_that_do_not_fit_together_are_refused(done, tmp_path, field, value):
    _, out, _ = done
    source = out / "models" / "naive-bayes"
    for path in source.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, field: value}))
    with pytest.raises((CheckpointError, ConfigError)):
        open_system(tmp_path)


def test_a_classifier_with_other_bytes_is_refused(done, tmp_path):
    _, out, _ = done
    for path in (out / "models" / "naive-bayes").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "pipeline.skops").write_bytes((tmp_path / "pipeline.skops").read_bytes() + b" ")
    with pytest.raises(CheckpointError, match="not the classifier that was written"):
        open_system(tmp_path)
