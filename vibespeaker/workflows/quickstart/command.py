"""The command `quickstart`."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from vibespeaker.arguments.ranges import COUNT, COUNT_OR_NONE, SEED, require
from vibespeaker.corpora.synthetic.corpus import SPEAKERS, UTTERANCES
from vibespeaker.files.outputs import check_folder
from vibespeaker.workflows.quickstart.data import choose_source, prepare_data
from vibespeaker.workflows.quickstart.results import combine, submits, write_report, write_submission
from vibespeaker.workflows.quickstart.training import planned, train_all
from vibespeaker.workflows.steps import Chain

logger = logging.getLogger(__name__)

_CHATTY = (
    "lightning.pytorch",
    "lightning.fabric",
    "lightning.pytorch.utilities.rank_zero",
    "vibespeaker.submission.command",
)


def quickstart(
    corpus: Path | None = None,
    format: str | None = None,
    out: Path = Path("runs/quickstart"),
    seed: int = 0,
    speakers: int = SPEAKERS,
    utterances: int = UTTERANCES,
    epochs: int | None = None,
    draws: int = 1000,
) -> int:
    """Run the full pipeline, from a corpus to submission files and a report; a second call continues or finds all done.

    Without a corpus a synthetic one is generated: its scores say nothing about people.

    Args:
        corpus: folder of a real corpus.
        format: its format: msp-podcast, ravdess or emodb.
        out: folder of all results.
        seed: of the generated corpus or the split by speakers, and of training.
        speakers: named speakers of the generated corpus.
        utterances: clips of the generated corpus.
        epochs: train every run for so many epochs in place of the configured number, for a quick try.
        draws: bootstrap draws of the intervals in the report.
    """
    require(COUNT, speakers=speakers, utterances=utterances, epochs=epochs)
    require(COUNT_OR_NONE, draws=draws)
    require(SEED, seed=seed)
    source = choose_source(corpus, format, seed, speakers, utterances)
    check_folder(out, inputs=[corpus])
    with _quiet(), _single_thread():
        chain = Chain(out)
        data = prepare_data(source, out, chain)
        chain.total = chain.seen + len(planned(data)) + 2 + submits(data)
        keys = train_all(data, out, seed, epochs, chain)
        table, key = combine(data, out, keys, chain)
        write_submission(data, table, key, out, chain)
        write_report(data, table, {**keys, "full": key}, out, chain, draws)
    done = "done" if chain.worked else "all was done before"
    logger.info("%s; the report is %s", done, out / "report" / "index.html")
    return 0


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence log messages that hide the steps: Lightning's on devices, the submission's on every ingredient."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [chatty.level for chatty in loggers]
    for chatty in loggers:
        chatty.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for chatty, level in zip(loggers, levels, strict=True):
            chatty.setLevel(level)


@contextmanager
def _single_thread() -> Iterator[None]:
    """Compute on one thread: networks this small are slower on several, and results do not depend on the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
