"""What fit writes carries a hash of its weights, and whatever reads it refuses others."""

from pathlib import Path

import pytest
import torch

from tests.tasks.conftest import Run
from vibespeaker.errors import CheckpointError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import read_checkpoint, weights_sha256


def test_flipped_bits_are_refused_wherever_a_checkpoint_is_read(run: Run, tmp_path: Path) -> None:
    folder = run("fit", "--trainer.max_epochs=1").folder
    last = checkpoint_path(folder, "last")
    content = dict(read_checkpoint(last))
    assert content["vibespeaker"]["weights_sha256"] == weights_sha256(content["state_dict"])

    name, weight = next((name, weight) for name, weight in content["state_dict"].items() if name.startswith("network"))
    content["state_dict"][name] = weight.view(torch.uint8).bitwise_xor(1).view(weight.dtype)
    torch.save(content, last)
    elsewhere = f"--runs={tmp_path / 'elsewhere'}"
    for command, *options in (
        ("fit", "--ckpt_path=last"),
        ("predict", f"--ckpt_path={last}"),
        ("fit", f"--model.init_args.init_from={last}", elsewhere),
    ):
        with pytest.raises(CheckpointError, match="are not those that were saved"):
            run(command, *options)
