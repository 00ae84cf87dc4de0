"""Section about further heads: what a system predicts beside categories and attributes."""

from collections.abc import Sequence

from vibespeaker.evaluation.terminal import HEAD_SCORES
from vibespeaker.report.document import Section, Table
from vibespeaker.report.scores import shown_interval
from vibespeaker.report.systems import System

_MOST_CLASSES = 12


def further_heads(systems: Sequence[System]) -> Section:
    """Return one row per further head of each system: its kind, the clips with a label, its scores."""
    rows = []
    for system in systems:
        for name, head in system.scores.heads.items():
            shown = ", ".join(f"{one} {count:,}" for one, count in list(head.counts.items())[:_MOST_CLASSES])
            more = f" and {len(head.counts) - _MOST_CLASSES} more" if len(head.counts) > _MOST_CLASSES else ""
            scores = (shown_interval(head.interval(key)) for key in HEAD_SCORES)
            rows.append((system.name, name, head.kind, shown + more, f"{head.labelled:,}", *scores))
    if not rows:
        return Section("Further heads", ())
    header = ("system", "head", "kind", "clips of each class", "clips", *HEAD_SCORES.values())
    caption = "Heads beside categories and attributes, scored where the manifest has their truth."
    return Section("Further heads", (Table(caption, header, tuple(rows), labels=4),))
