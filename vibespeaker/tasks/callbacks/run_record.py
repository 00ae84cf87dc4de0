"""A run folder's record of its run: resolved config, versions of installed packages, and the code's revision."""

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

import vibespeaker
from vibespeaker.config_files.renamed import keys_now, stored_now
from vibespeaker.config_files.trust import trusted_packages
from vibespeaker.config_files.yaml_text import parse_yaml, read_mapping
from vibespeaker.errors import ConfigError
from vibespeaker.files import write_text
from vibespeaker.files.run_folder import CONFIG, RECORD
from vibespeaker.tasks.task import Task

#: Sections of the config that a resumed run may not change, and what of them it may.
_FIXED = ("model", "data", "seed_everything")
_FREE = "model.init_args.checkpoints."
_PACKAGES = ("lightning", "transformers", "numpy", "pandas", "pyarrow", "soundfile", "soxr", "jsonargparse")


class RunRecord(Callback):
    """Writes `config.yaml` and `run.json` when training starts; a resumed run must have the same model and data.

    Args:
        folder: the run folder.
        config: resolved config as YAML.
    """

    def __init__(self, folder: Path, config: str) -> None:
        self.folder, self.config = folder, config

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compare with the folder's record, in every process so that none waits for one that raised; then write."""
        path = self.folder / CONFIG
        if trainer.ckpt_path and path.is_file():
            check_same_config(path, self.config)
        if not trainer.is_global_zero:
            return
        write_text(path, self.config)
        trained_on = {"trained_on": pl_module.record()} if isinstance(pl_module, Task) else {}
        record = {**environment(), **trained_on}
        write_text(self.folder / RECORD, json.dumps(record, indent=2, sort_keys=True) + "\n")


def check_same_config(path: Path, config: str) -> None:
    """Compare the sections of a config that decide what is trained; a name that was changed since is no difference.

    Args:
        path: config of the run so far.
        config: config it is to be resumed with, as YAML.

    Raises:
        ConfigError: they differ; names the keys.
    """
    before = keys_now(_flat(stored_now(read_mapping(path))))
    now = _flat(parse_yaml(config, "the config"))
    changed = [
        f"{key} was {before.get(key)}, is {now.get(key)}"
        for key in sorted({*before, *now})
        if key.split(".")[0] in _FIXED and not key.startswith(_FREE) and before.get(key) != now.get(key)
    ]
    if changed:
        raise ConfigError(
            f"the run in {path.parent} cannot be resumed with another config",
            found="; ".join(changed),
            remedy="resume with the run's config.yaml, or start a run of another --name",
        )


def environment() -> dict[str, Any]:
    """Return versions of Python and of the packages that decide results, and the revision of a checkout's code."""
    installed: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            installed[name] = None
    return {
        "vibespeaker": vibespeaker.__version__,
        "revision": git_revision(),
        "python": platform.python_version(),
        "trusted": list(trusted_packages()),
        "packages": {**installed, "torch": str(torch.__version__)},  # with the build, which metadata leaves out
    }


def git_revision() -> str | None:
    """Return the commit of the checkout that this package runs from, with `+` for local changes; None outside one."""
    folder = Path(vibespeaker.__file__).parent
    try:
        top = _git(folder, "rev-parse", "--show-toplevel")
        if Path(top) != folder.parent:  # installed into some other project's checkout
            return None
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no", "--", ".")
        return _git(folder, "rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return `a.b.c` → value of a nested mapping."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            leaves |= _flat(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves
