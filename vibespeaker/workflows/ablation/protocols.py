"""One experiment under several splits, each in a folder of its own, and one table of all beside what a source has."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from vibespeaker.baselines.classifiers import CLASSIFIERS
from vibespeaker.files import file_sha256, write_text
from vibespeaker.files.csv_text import write_csv
from vibespeaker.files.markdown import plain
from vibespeaker.prepare.clean import clean
from vibespeaker.progress import plain_console
from vibespeaker.workflows.ablation.plan import Cleaning, ExperimentPlan, Variant
from vibespeaker.workflows.ablation.running import LEAKING
from vibespeaker.workflows.ablation.scoring import Cell
from vibespeaker.workflows.score_tables import as_markdown, on_screen
from vibespeaker.workflows.steps import Chain, Step

log = logging.getLogger(__name__)

#: Split → what tables call it.
TITLES: Mapping[str, str] = {"speakers": "unheard speakers", LEAKING: "random split (leaks)"}
_WARNING = (
    "The random split is the source's own: test speakers are known from training, so that its scores, like the "
    "published ones, say little about people who were never heard. It stands here for comparison alone."
)


def cleaned(manifest: Path, how: Cleaning, out: Path) -> Path:
    """Return the manifest of cleaned copies in `out`, made unless they are there; see `vibespeaker clean`."""
    path = out / "cleaned.parquet"

    def work() -> None:
        clean(manifest, out / "cleaned", path, **asdict(how))

    inputs = {"manifest": file_sha256(manifest), **asdict(how)}
    Chain(out).run(Step("clean", "cleaning recordings", inputs, (path,), work))
    return path


def under(plan: ExperimentPlan, protocol: str) -> ExperimentPlan:
    """Return the plan of one protocol."""
    return replace(plan, split=protocol, protocols=(), clean=None)  # type: ignore[arg-type]


def published(variant: Variant, test: str, is_first: bool) -> tuple[float, float] | None:
    """Return WA and UA that a source has of a variant on a test, shares."""
    if test in variant.published:
        return variant.published[test]["accuracy"], variant.published[test]["uar"]
    return None if variant.classifier is None or not is_first else CLASSIFIERS[variant.classifier].published


def write_joint(
    plan: ExperimentPlan,
    found: Mapping[str, Mapping[str, Sequence[Cell]]],
    missing: Mapping[str, str],
    out: Path,
    title: str,
) -> None:
    """Show and write `table.md` and `table.csv`: WA and UA of every variant on every test, under every protocol.

    Args:
        plan: what was run; variants that could not be are shown with what a source has of them.
        found: protocol → variant → its cells.
        missing: variant → why it could not be run.
        out: folder to write into.
        title: of the table.
    """
    header = ["trained", "tested", "published WA / UA"]
    header += [f"{score}, {TITLES.get(name, name)}" for name in found for score in ("WA", "UA")]
    rows = []
    for variant in plan.variants:
        for place, test in enumerate(plan.tests):
            known = published(variant, test.name, place == 0)
            cells = [_cell(of_protocol.get(variant.name, ()), test.title) for of_protocol in found.values()]
            if place and known is None and all(cell is None for cell in cells):
                continue
            shown = "–" if known is None else " / ".join(f"{value:.3f}" for value in known)
            rows.append((variant.name, test.title, shown, *(text for cell in cells for text in _scores(cell))))
    notes = [f"{name} was not run: {reason}" for name, reason in missing.items()]
    notes += [_WARNING] if LEAKING in found else []
    console = plain_console()
    console.print(on_screen(title, header, rows, names=2))
    for note in notes:
        console.print(f"note: {note}", style="yellow", highlight=False)
    text = "\n".join([as_markdown(title, header, rows, names=2), "", *(f"{plain(note)}\n" for note in notes)])
    write_text(out / "table.md", text.rstrip("\n") + "\n")
    write_csv(out / "table.csv", header, rows)
    log.info("wrote %s", out / "table.md")


def _cell(cells: Sequence[Cell], test: str) -> Cell | None:
    return next((cell for cell in cells if cell.test == test and cell.scores), None)


def _scores(cell: Cell | None) -> tuple[str, str]:
    return ("–", "–") if cell is None else (str(cell.scores["accuracy"]), str(cell.scores["uar"]))
