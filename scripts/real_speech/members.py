"""What each member of the embedded default says of tested clips, so that ways to join them are tried without training.

What a member says does not depend on the others: those in closed form are found anew in seconds, and the network comes
from a checkpoint of the same fold.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.table import Table
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional as F

from real_speech.corpora import Corpus
from real_speech.vectors import NETWORK, SOLVED, Vectors
from vibespeaker.batch import EmotionBatch, Frames
from vibespeaker.cache import EmbeddingCache
from vibespeaker.manifest import Manifest
from vibespeaker.metrics import confusion_matrix, uar
from vibespeaker.models import LateFusion, Ridge
from vibespeaker.progress import tracked
from vibespeaker.systems import TrainedModel

#: The member that learns step by step.
LEARNED = "descriptors"
#: How the embedded default finds the members in closed form, and what members weigh there; 1 where nothing is said.
DEFAULT, WEIGHTS = Ridge(**NETWORK["ridge"][SOLVED[0]]), NETWORK["weights"]


@dataclass(frozen=True)
class Combination:
    """How members are found and what they weigh.

    Args:
        ridge: of all members in closed form.
        weights: member → weight, that of the embedded default unless given; 0 leaves it out.
    """

    ridge: Ridge = DEFAULT
    weights: Mapping[str, float] = field(default_factory=dict)

    def joined(self, members: Mapping[str, Tensor]) -> Tensor:
        """Return the weighted mean of members' logits."""
        chosen = {**WEIGHTS, **self.weights}
        weights = torch.tensor([chosen.get(name, 1.0) for name in members])
        return torch.einsum("m,m...->...", weights / weights.sum(), torch.stack([*members.values()]))


def tell(corpus: Corpus, runs: Path, combinations: Mapping[str, Combination]) -> Table:
    """Return a table of UAR and log loss of combinations in inner folds, on clean clips and on their other views.

    Args:
        corpus: extracted.
        runs: folder of the embedded default trained on each inner fold.
        combinations: title → combination.
    """
    manifest, folds = Manifest.read(corpus.manifest), corpus.inner_folds()
    splits = {fold: np.array(Manifest.read(path).column("split")) for fold, path in folds.items()}
    read = Vectors(corpus, manifest)
    vectors = {fold: read.of(split) for fold, split in splits.items()}
    network = {fold: _learned(corpus, runs / fold / "checkpoints" / "last.ckpt", path) for fold, path in folds.items()}
    names = next(iter(network.values()))[1]
    category = torch.tensor([names.index(one) for one in manifest.column("category")])
    truth = torch.cat([category[torch.from_numpy(split == "test")] for split in splits.values()])
    found: dict[Ridge, list[dict[str, Tensor]]] = {}
    measures = "UAR", "log loss", "at the best temperature"
    table = Table("combination", *measures, *measures, title=f"{corpus.name}, inner folds: clean, and other views")
    with tracked(corpus.name, len(combinations), "combinations") as progress:
        for title, one in combinations.items():
            if one.ridge not in found:
                found[one.ridge] = [
                    solve(vectors[fold], category, split, len(names), one.ridge) for fold, split in splits.items()
                ]
            said = [
                one.joined({**members, LEARNED: network[fold][0]})
                for fold, members in zip(folds, found[one.ridge], strict=True)
            ]
            logits = torch.cat(said)
            scores = _scores(logits[:, :1], truth) + _scores(logits[:, 1:], truth)
            table.add_row(title, *(f"{score:.3f}" for score in scores))
            progress.advance()
    return table


def _scores(logits: Tensor, truth: Tensor) -> tuple[float, float, float]:
    """Return what `(N, V, C)` logits of N clips score: UAR, log loss, and the least that a temperature makes of it."""
    truth, logits = truth.repeat_interleave(logits.shape[1]), logits.flatten(0, 1)
    best = minimize_scalar(lambda power: float(F.cross_entropy(logits * power, truth)), bounds=(0.1, 10))
    confusion = confusion_matrix(truth.tolist(), logits.argmax(1).tolist(), logits.shape[1])
    return float(uar(confusion)), float(F.cross_entropy(logits, truth)), float(best.fun)


def solve(
    vectors: Mapping[str, Tensor],
    category: Tensor,
    split: np.ndarray,
    classes: int,
    ridge: Ridge,
    views: int | None = None,
) -> dict[str, Tensor]:
    """Return each member's `(N, V, C)` logits of all V views of tested clips, found from `views` of training clips."""
    train, test = (torch.from_numpy(np.flatnonzero(split == name)) for name in ("train", "test"))
    found = {}
    for member, values in vectors.items():
        network = LateFusion({member: values.shape[2]}, classes, heads=["categories"], ridge={member: ridge})
        heard = [_batch(values[train, view], category[train]) for view in range(views or values.shape[1])]
        network.solve(partial(iter, heard))
        told = network.eval()({member: _frames(values[test].flatten(0, 1))}).logits
        found[member] = told.unflatten(0, (-1, values.shape[1]))
    return found


@torch.inference_mode()
def _learned(corpus: Corpus, checkpoint: Path, fold: Path) -> tuple[Tensor, list[str]]:
    """Return the `(N, V, C)` logits that a trained network gives V views of tested clips, and the classes."""
    system, cache = TrainedModel.from_checkpoint(checkpoint), EmbeddingCache.open(corpus.cache)
    assert isinstance(system.network, LateFusion)
    system.network.shares = tuple(float(name == LEARNED) for name in system.network.encoders)
    tested = Manifest.read(fold)
    tested = tested.select(np.array(tested.column("split")) == "test")
    said = []
    for view in range(cache.views + 1):
        entries = {name: cache.entries(name, tested, view) for name in system.network.encoders}
        for row in range(len(tested)):
            frames = {name: cache.read(name, int(of[row])).float() for name, of in entries.items()}
            said.append(system.network({name: _whole(one) for name, one in frames.items()}).logits)
    return torch.cat(said).unflatten(0, (cache.views + 1, -1)).transpose(0, 1), list(system.provenance.classes)


def _whole(frames: Tensor) -> Frames:
    return Frames(frames[None], torch.tensor([len(frames)]))


def _batch(values: Tensor, category: Tensor) -> tuple[dict[str, Frames], EmotionBatch]:
    """Return `(N, D)` vectors, for whatever member, beside the truth."""
    unknown = torch.full((len(values), 3), torch.nan)
    return defaultdict(lambda: _frames(values)), EmotionBatch(torch.arange(len(values)), category, unknown, unknown)


def _frames(values: Tensor) -> Frames:
    return Frames(values[:, None], torch.ones(len(values), dtype=torch.int64))
