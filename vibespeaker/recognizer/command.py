"""The command `recognize`: its help needs no system, so what a system needs is imported when one is loaded."""

import json as json_text
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from vibespeaker.errors import CheckpointError

if TYPE_CHECKING:
    from vibespeaker.recognizer.system import Recognition


def recognize(
    file: Path, ckpt: Path | None = None, text: str | None = None, transcriber: str | None = None, json: bool = False
) -> None:
    """Print what a trained system says of one recording: its categories' probabilities and its attributes.

    Args:
        file: audio file of any common format and sampling rate.
        ckpt: checkpoint that vibespeaker fit wrote.
        text: the transcript, where it is known.
        transcriber: Whisper checkpoint that transcribes the audio when no text is given, e.g. openai/whisper-large-v3.
        json: print one JSON object in place of tables.

    Raises:
        CheckpointError: there is no checkpoint, or its encoders are not those at hand.
        AudioError: the recording cannot be used.
    """
    if ckpt is None:
        raise CheckpointError("recognize needs a checkpoint", remedy="vibespeaker recognize FILE --ckpt CHECKPOINT")
    recognition = _recognize(file, ckpt, text, transcriber)
    if json:
        fields = {"file": str(file), "category": recognition.category, **asdict(recognition)}
        sys.stdout.write(json_text.dumps(fields, indent=1, ensure_ascii=False) + "\n")
    else:
        _print(recognition, file)


def _recognize(file: Path, checkpoint: Path, text: str | None, transcriber: str | None) -> "Recognition":
    from vibespeaker.audio.files import read_audio
    from vibespeaker.recognizer.system import Recognizer

    samples = read_audio(file)  # before what takes long, since it may be the wrong file
    hears = None
    if transcriber is not None:
        from vibespeaker.transcribe.whisper import Transcriber

        hears = Transcriber(transcriber)
    return Recognizer.from_checkpoint(checkpoint, hears).recognize_samples(samples, text)


def _print(recognition: "Recognition", file: Path) -> None:
    console = Console(highlight=False)
    console.print(f"[bold]{file}[/bold], {recognition.seconds:.1f} s")
    if recognition.transcript is not None:
        console.print(f"transcript: {recognition.transcript!r}", markup=False)
    if recognition.probabilities is not None:
        table = Table("category", "probability", "")
        ranked = sorted(recognition.probabilities.items(), key=lambda pair: -pair[1])
        for emotion, probability in ranked:
            table.add_row(emotion, f"{probability:.3f}", "█" * round(30 * probability))
        console.print(table)
    if recognition.attributes is not None:
        table = Table("attribute", "1–7", "")
        for name, value in recognition.attributes.items():
            table.add_row(name, f"{value:.2f}", "·" * round(5 * (value - 1)) + "●")
        console.print(table)
    for note in recognition.notes:
        console.print(f"note: {note}", style="yellow", markup=False)
