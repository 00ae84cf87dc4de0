"""Config files on top of each other: a file names those it builds on under `bases`, and the shipped ones by name.

An experiment says only what is its own. `bases: [../stage/pretrain.yaml, …]` lists, relative to the file, what comes
before it, first to last; later values win, mappings merge, lists and classes replace. `expand` turns one `--config`
into the list of `--config` that LightningCLI merges in this order.
"""

from collections.abc import Sequence
from pathlib import Path

from vibespeaker.config_files import find_config
from vibespeaker.config_files.renamed import words_now
from vibespeaker.config_files.yaml_text import read_mapping
from vibespeaker.errors import ConfigError

#: Top key of a config file that lists the files it builds on.
BASES = "bases"
_OPTIONS = ("--config", "-c")


def layers(path: Path, above: tuple[Path, ...] = ()) -> list[Path]:
    """Return the files that `path` builds on, lowest first, and `path` itself, each once.

    Raises:
        ConfigError: a file is missing, is no mapping, or builds on itself.
    """
    path = path.resolve()
    if path in above:
        raise ConfigError(f"config {path} builds on itself", found=" > ".join(str(step) for step in (*above, path)))
    if not path.is_file():
        raise ConfigError(f"config {above[-1] if above else path} builds on a missing file", found=path)
    bases = read_mapping(path).get(BASES)
    if bases is None:  # also where a run's resolved config says null
        bases = []
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise ConfigError(f"{path}: {BASES} must list config files", found=bases, allowed="[FILE, …]")
    found: list[Path] = []
    for base in bases:
        found += [layer for layer in layers(path.parent / base, (*above, path)) if layer not in found]
    return [*found, path]


def expand(arguments: Sequence[str]) -> list[str]:
    """Replace every `--config NAME` by one `--config` for each of its layers, and old class paths by the present ones.

    Args:
        arguments: of the command line.
    """
    expanded: list[str] = []
    words = iter(words_now(arguments))
    for word in words:
        option, equals, value = word.partition("=")
        if option in _OPTIONS:
            name = value if equals else next(words, "")
            expanded += [part for layer in layers(find_config(name)) for part in ("--config", str(layer))]
        else:
            expanded.append(word)
    return expanded
