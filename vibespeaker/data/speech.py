"""Recordings with what was said in them, batch by batch, for tasks that learn to hear words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.data import Dataset

from vibespeaker.audio.files import resample
from vibespeaker.audio.recordings import Recordings
from vibespeaker.data.lengths import estimated_frames
from vibespeaker.data.sampler import Key, Rows
from vibespeaker.manifest import Manifest
from vibespeaker.utterance import SAMPLE_RATE


@dataclass(frozen=True, eq=False)
class SpeechBatch:
    """A batch of N utterances.

    Args:
        rows: `(N,)` int64, row numbers in the manifest.
        audio: N waveforms, `(samples,)` at 16 kHz.
        texts: what was said; empty where nobody knows.
        languages: ISO codes, None where nobody knows.
    """

    rows: Tensor
    audio: tuple[Tensor, ...]
    texts: tuple[str, ...]
    languages: tuple[str | None, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> "SpeechBatch":
        """Return the batch on a device."""
        return replace(self, rows=self.rows.to(device), audio=tuple(clip.to(device) for clip in self.audio))


class SpeechSplit(Dataset[SpeechBatch]):
    """Utterances of a manifest as audio and text; view k > 0 is heard at the k-th of `speeds`.

    Args:
        manifest: with the columns of `audio.recordings`, `duration` and `language`.
        rows: `(N,)` row numbers.
        texts: name of the column of what was said.
        speeds: factors of tempo and pitch together, above 1 faster and higher.
    """

    def __init__(self, manifest: Manifest, rows: Rows, texts: str, speeds: Sequence[float] = ()) -> None:
        self.recordings, self.rows, self.speeds = Recordings(manifest), rows, tuple(speeds)
        self.texts, self.languages = manifest.table.column(texts), manifest.table.column("language")
        self.seconds = manifest.table.column("duration").to_numpy()[rows]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> Rows:
        """`(N,)` about how many frames each utterance has; how long its text is follows from it, about."""
        return estimated_frames(self.seconds)

    def __getitems__(self, keys: Sequence[Key]) -> SpeechBatch:
        """Read the utterances at `keys`, (position, view) each."""
        rows = [int(self.rows[position]) for position, _ in keys]
        return SpeechBatch(
            rows=torch.tensor(rows),
            audio=tuple(self._waveform(row, view) for row, (_, view) in zip(rows, keys, strict=True)),
            texts=tuple(self.texts[row].as_py() or "" for row in rows),
            languages=tuple(self.languages[row].as_py() for row in rows),
        )

    def _waveform(self, row: int, view: int) -> Tensor:
        waveform = self.recordings.read(row)
        if view:
            waveform = resample(waveform, round(SAMPLE_RATE * self.speeds[view - 1]), SAMPLE_RATE)
        return torch.from_numpy(waveform)
