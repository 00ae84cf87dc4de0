"""A run that was begun before classes and keys were renamed goes on, and its checkpoint still loads."""

from pathlib import Path

import pytest
import torch
import yaml

from tests.tasks.conftest import Run
from vibespeaker.errors import ConfigError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import open_checkpoint

OLD_DATA = "data: {class_path: vibespeaker.data.datamodule.EmotionDataModule}"


def test_an_old_run_is_resumed_and_loaded(run: Run) -> None:
    folder = run("fit", "--data=vibespeaker.data.EmotionDataModule", "--trainer.max_epochs=1", config=OLD_DATA).folder
    config = folder / "config.yaml"
    assert yaml.safe_load(config.read_text())["data"]["class_path"] == "vibespeaker.tasks.EmotionDataModule"
    _make_old(folder)
    run("fit", "--ckpt_path=last", config=OLD_DATA)
    text = config.read_text()
    assert "vibespeaker.tasks.EmotionDataModule" in text
    assert "splits:" in text
    assert "parts:" not in text

    path = checkpoint_path(folder, "last")
    checkpoint = torch.load(path, weights_only=True)
    assert checkpoint["epoch"] == 1
    names = checkpoint["hyper_parameters"]
    names["encoders"] = {"hear": {"class_path": "vibespeaker.encoders.RobertaEncoder", "init_args": {}}}
    torch.save(checkpoint, path)
    encoders = open_checkpoint(path).hyper_parameters["encoders"]
    assert encoders["hear"]["class_path"] == "vibespeaker.encoders.TextEncoder"


def _make_old(folder: Path) -> None:
    """Write the run's config as it was written before."""
    text = (folder / "config.yaml").read_text()
    old = text.replace("vibespeaker.tasks.EmotionDataModule", "vibespeaker.data.EmotionDataModule")
    assert "    splits:\n" in old
    (folder / "config.yaml").write_text(old.replace("    splits:\n", "    parts:\n"))


@pytest.mark.parametrize(
    ("config", "options"),
    [
        ("data: {init_args: {parts: {train: [train]}}}", []),
        ("name: toy", ["--data.init_args.parts.train=[train]"]),
        ("name: toy", ["--data.parts.train=[train]"]),
    ],
)
def test_an_old_key_is_refused_with_the_present_one(run: Run, config: str, options: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"parts.* is now called data\.init_args\.splits"):
        run("fit", *options, config=config)


def test_values_on_the_command_line_are_read_within_the_same_bounds(run: Run) -> None:
    with pytest.raises(ConfigError, match="a value has the key terms twice"):
        run("fit", "--model.init_args.loss={terms: {}, terms: {}}")
