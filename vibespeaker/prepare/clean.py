"""`vibespeaker clean`: cleaned copies of a manifest's recordings, and the manifest that lists them.

Originals stay untouched. Findings are kept in a journal beside the new manifest, one line per clip, so that an
interrupted run goes on where it was; the journal goes when the manifest is written.
"""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from vibespeaker.arguments.ranges import NOT_NEGATIVE, WORKERS, require
from vibespeaker.audio.cleaning import CleaningRecipe, clean_audio
from vibespeaker.audio.cleaning.recipe import STEP
from vibespeaker.audio.files import examine, write_audio
from vibespeaker.audio.recordings import Recordings, read_unchanged
from vibespeaker.corpora.base import Problem
from vibespeaker.errors import AudioError, ManifestError
from vibespeaker.figures import before_and_after, write_figure
from vibespeaker.files import naming
from vibespeaker.files.csv_text import write_csv
from vibespeaker.files.outputs import Format, below, check_apart, check_folder, check_output
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.prepare import write_problems
from vibespeaker.prepare.terminal import problem_table
from vibespeaker.processes.threads import cores, take_few_threads
from vibespeaker.processes.workers import workers_at_hand
from vibespeaker.progress import plain_console, tracked
from vibespeaker.utterance import SAMPLE_RATE, Excerpt

log = logging.getLogger(__name__)

#: The source of the seven-class corpus drops what is shorter after its silence is gone, in seconds.
MIN_DURATION = 1.0
_MEASURES = ("seconds_before", "seconds_after", "noise_db", "gain_db")
_CHUNK = 8

Finding = dict[str, Any]
Job = tuple[Path, Excerpt, str | None, Path]


def clean(
    manifest: Path,
    folder: Path,
    out: Path = Path("cleaned.parquet"),
    denoise: float = 1.0,
    silence: Literal["none", "energy", "silero"] = "silero",
    margin: float = 0.1,
    below_db: float = 40.0,
    loudness: float | None = None,
    min_duration: float = MIN_DURATION,
    picture: str | None = None,
    format: Format = "png",
    workers: int | None = None,
) -> int:
    """Write cleaned copies of recordings as 16 kHz mono WAV, and a manifest of them; originals stay as they are.

    Pauses carry emotion: the challenge systems train on recordings as they are. An interrupted run goes on where it
    stopped. What each step took away stands in a CSV file beside the manifest, and summed up in its history.

    Args:
        manifest: table that `vibespeaker prepare` or `combine` wrote.
        folder: where the copies go.
        out: manifest to write.
        denoise: share of the noise to take away by spectral gating, 0–1; 0 leaves the step out.
        silence: remove silence by the Silero detector, by energy, or not at all.
        margin: seconds kept on either side of speech.
        below_db: with energy, what lies so far below the loudest 25 ms is silence, dB.
        loudness: root mean square to bring clips to, e.g. -23 (dB of full scale); by default as they are.
        min_duration: what is shorter after all steps is dropped, in seconds; 0 keeps everything.
        picture: utterance whose waveform and spectrogram are drawn before and after, beside the manifest; the first
            that is kept by default.
        format: of the picture: png with 300 dots per inch, svg, or pdf.
        workers: clips cleaned at the same time, by default as many as there are cores.

    Returns:
        0, or 1 when something was dropped.

    Raises:
        ManifestError: nothing is left, or there is no utterance `picture`.
        ConfigError: a step is out of range or needs a package that is not installed.
    """
    require(NOT_NEGATIVE, min_duration=min_duration)
    require(WORKERS, workers=workers)
    recipe = CleaningRecipe(denoise, silence, margin, below_db, loudness)
    identity = recipe.identity()
    companions = [out.with_suffix(suffix) for suffix in (".problems.csv", ".cleaning.csv", f".{format}")]
    check_output(out, suffixes=(".parquet",))
    for companion in companions:
        check_output(companion, inputs=[manifest])
    table = Manifest.read(manifest)
    folder = Path(os.path.abspath(folder))
    check_folder(folder, inputs=[table.root], option="the folder of the copies")
    journal = out.with_name(f".{out.name}.cleaned")
    findings = _clean_all(table, recipe, identity, folder, journal, workers)
    cleaned, problems = cleaned_manifest(table, findings, identity, folder, min_duration)
    cleaned.write(out)
    write_problems(out.with_suffix(".problems.csv"), problems)
    _write_measures(out.with_suffix(".cleaning.csv"), table, findings)
    _draw(table, cleaned, picture, out.with_suffix(f".{format}"))
    journal.unlink(missing_ok=True)
    console = plain_console()
    if problems:
        console.print(problem_table(problems))
    console.print(f"{cleaned.metadata.history[-1]['measured']}", highlight=False)
    console.print(f"{len(cleaned):,} of {len(table):,} utterances → {out}", highlight=False)
    return 1 if problems else 0


