"""What a recogniser made of a split: losses and errors by utterance, gathered exactly."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from vibespeaker.evaluation.words.counting import COLUMNS, Normalisation, count_errors, rates
from vibespeaker.evaluation.words.scoring import worst_rows
from vibespeaker.files.markdown import plain, row
from vibespeaker.tasks.gathering import Rows
from vibespeaker.tasks.processes import gathered

_LOSS_COLUMNS = 2


class SplitErrors(Rows):
    """Loss, WER and CER of a split, the same on any number of processes.

    Its state has one row per utterance: row number, loss, tokens, and the counts of `counting.COLUMNS`. Utterances that
    uneven processes repeat are counted once; rates are those of the sums, as `vibespeaker wer` has them.

    Args:
        normalisation: of references and texts.

    Attributes:
        heard: row → reference and text of the utterances that this process heard.
    """

    table: list[Tensor]

    def __init__(self, normalisation: Normalisation) -> None:
        width = 1 + _LOSS_COLUMNS + len(COLUMNS)
        super().__init__({"table": torch.empty(0, width, dtype=torch.float64)})
        self.normalisation = normalisation
        self.heard: dict[int, tuple[str, str]] = {}

    def update(
        self, rows: Tensor, losses: Tensor, tokens: Tensor, references: Sequence[str], texts: Sequence[str]
    ) -> None:
        """Keep a batch.

        Args:
            rows: `(batch,)` of the manifest.
            losses: `(batch,)` sums over tokens.
            tokens: `(batch,)` how many they are.
            references: what was said.
            texts: what was heard.
        """
        counts = torch.from_numpy(count_errors(references, texts, self.normalisation)).to(rows.device)
        columns = [rows, losses.detach(), tokens, *counts.T]
        self.table.append(torch.stack([column.double() for column in columns], dim=1))
        self.heard |= dict(zip(rows.tolist(), zip(references, texts, strict=True), strict=True))

    def compute(self) -> npt.NDArray[np.float64]:
        """Return the table of all processes, each utterance once, by row."""
        table = torch.cat([piece for piece in self.table if piece.numel()]).cpu().numpy()
        return table[np.unique(table[:, 0], return_index=True)[1]]


def scores_of(table: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return `loss`, the mean over tokens, `wer` and `cer` of a split.

    Args:
        table: of `SplitErrors.compute`.
    """
    found = rates(table[:, 1 + _LOSS_COLUMNS :].sum(0))
    loss = float(table[:, 1].sum() / table[:, 2].sum())
    return {"loss": loss, "wer": float(found["wer"]), "cer": float(found["cer"])}


def worst_sentences(
    table: npt.NDArray[np.float64], heard: Mapping[int, tuple[str, str]], wanted: int
) -> list[tuple[int, int, str, str]]:
    """Return row, errors, reference and text of the utterances with most errors; every process must call this.

    Args:
        table: of `SplitErrors.compute`.
        heard: what this process heard.
        wanted: at most so many.
    """
    counts = table[:, 1 + _LOSS_COLUMNS :].astype(np.int64)
    worst = {int(table[place, 0]): int(counts[place, :3].sum()) for place in worst_rows(counts, wanted)}
    texts: dict[int, tuple[str, str]] = {}
    for share in gathered({number: heard[number] for number in worst if number in heard}):
        texts |= share
    return [(number, errors, *texts[number]) for number, errors in worst.items()]


def as_markdown(worst: Sequence[tuple[int, int, str, str]], names: Sequence[str]) -> str:
    """Return the worst sentences as a table.

    Args:
        worst: of `worst_sentences`.
        names: their utterance ids.
    """
    head = [row(("utterance", "errors", "said", "heard")), row(["---"] * 4)]
    lines = [
        row((plain(name), str(errors), plain(said), plain(text) or "—"))
        for name, (_, errors, said, text) in zip(names, worst, strict=True)
    ]
    return "\n".join([*head, *lines])
