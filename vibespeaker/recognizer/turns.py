"""Who speaks when, from files that others wrote: a diariser's RTTM, Praat's TextGrid, a table."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from vibespeaker.corpora.rttm import rttm_turns
from vibespeaker.corpora.segments import seconds, segment_bounds
from vibespeaker.corpora.tables import open_table
from vibespeaker.corpora.textgrid_files import read_textgrid
from vibespeaker.errors import CorpusError
from vibespeaker.recognizer.recorded import Turn

_SPEAKERS = ("speaker", "speakers")


def read_turns(path: Path, recording: Path) -> dict[int | None, list[Turn]]:
    """Read a file of turns.

    Args:
        path: `.rttm`; `.TextGrid`, whose tiers are speakers unless one is called speaker; or a table with `start`, and
            `end` or `duration`, `speaker` and `channel`.
        recording: of an RTTM of several recordings the lines of this one's name count.

    Returns:
        Channel → its turns by time, null for those that name none.

    Raises:
        CorpusError: it cannot be read, or holds no turn.
    """
    suffix = path.suffix.lower()
    readers = {".rttm": _of_rttm, ".textgrid": _of_textgrid}
    found = readers.get(suffix, _of_table)(path, recording.stem)
    if not any(found.values()):
        raise CorpusError(f"{path} holds no turn", found="nothing that anybody says")
    return {channel: sorted(turns, key=lambda turn: (turn.start, turn.end)) for channel, turns in found.items()}


def _of_rttm(path: Path, name: str) -> Mapping[int | None, list[Turn]]:
    turns, problems = rttm_turns(path)
    if problems and not turns:
        raise CorpusError(f"{path} cannot be read", found=f"{problems[0].item}: {problems[0].reason}")
    recordings = sorted({turn.recording for turn in turns})
    if len(recordings) > 1 and name not in recordings:
        raise CorpusError(f"{path} has turns of other recordings", found=", ".join(recordings[:8]), allowed=name)
    own = [turn for turn in turns if len(recordings) == 1 or turn.recording == name]
    several = len({turn.channel for turn in own}) > 1
    found: dict[int | None, list[Turn]] = defaultdict(list)
    for turn in own:
        channel = turn.channel_number if several else None
        found[channel].append(Turn(turn.start, turn.end, turn.speaker or None))
    return found


def _of_textgrid(path: Path, name: str) -> Mapping[int | None, list[Turn]]:
    tiers, _ = read_textgrid(path)
    named = [tier for tier in tiers if tier.name.casefold() in _SPEAKERS]
    turns = [
        Turn(interval.start, interval.end, interval.text if named else tier.name or None)
        for tier in named or tiers
        for interval in tier.intervals
        if interval.text and interval.end > interval.start
    ]
    return {None: turns}


def _of_table(path: Path, name: str) -> Mapping[int | None, list[Turn]]:
    table = open_table(path, ("start", "end", "duration", "speaker", "channel"), ("start",))
    found: dict[int | None, list[Turn]] = defaultdict(list)
    for line, row in table.rows():
        times = {key: row.get(key, "") for key in ("start", "end", "duration")}
        try:
            start, end, duration = (seconds(key, value, table.decimal_comma) for key, value in times.items())
            start, end = segment_bounds(start or 0.0, end, duration)
            channel = row.get("channel", "")
            if end is None or (channel and not channel.isdecimal()):
                raise ValueError("neither end nor duration" if end is None else f"channel {channel!r} is none")
        except ValueError as error:
            raise CorpusError(f"{path}, line {line}: {error}") from error
        found[int(channel) if channel else None].append(Turn(start or 0.0, end, row.get("speaker") or None))
    _require_whole(path, [f"{problem.item}: {problem.reason}" for problem in table.all_problems() if problem.dropped])
    return found


def _require_whole(path: Path, problems: Sequence[str]) -> None:
    if problems:
        raise CorpusError(f"{path} has rows that cannot be read", found=problems[0])