def cleaned_manifest(
    table: Manifest, findings: Sequence[Finding], identity: Mapping[str, Any], folder: Path, min_duration: float
) -> tuple[Manifest, list[Problem]]:
    """Return the manifest of the cleaned copies, and what was dropped.

    Raises:
        ManifestError: nothing is left.
    """
    names = table.column("utterance_id")
    reasons = [_reason(finding, min_duration) for finding in findings]
    problems = [Problem(name, reason) for name, reason in zip(names, reasons, strict=True) if reason is not None]
    rows = [row for row, reason in enumerate(reasons) if reason is None]
    if not rows:
        first = f"{problems[0].item}: {problems[0].reason}" if problems else "a manifest without utterances"
        raise ManifestError("no recording is left after cleaning", found=first)
    left = [findings[row] for row in rows]
    kept = table.select(rows)
    columns: dict[str, Sequence[Any]] = {
        "audio": [_file_of(names[row]) if findings[row].get("sha256") else "" for row in rows],
        **{name: [finding.get(name) for finding in left] for name in ("duration", "level_db", "snr_db")},
        "audio_sha256": [finding.get("sha256") for finding in left],
        # a copy holds the excerpt alone; `recording_sha256` still tells which recording it is of
        **{name: [None] * len(rows) for name in ("start", "end", "channel")},
        "fingerprint": [bytes.fromhex(finding.get("fingerprint") or "") or None for finding in left],
    }
    step = {"step": STEP, "recipe": dict(identity), "min_duration": min_duration, "measured": _measured(findings)}
    step["dropped"] = len(problems)
    made = kept.with_columns(columns, step)
    return replace(made, metadata=replace(made.metadata, root=str(folder))), problems


def clean_one(job: Job, recipe: CleaningRecipe) -> Finding:
    """Clean one recording and write it.

    Args:
        job: the recording, the excerpt of it, its expected `audio_sha256`, and the copy.
        recipe: the steps.

    Returns:
        `problem` where there is one, measures, and facts of the copy.
    """
    source, excerpt, expected, target = job
    try:
        cleaned = clean_audio(read_unchanged(source, excerpt, expected).samples, recipe)
    except AudioError as error:
        return {"problem": error.problem}
    if not len(cleaned.samples):
        return {"problem": "no speech was found", **cleaned.measures}
    write_audio(target, cleaned.samples)
    facts = examine(target)
    picture = facts.fingerprint.hex() if facts.fingerprint else None
    found = {name: getattr(facts, name) for name in ("sha256", "duration", "level_db", "snr_db")}
    return {**cleaned.measures, **found, "fingerprint": picture}


