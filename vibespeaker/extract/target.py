"""One encoder's place in the cache: which planned clips it holds, which chunks this process has, what went wrong."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from torch import Tensor

from vibespeaker.cache.keys import KeyTable
from vibespeaker.cache.merge import read_shard
from vibespeaker.cache.records import EncoderRecord
from vibespeaker.cache.shards import Entry, shard_names
from vibespeaker.encoders.base import Encoder
from vibespeaker.extract.plan import Plan
from vibespeaker.extract.writing import ShardWriter
from vibespeaker.processes.claims import Claims


class Target:
    """Where the frames of one encoder go.

    What is done is seen from the shards on disk alone, whoever wrote them.

    Args:
        folder: the encoder's folder in the cache.
        record: what is declared there.
        encoder: on its device, in evaluation mode.
        plan: all that is to be done.
        claims: on this encoder's lock file.

    Attributes:
        finished: `(clips,)`, True where a planned clip is on disk or among `problems`.
        problems: clip number → why it cannot be encoded.
    """

    def __init__(self, folder: Path, record: EncoderRecord, encoder: Encoder, plan: Plan, claims: Claims) -> None:
        self.folder, self.record, self.encoder, self.claims = folder, record, encoder, claims
        self._plan = plan
        self._keys: KeyTable = plan.keys
        self._seen: set[str] = set()
        self.finished = np.zeros(len(plan), bool)
        self.problems: dict[int, str] = {}

    def refresh(self) -> int:
        """Mark what new shards on disk hold as finished; return how many clips that are.

        Raises:
            CacheError: a shard is of another encoder.
        """
        before = int(self.finished.sum())
        for name in shard_names(self.folder):
            if name in self._seen:
                continue
            self._seen.add(name)
            shard = read_shard(self.folder, name, self.record.identity)
            if shard is not None:
                found = self._keys.find(shard.contents, shard.views)
                self.finished[found[found >= 0]] = True
        return int(self.finished.sum()) - before

    def missing(self, clips: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return those of the given clips that are not finished."""
        return clips[~self.finished[clips]]

    def give_up(self, problems: Mapping[int, str]) -> None:
        """Remember clips that cannot be encoded, with the reasons."""
        self.problems |= problems
        self.finished[list(problems)] = True

    def write(self, claim: str, frames: Mapping[int, Tensor], writer: ShardWriter) -> None:
        """Have the frames of a claimed chunk written; once they are on disk, release the claim.

        Args:
            claim: the chunk's name.
            frames: clip number → frames in the stored type; without those that could not be encoded.
            writer: of this encoder's shards.
        """
        kept = np.array(sorted(frames), np.int64)
        if len(kept) == 0:
            self.claims.release(claim)
            return
        entries = [
            Entry(content.tobytes(), int(view), frames[number])
            for content, view, number in zip(
                self._plan.contents[kept], self._plan.views[kept], kept.tolist(), strict=True
            )
        ]
        name = self._plan.name(kept)
        self._seen.add(name)  # its clips count as progress already, also where it refreshes meanwhile

        def release() -> None:
            self.finished[kept] = True
            self.claims.release(claim)

        writer.write(name, entries, release)
