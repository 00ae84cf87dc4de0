"""Answers as people read them in a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from vibespeaker.errors import printable
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.labels.emoji import emoji_of
from vibespeaker.progress import middle_cut
from vibespeaker.recognizer.long import by_speaker
from vibespeaker.recognizer.results import Recognition, Recognitions

#: Classes of a further head that are printed, the most probable; and stretches of one recording. JSON has them all.
_MOST_CLASSES, _MOST_STRETCHES = 10, 60
#: Columns of a file's name, at least.
_LEAST_NAME = 24


def print_answers(console: Console, answers: Recognitions, emoji: bool = False) -> None:
    """Print one recording with all that is said of it, or a line for each of several; on demand with faces."""
    if len(answers) == 1 or any(answer.channel is not None for answer in answers):
        for answer in answers:
            print_answer(console, answer, emoji)
        return
    room = max(console.width // 3, _LEAST_NAME)
    console.print(_lines(answers.answers, "file", [middle_cut(_name(answer), room) for answer in answers], emoji))
    _print_notes(console, answers.answers)


def print_answer(console: Console, answer: Recognition, emoji: bool = False) -> None:
    """Print one recording: tables of its heads; of a long one, its stretches and its speakers, too."""
    part = "" if answer.channel is None else f", channel {answer.channel}"
    console.print(f"{_name(answer)}{part}, {answer.seconds:.1f} s", style="bold")
    if answer.problem is not None:
        console.print(answer.problem, style="red")
        return
    if answer.segments:
        shown = answer.segments[:_MOST_STRETCHES]
        console.print(_lines(shown, "time", [f"{clock(one.start)}–{clock(one.ends)}" for one in shown], emoji))
        if len(answer.segments) > len(shown):
            console.print(f"… and {len(answer.segments) - len(shown)} more: --out TABLE or --csv has them all")
        speakers = by_speaker(answer)
        if speakers:
            console.print(_lines([*speakers.values()], "speaker", [printable(name) for name in speakers], emoji))
        console.print("the mean of all, weighted by duration:")
    if answer.transcript is not None and not answer.segments:
        console.print(f"transcript: {answer.transcript!r}")
    _print_members(console, answer)
    _print_heads(console, answer, emoji)
    if answer.abstained:
        console.print(f"abstained: {answer.most_probable} has a probability of {answer.confidence or 0:.2f} only")
    if answer.prediction_set is not None and len(answer.prediction_set) > 1:
        console.print(f"not told apart with certainty: {', '.join(answer.prediction_set)}")
    for note in answer.notes:
        console.print(f"note: {printable(note)}", style="yellow")


def clock(seconds: float) -> str:
    """Return a time as `1:02:03.4`, `2:03.4` or `3.4`."""
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}:{minutes:02d}:{rest:04.1f}"
    return f"{minutes}:{rest:04.1f}" if minutes else f"{rest:.1f}"


def _print_heads(console: Console, answer: Recognition, emoji: bool) -> None:
    if answer.probabilities is not None:
        table = Table("category", "probability", "")
        for emotion, probability in sorted(answer.probabilities.items(), key=lambda pair: -pair[1]):
            table.add_row(_faced(emotion, emoji), f"{probability:.3f}", "█" * round(30 * probability))
        console.print(table)
    if answer.attributes is not None:
        table = Table("attribute", "1–7", "")
        for name, value in answer.attributes.items():
            table.add_row(name, f"{value:.2f}", "·" * round(5 * (value - 1)) + "●")
        console.print(table)
    for name, values in answer.heads.items():
        table = Table(name, "")
        for label, value in sorted(values.items(), key=lambda pair: -pair[1])[:_MOST_CLASSES]:
            table.add_row(label, f"{value:.3f}")
        console.print(table)


def _print_members(console: Console, answer: Recognition) -> None:
    """Say in a line for each member of a system what it finds most probable, and what it counts for."""
    for name, member in answer.members.items():
        if member.probabilities is not None:
            best = max(member.probabilities, key=lambda emotion: member.probabilities[emotion])  # type: ignore[index]
            console.print(
                f"{printable(name)}, which counts {member.share:.0%}: {best} {member.probabilities[best]:.3f}"
            )


def _faced(category: str, emoji: bool) -> str:
    """Return a category, on demand with its face."""
    face = emoji_of(category) if emoji else ""
    return f"{face} {category}" if face else category


def _lines(answers: Sequence[Recognition], first: str, names: Sequence[str], emoji: bool) -> Table:
    """Return a line for each answer; columns that say nothing are left out."""
    attributes = [name for name in ATTRIBUTES if any(one.attributes for one in answers)]
    has_speakers = first != "speaker" and any(one.speaker for one in answers)
    has_texts = any(one.transcript for one in answers)
    columns = [first, *(["speaker"] if has_speakers else []), "category", "", *attributes]
    table = Table(*columns, *(["text"] if has_texts else []))
    for name, one in zip(names, answers, strict=True):
        said = one.category or ("" if one.problem is None else "not usable")
        category = "abstained" if one.abstained else _faced(said, emoji)
        confidence = "" if one.confidence is None else f"{one.confidence:.2f} {'█' * round(10 * one.confidence)}"
        values = [f"{one.attributes[name]:.2f}" if one.attributes else "" for name in attributes]
        speaker = [printable(one.speaker or "")] if has_speakers else []
        table.add_row(name, *speaker, category, confidence, *values, *([one.transcript or ""] if has_texts else []))
    return table


def _print_notes(console: Console, answers: Sequence[Recognition]) -> None:
    """Print each note once, with the recordings that it is on."""
    notes: dict[str, list[str]] = {}
    for answer in answers:
        for note in (*([answer.problem] if answer.problem else []), *answer.notes):
            notes.setdefault(note, []).append(_name(answer))
    for note, files in notes.items():
        where = files[0] if len(files) == 1 else f"{len(files)} recordings"
        console.print(f"note: {printable(note)} ({where})", style="yellow")


def _name(answer: Recognition) -> str:
    return printable(answer.file or "samples")
