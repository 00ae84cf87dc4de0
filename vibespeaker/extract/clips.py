"""Inputs of the encoders: decoded recordings and texts, checked against the hashes that name them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch.utils.data import Dataset

from vibespeaker.audio.augmentation import Augmentation
from vibespeaker.audio.recordings import Recordings
from vibespeaker.cache.keys import AUDIO
from vibespeaker.errors import AudioError
from vibespeaker.extract.plan import Plan
from vibespeaker.manifest import Manifest


@dataclass(frozen=True)
class Clip:
    """One planned clip, read.

    Args:
        number: its number in the plan.
        content: `(samples,)` float32 at 16 kHz, or the text; None when it could not be read.
        problem: why it could not be read.
        notes: what reading changed or noticed (`audio.notes`).
    """

    number: int
    content: npt.NDArray[np.float32] | str | None
    problem: str | None = None
    notes: tuple[str, ...] = ()


class ClipReader(Dataset[Clip]):
    """Reads planned clips; problems come back as values, so that one bad file does not stop the rest.

    Runs in worker processes: it holds Arrow columns, which are shared after a fork, and no open files.

    Args:
        manifest: where the recordings and texts are.
        plan: which of them, in which view.
        column: of what is read: `AUDIO`, or a column of texts.
        augmentation: draws the augmented views; None when the plan has none.
    """

    def __init__(self, manifest: Manifest, plan: Plan, column: str, augmentation: Augmentation | None = None) -> None:
        self._recordings = Recordings(manifest) if column == AUDIO else None
        self._texts = None if column == AUDIO else manifest.table.column(column)
        self._plan = plan
        self._augmentation = augmentation

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, number: int) -> Clip:
        row = int(self._plan.rows[number])
        if self._recordings is None:
            assert self._texts is not None
            return Clip(number, self._texts[row].as_py() or "")
        try:
            heard = self._recordings.hear(row, self._plan.contents[number].tobytes().hex())
        except AudioError as error:
            return Clip(number, None, str(error))
        return Clip(number, self._in_view(heard.samples, number), notes=heard.notes)

    def _in_view(self, waveform: npt.NDArray[np.float32], number: int) -> npt.NDArray[np.float32]:
        view = int(self._plan.views[number])
        if view == 0 or self._augmentation is None:
            return waveform
        return self._augmentation.view(waveform, self._plan.contents[number].tobytes(), view)
