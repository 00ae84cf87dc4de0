"""Fill a manifest's missing texts by speech recognition.

Finished batches are kept beside the output until all are done: an interrupted run goes on where it stopped and loses at
most the batch it was at. Processes that run the same command share its batches (`sharing`); the first that finds all of
them finished writes the manifest.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vibespeaker.arguments.ranges import COUNT, require
from vibespeaker.config_files.imports import trust as trust_packages
from vibespeaker.errors import ConfigError
from vibespeaker.files.outputs import check_output
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.texts import check_text_name, origin_column, text_column
from vibespeaker.processes.claims import Claims
from vibespeaker.transcribe.finished import FinishedBatches, writing
from vibespeaker.transcribe.sharing import LOCK_FILE, Share, plan_batches
from vibespeaker.transcribe.specs import build_transcriber, read_transcriber, whisper_spec
from vibespeaker.transcribe.times import timed_utterances, write_times

if TYPE_CHECKING:
    from vibespeaker.transcribe.base import Transcriber

logger = logging.getLogger(__name__)

_SHOWN_FAILURES = 20


def transcribe(
    manifest: Path,
    model: str = "openai/whisper-large-v3",
    out: Path = Path("transcribed.parquet"),
    all: bool = False,
    splits: list[str] | None = None,
    language: str = "manifest",
    beams: int = 1,
    batch_size: int = 8,
    device: str = "auto",
    precision: str = "float32",
    vad: Literal["energy", "silero"] = "energy",
    suppress: bool = False,
    fallback: bool = False,
    times: Path | None = None,
    transcriber: str | None = None,
    name: str | None = None,
    trust: list[str] | None = None,
) -> int:
    """Fill missing texts of a manifest with the output of a recogniser; run again after an interruption.

    Run the same command in several shells, under torchrun or in a SLURM job to share the work.

    Args:
        manifest: the manifest to read.
        model: folder, or name on the hub, of a Whisper checkpoint; for other recognisers see transcriber.
        out: the manifest to write; may be the same file.
        all: transcribe every utterance alike, so that no split has human transcripts and another has not.
        splits: transcribe utterances of these splits only; the texts of others are kept.
        language: manifest (each utterance's own), auto (the model detects it), or an ISO code for all.
        beams: width of the beam search; 1 is greedy.
        batch_size: windows of 30 s transcribed together.
        device: cpu, cuda, …; auto takes a GPU (that of LOCAL_RANK or SLURM_LOCALID) when there is one.
        precision: float32, bfloat16 or float16.
        vad: detector of speech; audio that certainly holds none gets an empty text. energy needs no model.
        suppress: leave out what a Whisper seems to make up: texts that compress by more than 2.4 or whose mean
            log-probability is below -1; phrases that it repeats are cut to one. How many is said.
        fallback: decode such windows again first, by sampling at rising temperatures, as the paper of Whisper does.
        times: file to write when everything was said, `.parquet`: one row per word, or per segment where a recogniser
            knows no words, with seconds from the beginning of its utterance. A Whisper then says times, too.
        transcriber: in place of model, any recogniser: a class such as CTCTranscriber, SphinxTranscriber or one of your
            own by its path, or a YAML file of class_path and init_args. init_args go over the options above.
        name: write columns text.NAME and text_origin.NAME, beside the default texts, which stay as they are. An
            encoder with text: NAME reads them.
        trust: packages besides vibespeaker whose classes transcriber may name, such as your own.

    Returns:
        0, or 1 when some recordings could not be read; their texts stay as they were.
    """
    require(COUNT, beams=beams, batch_size=batch_size)
    trust_packages(trust or ())
    check_output(out, inputs=[Path(transcriber or model)], suffixes=(".parquet",))
    if times is not None:
        check_output(times, inputs=[manifest, out], suffixes=(".parquet",), option="--times")
        timed_utterances(times, "")  # another table is found now, not after hours of work
    if name is not None:
        check_text_name(name, "--name")
    spec = read_transcriber(transcriber) if transcriber else whisper_spec(model)
    table = _with_texts(Manifest.read(manifest), name)
    wanted = _wanted(table, all, splits, text_column(name))
    if not wanted:
        logger.info("every utterance has a text: nothing to transcribe")
        _write(table, out)
        return 0
    settings: dict[str, Any] = {
        "beams": beams,
        "batch_size": batch_size,
        "device": device,
        "precision": precision,
        "vad": vad,
    }
    settings |= {"suppress": suppress, "fallback": fallback, "times": times is not None}
    recognizer = build_transcriber(spec, settings)
    languages = _languages(table, wanted, language, recognizer)
    step = {
        "step": "transcribe",
        "model": recognizer.name,
        "fingerprint": recognizer.fingerprint().digest[:12],
        "language": language,
        "all": all,
        "splits": splits,
        "vad": recognizer.vad,
        **({} if name is None else {"name": name}),
        **({} if times is None else {"times": times.name}),
    }
    origin = recognizer.origin

    def written() -> dict[str, str]:
        return _already_written(out, step, origin, name, times)

    finished, keys = FinishedBatches(out, step, written), _keys(table)
    todo = [row for row in wanted if keys[row] not in finished]
    batches = plan_batches(todo, languages, table.column("duration"), keys, recognizer.batch_size)
    finished.refresh()
    left = sum(keys[row] not in finished for row in todo)
    logger.info("%d of %d utterances to transcribe", left, len(wanted))
    with Claims(finished.folder / LOCK_FILE) as claims:
        Share(table, keys, recognizer, finished, claims).run(batches)
        found = {row: finished.texts[keys[row]] for row in wanted if keys[row] in finished.texts}
        with claims.exclusive():
            if not (found and written().keys() >= {keys[row] for row in found}):
                if times is not None:  # before the texts, which say that all was written
                    ids = table.column("utterance_id")
                    heard = {ids[row]: finished.times[keys[row]] for row in found if keys[row] in finished.times}
                    with writing(times):
                        write_times(times, ids, heard, origin)
                _write(_filled(table, found, name, origin, step), out)
            finished.remove()
    for note, count in sorted(recognizer.notes.items()):
        logger.info("%d windows: %s", count, note)
    failures = [finished.failures[keys[row]] for row in wanted if keys[row] in finished.failures]
    for line in failures[:_SHOWN_FAILURES]:
        logger.warning("%s", line)
    if failures:
        logger.warning("%d recordings could not be read; their texts stay as they were", len(failures))
    return 1 if failures else 0


def _wanted(table: Manifest, everything: bool, splits: Sequence[str] | None, column: str) -> list[int]:
    """Return the rows to transcribe; an utterance without audio has nothing to transcribe."""
    own = table.column("split")
    if splits is not None and not set(splits) <= set(own):
        known = sorted({str(split) for split in own})
        raise ConfigError("the manifest has no such splits", found=sorted(set(splits) - set(own)), allowed=known)
    columns = zip(table.column("audio"), table.column(column), own, strict=True)
    return [
        row
        for row, (audio, text, split) in enumerate(columns)
        if audio and (everything or text is None) and (splits is None or split in splits)
    ]


def _languages(table: Manifest, wanted: Sequence[int], language: str, recognizer: "Transcriber") -> list[str | None]:
    """Return each row's language, checked before hours of work."""
    own = table.column("language")
    languages = [{"manifest": value, "auto": None}.get(language, language) for value in own]
    for spoken in sorted({languages[row] or "" for row in wanted}):
        recognizer.check_language(spoken or None)
    return languages


def _keys(table: Manifest) -> list[str]:
    """Return what a text belongs to: the utterance, and its audio where that is hashed."""
    pairs = zip(table.column("utterance_id"), table.column("audio_sha256"), strict=True)
    return [f"{utterance} {sha256 or ''}" for utterance, sha256 in pairs]


def _with_texts(table: Manifest, name: str | None) -> Manifest:
    """Return the manifest with columns for the texts of a name, null where there were none."""
    if text_column(name) in table.table.schema.names:
        return table
    empty: list[str | None] = [None] * len(table)
    return table.with_columns({text_column(name): empty, origin_column(name): empty})


def _filled(
    table: Manifest, texts: Mapping[int, str], name: str | None, origin: str, step: Mapping[str, Any]
) -> Manifest:
    """Return the manifest with the texts of some rows put in."""
    column, origins = table.column(text_column(name)), table.column(origin_column(name))
    for row, text in texts.items():
        column[row], origins[row] = text, origin
    repeated = bool(table.metadata.history) and table.metadata.history[-1] == step
    columns = {text_column(name): column, origin_column(name): origins}
    return table.with_columns(columns, None if repeated else dict(step))


def _already_written(
    out: Path, step: Mapping[str, Any], origin: str, name: str | None, times: Path | None
) -> dict[str, str]:
    """Return the texts of an earlier run with the same settings that came to its end; with their times, if wanted."""
    if not out.is_file():
        return {}
    earlier = Manifest.read(out)
    if dict(step) not in [dict(done) for done in earlier.metadata.history]:
        return {}
    earlier = _with_texts(earlier, name)
    columns = (earlier.column(column) for column in ("utterance_id", text_column(name), origin_column(name)))
    found = {
        key: (utterance, text)
        for key, utterance, text, made_by in zip(_keys(earlier), *columns, strict=True)
        if made_by == origin and text is not None
    }
    if times is None:
        return {key: text for key, (_, text) in found.items()}
    timed = timed_utterances(times, origin)
    return {key: text for key, (utterance, text) in found.items() if utterance in timed or not text}


def _write(table: Manifest, out: Path) -> None:
    with writing(out):
        table.write(out)
