"""Settings of a run beside the score that it reached, in TensorBoard's table of runs."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities import rank_zero_only

from vibespeaker.config_files.yaml_text import parse_yaml
from vibespeaker.tasks.callbacks.best_checkpoint import BestCheckpoint

#: Sections whose values tell runs apart.
_SECTIONS = ("model", "data", "seed_everything", "trainer")


class HyperParameters(Callback):
    """Writes the settings of a run and its final scores, `final/NAME`, when training ends.

    Final is the value at the last save of `best.ckpt`, or that of the last epoch where nothing is monitored.

    Args:
        config: resolved config as YAML.
    """

    def __init__(self, config: str) -> None:
        self.config = config

    @rank_zero_only
    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write them."""
        best = next((one for one in trainer.callbacks if isinstance(one, BestCheckpoint)), None)
        last = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val/")}
        scores = best.saved if best is not None and best.saved else last
        settings = flat_settings(parse_yaml(self.config, "the config"))
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger) and scores:
                final = {f"final/{name}": value for name, value in scores.items()}
                logger.log_hyperparams(settings, final, trainer.global_step)


def flat_settings(config: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Return dotted key → value of the settings that tell runs apart, without `init_args` in the keys."""
    found: dict[str, str | int | float | bool] = {}

    def walk(tree: Any, key: str) -> None:
        if isinstance(tree, Mapping) and tree:
            for name, value in tree.items():
                walk(value, key if name == "init_args" else f"{key}.{name}" if key else str(name))
        elif isinstance(tree, bool | int | float | str):
            found[key] = tree
        elif tree is not None:
            found[key] = str(tree)

    walk({name: config[name] for name in _SECTIONS if name in config}, "")
    return found
