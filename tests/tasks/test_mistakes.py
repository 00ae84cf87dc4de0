"""What the trainer's commands refuse, one sentence each, beside one trained run that stays as it is."""

from pathlib import Path

import pytest
import torch

from tests.tasks.conftest import NINE, Run, runner
from tests.toy import Toy
from vibespeaker.cli.main import main
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.manifest import Manifest


@pytest.fixture(scope="module")
def run(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return runner(toy, tmp_path_factory.mktemp("mistakes"))


@pytest.fixture(scope="module")
def fitted(run: Run) -> Path:
    return run("fit", "--trainer.max_epochs=1", config=NINE).folder


def test_fine_tuning_needs_a_fitting_checkpoint(run: Run, fitted: Path, tmp_path: Path) -> None:
    start = f"--model.init_args.init_from={checkpoint_path(fitted, 'last')}"
    with pytest.raises(CheckpointError, match=r"another shape at .*Found: \(8, .*Allowed: \(6, "):
        run("fit", start, "--name=tuned", "--model.init_args.network.init_args.projection_dim=6")
    with pytest.raises(CheckpointError, match="another network"):
        run("fit", start, "--name=tuned", "--model.init_args.network.init_args.lstm_layers=1")
    eight = run("fit", "--name=eight", "--trainer.max_epochs=1").folder
    with pytest.raises(CheckpointError, match=r"lacks these classes\. Found: other"):
        run("fit", f"--model.init_args.init_from={checkpoint_path(eight, 'last')}", "--name=tuned", config=NINE)
    (tmp_path / "no.ckpt").write_bytes(b"no")
    with pytest.raises(CheckpointError, match="cannot be read as a checkpoint"):
        run("fit", f"--model.init_args.init_from={tmp_path / 'no.ckpt'}", "--name=tuned")
    with pytest.raises(CheckpointError, match="does not exist"):
        run("fit", f"--model.init_args.init_from={tmp_path / 'none.ckpt'}", "--name=tuned")


def test_a_checkpoint_of_other_encoders_is_refused(run: Run, fitted: Path) -> None:
    with pytest.raises(CheckpointError, match=r"other encoders than the data provides\. Found: hear"):
        run("validate", "--ckpt_path=best", "--data.init_args.encoders=[hear]", config=NINE)


@pytest.mark.parametrize("command", ["predict", "validate"])
def test_a_checkpoint_of_another_network_is_refused(run: Run, fitted: Path, command: str) -> None:
    with pytest.raises(CheckpointError, match=r"ckpt has another shape at .*\. Found: .*Remedy: use the same"):
        run(command, "--ckpt_path=best", "--model.init_args.network.init_args.lstm_dim=5")


@pytest.mark.parametrize("command", ["fit", "predict"])
@pytest.mark.parametrize(("key", "value"), [("lstm_dim", 10**8), ("projection_dim", 10**9), ("pooling", "os.system")])
def test_a_checkpoint_that_describes_another_network_is_refused(
    run: Run, fitted: Path, command: str, key: str, value: object, tmp_path: Path
) -> None:
    content = torch.load(checkpoint_path(fitted, "last"), weights_only=True)
    content["hyper_parameters"]["network"]["init_args"][key] = value
    torch.save(content, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match=r"other\.ckpt"):
        run(command, f"--ckpt_path={tmp_path / 'other.ckpt'}", config=NINE)


def test_a_state_of_the_optimiser_that_lacks_something_is_refused_in_one_line(
    run: Run, fitted: Path, tmp_path: Path
) -> None:
    content = torch.load(checkpoint_path(fitted, "last"), weights_only=True)
    del content["optimizer_states"][0]["state"][0]["exp_avg"]
    torch.save(content, tmp_path / "less.ckpt")
    with pytest.raises(CheckpointError, match=r"less\.ckpt cannot be taken up\. Found: KeyError: 'exp_avg'"):
        run("fit", f"--ckpt_path={tmp_path / 'less.ckpt'}", "--trainer.max_epochs=2", config=NINE)


@pytest.mark.parametrize("command", ["fit", "predict"])
def test_a_damaged_checkpoint_is_refused_in_one_line(run: Run, fitted: Path, command: str, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes(checkpoint_path(fitted, "last").read_bytes()[:2000])
    with pytest.raises(CheckpointError, match=r"damaged\.ckpt cannot be read as a checkpoint") as refused:
        run(command, f"--ckpt_path={damaged}")
    assert "\n" not in str(refused.value)


def test_a_foreign_checkpoint_is_refused(run: Run, fitted: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "pytorch-lightning_version": "2.6"}, tmp_path / "foreign.ckpt")
    with pytest.raises(CheckpointError, match=r"foreign\.ckpt is no VibeSpeaker checkpoint"):
        run("predict", f"--ckpt_path={tmp_path / 'foreign.ckpt'}")


def test_a_head_without_labels_to_learn_from_is_recorded_as_untrained(run: Run, toy: Toy, tmp_path: Path) -> None:
    whole = Manifest.read(toy.manifest)
    nothing = [None] * len(whole)
    whole.with_columns(dict.fromkeys(("arousal", "valence", "dominance"), nothing)).write(tmp_path / "m.parquet")
    task = run("fit", "--name=words", "--trainer.max_epochs=1", f"--data.init_args.manifest={tmp_path / 'm.parquet'}")
    assert task.model.provenance.trained_heads == ("categories",)


def test_a_loss_without_its_head_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"loss needs a head that the network lacks\. Found: attributes"):
        run("fit", "--name=wrong", "--model.init_args.network.init_args.heads=[categories]")


def test_no_encoders_are_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"there are no encoders.*data.init_args.cache"):
        run("fit", "--name=wrong", "--data.init_args.cache=null")


def test_a_run_without_name_is_refused(run: Run) -> None:
    with pytest.raises(ConfigError, match="a run needs a name"):
        run("fit", "--name=null")


def test_a_misspelt_key_is_named(run: Run) -> None:
    with pytest.raises(ConfigError, match=r"nothing reads the option warmup of model, vibespeaker\.tasks\.EmotionTask"):
        run("fit", "--name=wrong", "--model.init_args.warmup=3")


def test_mistakes_reach_the_shell_as_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--config", "experiment/none"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: config experiment/none does not exist.")
    assert "experiment/pretrain-task1-mean" in error
    assert "Traceback" not in error


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_machine_without_gpu_says_so(run: Run) -> None:
    with pytest.raises(
        ConfigError, match=r"the trainer cannot run as configured\. Found: .*gpu.*add --config trainer/cpu"
    ):
        run("fit", "--name=wrong", "--trainer.accelerator=gpu")
