"""The command `recognize`: its help needs no system, so what a system needs is imported when one is loaded."""

import json as json_text
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vibespeaker.config_files.imports import trust as trust_packages
from vibespeaker.errors import AudioError, ConfigError
from vibespeaker.files.outputs import check_different, check_output
from vibespeaker.processes.threads import restored_threads, take_threads_for
from vibespeaker.progress import plain_console, tracked
from vibespeaker.transcribe.specs import DEFAULTS, build_transcriber, read_transcribers
from vibespeaker.utterance import chosen_channels

if TYPE_CHECKING:
    from vibespeaker.recognizer.inputs import Asked
    from vibespeaker.recognizer.recorded import Recorded, Turn
    from vibespeaker.recognizer.results import Recognition, Recognitions
    from vibespeaker.recognizer.system import Recognizer


def recognize(
    files: list[str] | None = None,
    model: str | None = None,
    list: Path | None = None,
    text: str | None = None,
    transcriber: str | None = None,
    channels: str = "mix",
    by: Literal["auto", "whole", "windows", "sentences"] = "auto",
    length: float = 4.0,
    hop: float = 2.0,
    segments: Path | None = None,
    vad: Literal["energy", "silero"] = "energy",
    abstain_below: float = 0.0,
    json: bool = False,
    csv: bool = False,
    out: Path | None = None,
    embeddings: Path | None = None,
    picture: Path | None = None,
    textgrid: Path | None = None,
    evaluate: bool = False,
    device: str = "cpu",
    trust: list[str] | None = None,
    ckpt: str | None = None,
    explain: Path | None = None,
    emoji: bool = False,
) -> int:
    """Say what emotions are heard in recordings: probabilities of categories, and attributes where the model has them.

    Args:
        files: audio files of any format and sampling rate (others than libsndfile's need ffmpeg), folders, patterns
            such as calls/*.wav, a manifest (.parquet), or - for a file that comes through a pipe.
        model: a model folder, a checkpoint that vibespeaker fit wrote, a run's folder, a shipped name, or
            USER/NAME[@revision] on the hub; without it the model that comes with VibeSpeaker.
        list: table of recordings (CSV, .xlsx, .json, .parquet) with a column file, and perhaps start, end, channel and
            text; its other columns are kept.
        text: the transcript of the one recording, where it is known.
        transcriber: what transcribes the audio when no text is given: a Whisper checkpoint such as
            openai/whisper-large-v3, a class such as SphinxTranscriber, or a YAML file of class_path and init_args. For
            encoders that read texts that have names, the file has one of these for each name.
        channels: mix hears the mean of the channels, each hears every channel by itself, as of a call with a speaker on
            each, and a number hears that channel alone, counted from 1.
        by: what is answered by itself: the whole recording, windows, or sentences, which pauses part, or the stops in
            what a transcriber with times hears; auto takes sentences for recordings over 20 s.
        length: of a window, seconds.
        hop: from one window's beginning to the next one's, seconds.
        segments: who speaks when in the one recording: RTTM, TextGrid, or a table with start, end and speaker; each
            turn is answered, and each speaker summed up.
        vad: detector that tells where there is speech; energy needs no model.
        abstain_below: least probability of the most probable category for it to be said.
        json: print JSON in place of tables.
        csv: print a table as CSV, a row for each recording or stretch.
        out: file for that table, .csv, .parquet or .json.
        embeddings: file (.npz) for what the model's heads read of each row.
        picture: file (.png, .svg, .pdf) for a picture of the one recording's emotions over time.
        textgrid: file (.TextGrid) for its stretches, for Praat.
        evaluate: score the answers for a manifest.
        device: cpu, cuda, another of torch, or auto: a GPU where there is one.
        trust: packages besides vibespeaker and torch that model and transcriber may name, such as your own.
        ckpt: what --model was called before.
        explain: file (.png, .svg, .pdf) for a picture of the one recording: its sound, its words, what each member of
            the model says, and what comes out.
        emoji: print a face beside each category.

    Raises:
        CheckpointError: there is no such model, or its encoders are not those at hand.
        AudioError: the one recording cannot be used; of several the others are answered, and the status is 1.
        ConfigError: options do not fit together.
    """
    trust_packages(trust or ())
    if model is not None and ckpt is not None:
        raise ConfigError("--ckpt is what --model was called before", remedy="give --model alone")
    if json and csv:
        raise ConfigError("--json and --csv both print", remedy="give one of them; --out TABLE writes a table besides")
    asked, manifest = _asked(files or [], list, text, evaluate)
    _check_outputs((out, embeddings, picture, textgrid, explain), [list, segments, *(Path(one.file) for one in asked)])
    from vibespeaker.recognizer.cutting import Cutting
    from vibespeaker.recognizer.inputs import by_channel, heard_of
    from vibespeaker.recognizer.results import Recognitions
    from vibespeaker.recognizer.system import Recognizer

    wanted, cutting = chosen_channels(channels), Cutting(by, length, hop)
    asked = by_channel(asked, wanted)
    alone: dict[str, object] = {
        "--segments": segments,
        "--picture": picture,
        "--textgrid": textgrid,
        "--text": text,
        "--explain": explain,
    }
    _require_one(asked, alone)
    heard = heard_of(asked, _turns(segments, asked))
    if len(asked) == 1:
        heard = chain([_usable(next(heard))], heard)  # before what takes long, since it may be the wrong file
    sounds = [*heard] if explain is not None else []
    heard = iter(sounds) if explain is not None else heard
    transcribers = {} if transcriber is None else read_transcribers(transcriber)
    settings = {**DEFAULTS, "vad": vad}
    recognizer = Recognizer(
        ckpt if model is None else model,
        {name: build_transcriber(spec, settings) for name, spec in transcribers.items()},
        device=device,
        cutting=cutting,
        abstain_below=abstain_below,
        vad=vad,
        embeddings=embeddings is not None,
        show_progress=len(asked) == 1,
    )
    with restored_threads():
        take_threads_for(recognizer.system)
        found = [*_answered(recognizer, heard, len(asked))]
    answers = Recognitions(found, recognizer.classes, [one.extra for one in asked])
    _write(answers, out, embeddings, picture, textgrid)
    _explain(answers, sounds, explain)
    _show(answers, recognizer, json, csv, emoji, as_list=len(asked) > 1 or wanted.are_all)
    if evaluate and manifest is not None:
        from vibespeaker.recognizer.scoring import score

        score(recognizer, asked, found, manifest)
    if len(asked) == 1 and found[0].problem is not None:
        raise AudioError(found[0].problem)
    return int(any(answer.problem is not None for answer in found))


