"""Misspelt options, keys and values: one sentence each, in the shell as in config files."""

from pathlib import Path

import pytest

from vibespeaker.cli.main import main
from vibespeaker.config_files.parsing import complaint


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A file to put a mistake into, over the quickstart's configuration."""
    return tmp_path / "mistake.yaml"


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        ("trainer: {max_epochz: 2}", "nothing reads the option trainer.max_epochz."),
        ("modl: 3", "nothing reads the option modl."),
        ("model: {init_args: {los: 3}}", "nothing reads the option los of model, vibespeaker.tasks.EmotionTask."),
        ("data: {init_args: {policy: {other: drop}}}", "data.policy.other has an unusable value. Found: drop."),
        ("trainer: {max_epochs: few}", "trainer.max_epochs has an unusable value. Found: few. Allowed: int."),
        (
            "model: {init_args: {loss: {terms: {categories: {class_path: vibespeaker.losses.CrosEntropy}}}}}",
            "class_path vibespeaker.losses.CrosEntropy of model.loss.terms cannot be used",
        ),
    ],
)
def test_a_mistake_in_a_config_is_one_sentence(
    mistake: str, named: str, config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(mistake)
    assert main(["fit", "--config", "experiment/pretrain-task1-mean", "--config", str(config)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {named}")
    assert error.count("\n") == 1
    assert "vibespeaker fit --help" in error


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["prepare", "emodb", "folder", "--ot", "x"], "nothing reads the option --ot."),
        (["prepare", "emodb"], "the following arguments are required: path."),
        (["prepare", "emodb", "folder", "--seed", "x"], "seed has an unusable value. Found: x. Allowed: int."),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {named}")
    assert error.count("\n") == 1


def test_what_is_not_understood_is_passed_on_in_one_line() -> None:
    assert str(complaint("one\n  two", "read the help")) == "one two. Remedy: read the help."
