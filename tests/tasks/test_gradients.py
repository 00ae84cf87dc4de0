"""Gradients of two and three processes with shares of a batch are those of one with the whole batch, for every loss."""

import copy
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vibespeaker import losses
from vibespeaker.batch import NO_CATEGORY, EmotionBatch, EmotionOutput
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.losses import Loss, MultiTaskLoss
from vibespeaker.tasks.mixup import Mixup, mixed_terms
from vibespeaker.tasks.processes import whole_batch, world_size

UTTERANCES, CLASSES, WIDTH = 7, 4, 5  # seven leaves shares of four and three, or of three, two and two

LOSSES: dict[str, Callable[[], Loss]] = {
    "AttributeMSE": losses.AttributeMSE,
    "GaussianPenaltyMSE": lambda: losses.GaussianPenaltyMSE(sigma=3.0),
    "GaussianPenaltyMSE, detached": lambda: losses.GaussianPenaltyMSE(sigma=3.0, detach_weight=True),
    "ConcordanceLoss": losses.ConcordanceLoss,
    "CrossEntropy": losses.CrossEntropy,
    "CrossEntropy, weighted": lambda: losses.CrossEntropy(losses.InverseFrequency(), label_smoothing=0.1),
    "CrossEntropy, by confusion": lambda: losses.CrossEntropy(losses.Misclassification()),
    "FocalLoss": lambda: losses.FocalLoss(weighting=losses.EffectiveNumber()),
    "CrossEntropy, further head": lambda: losses.CrossEntropy(label_smoothing=0.1, head="gender"),
    "FocalLoss, further head": lambda: losses.FocalLoss(head="gender"),
    "BinaryCrossEntropy": lambda: losses.BinaryCrossEntropy("tone"),
    "AttributeMSE, further head": lambda: losses.AttributeMSE(head="age"),
    "ConcordanceLoss, further head": lambda: losses.ConcordanceLoss(head="age"),
    "JointCrossEntropy, pairs summed up": lambda: losses.JointCrossEntropy("gender").eval(),
    "VotesDivergence": losses.VotesDivergence,
    "VotesDivergence, weighted": lambda: losses.VotesDivergence(losses.FixedWeights([0.5, 1.0, 2.0, 0.1])),
}
#: Further heads and their widths.
FURTHER = {"gender": 2, "tone": 3, "age": 1}
#: Losses of mixed utterances beside them: of numbers, classes, votes, and of the batch as a whole.
MIXED = ("AttributeMSE", "ConcordanceLoss", "CrossEntropy, weighted", "VotesDivergence, weighted", "BinaryCrossEntropy")
#: Which utterances have no target at all.
MISSING = ("some", "all of the second process", "all")


class Head(nn.Module):
    """A network with both heads and three further ones, all but one of which a single loss leaves without gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(WIDTH, WIDTH)
        self.logits, self.attributes = nn.Linear(WIDTH, CLASSES), nn.Linear(WIDTH, 3)
        self.further = nn.ModuleDict({name: nn.Linear(WIDTH, outputs) for name, outputs in FURTHER.items()})

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        hidden = self.hidden(inputs).tanh()
        further = {name: layer(hidden) for name, layer in self.further.items()}
        return self.logits(hidden), 4.0 + self.attributes(hidden), further


def example(case: str, processes: int) -> tuple[Tensor, EmotionBatch]:
    """Inputs and targets; the second process's share is every `processes`-th utterance from the second on."""
    draw = torch.Generator().manual_seed(5)
    votes = torch.rand(UTTERANCES, CLASSES, generator=draw)
    batch = EmotionBatch(
        rows=torch.arange(UTTERANCES),
        category=torch.randint(0, CLASSES, (UTTERANCES,), generator=draw),
        votes=votes / votes.sum(1, keepdim=True),
        attributes=1 + 6 * torch.rand(UTTERANCES, 3, generator=draw),
        targets={
            "gender": torch.randint(0, 2, (UTTERANCES,), generator=draw),
            "tone": torch.randint(0, 2, (UTTERANCES, 3), generator=draw).float(),
            "age": torch.randn(UTTERANCES, 1, generator=draw),
        },
    )
    missing = {"some": [0, 5], "all": list(range(UTTERANCES))}.get(case, list(range(1, UTTERANCES, processes)))
    batch.category[missing], batch.votes[missing], batch.attributes[missing] = NO_CATEGORY, float("nan"), float("nan")
    batch.attributes[2, 1] = float("nan")
    for target in batch.targets.values():
        target[missing] = float("nan") if target.is_floating_point() else NO_CATEGORY
    return torch.randn(UTTERANCES, WIDTH, generator=draw), batch


