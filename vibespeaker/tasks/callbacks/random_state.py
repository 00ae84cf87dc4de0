"""Random generators in the checkpoint: Lightning keeps none, so that a resumed run would draw other dropout masks."""

import logging
import random
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.tasks.processes import gathered

_logger = logging.getLogger(__name__)


class RandomStates(Callback):
    """Saves every process's Python, NumPy and torch generators and restores them when training goes on."""

    def __init__(self) -> None:
        self._states: list[dict[str, Any]] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return all processes' states; every process must call this."""
        return {"states": gathered(_read())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the states for `on_train_start`."""
        self._states = state_dict["states"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Restore this process's state; at a beginning, give every process dropout masks of its own."""
        if self._states is None:
            if trainer.global_rank:
                torch.manual_seed(torch.initial_seed() + trainer.global_rank)
        elif len(self._states) == trainer.world_size:
            _write(self._states[trainer.global_rank])
        else:
            _logger.warning(
                "resuming on %d processes what ran on %d: random draws differ from here on",
                trainer.world_size,
                len(self._states),
            )
        self._states = None


def _read() -> dict[str, Any]:
    kind, words, *rest = np.random.get_state(legacy=True)
    return {
        "python": random.getstate(),
        "numpy": [str(kind), [int(word) for word in words], *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def _write(state: dict[str, Any]) -> None:
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    kind, words, *rest = state["numpy"]
    np.random.set_state((kind, np.array(words, dtype=np.uint32), *rest))
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())
