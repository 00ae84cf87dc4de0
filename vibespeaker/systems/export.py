"""The head of a trained model for other runtimes: frames in, logits and attributes out, any batch and any length.

What is traced is the network itself, by its plain padded sums (`models.packed`), which tests hold the faster ones to.
An exported head reads, for every encoder, `NAME` `(batch, frames, dim)`, float32, and `NAME.lengths` `(batch,)`, int64,
and returns `logits` `(batch, classes)`, `attributes` `(batch, 3)` and `head.NAME` of further heads, where it has them.
"""

import importlib.util
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.files import atomic_path
from vibespeaker.systems.trained import TrainedModel

#: Frames of zeros behind the longest utterance: a trace made with one frame would hold for one frame only.
_PADDING = 2
#: What says how an export goes on, for its developers.
_CHATTY = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export", "torch.fx", "torch._dynamo")
_MOST = 1 << 20


class _Head(nn.Module):
    """The network on plain tensors; what it leaves out is not traced."""

    def __init__(self, system: TrainedModel) -> None:
        super().__init__()
        self.network, self.chosen = system.network, system.chosen

    def forward(self, values: Mapping[str, Tensor], lengths: Mapping[str, Tensor]) -> dict[str, Tensor]:
        frames = {
            name: Frames(nn.functional.pad(tensor, (0, 0, 0, _PADDING)), lengths[name])
            for name, tensor in values.items()
        }
        output = self.chosen(self.network(frames))
        own = {"logits": output.logits, "attributes": output.attributes}
        further = {f"head.{name}": head for name, head in output.heads.items()}
        return {name: head for name, head in {**own, **further}.items() if head is not None}


def export_head(system: TrainedModel) -> ExportedProgram:
    """Return the head of a system as a program of torch's own, with free batch and frames.

    Its module takes two mappings by encoder, frames and lengths, and returns a mapping of outputs.

    Raises:
        ConfigError: the network takes steps that depend on its input's values.
    """
    dims = {name: system.provenance.encoder_dims[name] for name in system.network.encoders}
    # sizes unlike each other and unlike 1, which torch would take for one and the same
    values = {name: torch.zeros(3, 7 + 2 * position, dim) for position, (name, dim) in enumerate(dims.items())}
    lengths = {name: torch.full((3,), tensor.shape[1]) for name, tensor in values.items()}
    batch = Dim("batch", min=1, max=_MOST)
    frames = {name: {0: batch, 1: Dim(f"frames_{position}", min=1, max=_MOST)} for position, name in enumerate(dims)}
    sizes = (frames, {name: {0: batch} for name in dims})
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # an LSTM keeps its weights twice, and the second list is put back after tracing
            warnings.filterwarnings("ignore", message=r"The tensor attributes .*_flat_weights")
            return torch.export.export(_Head(system).eval(), (values, lengths), dynamic_shapes=sizes)
    except Exception as error:  # torch has many, one for every kind of step that it cannot trace
        raise ConfigError(
            f"{system.name} cannot be exported: {type(system.network).__name__} takes steps that depend on its input",
            found=" ".join(str(error).split())[:300],
            remedy="export a network of vibespeaker.models",
        ) from error


def require_onnx() -> None:
    """Refuse where the exporter's packages are not installed.

    Raises:
        ConfigError: naming them.
    """
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"ONNX needs {', '.join(missing)}", remedy='install "vibespeaker[onnx]"')


def write_onnx(system: TrainedModel, path: Path) -> None:
    """Write the head of a system as an ONNX model, its inputs and outputs named as above.

    Raises:
        ConfigError: ONNX's packages are not installed, or the network cannot be exported.
    """
    require_onnx()
    program = export_head(system)
    encoders = system.network.encoders
    outputs = list(program.module()(*program.example_inputs[0]))
    with quiet_exporter():
        made = torch.onnx.export(
            program,
            input_names=[*encoders, *(f"{name}.lengths" for name in encoders)],
            output_names=outputs,
            dynamo=True,
            verbose=False,
        )
    assert made is not None
    with atomic_path(path) as temporary:
        made.save(temporary, external_data=False)


@contextmanager
def quiet_exporter() -> Iterator[None]:
    """Keep from users what torch's exporter says of packages that it could use and does not need."""
    loggers = [logging.getLogger(name) for name in _CHATTY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
