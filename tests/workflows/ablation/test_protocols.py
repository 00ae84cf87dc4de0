"""One experiment under two splits: cleaned, balanced, beside published scores; what is lacking is said."""

import pandas as pd
import pytest
import soundfile
import yaml

from tests.manifests import manifest_of
from tests.sounds import RATE, speech_like
from vibespeaker.cli.main import main
from vibespeaker.errors import ConfigError
from vibespeaker.files import file_sha256
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.balance_plan import BalancePlan
from vibespeaker.workflows.ablation.plan import Variant, read_plan
from vibespeaker.workflows.ablation.requirements import lacking

PLAN = {
    "labels": "corpora/seven",
    "protocols": ["speakers", "utterances"],
    "fractions": {"train": 0.6, "test": 0.4},
    "clean": {"denoise": 0.0, "silence": "energy"},
    "balance": {"target": 24, "noisy": ["calm"]},
    "dtype": "float32",
    "variants": [
        {"name": "neighbours", "classifier": "knn"},
        {"name": "bayes", "classifier": "naive-bayes", "published": {"RAVDESS": {"accuracy": 0.5, "uar": 0.4}}},
        {
            "name": "HuBERT",
            "config": "experiment/hubert-frozen",
            "encoders": "encoders/hubert",
            "published": {"everything": {"accuracy": 0.7552, "uar": 0.7454}},
        },
    ],
    "tests": [
        {"name": "everything"},
        {"name": "RAVDESS", "select": {"only": {"corpus": ["ravdess"]}}},
        {"name": "all clips", "splits": ["train", "test"]},
    ],
}


