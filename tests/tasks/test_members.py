"""Members of a late fusion: each is trained by its own loss."""

import torch

from tests.tasks.conftest import Run
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.models.checkpoint import read_checkpoint


def test_members_of_a_late_fusion_learn_by_themselves(run: Run) -> None:
    def trained(name: str, encoders: str, rate: float) -> dict[str, torch.Tensor]:
        config = f"""
model:
  init_args:
    network:
      class_path: vibespeaker.models.LateFusion
      init_args: {{pooling: vibespeaker.models.MeanPooling, encoders: {encoders}}}
    optimizer: {{class_path: torch.optim.SGD, init_args: {{lr: {rate}, weight_decay: 0}}}}
"""
        done = run("fit", "--trainer.max_epochs=2", f"--name={name}", config=config)
        return read_checkpoint(checkpoint_path(done.folder, "last"))["state_dict"]

    together = trained("together", "[hear, read]", 0.02)
    for member, name in enumerate(("hear", "read")):
        alone = trained(name, f"[{name}]", 0.01)  # the loss of two members is the mean of theirs
        for part in ("weight", "bias"):
            found = together[f"network.outputs.{member}.linear.{part}"]
            torch.testing.assert_close(found, alone[f"network.outputs.0.linear.{part}"], rtol=1e-4, atol=1e-6)
            assert found.abs().sum() > 0
