"""The command `recognize`: its help needs no system, so what a system needs is imported when one is loaded."""

import json as json_text
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich.table import Table

from vibespeaker.config_files.imports import trust as trust_packages
from vibespeaker.errors import CheckpointError, ConfigError, printable
from vibespeaker.progress import plain_console
from vibespeaker.transcribe.specs import DEFAULTS, build_transcriber, read_transcribers
from vibespeaker.utterance import EACH, WHOLE, Channels, chosen_channels

#: Classes of a further head that are printed, the most probable; JSON has them all.
_MOST_CLASSES = 10

if TYPE_CHECKING:
    from vibespeaker.audio.speech import Vad
    from vibespeaker.recognizer.system import Recognition


def recognize(
    file: Path,
    model: str | None = None,
    text: str | None = None,
    transcriber: str | None = None,
    channels: str = "mix",
    vad: Literal["energy", "silero"] = "energy",
    json: bool = False,
    trust: list[str] | None = None,
    ckpt: str | None = None,
) -> None:
    """Print what a trained system says of one recording: its categories' probabilities and its attributes.

    Args:
        file: audio file of any common format and sampling rate.
        model: the system: a checkpoint that vibespeaker fit wrote, the folder of a run, or an ensemble's YAML file.
        text: the transcript, where it is known.
        transcriber: what transcribes the audio when no text is given: a Whisper checkpoint such as
            openai/whisper-large-v3, a class such as SphinxTranscriber, or a YAML file of class_path and init_args. For
            encoders that read texts that have names, the file has one of these for each name.
        channels: mix hears the mean of the channels, each hears every channel by itself, as of a call with a speaker on
            each, and a number hears that channel alone, counted from 1.
        vad: detector that tells whether there is speech at all; energy needs no model.
        json: print one JSON object in place of tables, or with channels each, a list of one per channel.
        trust: packages besides vibespeaker and torch that the system and the transcriber may name, such as your own.
        ckpt: what --model was called before.

    Raises:
        CheckpointError: there is no such system, or its encoders are not those at hand.
        ConfigError: an ensemble's file is wrong, or two systems are named.
        AudioError: the recording cannot be used.
    """
    trust_packages(trust or ())
    if model is not None and ckpt is not None:
        raise ConfigError("--ckpt is what --model was called before", remedy="give --model alone")
    reference = model or ckpt
    if reference is None:
        raise CheckpointError("recognize needs a system", remedy="vibespeaker recognize FILE --model RUN_OR_CHECKPOINT")
    recognitions = _recognize(file, chosen_channels(channels), reference, text, transcriber, vad)
    if not json:
        for channel, recognition in recognitions:
            _print(recognition, file, channel)
        return
    fields = [
        {"file": str(file), "channel": channel, "category": recognition.category, **asdict(recognition)}
        for channel, recognition in recognitions
    ]
    printed = fields if channels == EACH else fields[0]
    sys.stdout.write(json_text.dumps(printed, indent=1, ensure_ascii=False) + "\n")


def _recognize(
    file: Path, wanted: Channels, model: str, text: str | None, transcriber: str | None, vad: "Vad"
) -> list[tuple[int | None, "Recognition"]]:
    """Return the channels that are heard, null for the mean of all, and what is said of each."""
    from vibespeaker.audio.files import count_channels
    from vibespeaker.audio.notes import hear
    from vibespeaker.recognizer.system import Recognizer

    excerpts = wanted.excerpts(WHOLE, count_channels(file) if wanted.are_all else 1)
    heard = [hear(file, excerpt) for excerpt in excerpts]  # before what takes long, since it may be the wrong file
    specs = {} if transcriber is None else read_transcribers(transcriber)
    settings = {**DEFAULTS, "vad": vad}
    transcribers = {name: build_transcriber(spec, settings) for name, spec in specs.items()}
    recognizer = Recognizer.open(model, transcribers)
    return [
        (excerpt.channel, recognizer.recognize_samples(one.samples, text, one.notes, vad))
        for excerpt, one in zip(excerpts, heard, strict=True)
    ]


def _print(recognition: "Recognition", file: Path, channel: int | None) -> None:
    console = plain_console()
    part = "" if channel is None else f", channel {channel}"
    console.print(f"{printable(str(file))}{part}, {recognition.seconds:.1f} s", style="bold")
    if recognition.transcript is not None:
        console.print(f"transcript: {recognition.transcript!r}")
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
    for name, values in recognition.heads.items():
        table = Table(name, "")
        for label, value in sorted(values.items(), key=lambda pair: -pair[1])[:_MOST_CLASSES]:
            table.add_row(label, f"{value:.3f}")
        console.print(table)
    for note in recognition.notes:
        console.print(f"note: {note}", style="yellow")
