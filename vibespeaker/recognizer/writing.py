"""Answers as files: tables (CSV, Parquet, JSON), Praat's TextGrid, embeddings, a picture over time."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vibespeaker.corpora.textgrid_files import Interval, Tier
from vibespeaker.corpora.textgrid_text import textgrid_text
from vibespeaker.errors import ConfigError, printable
from vibespeaker.files import atomic_path, write_text
from vibespeaker.files.csv_text import csv_text
from vibespeaker.labels.emoji import emoji_of
from vibespeaker.recognizer.recorded import Recorded
from vibespeaker.recognizer.results import SEPARATOR, Recognition, Recognitions
from vibespeaker.utterance import SAMPLE_RATE

if TYPE_CHECKING:
    from vibespeaker.figures import Explained

TABLE_SUFFIXES, TEXTGRID_SUFFIXES, EMBEDDING_SUFFIXES = (".csv", ".parquet", ".json"), (".TextGrid",), (".npz",)
PICTURE_SUFFIXES = (".png", ".svg", ".pdf")
_DIGITS = 6


def csv_of(answers: Recognitions) -> str:
    """Return the table as CSV; cells of what is missing are empty."""
    rows = answers.rows()
    header = list(rows[0]) if rows else []
    return csv_text(header, [[_cell(value) for value in row.values()] for row in rows])


def json_of(answers: Recognitions, as_list: bool) -> str:
    """Return JSON: a list of answers, or the only one by itself."""
    content: Any = answers.to_dict()
    return json.dumps(content if as_list else content[0], indent=1, ensure_ascii=False) + "\n"


def write_table(answers: Recognitions, path: Path) -> None:
    """Write a row for every recording, or for every stretch of a long one.

    Args:
        answers: of the recordings.
        path: `.csv`, `.parquet` or `.json`.
    """
    if path.suffix == ".csv":
        write_text(path, csv_of(answers))
    elif path.suffix == ".json":
        write_text(path, json_of(answers, as_list=True))
    else:
        with atomic_path(path) as temporary:
            answers.to_pandas().to_parquet(temporary, index=False)


def write_embeddings(answers: Recognitions, path: Path) -> None:
    """Write what the heads read: arrays `embeddings` `(rows, dim)`, `recording`, `start`, `end`, rows as in the table.

    Recordings that could not be used are left out.
    """
    rows = [one for answer in answers for one in answer.stretches() if one.embedding is not None]
    if not rows:
        raise ConfigError("there are no embeddings to write", remedy="name recordings that can be used")
    embeddings = np.stack([np.asarray(one.embedding) for one in rows])
    names = np.array([one.file or "" for one in rows])
    starts, ends = np.array([one.start for one in rows]), np.array([one.ends for one in rows])
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, embeddings=embeddings, recording=names, start=starts, end=ends)


def write_textgrid(answer: Recognition, path: Path) -> None:
    """Write a recording's stretches as tiers for Praat: the emotion of each, its confidence, the words.

    Overlapping windows meet in the middle of what they share; speakers have tiers of their own.
    """
    stretches = [one for one in answer.stretches() if one.problem is None]
    speakers = list(dict.fromkeys(one.speaker for one in stretches))
    tiers = []
    for speaker in speakers:
        own = [one for one in stretches if one.speaker == speaker]
        prefix = "" if speaker is None else f"{speaker}: "
        tiers.append(_tier(f"{prefix}emotion", own, [_category(one) for one in own]))
        said = ["" if one.confidence is None else f"{one.confidence:.2f}" for one in own]
        tiers.append(_tier(f"{prefix}confidence", own, said))
        if any(one.transcript for one in own):
            tiers.append(_tier(f"{prefix}text", own, [one.transcript or "" for one in own]))
    write_text(path, textgrid_text(tiers, answer.ends))


def write_picture(answer: Recognition, path: Path) -> None:
    """Draw a recording's emotion over time.

    Args:
        answer: of one recording.
        path: `.png`, `.svg` or `.pdf`.

    Raises:
        ConfigError: there is no speech to draw.
    """
    from vibespeaker.figures import write_figure

    write_figure(_picture(answer), path)


def picture_png(answer: Recognition) -> bytes:
    """Return what `write_picture` draws, as a PNG.

    Raises:
        ConfigError: there is no speech to draw.
    """
    from vibespeaker.figures import png_bytes

    return png_bytes(_picture(answer))


def _picture(answer: Recognition) -> Any:
    from vibespeaker.figures import trajectory_figure

    stretches = sorted((one for one in answer.stretches() if one.probabilities or one.attributes), key=_start)
    if not stretches:
        raise ConfigError("there is nothing to draw", found=answer.problem or SEPARATOR.join(answer.notes))
    return trajectory_figure(
        [one.start - answer.start for one in stretches],
        [one.ends - answer.start for one in stretches],
        _columns([one.probabilities for one in stretches]),
        _columns([one.attributes for one in stretches]),
        answer.seconds,
        "" if answer.file is None else Path(answer.file).name,
        [one.speaker for one in stretches],
    )


def write_explanation(answer: Recognition, sound: Recorded, path: Path) -> None:
    """Draw the sound, its words, what each member of the system says of it, and what comes out.

    Args:
        answer: of one recording.
        sound: the recording.
        path: `.png`, `.svg` or `.pdf`.

    Raises:
        ConfigError: the recording could not be used.
    """
    from vibespeaker.figures import explanation_figure, write_figure

    write_figure(explanation_figure(sound.samples, SAMPLE_RATE, _explained(answer, sound)), path)


def explanation_png(answer: Recognition, sound: Recorded) -> bytes:
    """Return what `write_explanation` draws, as a PNG.

    Raises:
        ConfigError: the recording could not be used.
    """
    from vibespeaker.figures import explanation_figure, png_bytes

    return png_bytes(explanation_figure(sound.samples, SAMPLE_RATE, _explained(answer, sound)))


def _explained(answer: Recognition, sound: Recorded) -> "Explained":
    from vibespeaker.figures import Explained

    if answer.problem is not None or not len(sound.samples):
        raise ConfigError("there is nothing to draw", found=answer.problem or "no sound")
    return Explained(
        f"{'' if answer.file is None else printable(Path(answer.file).name)}, {answer.seconds:.1f} s",
        answer.probabilities or {},
        {name: member.probabilities for name, member in answer.members.items() if member.probabilities is not None},
        {name: member.share for name, member in answer.members.items()},
        answer.transcript,
        emoji_of(answer.category),
        answer.category,
        answer.attributes or {},
    )


def _start(one: Recognition) -> float:
    return one.start


def _columns(values: Sequence[Mapping[str, float] | None]) -> dict[str, list[float]]:
    """Return name → its value in each stretch; empty where no stretch has any."""
    names = next((list(one) for one in values if one), [])
    return {name: [one[name] if one else float("nan") for one in values] for name in names}


def _category(one: Recognition) -> str:
    return "" if one.probabilities is None else (one.category or "abstained")


def _tier(name: str, stretches: Sequence[Recognition], texts: Sequence[str]) -> Tier:
    ordered = sorted(zip(stretches, texts, strict=True), key=lambda pair: pair[0].start)
    intervals: list[Interval] = []
    for place, (one, text) in enumerate(ordered):
        start, end = one.start, one.ends
        if intervals:
            start = max(start, intervals[-1].end)
        if place + 1 < len(ordered) and ordered[place + 1][0].start < end:
            end = (ordered[place + 1][0].start + end) / 2
        if end > start:
            intervals.append(Interval(0, start, end, text))
    return Tier(name, tuple(intervals))


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return round(value, _DIGITS) if isinstance(value, float) else value