def _clean_all(
    table: Manifest,
    recipe: CleaningRecipe,
    identity: Mapping[str, Any],
    folder: Path,
    journal: Path,
    workers: int | None,
) -> list[Finding]:
    paths, hashes, names = (table.column(name) for name in ("audio", "audio_sha256", "utterance_id"))
    recordings = Recordings(table)
    jobs = [
        (table.root / path, recordings.excerpt(row), hashes[row], below(folder, _file_of(names[row]), "the manifest"))
        for row, path in enumerate(paths)
    ]
    check_apart([job[0] for job in jobs], [job[-1] for job in jobs])
    heading = json.dumps({"recipe": dict(identity)}, sort_keys=True)
    known = _read_journal(journal, heading, dict(zip(names, jobs, strict=True)))
    todo = [row for row, name in enumerate(names) if paths[row] and name not in known]
    journal.parent.mkdir(parents=True, exist_ok=True)
    with (
        naming(journal, journal),
        tracked("cleaning", len(names), "clips") as tracker,
        workers_at_hand(min(workers or cores(), len(todo)), take_few_threads) as hands,
        open(journal, "a", encoding="utf-8", newline="\n") as lines,
    ):
        if not known:
            lines.write(heading + "\n")
        tracker.advance(len(names) - len(todo))
        findings = hands.map(partial(clean_one, recipe=recipe), [jobs[row] for row in todo], _CHUNK)
        for row, finding in zip(todo, findings, strict=True):
            known[names[row]] = finding
            lines.write(json.dumps({"utterance_id": names[row], "expected": hashes[row], **finding}) + "\n")
            lines.flush()
            tracker.advance()
    return [known.get(name, {}) for name in names]


def _read_journal(journal: Path, heading: str, jobs: Mapping[str, Job]) -> dict[str, Finding]:
    """Return what an interrupted run of the same recipe found, where its copies are still there."""
    if not journal.is_file():
        return {}
    lines = journal.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or lines[0] != heading:
        journal.unlink()
        return {}
    known = {}
    for line in lines[1:]:
        try:
            finding = json.loads(line)
            name, expected = finding.pop("utterance_id"), finding.pop("expected")
        except (ValueError, KeyError, TypeError, AttributeError):
            # the last line of a killed run
            continue
        whole = "problem" in finding or (name in jobs and jobs[name][3].is_file())
        if name in jobs and jobs[name][2] == expected and whole:
            known[name] = finding
    return known


def _file_of(utterance_id: str) -> str:
    return f"{utterance_id}.wav"


def _reason(finding: Finding, min_duration: float) -> str | None:
    if "problem" in finding:
        return str(finding["problem"])
    if finding.get("duration") is not None and finding["duration"] < min_duration:
        return (
            f"{finding['duration']:.3f} s are left of {finding['seconds_before']:.3f} s, less than {min_duration:g} s"
        )
    return None


def _measured(findings: Sequence[Finding]) -> dict[str, float]:
    """Return the mean of every measure over the clips that have it, rounded."""
    means = {}
    for name in _MEASURES:
        values = [finding[name] for finding in findings if finding.get(name) is not None]
        if values:
            means[f"mean_{name}"] = round(float(np.mean(values)), 4)
    return means


def _write_measures(path: Path, table: Manifest, findings: Sequence[Finding]) -> None:
    pairs = zip(table.column("utterance_id"), findings, strict=True)
    rows = ((name, *(finding.get(measure) for measure in _MEASURES)) for name, finding in pairs)
    write_csv(path, ("utterance_id", *_MEASURES), rows)


def _draw(table: Manifest, cleaned: Manifest, wanted: str | None, path: Path) -> None:
    """Draw one clip before and after; a manifest of texts alone has none."""
    pairs = zip(cleaned.column("utterance_id"), cleaned.column("audio"), strict=True)
    after = [name for name, audio in pairs if audio]
    if wanted is None and not after:
        return
    chosen = wanted or after[0]
    if chosen not in after:
        raise ManifestError("there is no such utterance to draw, or it was dropped", found=chosen)
    pair = tuple(Recordings(one).read(one.column("utterance_id").index(chosen), None) for one in (table, cleaned))
    write_figure(before_and_after(pair[0], pair[1], SAMPLE_RATE, chosen), path)
    log.info("drew %s", path)
