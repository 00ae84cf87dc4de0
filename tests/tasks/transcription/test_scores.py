"""Errors of a split, gathered from processes: each utterance once, rates as those of the command."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from vibespeaker.tasks.transcription.scores import SplitErrors, as_markdown, scores_of, worst_sentences

SAID = ["one two", "three four five", "six", "seven eight", "nine ten"]
HEARD = ["one two", "three for", "six six", "", "nine | ten"]
LOSSES, TOKENS = [2.0, 3.0, 1.0, 4.0, 2.0], [4, 6, 3, 5, 2]


def _errors(*rows: int) -> SplitErrors:
    found = SplitErrors("words")
    for row in rows:
        loss, tokens = torch.tensor([LOSSES[row]]), torch.tensor([TOKENS[row]])
        found.update(torch.tensor([10 * row]), loss, tokens, [SAID[row]], [HEARD[row]])
    return found


def _work(rank: int, folder: Path, dealt: list[list[int]]) -> None:
    torch.set_num_threads(1)
    os.environ.update({"GLOO_SOCKET_IFNAME": "lo"})
    dist.init_process_group("gloo", store=dist.FileStore(str(folder / "store"), 2), rank=rank, world_size=2)
    errors = _errors(*dealt[rank])
    table = errors.compute()
    worst = worst_sentences(table, errors.heard, 2)
    torch.save({"table": torch.from_numpy(table), "worst": worst}, folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_scores_by_hand() -> None:
    scores = scores_of(_errors(3, 0, 1, 2, 4).compute())
    assert scores["loss"] == 12 / 20
    # three four five → three for: one changed, one left out; six → six six: one put in; two left out
    assert scores["wer"] == 5 / 10
    assert scores["cer"] == pytest.approx((6 + 4 + 11) / (7 + 15 + 3 + 11 + 8))


@pytest.mark.parametrize("dealt", [[[0, 1, 4], [2, 3, 4]], [[], [3, 1, 0, 2, 4]]], ids=["copies", "empty"])
def test_two_processes_have_the_errors_of_one(dealt: list[list[int]], tmp_path: Path) -> None:
    torch.multiprocessing.start_processes(_work, (tmp_path, dealt), 2, start_method="fork")
    alone = _errors(0, 1, 2, 3, 4).compute()
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert np.array_equal(found["table"].numpy(), alone)
        assert found["worst"] == [(10, 2, SAID[1], HEARD[1]), (30, 2, SAID[3], "")]


def test_texts_of_others_mean_nothing_in_the_log() -> None:
    text = as_markdown([(0, 1, "<b>said</b>", "nine | ten"), (1, 1, "so", "")], ["toy/a", "toy/b"])
    assert text.splitlines()[2:] == [
        "| toy/a | 1 | &lt;b&gt;said&lt;/b&gt; | nine \\| ten |",
        "| toy/b | 1 | so | — |",
    ]
