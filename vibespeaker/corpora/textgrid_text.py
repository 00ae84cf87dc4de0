"""Tiers of intervals → the text of a Praat TextGrid, in its long format (Praat manual, "TextGrid file formats")."""

from collections.abc import Sequence

from vibespeaker.corpora.textgrid_files import Interval, Tier


def textgrid_text(tiers: Sequence[Tier], end: float) -> str:
    """Return a TextGrid of tiers from 0 to `end` seconds; gaps between intervals become empty ones, as Praat wants.

    Args:
        tiers: their intervals in order, none beginning before the one before has ended.
        end: of the recording.
    """
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {_seconds(end)}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, tier in enumerate(tiers, 1):
        intervals = _filled(tier.intervals, end)
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(tier.name)}"]
        lines += ["        xmin = 0", f"        xmax = {_seconds(end)}", f"        intervals: size = {len(intervals)}"]
        for place, interval in enumerate(intervals, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {_seconds(interval.start)}"]
            lines += [f"            xmax = {_seconds(interval.end)}", f"            text = {_quoted(interval.text)}"]
    return "\n".join(lines) + "\n"


def _filled(intervals: Sequence[Interval], end: float) -> list[Interval]:
    """Return intervals that cover 0 to `end` without a gap."""
    filled: list[Interval] = []
    at = 0.0
    for interval in intervals:
        if interval.start > at:
            filled.append(Interval(0, at, interval.start, ""))
        filled.append(interval)
        at = interval.end
    return [*filled, Interval(0, at, end, "")] if at < end or not filled else filled


def _seconds(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