def gradients(
    network: nn.Module, loss: Loss, inputs: Tensor, batch: EmotionBatch, is_mixed: bool = False
) -> dict[str, Tensor]:
    """One step as `EmotionTask.training_step` takes it."""
    loss.set_class_counts(torch.tensor([3, 1, 4, 2]))
    loss.set_confusion(torch.tensor([[3, 1, 0, 0], [0, 2, 2, 0], [1, 0, 1, 0], [0, 0, 0, 5]]))
    logits, attributes, further = network(inputs)
    output = EmotionOutput(logits, attributes, heads=further)
    objective = MultiTaskLoss({"only": loss}, {"only": 1.0})
    mix = Mixup().draw(UTTERANCES, 1, 2, 3) if is_mixed else None
    specs = {"age": HeadSpec("regression", "age", low=-5.0, high=5.0)}
    value = objective.total(mixed_terms(objective, *whole_batch(output, batch), mix, specs))
    (value * world_size() + sum(head.sum() for head in output.tensors()) * 0.0).backward()
    bare = network.module if isinstance(network, DistributedDataParallel) else network
    return {"value": value.detach(), **{name: parameter.grad for name, parameter in bare.named_parameters()}}


def all_cases(rank: int, processes: int) -> dict[tuple[str, str, bool], dict[str, Tensor]]:
    torch.manual_seed(1)
    network = Head()
    found = {}
    for case in MISSING:
        inputs, batch = example(case, processes)
        share = inputs[rank::processes], batch.select(slice(rank, None, processes))
        for name, is_mixed in compared():
            own = DistributedDataParallel(copy.deepcopy(network))
            found[case, name, is_mixed] = gradients(own, LOSSES[name](), *share, is_mixed)
    return found


def compared() -> list[tuple[str, bool]]:
    """Losses by name, and whether utterances are mixed."""
    return [*((name, False) for name in LOSSES), *((name, True) for name in MIXED)]


def work(rank: int, processes: int, folder: Path) -> None:
    torch.set_num_threads(1)
    os.environ.update({"GLOO_SOCKET_IFNAME": "lo"})
    store = dist.FileStore(str(folder / "store"), processes)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=processes)
    torch.save(all_cases(rank, processes), folder / f"{rank}.pt")
    dist.destroy_process_group()


def test_every_loss_is_compared() -> None:
    shipped = {
        name
        for name in losses.__all__
        if isinstance(getattr(losses, name), type) and issubclass(getattr(losses, name), Loss) and name != "Loss"
    }
    assert {name.partition(",")[0] for name in LOSSES} == shipped


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_gradients_of_shares_are_those_of_the_whole_batch(processes: int, tmp_path: Path) -> None:
    torch.multiprocessing.start_processes(work, (processes, tmp_path), processes, start_method="fork")
    alone = {(case, *which): whole_gradients(case, *which, processes) for case in MISSING for which in compared()}
    for rank in range(processes):
        shared = torch.load(tmp_path / f"{rank}.pt")
        assert set(shared) == set(alone)
        for key, expected in alone.items():
            for name, value in expected.items():
                torch.testing.assert_close(
                    shared[key][name], value, rtol=1e-5, atol=1e-7, msg=lambda text, key=key: f"{key}: {text}"
                )
    # a case without any target has no gradient, all others do
    for (case, _, _), found in alone.items():
        assert bool(found["hidden.weight"].any()) == (case != "all")


def whole_gradients(case: str, name: str, is_mixed: bool, processes: int) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return gradients(Head(), LOSSES[name](), *example(case, processes), is_mixed)
