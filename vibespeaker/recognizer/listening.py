"""The command `listen`: what a microphone or a pipe says now."""

import json as json_text
import sys
import time
from typing import TYPE_CHECKING, Literal

from vibespeaker.config_files.imports import trust as trust_packages
from vibespeaker.errors import AudioError, ConfigError
from vibespeaker.transcribe.specs import DEFAULTS, build_transcriber, read_transcriber

if TYPE_CHECKING:
    from vibespeaker.recognizer.live import LiveAnswer

_BAR = 20


def listen(
    source: str = "microphone",
    model: str | None = None,
    length: float = 3.0,
    every: float = 1.0,
    transcriber: str | None = None,
    microphone: str | None = None,
    rate: int = 16_000,
    channels: int = 1,
    encoding: Literal["auto", "s16", "s32", "f32"] = "auto",
    vad: Literal["energy", "silero"] = "energy",
    abstain_below: float = 0.0,
    seconds: float | None = None,
    json: bool = False,
    device: str = "cpu",
    trust: list[str] | None = None,
) -> None:
    """Say what emotion is heard now, again and again, from a microphone or a pipe, until it ends or Ctrl-C.

    arecord -t raw -f S16_LE -r 16000 | vibespeaker listen -

    Args:
        source: microphone (extra live), or - for what comes through a pipe: WAV, or bare samples.
        model: as for recognize.
        length: seconds of sound that each answer is about.
        every: seconds from one answer to the next.
        transcriber: as for recognize; words are shown when a sentence has ended, with their delay.
        microphone: part of its name or its number, as python -m sounddevice lists them; the usual one by default.
        rate: Hz of bare samples.
        channels: interleaved ones of bare samples.
        encoding: of bare samples, little-endian; auto takes WAV for what it says it is, and all else for s16.
        vad: detector that tells whether somebody speaks.
        abstain_below: least probability of the most probable category for it to be said.
        seconds: of sound after which to stop; null to go on.
        json: print a line of JSON for each answer.
        device: cpu, cuda, another of torch, or auto: a GPU where there is one.
        trust: packages besides vibespeaker and torch that model and transcriber may name.

    Raises:
        AudioError: there is no microphone, or what comes through the pipe is no sound.
        ConfigError: the source is unknown, or a number is out of range.
    """
    trust_packages(trust or ())
    if source not in ("microphone", "-"):
        raise ConfigError(
            "listen hears a microphone or a pipe", found=source, allowed="microphone, -", remedy="recognize hears files"
        )
    from vibespeaker.audio.streams import microphone_blocks, pipe_blocks
    from vibespeaker.recognizer.cutting import Cutting
    from vibespeaker.recognizer.live import listen as answers_of
    from vibespeaker.recognizer.system import Recognizer

    blocks = (
        microphone_blocks(microphone)
        if source == "microphone"
        else pipe_blocks(sys.stdin.buffer, rate, channels, encoding)
    )
    recognizer = Recognizer(model, device=device, cutting=Cutting("whole"), abstain_below=abstain_below, vad=vad)
    transcribe = None
    if transcriber is not None:
        transcribe = build_transcriber(read_transcriber(transcriber), {**DEFAULTS, "vad": vad})
    if recognizer.facts is not None:
        sys.stderr.write(f"model: {recognizer.facts.line()}\n")
    count, slowest = 0, 0.0
    started = time.monotonic()
    try:
        for answer in answers_of(blocks, recognizer, length, every, vad, transcribe):
            sys.stdout.write(json_line(answer) if json else line(answer))
            sys.stdout.flush()
            count, slowest = count + 1, max(slowest, answer.latency)
            if seconds is not None and answer.heard >= seconds:
                break
    except KeyboardInterrupt:
        sys.stderr.write("\n")
    if not count:
        raise AudioError("nothing was heard", found=f"less than {every:g} s of sound")
    took = time.monotonic() - started
    sys.stderr.write(f"{count} answers in {took:.1f} s, the latest {1000 * slowest:.0f} ms behind the sound\n")


def line(live: "LiveAnswer") -> str:
    """Return an answer as a line for people, and a line of words where a sentence has ended."""
    from vibespeaker.errors import printable

    answer = live.answer
    if answer is None:
        said = "no speech"
    elif answer.probabilities is None:
        said = ", ".join(f"{name} {value:.2f}" for name, value in (answer.attributes or {}).items())
    else:
        confidence = answer.confidence or 0.0
        bar = ("█" * round(_BAR * confidence)).ljust(_BAR)
        said = f"{answer.category or 'abstained':<12} {confidence:.2f} {bar}"
    skipped = f", {live.skipped} answers left out to keep up" if live.skipped else ""
    shown = f"{live.heard:7.1f} s  {said}  {1000 * live.latency:.0f} ms{skipped}\n"
    if live.words is not None and live.words_delay is not None:
        shown += f"           “{printable(live.words)}”, {live.words_delay:.1f} s later\n"
    return shown


def json_line(live: "LiveAnswer") -> str:
    """Return an answer as one line of JSON."""
    answer = None if live.answer is None else live.answer.to_dict()
    facts = {"heard": live.heard, "latency": live.latency, "words": live.words, "words_delay": live.words_delay}
    return json_text.dumps({**facts, "skipped": live.skipped, "answer": answer}, ensure_ascii=False) + "\n"
