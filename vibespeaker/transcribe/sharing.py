"""One process's share of a transcription: claim batches, hear them, keep their texts beside the output.

Several processes of one command, from several shells, torchrun or SLURM, plan the same batches. A batch belongs to
whoever holds its claim; what is done is seen from the files of finished batches alone. A process that finds all that is
left claimed waits, and takes over those whose owner died.
"""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from vibespeaker.audio.recordings import Recordings
from vibespeaker.errors import AudioError
from vibespeaker.manifest import Manifest
from vibespeaker.processes.claims import Claims
from vibespeaker.progress import Tracker, tracked
from vibespeaker.transcribe.base import Transcriber
from vibespeaker.transcribe.finished import FinishedBatches
from vibespeaker.transcribe.times import times_of

log = logging.getLogger(__name__)

LOCK_FILE = "transcribe.lock"
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Batch:
    """Utterances of one language that are heard together.

    Args:
        rows: of the manifest, the longest first.
        language: of all of them; None is detected.
        name: what it is claimed by, the same in every process.
    """

    rows: tuple[int, ...]
    language: str | None
    name: str


def plan_batches(
    rows: Sequence[int],
    languages: Sequence[str | None],
    durations: Sequence[float | None],
    keys: Sequence[str],
    size: int,
) -> list[Batch]:
    """Return batches of one language and like length each, the longest first.

    Args:
        rows: to hear.
        languages: by row.
        durations: by row, seconds.
        keys: by row, what a text belongs to.
        size: most utterances of a batch.
    """

    def order(row: int) -> tuple[str, float, int]:
        return languages[row] or "", -(durations[row] or 0.0), row

    found = []
    for language, alike in groupby(sorted(rows, key=order), key=lambda row: languages[row]):
        own = list(alike)
        for start in range(0, len(own), size):
            batch = tuple(own[start : start + size])
            name = hashlib.sha256("\n".join(keys[row] for row in batch).encode()).hexdigest()[:16]
            found.append(Batch(batch, language, name))
    return found


class Share:
    """Hears batches until all of them are finished, by this process or another.

    Args:
        table: the manifest.
        keys: by row, what a text belongs to.
        recognizer: hears.
        finished: what all processes have done.
        claims: on batches.
    """

    def __init__(
        self,
        table: Manifest,
        keys: Sequence[str],
        recognizer: Transcriber,
        finished: FinishedBatches,
        claims: Claims,
    ) -> None:
        self._recordings, self._keys, self._recognizer = Recordings(table), keys, recognizer
        self._finished, self._claims = finished, claims
        self._seconds: Mapping[str, float] = {
            key: seconds or 0.0 for key, seconds in zip(keys, table.column("duration"), strict=True)
        }
        self._heard = self._took = self._shown = 0.0

    def run(self, batches: Sequence[Batch]) -> None:
        """Work until every utterance of the batches has a text or a failure."""
        wanted = [self._keys[row] for batch in batches for row in batch.rows]
        with tracked("transcribing", round(sum(self._seconds[key] for key in wanted)), "s of audio") as progress:
            while True:
                self._finished.refresh()
                done = sum(self._seconds[key] for key in wanted if key in self._finished)
                self._show(progress, done - self._shown)
                left = [batch for batch in batches if self._missing(batch)]
                if not left:
                    break
                if not self._pass(left, progress):
                    time.sleep(_POLL_SECONDS)
        if self._took:
            rate = self._heard / self._took
            log.info("heard %.0f s of audio in %.0f s: %.1f times real time", self._heard, self._took, rate)

    def _pass(self, batches: Sequence[Batch], progress: Tracker) -> bool:
        """Go once through batches that are free; False where all belong to others."""
        worked = False
        for batch in batches:
            if not self._claims.take(batch.name):
                continue
            try:
                self._finished.refresh()  # its owner may have finished it meanwhile
                if rows := self._missing(batch):
                    self._hear(batch, rows)
                    self._show(progress, sum(self._seconds[self._keys[row]] for row in rows))
                    worked = True
            finally:
                self._claims.release(batch.name)
        return worked

    def _hear(self, batch: Batch, rows: Sequence[int]) -> None:
        began, clips, failures = time.monotonic(), {}, {}
        for row in rows:
            try:
                clips[row] = self._recordings.read(row)
            except AudioError as error:
                failures[self._keys[row]] = str(error)
        said = self._recognizer.transcribe(list(clips.values()), batch.language)
        heard = {self._keys[row]: transcript for row, transcript in zip(clips, said, strict=True)}
        texts = {key: transcript.text for key, transcript in heard.items()}
        times = {key: times_of(transcript) for key, transcript in heard.items()}
        self._finished.add(batch.name, texts, failures, times)
        self._heard += sum(self._seconds[key] for key in texts)
        self._took += time.monotonic() - began

    def _show(self, progress: Tracker, seconds: float) -> None:
        """Report whole seconds as done."""
        before = round(self._shown)
        self._shown += seconds
        progress.advance(round(self._shown) - before)

    def _missing(self, batch: Batch) -> list[int]:
        return [row for row in batch.rows if self._keys[row] not in self._finished]
