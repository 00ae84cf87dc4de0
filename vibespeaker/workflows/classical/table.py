"""The table of classical baselines: their scores beside those that the seven-class corpus's authors publish."""

import logging
from collections.abc import Sequence
from pathlib import Path

from vibespeaker.baselines.classifiers import CLASSIFIERS
from vibespeaker.evaluation.scores import SystemScores
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.targets import Truth
from vibespeaker.files import write_text
from vibespeaker.files.csv_text import write_csv
from vibespeaker.predictions import Predictions
from vibespeaker.progress import plain_console
from vibespeaker.workflows.score_tables import as_markdown, on_screen

log = logging.getLogger(__name__)

#: Scores as `evaluate` names them → their titles.
SCORES = {"accuracy": "WA", "uar": "UA", "uar_plus_accuracy": "UA + WA", "macro_f1": "macro-F1", "auc": "AUC"}
PUBLISHED = "published WA / UA"
_NOTE = (
    "Published scores are the seven-class corpus's authors' own, on five corpora that were split at random: their test "
    "speakers are known from training."
)


def write_scores(manifest: Path, tables: Sequence[Path], out: Path, draws: int, split: str | None) -> None:
    """Score prediction tables together, print the table, and write `evaluation.json`, `table.md` and `table.csv`.

    Args:
        manifest: the truth.
        tables: one of each system.
        out: folder to write into.
        draws: bootstrap draws of the intervals.
        split: to score; by default the first of test, test1, validation and development that was predicted.
    """
    truth = Truth.read(manifest)
    read = {path: Predictions.read(path) for path in tables}
    if split is None:
        present = set(next(iter(read.values())).frame["split"])
        split = next((name for name in ("test", "test1", "validation", "development") if name in present), None)
    whole = evaluate_tables(tables, truth, Options(split, draws, by=[]))
    whole.write(out / "evaluation.json")
    header = ("classifier", *SCORES.values(), PUBLISHED)
    by_source = {str(path): table for path, table in read.items()}
    rows = [_row(one, by_source.get(one.source)) for one in whole.systems]
    title = "Classical baselines" + (" (synthetic speech)" if whole.synthetic else "")
    console = plain_console()
    console.print(on_screen(title, header, rows, caption=_NOTE))
    for note in whole.notes:
        console.print(f"note: {note}", style="yellow", highlight=False)
    write_text(out / "table.md", as_markdown(title, header, rows) + f"\n\n{_NOTE}\n")
    write_csv(out / "table.csv", header, rows)
    log.info("wrote %s and %s", out / "table.md", out / "table.csv")


def _row(one: SystemScores, table: Predictions | None) -> tuple[str, ...]:
    """Return the cells of a system, of a row for comparison without `table`."""
    values = [str(one.scores[score]) if score in one.scores else "–" for score in SCORES]
    if table is None:
        return (one.system, *values, "–")
    name = table.metadata.system  # what leaks stands behind the name in tables
    published = CLASSIFIERS[name.partition("-seed")[0]].published
    shown = "–" if published is None else " / ".join(f"{value:.3f}" for value in published)
    return (one.system, *values, shown)
