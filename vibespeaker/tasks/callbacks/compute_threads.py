"""A small network is trained and used on one thread."""

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.processes.threads import take_threads_for


class ComputeThreads(Callback):
    """Takes the threads that suit the network when it is known, and gives them back in the end."""

    def __init__(self) -> None:
        self._before = torch.get_num_threads()

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remember the threads."""
        self._before = torch.get_num_threads()

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the network, which is built by now."""
        self._choose(pl_module)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the network, which is built by now."""
        self._choose(pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the network, which is built by now."""
        self._choose(pl_module)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Look at the network, which is built by now."""
        self._choose(pl_module)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Give the threads back."""
        torch.set_num_threads(self._before)

    def _choose(self, network: LightningModule) -> None:
        if network.device.type == "cpu":
            take_threads_for(network)