def corpus(folder, name, emotions, seed):
    """Write a corpus whose angry clips are loud, with clips shorter than a second and one that is neutral."""
    folder.mkdir()
    rows = []
    for number in range(16):
        emotion = emotions[number % len(emotions)]
        seconds = 0.5 if number == 15 else 1.3
        sound = speech_like(seconds, seed=seed + number) * (1.0 if emotion == "anger" else 0.1)
        soundfile.write(folder / f"{number}.wav", sound, RATE)
        digest = file_sha256(folder / f"{number}.wav")
        rows.append({"corpus": name, "name": f"{number}", "category": emotion, "speaker": f"{name}/{number % 4}"})
        rows[-1] |= {"audio_sha256": digest, "recording_sha256": digest, "split": "train"}
    rows[0]["category"] = "neutral"
    path = folder.with_suffix(".parquet")
    manifest_of(rows, root=str(folder)).write(path)
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protocols")
    encoders = folder / "means.yaml"
    encoders.write_text("means: {class_path: HandcraftedMeans}", encoding="utf-8")
    noise = folder / "noise.yaml"
    noise.write_text("{reverberation: {probability: 0.0}, noise: {probability: 1.0, every: 2}}", encoding="utf-8")
    plan = folder / "plan.yaml"
    balance = {**PLAN["balance"], "augmentation": str(noise)}
    plan.write_text(yaml.safe_dump({**PLAN, "encoders": str(encoders), "balance": balance}), encoding="utf-8")
    manifests = [
        corpus(folder / "ravdess", "ravdess", ["calm", "anger", "anger"], 0),
        corpus(folder / "savee", "savee", ["anger", "fear"], 100),
    ]
    words = ["ablate", *map(str, manifests), "--plan", str(plan), "--out", str(folder / "out"), "--draws", "20"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setattr("vibespeaker.prepare.clean.cores", lambda: 1)  # processes of its own cost more than thirty clips
        assert main(words) == 0
    return folder / "out", words


def test_every_row_stands_beside_what_was_published_under_both_splits(done):
    out, _ = done
    table = pd.read_csv(out / "table.csv")
    first = table[table["tested"] == "everything"].set_index("trained")["published WA / UA"]
    assert first.to_dict() == {"neighbours": "0.629 / 0.567", "bayes": "0.239 / 0.327", "HuBERT": "0.755 / 0.745"}
    row = table[(table["trained"] == "bayes") & (table["tested"] == "RAVDESS")].iloc[0]
    assert row["published WA / UA"] == "0.500 / 0.400"
    assert row["UA, unheard speakers"] != "–"
    assert row["UA, random split (leaks)"] != "–"
    text = (out / "table.md").read_text()
    assert "HuBERT was not run: there is no folder facebook/hubert-base-ls960" in text
    assert "say little about people who were never heard" in text
    # classifiers predict no training split: there is no row of a part of the test
    assert "all clips" not in set(table["tested"])


def test_speakers_are_apart_under_one_split_and_the_leak_is_named_under_the_other(done):
    out, _ = done
    speakers = {}
    for protocol in PLAN["protocols"]:
        manifest = Manifest.read(out / protocol / "manifest.parquet")
        by_split = manifest.frame(["speaker", "split"]).groupby("split")["speaker"].agg(set)
        speakers[protocol] = by_split["train"] & by_split["test"]
        assert "neutral" not in manifest.column("category")
        assert min(manifest.column("duration")) >= 1.0
    assert not speakers["speakers"]
    assert speakers["utterances"]
    confusions = sorted(path.name for path in (out / "utterances" / "confusion").iterdir())
    assert confusions == ["bayes.svg", "neighbours.svg"]


def test_the_training_split_is_balanced_and_only_named_classes_have_noisy_views(done):
    out, _ = done
    plan = BalancePlan.read(out / "speakers" / "balance.parquet")
    manifest = Manifest.read(out / "speakers" / "manifest.parquet")
    category = dict(zip(manifest.column("utterance_id"), manifest.column("category"), strict=True))
    emotions = [category[name] for name in plan.utterance_ids]
    assert {emotion: emotions.count(emotion) for emotion in set(emotions)} == dict.fromkeys(set(emotions), 24)
    noisy = {emotion for emotion, view in zip(emotions, plan.views, strict=True) if view and view % 2 == 0}
    assert noisy == {"calm"}


def test_what_is_done_stays_also_after_a_run_that_lacked_more(done, caplog, capsys):
    out, words = done
    table = (out / "table.csv").read_text()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("predictions.parquet")}
    assert len(before) == 4
    where = "vibespeaker.workflows.ablation.experiment.lacking"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, lambda *_: "nothing at hand")
        assert main(words) == 2
        assert "none of the variants. Found: nothing at hand" in capsys.readouterr().err
        patch.setattr(where, lambda one, _: None if one.classifier == "knn" else "no")
        assert main(words) == 0
    assert "bayes was not run: no" in (out / "table.md").read_text()
    caplog.clear()
    with caplog.at_level("INFO"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        assert main(words) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert caplog.text.count("done before") == 5
    assert (out / "table.csv").read_text() == table


def test_what_a_variant_lacks_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    assert lacking(Variant("a"), "experiment/cnn1d") is None
    assert lacking(Variant("a", classifier="knn"), "experiment/cnn1d") is None
    assert "google/mobilenet_v2" in (lacking(Variant("a", config="experiment/mobilenet-plain-plain"), "") or "")
    found = lacking(Variant("a", config="experiment/hubert-bert"), "") or ""
    assert "facebook/hubert" in found or "begins from runs/hubert-bert-audio" in found


def test_shipped_plans_are_read_and_wrong_ones_refused(tmp_path):
    plan = read_plan("ablation/seven-classes")
    assert plan.predicted == ("test", "train", "validation")
    assert len(read_plan("ablation/modalities").variants) == 3
    wrong = tmp_path / "plan.yaml"
    for variant, message in (
        ({"name": "a", "classifier": "svm"}, "svm"),
        ({"name": "a", "classifier": "knn", "labels": "seven"}, "no config, settings, labels"),
        ({"name": "a", "published": {"test part": {"accuracy": 0.5}}}, "published scores of test part"),
        ({"name": "a", "published": {"b": {"accuracy": 0.5, "uar": 0.5}}}, "of no test"),
    ):
        wrong.write_text(yaml.safe_dump({"variants": [variant]}), encoding="utf-8")
        with pytest.raises(ConfigError, match=message):
            read_plan(str(wrong))
    wrong.write_text(yaml.safe_dump({"variants": [{"name": "a"}], "views": 1, "balance": {"target": 3}}))
    with pytest.raises(ConfigError, match="balanced training split"):
        read_plan(str(wrong))
