"""Scores whose state is utterances: by hand, on uneven and empty processes, and to the last digit."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist

from vibespeaker import metrics
from vibespeaker.batch import NO_CATEGORY, EmotionBatch, EmotionOutput
from vibespeaker.labels import CHALLENGE, CHALLENGE_OTHER
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.tasks.gathering import GatheredOutputs, SplitScores, TrainingAccuracy

UTTERANCES = 11
HEADS = {"gender": HeadSpec("classification", "gender", ("female", "male"))}
Example = tuple[EmotionOutput, EmotionBatch]


def _example() -> Example:
    """Nine classes, three attributes and a further head; some labels are missing."""
    draw = torch.Generator().manual_seed(7)
    category = torch.randint(0, 9, (UTTERANCES,), generator=draw)
    category[2], category[3] = NO_CATEGORY, 8  # no category, and one that is not scored
    attributes = 1 + 6 * torch.rand(UTTERANCES, 3, generator=draw)
    attributes[4, 1] = math.nan
    gender = torch.tensor([0, 1] * 5 + [NO_CATEGORY])
    votes = torch.full((UTTERANCES, 9), math.nan)
    batch = EmotionBatch(torch.arange(UTTERANCES) * 3, category, votes, attributes, targets={"gender": gender})
    heads = {"gender": torch.randn(UTTERANCES, 2, generator=draw)}
    logits = torch.randn(UTTERANCES, 9, generator=draw)
    return EmotionOutput(logits, 1 + 6 * torch.rand(UTTERANCES, 3, generator=draw), heads=heads), batch


def _share(rows: list[int]) -> Example:
    output, batch = _example()
    return output.map(lambda head: head[rows]), batch.select(torch.tensor(rows))


def _scores(*batches: list[int]) -> SplitScores:
    found = SplitScores(CHALLENGE_OTHER, HEADS, lambda outputs: {"loss": outputs.output.logits.double().sum()})
    for rows in batches:
        found.update(*_share(rows))
    return found


def _work(rank: int, folder: Path, dealt: list[list[list[int]]]) -> None:
    torch.set_num_threads(1)
    os.environ.update({"GLOO_SOCKET_IFNAME": "lo"})
    dist.init_process_group("gloo", store=dist.FileStore(str(folder / "store"), 2), rank=rank, world_size=2)
    scores, accuracy = _scores(*dealt[rank]), TrainingAccuracy(CHALLENGE_OTHER)
    for rows in dealt[rank]:
        accuracy.update(*_share(rows))
    found = {"scores": scores.compute(), "accuracy": accuracy.compute()}
    scores.reset()
    if rank == 0:  # what is scored next begins anew
        scores.update(*_share([0]))
    found["after"] = scores.compute()
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize(
    "dealt",
    [
        [[[0, 1, 2, 3, 4], [9, 10]], [[5, 6, 7, 8], [9, 10], [9, 10]]],  # copies fill up
        [[], [[3, 2, 1], [0, 4, 5, 6, 7, 8, 9, 10]]],
        [[[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], []],
    ],
    ids=["uneven", "first is empty", "second is empty"],
)
def test_two_processes_have_the_scores_of_one_to_the_last_digit(dealt: list[list[list[int]]], tmp_path: Path) -> None:
    torch.multiprocessing.start_processes(_work, (tmp_path, dealt), 2, start_method="fork")
    alone = _scores(list(range(UTTERANCES))).compute()
    assert {"loss", "macro_f1", "ua_plus_wa", "calibration_error", "ccc_valence", "gender_uar"} <= set(alone)
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=False)
        assert found["scores"] == alone
        assert found["after"] == _scores([0]).compute()
        if [9, 10] not in dealt[1]:  # training is never dealt copies
            assert found["accuracy"] == alone["accuracy"]


def test_scores_are_those_of_the_pure_functions_on_the_classes_that_are_scored() -> None:
    output, batch = _example()
    scores = _scores([5, 6, 7, 8, 9, 10], [0, 1, 2, 3, 4])
    scores.compute()
    found = scores.result
    assert output.logits is not None
    assert output.attributes is not None
    known = ((batch.category != NO_CATEGORY) & (batch.category != 8)).numpy()
    assert known.sum() < UTTERANCES - 1
    predicted = output.logits[:, :8].argmax(1).numpy()
    confusion = metrics.confusion_matrix(batch.category.numpy()[known], predicted[known], 8)
    np.testing.assert_array_equal(found.confusion, confusion)
    assert found.classes == CHALLENGE.classes
    assert found.values["macro_f1"] == metrics.macro_f1(confusion)  # over all eight, those that never occur included
    assert found.values["ua_plus_wa"] == metrics.uar(confusion) + metrics.accuracy(confusion)
    truth = batch.attributes[:, 1].double().numpy()
    here = ~np.isnan(truth)
    valence = output.attributes[:, 1].double().numpy()
    assert found.values["ccc_valence"] == metrics.concordance(truth[here], valence[here])


def test_constant_predictions_and_no_labels_have_the_scores_of_the_pure_functions() -> None:
    constant = EmotionOutput(torch.zeros(4, 8), torch.full((4, 3), 4.0))
    unlabelled = torch.full((4,), NO_CATEGORY)
    batch = EmotionBatch(torch.arange(4), unlabelled, torch.full((4, 8), math.nan), 1 + torch.rand(4, 3))
    scores = SplitScores(CHALLENGE)
    scores.update(constant, batch)
    assert scores.compute() == {f"ccc_{name}": 0.0 for name in ("arousal", "valence", "dominance", "mean")}
    assert scores.result.confusion is None


def test_outputs_come_back_in_the_order_of_the_manifest_with_their_types() -> None:
    gathered = GatheredOutputs()
    gathered.update(*_share([7, 2]))
    half, batch = _share([5, 7])
    gathered.update(half.map(lambda head: head.bfloat16()), batch)
    found = gathered.outputs()
    assert found.targets.rows.tolist() == [6, 15, 21]
    assert found.output.heads["gender"].dtype == torch.float32
    assert found.targets.targets["gender"].tolist() == [0, 1, 1]
    whole, _ = _share([2, 7])
    assert found.output.logits is not None
    assert whole.logits is not None
    torch.testing.assert_close(found.output.logits[[0, 2]], whole.logits, rtol=0, atol=0)


def test_training_accuracy_counts_every_draw() -> None:
    accuracy = TrainingAccuracy(CHALLENGE)
    logits = torch.eye(8)[[0, 1, 2]]
    batch = EmotionBatch(
        torch.tensor([4, 4, 5]), torch.tensor([0, 0, NO_CATEGORY]), torch.zeros(3, 8), torch.zeros(3, 3)
    )
    accuracy.update(EmotionOutput(logits, None), batch)
    assert accuracy.compute() == 0.5
    accuracy.reset()
    assert accuracy.compute() is None
    accuracy.update(EmotionOutput(None, torch.zeros(3, 3)), batch)
    assert accuracy.compute() is None
