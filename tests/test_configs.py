"""Every shipped config parses; every experiment trains on tiny data and comes back from its checkpoint."""

import re
import subprocess
from pathlib import Path

import pytest
import torch
import yaml
from jsonargparse import ArgumentParser
from torch.nn.modules.batchnorm import _BatchNorm

from tests.experiments.conftest import merge, resolved
from tests.experiments.test_beyond import BEYOND
from tests.experiments.test_features import FEATURES
from tests.experiments.test_other_inputs import OTHER_INPUTS
from tests.experiments.test_pretrained import TRAINED
from tests.toy import ON_A_PROCESSOR, Toy, make_toy
from vibespeaker.cli.table import COMMANDS, TRAINER_COMMANDS
from vibespeaker.config_files import find_config, shipped_configs
from vibespeaker.encoders.specs import read_specs
from vibespeaker.errors import ConfigError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.tasks import EmotionTask, SystemTask
from vibespeaker.tasks.base import RecognitionTask
from vibespeaker.trainer.cli import TrainerCLI, run_trainer
from vibespeaker.trainer.layers import expand, layers

CONFIGS = shipped_configs()
SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
EXPERIMENTS = sorted(path.stem for path in (CONFIGS / "experiment").glob("*.yaml"))
ENSEMBLES = [name for name in EXPERIMENTS if name.startswith("ensemble")]
#: Fine-tuned from audio, without a cache; `tests/models/test_live.py` trains them.
LIVE = [name for name in EXPERIMENTS if name.startswith("baseline")]
#: Of recognisers; `tests/tasks/transcription` trains them.
WHISPERS = [name for name in EXPERIMENTS if name.startswith("whisper")]
#: Of other published systems; `tests/experiments` trains them.
OTHERS = (*FEATURES, *TRAINED, *OTHER_INPUTS, *BEYOND)
FITTED = [name for name in EXPERIMENTS if name not in (*ENSEMBLES, *LIVE, *WHISPERS, *OTHERS)]
#: What of a full-size experiment must shrink for a test, and what the machine of the test lacks.
TINY = [
    *ON_A_PROCESSOR,
    "--trainer.max_epochs=1",
    "--trainer.limit_train_batches=2",
    "--data.init_args.batch_size=9",
]
TINY_NETWORK = [
    "--model.init_args.network.init_args.projection_dim=6",
    "--model.init_args.network.init_args.lstm_dim=5",
]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    folder = tmp_path_factory.mktemp("toy")
    encoders = {
        name: ("audio", 5) for name in ("whisper", "wavlm", "descriptors", "functionals", "convolutions", "contours")
    }
    texts = {name: ("text", 4) for name in ("roberta", "words")}
    splits = {"train": 36, "validation": 10, "development": 11, "test": 9}
    return make_toy(folder, splits, others=4, encoders={**encoders, **texts})


class Pretrained(dict[str, Path]):
    """Tiny checkpoints by experiment, trained when first asked for."""

    def __init__(self, toy: Toy, runs: Path) -> None:
        super().__init__()
        self.toy, self.runs = toy, runs

    def __missing__(self, name: str) -> Path:
        self[name] = checkpoint_path(_fit(name, self.toy, self.runs, self).folder, "last")
        return self[name]


