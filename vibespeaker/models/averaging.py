"""The command `average`: the mean of the weights of several states of a run, as one checkpoint.

States from late in one training lie in one valley, whose middle often generalises better than any of them (Izmailov
et al. 2018, stochastic weight averaging; Wortsman et al. 2022, model soups). Nothing is trained or measured here.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vibespeaker.arguments.ranges import COUNT, require
from vibespeaker.errors import CheckpointError
from vibespeaker.files import atomic_path
from vibespeaker.files.outputs import check_output
from vibespeaker.files.run_folder import BEST, LAST
from vibespeaker.models.checkpoint import HYPER_PARAMETERS, WEIGHTS_KEY, Checkpoint, open_checkpoint, weights_sha256
from vibespeaker.provenance import CHECKPOINT_KEY

log = logging.getLogger(__name__)

#: What of a checkpoint remains, besides its weights: nothing that a resumed run would need.
_KEPT = ("pytorch-lightning_version", HYPER_PARAMETERS, "hparams_name", "hparams_type")
_STATISTICS = ("running_mean", "running_var")
#: Where the result says what it is the mean of: the SHA-256 of each file.
_SOURCES = "averaged"
_KEEP_MORE = (
    "keep several states while training, such as by --trainer.callbacks+='{class_path: ModelCheckpoint, "
    "init_args: {monitor: val/macro_f1, mode: max, save_top_k: 3}}'"
)


def average(checkpoints: list[Path], *, out: Path, newest: int | None = None) -> int:
    """Average the weights of several checkpoints of one run, or of runs that began from the same weights.

    The result is used like any checkpoint, by `--ckpt_path`, `recognize --model`, `export` or `init_from`, but no run
    can be resumed from it. Whether it is better than its parts is for the validation split to say.

    Args:
        checkpoints: files, at least two in all; a run folder stands for the states in it other than `best` and `last`,
            which Lightning's `ModelCheckpoint` keeps there: the best ones by a score, or the last.
        out: checkpoint to write, `.ckpt`.
        newest: only so many of them, those of the most training steps.

    Raises:
        CheckpointError: there are fewer than two, one is damaged, they are of different systems, or running statistics
            differ, as those of batch norm do, which are not those of the mean.
    """
    require(COUNT, newest=newest)
    files = list(dict.fromkeys(file for path in checkpoints for file in _states(path)))
    check_output(out, inputs=files, suffixes=(".ckpt",))
    found = [open_checkpoint(file) for file in files]
    if newest is not None:
        found = sorted(found, key=lambda one: int(one.content.get("global_step", 0)))[-newest:]
    if len(found) < 2:
        raise CheckpointError(
            "a mean needs at least two states", found=[str(one.path) for one in found], remedy=_KEEP_MORE
        )
    _check_alike(found)
    state = mean_state({str(one.path): one.content["state_dict"] for one in found})
    last = found[-1].content
    content = {
        **{name: last[name] for name in _KEPT if name in last},
        **{name: max(int(one.content.get(name, 0)) for one in found) for name in ("epoch", "global_step")},
        "state_dict": state,
        CHECKPOINT_KEY: {**last[CHECKPOINT_KEY], WEIGHTS_KEY: weights_sha256(state)},
        _SOURCES: [one.sha256 for one in found],
    }
    with atomic_path(out) as temporary, open(temporary, "wb") as file:
        torch.save(content, file)
    log.info("wrote %s, the mean of %d states: %s", out, len(found), ", ".join(str(one.path) for one in found))
    return 0


def mean_state(states: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean of several states of the same names and shapes, computed in float64 and of their own types.

    Args:
        states: file → its `state_dict`, at least one. What is no tensor, a module's extra state, is that of the last.

    Raises:
        CheckpointError: names, shapes or types differ, or statistics or whole numbers, which count batches, do.
    """
    names = [*states]
    first, *others = states.values()
    for file, state in zip(names[1:], others, strict=True):
        if _shapes(state) != _shapes(first):
            different = sorted(_shapes(state).items() ^ _shapes(first).items(), key=str)
            raise CheckpointError(
                "checkpoints of different networks have no mean", found=f"{names[0]} and {file}: {different[0][0]}"
            )
    mean = dict([*states.values()][-1])
    for name, value in first.items():
        if not isinstance(value, Tensor):
            continue
        values = [state[name] for state in states.values()]
        if name.endswith(_STATISTICS) or not value.is_floating_point():
            if any(not torch.equal(other, value) for other in values):
                raise CheckpointError(
                    "running statistics, as of batch norm, belong to each state's own weights: their mean is not that "
                    "of the mean weights",
                    found=name,
                    remedy="average predictions instead, by vibespeaker ensemble, or train a network without batch "
                    "norm, such as model/published or model/small",
                )
        else:
            mean[name] = torch.stack([other.double() for other in values]).mean(0).to(value.dtype)
    return mean


def _states(path: Path) -> Sequence[Path]:
    """Return the file itself, or those of a folder that are neither its best nor its last state."""
    if not path.is_dir():
        return [path]
    folder = path / "checkpoints" if (path / "checkpoints").is_dir() else path
    found = [file for file in sorted(folder.glob("*.ckpt")) if file.stem not in (BEST, LAST)]
    if not found:
        raise CheckpointError(f"{folder} holds no states other than {BEST} and {LAST}", remedy=_KEEP_MORE)
    return found


def _check_alike(found: Sequence[Checkpoint]) -> None:
    """Refuse systems that were trained on other data, encoders or classes, or are other networks."""
    first = found[0]
    for other in found[1:]:
        differs = other.provenance != first.provenance or other.hyper_parameters.get("network") != (
            first.hyper_parameters.get("network")
        )
        if differs:
            raise CheckpointError(
                "checkpoints of different systems have no mean: data, encoders, classes and network must be the same",
                found=f"{first.path} and {other.path}",
                remedy="average states of one run; combine different systems with vibespeaker ensemble",
            )


def _shapes(state: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: (tuple(value.shape), value.dtype) if isinstance(value, Tensor) else None for name, value in state.items()
    }