def _asked(
    files: "list[str]", table: Path | None, text: str | None, evaluate: bool
) -> "tuple[list[Asked], Path | None]":
    """Return what is to be answered, and the manifest that names it, if one does."""
    from dataclasses import replace

    from vibespeaker.recognizer.inputs import asked_files, asked_manifest, asked_table

    if not files and table is None:
        raise AudioError("recognize needs a recording", remedy="vibespeaker recognize FILE")
    if files and table is not None:
        raise ConfigError(
            "recordings are named twice", found=f"{files[0]} and --list {table}", remedy="give one of them"
        )
    if table is not None:
        return asked_table(table), None
    manifest = Path(files[0]) if len(files) == 1 and files[0].endswith(".parquet") else None
    if evaluate and manifest is None:
        raise ConfigError("--evaluate needs true labels", found=files[0], allowed="a manifest (.parquet)")
    if manifest is not None:
        return asked_manifest(manifest), manifest
    return [replace(one, text=text) for one in asked_files(files)], None


def _require_one(asked: "Sequence[Asked]", options: dict[str, object]) -> None:
    """Refuse options that belong to one recording where there are several."""
    given = [name for name, value in options.items() if value is not None]
    if given and len({one.file for one in asked}) > 1:
        raise ConfigError(f"{given[0]} belongs to one recording", found=f"{len(asked)} recordings")