@pytest.fixture(scope="module")
def pretrained(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    return Pretrained(toy, tmp_path_factory.mktemp("pretrained"))


def _arguments(name: str, toy: Toy, runs: Path) -> list[str]:
    paths = [f"--data.init_args.manifest={toy.manifest}", f"--data.init_args.cache={toy.cache}"]
    return ["--config", f"experiment/{name}", *TINY, *paths, f"--runs={runs}", f"--name={name}"]


def _start(name: str, pretrained: Pretrained) -> list[str]:
    """Replace the checkpoint that the experiment starts from by a tiny one of the experiment that makes it."""
    merged = [yaml.safe_load(layer.read_text()) for layer in layers(find_config(f"experiment/{name}"))]
    named = [content.get("model", {}).get("init_args", {}).get("init_from") for content in merged]
    named = [path for path in named if path]
    return [f"--model.init_args.init_from={pretrained[Path(named[-1]).parts[1]]}"] if named else []


def _fit(name: str, toy: Toy, runs: Path, pretrained: Pretrained) -> TrainerCLI:
    network = resolved(name)["model"]["init_args"]["network"]["class_path"]
    tiny = [] if network == "vibespeaker.models.LateFusion" else TINY_NETWORK  # which has neither, and is small
    return run_trainer(["fit", *_arguments(name, toy, runs), *tiny, *_start(name, pretrained)])


@pytest.mark.slow
@pytest.mark.parametrize("name", FITTED)
def test_experiment_trains_and_its_checkpoint_restores_class_and_weights(
    name: str, toy: Toy, pretrained: Pretrained, tmp_path: Path
) -> None:
    trained = _fit(name, toy, tmp_path, pretrained)
    assert trained.trainer.global_step == 2
    loaded = EmotionTask.load_from_checkpoint(checkpoint_path(tmp_path / name, "last"))
    assert type(loaded) is type(trained.model)
    assert repr(loaded.network) == repr(trained.model.network)  # classes and sizes of all modules
    assert repr(loaded.loss) == repr(trained.model.loss)
    assert loaded.loss.weights == trained.model.loss.weights
    assert loaded.provenance == trained.model.provenance
    expected = trained.model.state_dict()
    assert list(loaded.state_dict()) == list(expected)
    for key, value in loaded.state_dict().items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(value, expected[key], rtol=0, atol=0)


@pytest.mark.slow
def test_main_and_subclass_heads_go_on_top_of_a_model(toy: Toy, tmp_path: Path) -> None:
    configs = ("model/small", "stage/multi-task", "heads/main-subclass")
    layered = [word for config in configs for word in ("--config", config)]
    done = run_trainer(
        ["fit", *layered, *toy.arguments(), *TINY, *TINY_NETWORK, f"--runs={tmp_path}", "--name=two-heads"]
    )
    task = done.model
    assert task.network.heads == ("categories", "main")
    assert task.provenance.heads["main"].classes == ("negative", "neutral", "positive", "surprise")
    assert task.loss.weights == {"main": 0.5, "categories": 0.5}
    assert task.loss.losses["categories"].weighting is None
    assert {"val/accuracy", "val/main_accuracy"} <= set(done.trainer.callback_metrics)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENSEMBLES)
