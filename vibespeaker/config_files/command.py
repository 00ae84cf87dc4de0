"""`vibespeaker configs`: which configs come with VibeSpeaker, and what one says."""

import shutil
import sys
import textwrap
from pathlib import Path

from vibespeaker.config_files.shipped import find_config, shipped_configs

#: Columns of a config's name.
_NAME = 36


def configs(name: str | None = None) -> int:
    """List the configs that come with VibeSpeaker, or show one of them.

    Any of them may be named where a config is asked for: --config embedded, --encoders published.

    Args:
        name: the config to show, such as experiment/embedded, or the folder to list, such as encoders.

    Raises:
        ConfigError: there is no such config.
    """
    folder = shipped_configs()
    if name is not None and not (folder / name).is_dir():
        path = find_config(name)
        sys.stdout.write(f"# {path}\n{path.read_text(encoding='utf-8')}")
        return 0
    width = shutil.get_terminal_size((80, 24)).columns
    for path in sorted((folder / (name or "")).rglob("*.yaml")):
        shown = path.relative_to(folder).with_suffix("").as_posix()
        said = textwrap.shorten(_first_sentence(path), max(width - max(len(shown), _NAME) - 1, 20), placeholder=" …")
        sys.stdout.write(f"{shown:<{_NAME}} {said}\n")
    return 0


def _first_sentence(path: Path) -> str:
    """Return what the comment on top of a config says first, in one line."""
    text = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        text += line.removeprefix("#")
        if ". " in f"{text} " or ": " in text:
            break
    return " ".join(text.split()).partition(". ")[0].rstrip(".:")
