"""Every command: its group, where it is, and what it does in one line; nothing is imported before it is called."""

#: Subcommands that LightningCLI serves.
TRAINER_COMMANDS = {
    "fit": "train a model from a config",
    "validate": "score a checkpoint on the validation split",
    "test": "score a checkpoint on the test split",
    "predict": "write one row of predictions per utterance",
}

#: Name → (module:function, what it does).
COMMANDS = {
    "recognize": ("vibespeaker.recognizer.command:recognize", "say what emotions are heard in recordings"),
    "listen": ("vibespeaker.recognizer.listening:listen", "say what emotion is heard now, from a microphone or a pipe"),
    "app": ("vibespeaker.app.command:app", "serve a page to try a model on, by upload or microphone"),
    "train": ("vibespeaker.workflows.train:train", "train a model on a folder of recordings, a table or a corpus"),
    "quickstart": ("vibespeaker.workflows.quickstart:quickstart", "run the full pipeline, from a corpus to a report"),
    "configs": ("vibespeaker.config_files.command:configs", "list the configs that come with VibeSpeaker, or show one"),
    "completion": ("vibespeaker.cli.completion:completion", "print what completes commands in bash, zsh or fish"),
    "prepare": ("vibespeaker.prepare.prepare:prepare", "read a corpus folder into a checked manifest"),
    "combine": ("vibespeaker.prepare.combine:combine", "join manifests under a label map"),
    "clean": ("vibespeaker.prepare.clean:clean", "write cleaned copies of recordings"),
    "split": ("vibespeaker.prepare.split.command:split", "give utterances to splits that share no speaker"),
    "stats": ("vibespeaker.workflows.description.command:stats", "count utterances by corpus, emotion and split"),
    "check": ("vibespeaker.prepare.leaks:check", "find speakers, recordings and takes in more than one split"),
    "balance": ("vibespeaker.prepare.balance:balance", "plan a training split with equal classes"),
    "transcribe": ("vibespeaker.transcribe.command:transcribe", "fill missing texts by speech recognition"),
    "extract": ("vibespeaker.extract:extract", "run the frozen encoders once and store their frames"),
    "fit-text": ("vibespeaker.systems.fit_text:fit_text", "learn emotions of texts, in seconds and without a hub"),
    "sweep": ("vibespeaker.workflows.sweep.command:sweep", "train a model for each trial of a plan"),
    "ablate": ("vibespeaker.workflows.ablation.command:ablate", "train on selections of corpora and compare them"),
    "cross": ("vibespeaker.workflows.ablation.command:cross", "train on some corpora, test on others"),
    "cross-validate": (
        "vibespeaker.workflows.cross_validation:cross_validate",
        "train and test every fold, and score all folds together",
    ),
    "baselines": (
        "vibespeaker.workflows.classical.command:baselines",
        "fit classical classifiers on embeddings and compare them",
    ),
    "remake": ("vibespeaker.workflows.tables.command:remake", "train what a table of the paper needs, and print it"),
    "average": ("vibespeaker.models.averaging:average", "average the weights of several states of a run"),
    "ensemble": ("vibespeaker.ensemble:ensemble", "combine prediction tables into one"),
    "evaluate": ("vibespeaker.evaluation.command:evaluate", "score predictions, with intervals and comparisons"),
    "wer": ("vibespeaker.evaluation.words.command:wer", "score recognised words against what was said"),
    "calibrate": ("vibespeaker.calibration.command:calibrate", "calibrate probabilities and attributes"),
    "prior": ("vibespeaker.calibration.prior_command:prior", "move posteriors to other class frequencies"),
    "report": ("vibespeaker.report.command:report", "write one page about one or several runs"),
    "export": ("vibespeaker.systems.sharing.command:export", "write a trained model as a folder to share"),
    "push": ("vibespeaker.systems.sharing.push:push", "put a model folder on the hub"),
    "submit": ("vibespeaker.submission:submit", "write or check the challenge's submission files"),
}

#: Heading → its commands, in the order in which people need them.
GROUPS = {
    "begin": ("recognize", "listen", "app", "train", "quickstart", "configs", "completion"),
    "data": ("prepare", "combine", "clean", "split", "stats", "check", "balance", "transcribe", "extract"),
    "train": ("fit", "fit-text", "sweep", "ablate", "cross", "cross-validate", "baselines", "remake", "average"),
    "judge": ("validate", "test", "predict", "ensemble", "evaluate", "wer", "calibrate", "prior", "report"),
    "share": ("export", "push", "submit"),
}
#: Other spellings of commands.
ALIASES = {"recognise": "recognize"}
#: Command → what its help says beyond its arguments (module:function).
MORE_HELP = {"prepare": "vibespeaker.corpora.formats_help:describe_formats"}


def described() -> dict[str, str]:
    """Return name → what the command does."""
    return {name: text for name, (_, text) in COMMANDS.items()} | TRAINER_COMMANDS