def test_ensemble_experiment_validates(name: str, toy: Toy, pretrained: Pretrained, tmp_path: Path) -> None:
    members = yaml.safe_load(find_config(f"experiment/{name}").read_text())["model"]["init_args"]["members"]
    kept = {member: str(pretrained[Path(path).parts[1]]) for member, path in members.items()}
    replaced = [f"--model.init_args.members={yaml.safe_dump(kept, default_flow_style=True).strip()}"]
    done = run_trainer(["validate", *_arguments(name, toy, tmp_path), *replaced])
    assert isinstance(done.model, SystemTask)
    assert len(done.model.members) == len(members)
    assert {"val/ccc_mean", "val/macro_f1"} <= set(done.trainer.callback_metrics)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*/*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_config_is_a_mapping_whose_layers_exist(path: Path) -> None:
    found = layers(path)
    assert found[-1] == path.resolve()
    assert all(isinstance(yaml.safe_load(layer.read_text()), dict) for layer in found)


@pytest.mark.parametrize("path", sorted((CONFIGS / "encoders").glob("*.yaml")), ids=lambda path: path.stem)
def test_encoder_configs_name_encoders(path: Path) -> None:
    assert read_specs(path)


@pytest.mark.parametrize("name", ["cpu", "gpu", "ddp", "torchrun", "slurm"])
def test_trainer_configs_are_accepted(name: str) -> None:
    with pytest.raises(SystemExit) as stop:
        run_trainer(
            ["fit", "--config", f"trainer/{name}", "--config", "experiment/pretrain-task1-mean", "--print_config"]
        )
    assert stop.value.code == 0


@pytest.mark.parametrize("path", sorted((CONFIGS / "model").glob("*.yaml")), ids=lambda path: path.stem)
def test_model_configs_say_whether_they_have_batch_norm(path: Path) -> None:
    """With it, gradients of several processes are not exactly those of one."""
    tree: dict = {}
    for layer in [*layers(path), *layers(find_config("stage/multi-task"))]:
        merge(tree, yaml.safe_load(layer.read_text()))
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(RecognitionTask, "model")
    task = parser.instantiate(parser.parse_object({"model": tree["model"]})).model
    with torch.device("meta"):
        network = task.make_network({"whisper": 5, "wavlm": 5, "roberta": 4, "descriptors": 5, "words": 4}, 8)
    has_batch_norm = any(isinstance(module, _BatchNorm) for module in network.modules())
    header = " ".join(line[1:].strip() for line in path.read_text().splitlines() if line.startswith("#"))
    claim = "gradients are the same on any number of processes" if not has_batch_norm else "batch norm"
    assert claim in header.lower()
    assert has_batch_norm == ("not exactly those of one" in header)


@pytest.mark.parametrize(("name", "parameters"), [("published", 66_084_640), ("published-ecapa", 67_362_976)])
def test_the_published_head_has_its_number_of_parameters(name: str, parameters: int) -> None:
    """The paper's reference for pooling has one weight per frame; nine logits, as in multi-task pre-training."""
    tree: dict = {}
    for layer in [*layers(find_config(f"model/{name}")), *layers(find_config("stage/multi-task"))]:
        merge(tree, yaml.safe_load(layer.read_text()))
    parser = ArgumentParser(exit_on_error=False)
    parser.add_subclass_arguments(RecognitionTask, "model")
    task = parser.instantiate(parser.parse_object({"model": tree["model"]})).model
    with torch.device("meta"):
        network = task.make_network({"whisper": 1280, "wavlm": 1024, "roberta": 1024}, 9)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    weights = [pooling.score.out_features for pooling in network.poolings]
    assert weights == ([1, 1, 1] if name == "published" else [1280, 1024, 1024])


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*.sbatch")), ids=lambda path: path.stem)
def test_batch_scripts_start_commands_that_exist(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)
    text = path.read_text()
    (started,) = [line.split("vibespeaker ")[1].split() for line in text.splitlines() if line.startswith("exec srun")]
    assert started[0] in {**COMMANDS, **TRAINER_COMMANDS}
    for name in re.findall(r"--(?:config|encoders) (\S+/\S+)", text):
        assert find_config(name).is_file()
    assert {"--nodes", "--ntasks-per-node", "--requeue"} <= set(re.findall(r"^#SBATCH (--[a-z-]+)", text, re.MULTILINE))


def test_slurm_trainer_asks_for_what_the_batch_script_asks_for() -> None:
    asked = dict(re.findall(r"^#SBATCH --([a-z-]+)=(\S+)", (SCRIPTS / "fit.sbatch").read_text(), re.MULTILINE))
    trainer = yaml.safe_load((CONFIGS / "trainer" / "slurm.yaml").read_text())["trainer"]
    assert trainer["num_nodes"] == int(asked["nodes"])
    assert trainer["devices"] == int(asked["ntasks-per-node"]) == int(asked["gpus-per-node"])


def test_experiments_say_what_the_source_says() -> None:
    pretraining = resolved("pretrain-task1-attentive")
    assert pretraining["trainer"]["max_epochs"] == 50
    assert pretraining["data"]["init_args"]["batch_size"] == 128
    assert pretraining["data"]["init_args"]["samples_per_epoch"] == 32_000
    assert pretraining["model"]["init_args"]["loss"]["weights"] == {"attributes": 0.25, "categories": 0.75}
    assert pretraining["model"]["init_args"]["optimizer"] == {
        "class_path": "torch.optim.AdamW",
        "init_args": {"lr": 2e-5, "fused": True},
    }
    assert pretraining["model"]["init_args"]["schedule"] == {"warmup_epochs": 3, "minimum": 1e-7}
    assert "views" not in pretraining["data"]["init_args"]  # all the cache has
    assert resolved("pretrain-task2-mean")["model"]["init_args"]["loss"]["weights"] == {
        "attributes": 0.75,
        "categories": 0.25,
    }
    ablation = resolved("ablation-0.75-0.25")
    assert ablation["data"]["init_args"]["views"] == 0
    assert ablation["model"]["init_args"]["loss"]["weights"] == {"attributes": 0.75, "categories": 0.25}
    task1 = resolved("finetune-task1-1e-6")
    assert (task1["trainer"]["max_epochs"], task1["model"]["init_args"]["optimizer"]["init_args"]["lr"]) == (20, 1e-6)
    assert task1["data"]["init_args"]["label_set"] == "challenge"
    task2 = resolved("finetune-task2-mean-sigma7")
    assert task2["trainer"]["max_epochs"] == 30
    assert task2["model"]["init_args"]["optimizer"]["init_args"]["lr"] == 5e-6
    assert task2["model"]["init_args"]["schedule"]["minimum"] == 1e-7
    assert task2["model"]["init_args"]["loss"]["terms"]["attributes"]["init_args"] == {"sigma": 7.0}
    assert len([name for name in EXPERIMENTS if name.startswith("finetune-task2")]) == 8


def test_the_baselines_have_the_settings_that_the_organisers_released() -> None:
    for name in LIVE:
        found = resolved(name)
        assert (found["trainer"]["max_epochs"], found["trainer"]["accumulate_grad_batches"]) == (20, 4)
        assert found["data"]["init_args"]["batch_size"] * 4 == 32
        assert found["model"]["init_args"]["optimizer"]["init_args"]["lr"] == 1e-5
        assert found["data"]["init_args"]["cache"] is None
    assert LIVE == ["baseline-task1", "baseline-task2"]


def test_live_data_on_top_of_an_experiment_switches_its_cache_off(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_trainer(["fit", "--config=experiment/ablation-0.50-0.50", "--config=data/live", "--print_config"])
    printed = yaml.safe_load(capsys.readouterr().out)
    data = printed["data"]["init_args"]
    assert (data["cache"], data["encoders"], data["views"], data["batch_size"]) == (None, None, None, 16)
    assert list(printed["model"]["init_args"]["encoders"]) == ["whisper", "wavlm", "roberta"]


def test_layers_come_lowest_first_and_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("name: a")
    (tmp_path / "b.yaml").write_text("bases: [a.yaml]")
    (tmp_path / "c.yaml").write_text("bases: [a.yaml, b.yaml]")
    assert [path.stem for path in layers(tmp_path / "c.yaml")] == ["a", "b", "c"]
    words = expand(["fit", f"--config={tmp_path / 'b.yaml'}", "--name", "x"])
    assert words == ["fit", "--config", str(tmp_path / "a.yaml"), "--config", str(tmp_path / "b.yaml"), "--name", "x"]


def test_configs_that_build_on_themselves_or_on_nothing_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("bases: [b.yaml]")
    (tmp_path / "b.yaml").write_text("bases: [a.yaml]")
    with pytest.raises(ConfigError, match="builds on itself"):
        layers(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text("bases: [missing.yaml]")
    with pytest.raises(ConfigError, match=r"b\.yaml builds on a missing file.*missing\.yaml"):
        layers(tmp_path / "a.yaml")
    with pytest.raises(ConfigError, match="pretrain-task1-mean"):
        find_config("pretrain-task1-meen")
