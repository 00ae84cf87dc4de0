"""The documented path to the paper's tables, walked from a corpus in MSP-Podcast's layout; weights mean nothing."""

import logging

import numpy as np
import pandas as pd
import pytest
import yaml

from tests.corpora.msp_builder import Clip, write_msp
from vibespeaker.cli.main import main
from vibespeaker.config_files import shipped_configs
from vibespeaker.errors import ConfigError
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions
from vibespeaker.workflows.tables.plan import TablePlan, TableRun, read_table_plan
from vibespeaker.workflows.tables.spread import spread_of

#: What of the shipped experiments must shrink for a test, and what the machine of the test lacks.
OVERLAY = {
    "trainer": {
        **{"accelerator": "cpu", "devices": 1, "precision": "32-true", "max_epochs": 1},
        **{"enable_progress_bar": False, "enable_model_summary": False},
    },
    "data": {"init_args": {"encoders": ["hear", "read"], "batch_size": 8, "samples_per_epoch": None}},
    "model": {"init_args": {"network": {"init_args": {"projection_dim": 6, "lstm_dim": 5}}}},
}
ENCODERS = {
    "hear": {"class_path": "vibespeaker.encoders.AcousticDescriptors", "init_args": {"mels": 8}},
    "read": {"class_path": "vibespeaker.encoders.HashedText", "init_args": {"dim": 8}},
}
PLAN = {
    "title": "A table in small",
    "split": "test",
    "predict": ["test"],
    "scores": ["ccc_arousal", "ccc_mean"],
    "runs": [
        {"name": "joint", "config": "experiment/ablation-0.50-0.50", "published": {"ccc_mean": 0.689}},
        {"name": "mean", "config": "experiment/pretrain-task2-mean", "model": "model/published-mean"},
        {
            "name": "sigma3",
            "config": "experiment/finetune-task2-attentive-sigma3",
            "start": ["joint", "mean"],
            "by": "ccc_mean",
        },
    ],
    "gains": [{"score": "ccc_mean", "of": ["joint"], "over": "mean", "published": "3 %"}],
    "spread": ["sigma3"],
    "ensemble": {"k": 1, "join": {"valence": ["joint"]}},
}


def clips():
    for number in range(20):
        name, speaker = f"MSP-PODCAST_{number:04d}_0001.wav", str(number)
        values = tuple(np.random.default_rng(number).uniform(1, 7, 3).round(2).tolist())
        split = "Train" if number < 14 else "Development"
        letter = "X" if number == 3 else "O" if number == 4 else "ASHUFDCN"[number % 8]
        yield Clip(name, letter, split, speaker, attributes=values, ratings=(("Happy", "Happy", *values),))
    for number in range(2):
        name = f"MSP-PODCAST_test3_{number + 1:04d}.wav"
        yield Clip(name, split="Test3", transcript=None, labelled=False)


@pytest.fixture(scope="module")
def remade(tmp_path_factory, tiny_checkpoint):
    folder = tmp_path_factory.mktemp("msp")
    write_msp(folder / "corpus", clips())
    for name, content in (("overlay", OVERLAY), ("encoders", ENCODERS), ("plan", PLAN)):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    whole, ablation = folder / "msp-podcast.parquet", folder / "msp-podcast-ablation.parquet"
    cache = ["--encoders", str(folder / "encoders.yaml"), "--out", str(folder / "cache")]
    model = str(tiny_checkpoint("whisper"))
    assert main(["prepare", "msp-podcast", str(folder / "corpus"), "--out", str(whole)]) == 0
    assert main(["transcribe", str(whole), "--model", model, "--out", str(whole), "--all"]) == 0
    assert main(["split", str(whole), "--by", "ablation", "--out", str(ablation)]) == 0
    assert main(["extract", str(whole), *cache]) == 0
    words = ["remake", str(folder / "plan.yaml"), "--manifest", str(ablation), "--cache", str(folder / "cache")]
    words += ["--out", str(folder / "table"), "--overlay", str(folder / "overlay.yaml"), "--draws", "20"]
    assert main(words) == 0
    return folder, words


@pytest.mark.slow
def test_the_path_from_the_corpus_to_a_table_is_walked(remade, caplog):
    folder, words = remade
    splits = Manifest.read(folder / "msp-podcast-ablation.parquet").column("split")
    assert (splits.count("test"), splits.count("test3")) == (6, 2)
    table = pd.read_csv(folder / "table" / "table.csv")
    assert table["run"].tolist() == ["joint", "mean", "sigma3", "ensemble"]
    assert table["ccc_mean, published"].tolist()[0] == 0.689
    assert table["ccc_mean, published"].isna().tolist() == [False, True, True, True]
    means = dict(zip(table["run"], table["ccc_mean"].str.split().str[0].astype(float), strict=True))
    best = max(("joint", "mean"), key=lambda name: means[name])
    assert table.set_index("run")["starts from"]["sigma3"] == best
    text = (folder / "table" / "table.md").read_text()
    assert "ccc_mean: the best joint training gains" in text
    assert text.strip().endswith("published: 3 %")
    assert (folder / "table" / "density.svg").read_text().startswith("<?xml")
    # nothing is trained twice
    with caplog.at_level(logging.INFO):
        assert main(words) == 0
    assert caplog.text.count("done before") == 3
    assert (folder / "table" / "table.md").read_text() == text


@pytest.mark.slow
def test_the_spread_is_that_of_the_predictions(remade):
    folder, _ = remade
    path = folder / "table" / "runs" / "sigma3" / "predictions.parquet"
    manifest = folder / "msp-podcast-ablation.parquet"
    found = spread_of({"sigma3": path}, manifest, "test").set_index(["attribute", "run"])
    values = Predictions.read(path).attributes()[:, 0]
    row = found.loc[("arousal", "sigma3")]
    assert (row["minimum"], row["maximum"]) == (values.min(), values.max())
    assert row["deviation"] == pytest.approx(values.std())
    truth = Manifest.read(manifest).frame().set_index("utterance_id")
    true = truth.loc[Predictions.read(path).frame["utterance_id"], "arousal"].to_numpy()
    assert row["slope"] == pytest.approx(np.cov(values, true, bias=True)[0, 1] / values.var(), rel=1e-5)
    assert found.loc[("arousal", "truth"), "deviation"] == pytest.approx(true.std())


@pytest.mark.parametrize("path", sorted((shipped_configs() / "tables").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_tables_claim_only_what_the_paper_says(path):
    plan = read_table_plan(f"tables/{path.stem}")
    said = {value for run in plan.runs for value in run.published.values()}
    assert said <= {0.3995, 0.689, 0.690}
    assert {gain.published for gain in plan.gains} <= {"5 %", "3 %"}
    assert len(plan.runs) == {"table1": 5, "table2": 5, "table3": 10}[path.stem]


def test_runs_start_from_runs_above_them():
    with pytest.raises(ConfigError, match=r"run 'a' starts from runs that do not stand above it\. Found: b"):
        TablePlan("t", (TableRun("a", "c", start=("b",)), TableRun("b", "c")), ("macro_f1",))
    with pytest.raises(ConfigError, match=r"names unknown runs\. Found: c"):
        TablePlan("t", (TableRun("a", "c"),), ("macro_f1",), spread=("c",))