def _turns(path: Path | None, asked: "Sequence[Asked]") -> dict[int | None, "Sequence[Turn]"]:
    if path is None:
        return {}
    from vibespeaker.recognizer.turns import read_turns

    return dict(read_turns(path, Path(asked[0].file)))


def _usable(sound: "Recorded | Recognition") -> "Recorded | Recognition":
    from vibespeaker.recognizer.results import Recognition

    if isinstance(sound, Recognition) and sound.problem is not None:
        raise AudioError(sound.problem)
    return sound


def _answered(
    recognizer: "Recognizer", heard: "Iterator[Recorded | Recognition]", total: int
) -> "Iterator[Recognition]":
    if total == 1:
        yield from recognizer.answers(heard, keep_going=True)
        return
    with tracked("recognising", total, "recordings") as progress:
        for answer in recognizer.answers(heard, keep_going=True):
            progress.advance()
            yield answer


def _check_outputs(paths: Sequence[Path | None], inputs: "Sequence[Path | None]") -> None:
    from vibespeaker.recognizer import writing

    tables, pictures = writing.TABLE_SUFFIXES, writing.PICTURE_SUFFIXES
    suffixes = (tables, writing.EMBEDDING_SUFFIXES, pictures, writing.TEXTGRID_SUFFIXES, pictures)
    options = ("out", "embeddings", "picture", "textgrid", "explain")
    for path, allowed, option in zip(paths, suffixes, options, strict=True):
        if path is not None:
            check_output(path, inputs=inputs, suffixes=allowed, option=f"--{option}")
    check_different([path for path in paths if path is not None])


def _write(
    answers: "Recognitions", out: Path | None, embeddings: Path | None, picture: Path | None, textgrid: Path | None
) -> None:
    from vibespeaker.recognizer import writing

    if out is not None:
        writing.write_table(answers, out)
    if embeddings is not None:
        writing.write_embeddings(answers, embeddings)
    for answer in answers:
        part = _part(answers, answer)
        if picture is not None:
            writing.write_picture(answer, picture.with_stem(picture.stem + part))
        if textgrid is not None:
            writing.write_textgrid(answer, textgrid.with_stem(textgrid.stem + part))


def _part(answers: "Recognitions", answer: "Recognition") -> str:
    """Return what a file of one answer is called besides: of several channels each has a file of its own."""
    return "" if answer.channel is None or len(answers) == 1 else f"-channel{answer.channel}"


def _explain(answers: "Recognitions", sounds: "Sequence[Recorded | Recognition]", path: Path | None) -> None:
    """Draw a picture for each answer, that is for each channel, of a recording that could be read."""
    if path is None:
        return
    from vibespeaker.recognizer.recorded import Recorded
    from vibespeaker.recognizer.writing import write_explanation

    for answer, sound in zip(answers, sounds, strict=True):
        if isinstance(sound, Recorded) and answer.problem is None:
            write_explanation(answer, sound, path.with_stem(path.stem + _part(answers, answer)))


def _show(answers: "Recognitions", recognizer: "Recognizer", json: bool, csv: bool, emoji: bool, as_list: bool) -> None:
    if json:
        content = answers.to_dict()
        sys.stdout.write(json_text.dumps(content if as_list else content[0], indent=1, ensure_ascii=False) + "\n")
        return
    if csv:
        from vibespeaker.recognizer.writing import csv_of

        sys.stdout.write(csv_of(answers))
        return
    from vibespeaker.recognizer.terminal import print_answers

    console = plain_console()
    print_answers(console, answers, emoji)
    if recognizer.facts is not None:
        console.print(f"model: {recognizer.facts.line()}", style="dim")
