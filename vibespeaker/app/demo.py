"""The model of `app --demo`, built once and on this machine: a voice, its words and its attributes, fused late.

The voice is the model that comes with the package. Words are heard by PocketSphinx, and a TF-IDF model, learned from
the sentences of the generated corpus, says what emotion they lean to. Attributes come from a linear model of acoustic
functionals, learned from the generated corpus's voices. Both are learned from SYNTHETIC speech, which their provenance
says and the recogniser repeats; what is generated has no owner but this project, and needs no download.
"""

import io
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from vibespeaker.corpora.synthetic.corpus import GENERATOR_VERSION, generate_corpus
from vibespeaker.files import remove_leftovers, temporary_beside, write_text
from vibespeaker.files.outputs import check_folder
from vibespeaker.processes.threads import small_work
from vibespeaker.workflows.quickstart.messages import quiet

log = logging.getLogger(__name__)

#: Of the recipe: a change of what is built gets a folder of its own.
VERSION = 1
TRANSCRIBER = "SphinxTranscriber"
FUSION = "fusion.yaml"
WORDS, ATTRIBUTES = "words", "attributes"
#: The published weights of words and voice; of attributes there is one member alone.
_WEIGHTS = {"voice": 0.4, WORDS: 0.6, ATTRIBUTES: 1.0}
_ENCODERS = {"functionals": {"class_path": "vibespeaker.encoders.AcousticFunctionals"}}
_LOSS = {"attributes": {"class_path": "vibespeaker.losses.AttributeMSE"}}


def user_cache() -> Path:
    """Return the folder of the user's cache that is VibeSpeaker's (XDG Base Directory Specification 0.8)."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if Path(given).is_absolute() else Path.home() / ".cache") / "vibespeaker"


def demo_model(cache: Path | None = None, speakers: int = 18, utterances: int = 300, epochs: int = 10) -> Path:
    """Return the file of the demo's fusion, built first where it is not there.

    Args:
        cache: folder that it lies in; null for the user's.
        speakers: generated ones.
        utterances: generated ones of all splits.
        epochs: that the attributes are trained for.

    Raises:
        ConfigError: the folder cannot be written.
    """
    sizes = f"{speakers}-{utterances}-{epochs}"
    folder = (cache or user_cache()) / f"demo-{VERSION}-{GENERATOR_VERSION}-{sizes}"
    if (folder / FUSION).is_file():
        return folder / FUSION
    check_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder.parent)
    made = temporary_beside(folder)
    log.info("building the demo once, in %s: about a minute", folder)
    try:
        _build(made, speakers, utterances, epochs)
        _keep(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return folder / FUSION


def _keep(made: Path, folder: Path) -> None:
    """Give what was made its name, unless another process was quicker."""
    try:
        os.replace(made, folder)
    except OSError:
        if not (folder / FUSION).is_file():
            raise


def _build(folder: Path, speakers: int, utterances: int, epochs: int) -> None:
    """Build everything in a folder; what was only needed meanwhile is removed."""
    from vibespeaker.prepare.prepare import prepare
    from vibespeaker.systems.fit_text import fit_text

    work = folder / "work"
    manifest = work / "manifest.parquet"
    # scores on generated speech are of no use to whoever waits for a page
    with quiet(), small_work(), redirect_stdout(io.StringIO()), _silent():
        generate_corpus(work / "corpus", seed=0, speakers=speakers, utterances=utterances)
        prepare("msp-podcast", work / "corpus", manifest)
        fit_text(manifest, folder / WORDS)
        _train_attributes(manifest, work, folder / ATTRIBUTES, epochs)
    shutil.rmtree(work)
    members = {"voice": "emodb", WORDS: WORDS, ATTRIBUTES: ATTRIBUTES}
    content = {"fusion": "weighted", "members": members, "weights": _WEIGHTS}
    write_text(folder / FUSION, json.dumps(content, indent=1) + "\n")  # JSON is YAML


@contextmanager
def _silent() -> Iterator[None]:
    """Hear nothing of the commands that build it but their errors."""
    package = logging.getLogger("vibespeaker")
    level = package.level
    package.setLevel(logging.ERROR)
    try:
        yield
    finally:
        package.setLevel(level)


def _train_attributes(manifest: Path, work: Path, out: Path, epochs: int) -> None:
    from vibespeaker.extract import extract
    from vibespeaker.systems.sharing.command import export
    from vibespeaker.trainer.cli import run_trainer

    encoders = work / "encoders.yaml"
    write_text(encoders, json.dumps(_ENCODERS))
    extract(manifest, encoders, work / "cache", processes=1)
    words = ["fit", "--config", "experiment/quickstart-audio", "--name", ATTRIBUTES, "--runs", str(work / "runs")]
    words += [f"--data.init_args.manifest={manifest}", f"--data.init_args.cache={work / 'cache'}"]
    words += ["--data.init_args.encoders=[functionals]", "--model.init_args.network.init_args.heads=[attributes]"]
    words.append("--model.init_args.network.init_args.ridge={}")  # the only member learns step by step
    words += [f"--model.init_args.loss.init_args.terms={json.dumps(_LOSS)}"]
    words += ['--model.init_args.loss.init_args.weights={"attributes": 1.0}', f"--trainer.max_epochs={epochs}"]
    words += ["--model.init_args.checkpoints.monitor=val/ccc_mean", "--trainer.enable_progress_bar=false"]
    run_trainer(words)
    export(str(work / "runs" / ATTRIBUTES), out=out, draws=0)
