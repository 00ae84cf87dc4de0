"""`vibespeaker completion`: what completes commands and options in a shell, as a script that needs no Python."""

import importlib
import inspect
import sys
from typing import Literal

from vibespeaker.cli.pages import trainer_options
from vibespeaker.cli.table import ALIASES, COMMANDS, TRAINER_COMMANDS, described

_BASH = """_vibespeaker() {{
  local word=${{COMP_WORDS[COMP_CWORD]}}
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{commands} help" -- "$word")); return
  fi
  case "${{COMP_WORDS[1]}}:$word" in
    help:*) COMPREPLY=($(compgen -W "{commands}" -- "$word")) ;;
{cases}
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}}
complete -o filenames -F _vibespeaker vibespeaker
"""


def completion(shell: Literal["bash", "zsh", "fish"]) -> int:
    """Print a script that completes commands and options; files are completed as usual.

    bash: vibespeaker completion bash > ~/.local/share/bash-completion/completions/vibespeaker

    zsh: vibespeaker completion zsh >> ~/.zshrc

    fish: vibespeaker completion fish > ~/.config/fish/completions/vibespeaker.fish

    Args:
        shell: bash, zsh or fish.
    """
    options = {name: _options(name) for name in described()} | {new: _options(old) for new, old in ALIASES.items()}
    sys.stdout.write(_fish(options) if shell == "fish" else _bash(options, shell))
    return 0


def _options(command: str) -> list[str]:
    if command in TRAINER_COMMANDS:
        return trainer_options(command)
    module, name = COMMANDS[command][0].split(":")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    return [f"--{one}" for one in (*parameters, "help")]


def _bash(options: dict[str, list[str]], shell: str) -> str:
    cases = "\n".join(
        f'    {name}:-*) COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$word")) ;;' for name, words in options.items()
    )
    script = _BASH.format(commands=" ".join(options), cases=cases)
    # zsh runs scripts of bash for this once it is told so
    return f"autoload -U +X bashcompinit && bashcompinit\n{script}" if shell == "zsh" else script


def _fish(options: dict[str, list[str]]) -> str:
    texts = described()
    lines = []
    for name, words in options.items():
        text = texts.get(name, "").replace("'", "")
        lines.append(f"complete -c vibespeaker -n __fish_use_subcommand -f -a {name} -d '{text}'")
        lines += [
            f"complete -c vibespeaker -n '__fish_seen_subcommand_from {name}' -l {word.removeprefix('--')}"
            for word in words
        ]
    return "\n".join(lines) + "\n"
