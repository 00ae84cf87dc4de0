"""Pages of help that need the standard library alone: all commands, and those that the trainer serves."""

import textwrap

from vibespeaker import __version__
from vibespeaker.arguments.help_page import entry, help_width
from vibespeaker.cli.table import GROUPS, TRAINER_COMMANDS, described

_COMMON = {
    "--config NAME": "a shipped config (vibespeaker configs lists them), a YAML file, or a run's config.yaml; given "
    "again, later ones go on top",
    "--name NAME": "the run: its folder below --runs",
    "--runs FOLDER": "folder of all runs (default: runs)",
    "--ckpt_path WHICH": "best, last, or a file; with fit, auto goes on where the run stopped",
    "--data.init_args.manifest FILE": "the utterances, of vibespeaker prepare",
    "--data.init_args.cache FOLDER": "their frames, of vibespeaker extract",
    "--trust PACKAGE": "package of your own whose classes configs may name",
}
_OWN = {
    "fit": {
        "--trainer.max_epochs N": "passes over the training split",
        "--data.init_args.batch_size N": "utterances in a batch, over all processes",
        "--model.init_args.optimizer.init_args.lr X": "learning rate",
        "--seed_everything N": "of weights, order and views (default: 1)",
        "--config trainer/gpu": "train on a GPU; trainer/cpu, trainer/ddp, trainer/slurm",
        "--print_config": "print all settings, and train nothing",
    },
    "predict": {
        "--out FILE": "table to write, .parquet or .csv (default: predictions.parquet in the run's folder)",
        "--system NAME": "what reports call the predictions",
        "--views N": "average over the clean recording and N augmented views, of the cache or made live",
    },
}
_EXAMPLES = {
    "fit": "vibespeaker fit --config embedded --name mine --data.init_args.manifest m.parquet "
    "--data.init_args.cache cache",
    "validate": "vibespeaker validate --config runs/mine/config.yaml --ckpt_path best",
    "test": "vibespeaker test --config runs/mine/config.yaml --ckpt_path best",
    "predict": "vibespeaker predict --config runs/mine/config.yaml --ckpt_path best",
}


def all_commands() -> str:
    """Return what `vibespeaker --help` prints."""
    lines = [
        f"vibespeaker {__version__}: speech emotion recognition",
        "",
        "usage: vibespeaker COMMAND …      vibespeaker help COMMAND",
    ]
    texts = described()
    for group, names in GROUPS.items():
        lines += ["", f"{group}:", *(f"  {name:<15} {texts[name]}" for name in names)]
    return "\n".join(lines) + "\n"


def trainer_page(command: str) -> str:
    """Return what `vibespeaker fit --help` prints, and the same of the other commands that the trainer serves."""
    lines = [f"usage: vibespeaker {command} --config NAME [options]", ""]
    told = f"{TRAINER_COMMANDS[command].capitalize()}. Options on the command line win over those of configs."
    lines += [*textwrap.wrap(told, help_width()), "", "options:"]
    for head, text in {**_COMMON, **_OWN.get(command, {})}.items():
        lines += entry(head, text)
    lines += entry("--help.all", "every option of trainer, model and data; takes seconds")
    return "\n".join([*lines, "", "example:", f"  {_EXAMPLES[command]}"]) + "\n"


def trainer_options(command: str) -> list[str]:
    """Return the options on the page of a command that the trainer serves."""
    heads = [*_COMMON, *_OWN.get(command, {}), "--help", "--help.all"]
    return list(dict.fromkeys(head.partition(" ")[0] for head in heads))
