"""One process's share of an extraction: claim chunks, read each clip once, run all encoders on it, write whole shards.

    free chunks ─ claim ─► batches ─ read ahead ─► clips ─ every encoder that lacks them ─► frames ─► shards

A chunk belongs, encoder by encoder, to whoever holds its claim; what is done is seen from the shards on disk alone. A
process that finds all remaining chunks claimed waits, and takes over those whose owner died, so that each returns only
when all is done.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from torch import Tensor

from vibespeaker.encoders.sharing import shared_results
from vibespeaker.extract.clips import ClipReader
from vibespeaker.extract.encoding import BatchEncoder, Launched, one_ahead
from vibespeaker.extract.plan import Plan
from vibespeaker.extract.reading import ReadingConfig, read_ahead
from vibespeaker.extract.target import Target
from vibespeaker.extract.writing import ShardWriter
from vibespeaker.progress import Tracker, tracked

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Chunk:
    """Neighbouring clips of the plan that this process has claimed.

    Args:
        claim: its name.
        lacking: encoder → clip numbers that its folder lacks, at least one each.
        frames: encoder → clip number → frames made so far.
    """

    claim: str
    lacking: Mapping[Target, frozenset[int]]
    frames: dict[Target, dict[int, Tensor]] = field(default_factory=dict)


@dataclass(frozen=True)
class ChunkBatch:
    """Clips of one chunk that are read and encoded together.

    Args:
        chunk: where they belong.
        numbers: of the clips.
        is_last: True for the chunk's last batch.
    """

    chunk: Chunk
    numbers: list[int]
    is_last: bool


class Extraction:
    """The extraction of encoders that take the same clips, all audio or all texts.

    Args:
        targets: the encoders, in the order in which every process claims for them.
        plan: all that is to be done.
        reader: reads the plan's clips.
        config: batch sizes, workers and device.

    Attributes:
        notes: what reading changed or noticed (`audio.notes`) → of how many clips.
    """

    def __init__(self, targets: Sequence[Target], plan: Plan, reader: ClipReader, config: ReadingConfig) -> None:
        self._targets, self._plan, self._reader, self._config = targets, plan, reader, config
        self.notes: Counter[str] = Counter()
        self._encoders = {target: BatchEncoder(target.encoder, target.record, config.device) for target in targets}

    def run(self) -> None:
        """Work until every planned clip is in the cache, or among its encoder's problems.

        Raises:
            CacheError: the cache cannot be written, or holds shards of another encoder.
        """
        names = ", ".join(target.record.name for target in self._targets)
        with tracked(f"encoder {names}", len(self._plan) * len(self._targets)) as tracker:
            self._refresh(tracker)
            while not self._is_done():
                self._pass(tracker)
                if not self._is_done():
                    time.sleep(_POLL_SECONDS)
                    self._refresh(tracker)

    def _is_done(self) -> bool:
        return all(target.finished.all() for target in self._targets)

    def _refresh(self, tracker: Tracker) -> None:
        tracker.advance(sum(target.refresh() for target in self._targets))

    def _pass(self, tracker: Tracker) -> None:
        """Go once through all chunks that are free."""
        with ExitStack() as stack:
            behind = self._config.shards_behind
            writers = {
                target: stack.enter_context(ShardWriter(target.folder, target.record, behind))
                for target in self._targets
            }
            for batch, launched in one_ahead(self._launched(tracker)):
                for target, running in launched.items():
                    encoded = running.fetch()
                    target.give_up(encoded.problems)
                    batch.chunk.frames.setdefault(target, {}).update(encoded.frames)
                    tracker.advance(len(encoded.frames) + len(encoded.problems))
                if batch.is_last:
                    for target in batch.chunk.lacking:
                        target.write(batch.chunk.claim, batch.chunk.frames.pop(target, {}), writers[target])

    def _launched(self, tracker: Tracker) -> Iterator[tuple[ChunkBatch, dict[Target, Launched]]]:
        """Yield every batch as it was given to the encoders that lack clips of it."""
        for batch, clips in read_ahead(self._batches(tracker), self._reader, self._config.workers):
            launched = {}
            self.notes.update(note for clip in clips for note in clip.notes)
            with shared_results():  # the clips live until all encoders have had them
                for target, lacking in batch.chunk.lacking.items():
                    wanted = [clip for clip in clips if clip.number in lacking]
                    if wanted:
                        launched[target] = self._encoders[target].launch(wanted)
            yield batch, launched

    def _batches(self, tracker: Tracker) -> Iterator[ChunkBatch]:
        """Claim the plan's chunks, one after the other, and yield their batches."""
        is_audio = self._targets[0].record.modality == "audio"
        for clips in self._plan.chunks:
            chunk = self._claim(clips, tracker)
            if chunk is None:
                continue
            todo = np.array(sorted(frozenset().union(*chunk.lacking.values())), np.int64)
            batches = self._config.batches(todo, self._plan.sizes[todo] if is_audio else None)
            for number, numbers in enumerate(batches, 1):
                yield ChunkBatch(chunk, numbers, number == len(batches))

    def _claim(self, clips: npt.NDArray[np.int64], tracker: Tracker) -> Chunk | None:
        """Claim a chunk for all encoders that lack some of it; None where nothing lacks or another process has it.

        All or none: two processes with a part of the claims each would both read every clip of the chunk.
        """
        name = self._plan.name(clips)
        taken: list[Target] = []
        for target in self._targets:
            if target.finished[clips].all():
                continue
            if not target.claims.take(name):
                for earlier in taken:
                    earlier.claims.release(name)
                return None
            taken.append(target)
        if not taken:
            return None
        self._refresh(tracker)
        lacking = {target: frozenset(target.missing(clips).tolist()) for target in taken}
        for target in taken:
            if not lacking[target]:
                target.claims.release(name)
        lacking = {target: numbers for target, numbers in lacking.items() if numbers}
        return Chunk(name, lacking) if lacking else None
