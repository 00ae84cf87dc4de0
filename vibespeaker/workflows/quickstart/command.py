"""The command `quickstart`."""

import logging
from pathlib import Path

from vibespeaker.arguments.ranges import COUNT, DRAWS, JOBS, SEED, require
from vibespeaker.corpora.synthetic.corpus import SPEAKERS, UTTERANCES
from vibespeaker.files.outputs import check_folder
from vibespeaker.processes.threads import cores
from vibespeaker.processes.workers import workers_at_hand
from vibespeaker.workflows.quickstart.data import choose_source, prepare_data
from vibespeaker.workflows.quickstart.messages import quiet
from vibespeaker.workflows.quickstart.results import combine, first_system, submits, write_report, write_submission
from vibespeaker.workflows.quickstart.training import planned, train_all
from vibespeaker.workflows.steps import Chain

logger = logging.getLogger(__name__)

#: The trainings of a stage are no more than this.
_MOST_PROCESSES = 4


def quickstart(
    corpus: Path | None = None,
    format: str | None = None,
    out: Path = Path("runs/quickstart"),
    seed: int = 0,
    speakers: int = SPEAKERS,
    utterances: int = UTTERANCES,
    epochs: int | None = None,
    draws: int = 1000,
    full: bool = False,
    processes: int | None = None,
) -> int:
    """Run the pipeline, from a corpus to submission files and a report; a second call continues or finds all done.

    Three models are trained: on audio and text, which is what is submitted, on audio alone and on text alone. The full
    story goes on from there: a second architecture, fine-tuning for each task, and an ensemble.

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
        full: tell the full story, in the folder `full` of `out`; what the short one made is used again.
        processes: how many work at the same time, each on one thread; by default one for each core, up to four.
    """
    require(COUNT, speakers=speakers, utterances=utterances, epochs=epochs)
    require(JOBS, processes=processes)
    require(DRAWS, draws=draws)
    require(SEED, seed=seed)
    source = choose_source(corpus, format, seed, speakers, utterances)
    check_folder(out, inputs=[corpus])
    results = out / "full" if full else out
    with quiet(), workers_at_hand(processes or min(cores(), _MOST_PROCESSES)) as workers:
        chain = Chain(out, workers=workers)
        data = prepare_data(source, out, chain)
        runs = planned(data, full)
        chain.total = chain.seen + len(runs) + full + submits(data) + 1
        keys = train_all(data, runs, out, seed, epochs, chain)
        system = combine(data, out, results, keys, chain) if full else first_system(out, keys)
        write_submission(data, system, results, chain)
        write_report(data, runs, system, keys, out, results, chain, draws)
    done = "done" if chain.worked else "all was done before"
    logger.info("%s; the report is %s", done, results / "report" / "index.html")
    if not full:
        logger.info("add --full for a second architecture, fine-tuning for each task, and an ensemble")
    return 0
