"""The steps after training: ensemble, submission files."""

import logging
from pathlib import Path

from vibespeaker.ensemble import ensemble
from vibespeaker.quickstart.data import Material
from vibespeaker.quickstart.steps import Chain, Step
from vibespeaker.quickstart.training import planned
from vibespeaker.submission import submit

logger = logging.getLogger(__name__)

SYSTEM = "full system"
_CATEGORIES = ("task1", "task1-average")
#: As in the published ensemble, the pre-trained attentive model joins for valence.
_MEMBERS = {
    "arousal": ("task2", "task2-average"),
    "valence": ("task2", "task2-average", "multitask"),
    "dominance": ("task2", "task2-average"),
}


def combine(material: Material, out: Path, keys: dict[str, str], chain: Chain) -> tuple[Path, str]:
    """Run the ensemble's step, and return its table and key."""
    tables = {run.name: str(run.predictions(out)) for run in planned(material)}
    heads = {"categories": _CATEGORIES, **(_MEMBERS if material.has_attributes else {})}
    members = [name for name in tables if any(name in chosen for chosen in heads.values())]
    table = out / "full.parquet"

    def work() -> None:
        by_head = {head: [tables[name] for name in chosen] for head, chosen in heads.items()}
        ensemble([Path(tables[name]) for name in members], table, system=SYSTEM, **by_head)  # type: ignore[arg-type]

    inputs = {"members": {name: keys[name] for name in members}, "heads": heads}
    return table, chain.run(Step("ensemble", "combining the fine-tuned models", inputs, (table,), work))


def hand_in(material: Material, table: Path, key: str, out: Path, chain: Chain) -> None:
    """Run the submission's step; corpora without a test part to submit, or without attributes, skip it and say so."""
    if not material.has_attributes:
        logger.info("no attributes in this corpus: task 2 and the submission are skipped")
        return
    if not material.challenge:
        logger.info("no test part of the challenge in this corpus: the submission is skipped")
        return
    folder = out / "submission"

    def work() -> None:
        submit(table, folder, manifest=material.manifest, split="test3")

    outputs = (folder, folder / "task1.csv", folder / "task2.csv")
    chain.run(Step("submission", "writing the submission", {"ensemble": key}, outputs, work))
