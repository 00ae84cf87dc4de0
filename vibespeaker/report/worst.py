"""The worst errors of the leading system, to be seen and, where that is allowed, heard."""

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vibespeaker import figures
from vibespeaker.corpora.licences import may_be_passed_on
from vibespeaker.errors import VibeSpeakerError
from vibespeaker.evaluation.targets import Truth
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.sources import UNSTATED, Source, sources
from vibespeaker.report.document import Block, Clip, Paragraph, Section
from vibespeaker.report.systems import System
from vibespeaker.utterance import SAMPLE_RATE

Floats = npt.NDArray[np.float64]
log = logging.getLogger(__name__)

#: Clips shown, and seconds of each: a page stays small enough to be sent.
_MOST, _SECONDS = 6, 8.0
_TITLE = "Worst errors"


def worst_errors(system: System | None, truth: Truth, audio: bool = False) -> Section:
    """Return the clips whose true class was thought least probable, each with its spectrogram.

    Their sound is in the page where the corpus's licence lets anyone pass single recordings on, where the speech is
    generated, or where it was asked for; of each no more than the first 8 seconds.

    Args:
        system: whose errors; None for no section.
        truth: of the same manifest that names the recordings.
        audio: put the sound in, whatever the licence says.
    """
    if system is None or system.evidence.logits is None:
        return Section(_TITLE, ())
    probabilities, categories = system.labelled_probabilities()
    known = np.flatnonzero(system.evidence.with_category)
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != categories)
    sure = probabilities[wrong, categories[wrong]]
    chosen = wrong[np.argsort(sure, kind="stable")][:_MOST]
    if not len(chosen):
        return Section(_TITLE, ())
    identifiers = system.predictions.frame["utterance_id"].to_numpy(object)[known[chosen]]
    try:
        manifest, rows = _rows_of(truth, identifiers.tolist())
    except VibeSpeakerError as error:
        log.warning("the worst errors are left out: %s", error)
        return Section(_TITLE, ())
    told = sources(manifest.metadata.history, manifest.metadata.corpora)
    # of several corpora, generated speech among them, each has to say for itself that it may be passed on
    generated = truth.synthetic and len(told) < 2
    corpora = manifest.column("corpus")
    clips: list[Block] = []
    heard: dict[str, Source] = {}
    silent: dict[str, Source] = {}
    for place, (at, row) in enumerate(zip(chosen, rows, strict=True), start=1):
        source = told.get(corpora[row]) or Source(str(corpora[row]), UNSTATED, UNSTATED)
        allowed = audio or generated or may_be_passed_on(source.licence)
        said = _said(system, identifiers[place - 1], probabilities[at], int(categories[at]))
        clip = _clip(manifest, row, f"worst-{place}", said, allowed)
        if clip is not None:
            clips.append(clip)
            (heard if allowed else silent)[source.corpus] = source
    if not clips:
        return Section(_TITLE, ())
    upper = f"{SAMPLE_RATE / 2000:g} kHz"
    lead = f"What {system.name} got most wrong: spectrograms up to {upper}, of each at most {_SECONDS:g} s."
    return Section(_TITLE, (Paragraph(lead, _credits(heard, silent, generated)), *clips))


def _said(system: System, identifier: str, probabilities: Floats, true: int) -> str:
    names, answer = system.scores.classes, int(probabilities.argmax())
    least = f"{probabilities[true]:.1%}" if probabilities[true] >= 0.0005 else "less than 0.1%"
    return (
        f"{identifier}: {names[true]} (thought {least} probable), answered {names[answer]} "
        f"({probabilities[answer]:.0%})"
    )


def _rows_of(truth: Truth, identifiers: Sequence[str]) -> tuple[Manifest, list[int]]:
    """Return the manifest's rows of these utterances alone, and their positions in it."""
    from vibespeaker.audio.recordings import COLUMNS

    columns = ("utterance_id", "corpus", "audio_sha256", *COLUMNS)
    manifest = Manifest.read(truth.path, columns)
    wanted = {name: place for place, name in enumerate(identifiers)}
    kept = [row for row, name in enumerate(manifest.column("utterance_id")) if name in wanted]
    few = manifest.select(kept)
    places = {name: row for row, name in enumerate(few.column("utterance_id"))}
    return few, [places[name] for name in identifiers]


def _clip(manifest: Manifest, row: int, name: str, said: str, allowed: bool) -> Clip | None:
    """Return a clip with its picture; None where its recording cannot be read."""
    from vibespeaker.audio.files import mp3_bytes
    from vibespeaker.audio.recordings import Recordings

    try:
        samples = Recordings(manifest).read(row, manifest.column("audio_sha256")[row])
    except (VibeSpeakerError, OSError) as error:
        log.warning("one of the worst errors is left out: %s", error)
        return None
    whole = len(samples) / SAMPLE_RATE
    shown = samples[: int(_SECONDS * SAMPLE_RATE)]
    seconds = len(shown) / SAMPLE_RATE
    length = f"{whole:.1f} s" if seconds == whole else f"the first {seconds:g} of {whole:.1f} s"
    power = np.abs(np.fft.rfft(shown.astype(np.float64))) ** 2
    loudest = power.argmax() * SAMPLE_RATE / len(shown)
    alt = f"Spectrogram of {length}, 0 to {SAMPLE_RATE / 2000:g} kHz upwards, strongest at {loudest:.0f} Hz."
    sound = mp3_bytes(shown) if allowed else None
    return Clip(name, figures.spectrogram_png(shown, 420), sound, f"{said}; {length}.", alt)


def _credits(heard: dict[str, Source], silent: dict[str, Source], generated: bool) -> tuple[str, ...]:
    given = () if generated else tuple(f"{s.corpus}: {s.licence}. {s.citation}" for s in heard.values())
    withheld = tuple(
        f"{s.corpus} is not heard: its licence ({s.licence}) does not let this page pass recordings on; for yourself "
        "write the report with --audio"
        for s in silent.values()
    )
    return (*given, *withheld)
