"""A model's head for other runtimes, in its folder: `head.onnx`, frames to try it with, and a program that does.

Encoders are tried one by one as they are: one that the exporter takes, and that then gives the same frames, becomes
`NAME.onnx`, `samples` `(samples,)` at 16 kHz → `frames` `(frames, dim)`. Of the others it is said what stands in the
way, in `encoders.onnx.json`, too.
"""

import importlib.util
import json
import logging
import re
import warnings
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vibespeaker.audio.files import read_audio
from vibespeaker.batch import EmotionBatch
from vibespeaker.encoders.base import Encoder
from vibespeaker.errors import ConfigError
from vibespeaker.files import atomic_path, write_text
from vibespeaker.provenance import texts_read
from vibespeaker.systems.base import System
from vibespeaker.systems.ensemble import Ensemble
from vibespeaker.systems.ensemble_folder import MEMBERS
from vibespeaker.systems.export import quiet_exporter, require_onnx, write_onnx
from vibespeaker.systems.fusion import Fusion
from vibespeaker.systems.relabelled import Relabelled
from vibespeaker.systems.trained import TrainedModel
from vibespeaker.utterance import SAMPLE_RATE

log = logging.getLogger(__name__)

HEAD, FRAMES, EXAMPLE, ENCODERS = "head.onnx", "frames.npz", "example.py", "encoders.onnx.json"
#: What an exported encoder may differ from the original, as a share of its greatest value.
_TOLERANCE = 1e-4
_OPERATOR = re.compile(r"\b((?:aten|prims)[.:]{1,2}\w+(?:\.\w+)?)")
_PLACE = re.compile(r"(encoders/\w+\.py):(\d+) in")


def check_onnx() -> None:
    """Refuse where what the export needs is not installed, before any work.

    Raises:
        ConfigError: naming the packages.
    """
    require_onnx()
    if importlib.util.find_spec("onnxruntime") is None:
        raise ConfigError("comparing exported heads needs onnxruntime", remedy='install "vibespeaker[onnx]"')


def write_onnx_files(system: System, folder: Path, recording: Path | None = None) -> None:
    """Write the head of a system, of an ensemble those of its members, beside its model folder's files.

    Args:
        system: as it was opened.
        folder: its model folder.
        recording: whose frames the example reads; null for a generated sound.

    Raises:
        ConfigError: the head cannot be exported, or says something else than the network.
        AudioError: the recording cannot be used.
    """
    if isinstance(system, Ensemble):
        for number, member in enumerate(system.members.values()):
            inner = member.system if isinstance(member, Relabelled) else member
            write_onnx_files(inner, folder / MEMBERS / str(number), recording)
        return
    if isinstance(system, Fusion):
        for number, (name, fused) in enumerate(system.members.items()):
            if isinstance(fused.system, TrainedModel | Ensemble):
                write_onnx_files(fused.system, folder / MEMBERS / str(number), recording)
            else:
                log.warning("member %s has no head that other runtimes could run: it reads words", name)
        return
    assert isinstance(system, TrainedModel)
    if system.live is None:
        system.prepare(None)
    assert system.live is not None
    samples = example_sound() if recording is None else read_audio(recording)
    with torch.inference_mode():
        encoded = system.live(_batch_of(system, samples))
        frames = {name: encoded[name] for name in system.network.encoders}
        expected = system.network(frames)
    write_onnx(system, folder / HEAD)
    feed = {name: one.values.float().numpy() for name, one in frames.items()}
    feed |= {f"{name}.lengths": one.lengths.numpy() for name, one in frames.items()}
    _compare(folder / HEAD, feed, {"logits": expected.logits, "attributes": expected.attributes})
    with atomic_path(folder / FRAMES) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **feed)
    write_text(folder / EXAMPLE, (files("vibespeaker") / "systems" / "sharing" / "onnx_example.py").read_text("utf-8"))
    told = {name: _try_encoder(name, system.live.encoder(name), samples, folder) for name in system.live.specs}
    write_text(folder / ENCODERS, json.dumps(told, indent=1) + "\n")
    for name, blocked in told.items():
        log.info("encoder %s: %s", name, f"written as {name}.onnx" if blocked is None else f"stays here, {blocked}")


def example_sound(seconds: float = 2.0) -> npt.NDArray[np.float32]:
    """Return a generated sound, `(samples,)` at 16 kHz: a voice-like buzz that glides, and a pause; nobody's speech."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 140 + 40 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    buzz = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 20))
    loudness = np.clip(np.sin(2 * np.pi * 1.5 * time), 0, None)
    made: npt.NDArray[np.float32] = (0.1 * buzz * loudness).astype(np.float32)
    return made


def _batch_of(system: TrainedModel, samples: npt.NDArray[np.float32]) -> EmotionBatch:
    from dataclasses import replace

    named = {name: ("",) for name in texts_read(system.provenance.encoders) if name is not None}
    return replace(EmotionBatch.of_inputs((torch.from_numpy(samples),), ("",)), named_texts=named)


def _compare(path: Path, feed: dict[str, npt.NDArray[np.generic]], expected: dict[str, Tensor | None]) -> None:
    """Run an exported head beside the network's own answer.

    Raises:
        ConfigError: they differ by more than 1e-5.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = {name: tensor.float().numpy() for name, tensor in expected.items() if tensor is not None}
    found = session.run(list(wanted), feed)
    for (name, values), other in zip(wanted.items(), found, strict=True):
        difference = float(np.abs(values - other).max())
        if difference > 1e-5 * max(1.0, float(np.abs(values).max())):
            raise ConfigError(
                f"the exported head says other {name} than the network",
                found=f"a difference of {difference:.2g}",
                allowed="1e-5",
                remedy="export without --onnx",
            )


class _OneClip(nn.Module):
    """An encoder of one clip, on plain tensors."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, samples: Tensor) -> Tensor:
        return self.encoder([samples]).values[0]


def _try_encoder(name: str, encoder: Encoder, samples: npt.NDArray[np.float32], folder: Path) -> str | None:
    """Write `NAME.onnx`, or return what stands in the way."""
    if encoder.modality == "text":
        return "it reads texts: its tokenizer is no tensor operation"
    module, given = _OneClip(encoder).eval(), torch.from_numpy(samples)
    path = folder / f"{name}.onnx"
    try:
        with torch.no_grad(), warnings.catch_warnings(), quiet_exporter():
            warnings.simplefilter("ignore")
            expected = module(given)
            length = torch.export.Dim("samples", min=1600)
            program = torch.export.export(module, (given,), dynamic_shapes=({0: length},))
            made = torch.onnx.export(
                program, input_names=["samples"], output_names=["frames"], dynamo=True, verbose=False
            )
        assert made is not None
        with atomic_path(path) as temporary:
            made.save(temporary, external_data=False)
        found = _run_encoder(path, samples)
    except Exception as error:  # the exporter has many, one for every kind of step that it cannot trace
        path.unlink(missing_ok=True)
        return blocked_by(error)
    difference = float(np.abs(found - expected.numpy()).max()) if found.shape == tuple(expected.shape) else float("inf")
    if difference > _TOLERANCE * max(1.0, float(expected.abs().max())):
        path.unlink()
        return f"its exported frames differ by {difference:.2g}"
    return None


def _run_encoder(path: Path, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    frames: npt.NDArray[np.float32] = session.run(["frames"], {"samples": samples})[0]
    return frames


def blocked_by(error: BaseException) -> str:
    """Return what stands in the exporter's way: the operator, and where in the encoder it is.

    Sizes that depend on values come from `aten.nonzero`, whatever it is called in Python. A length that became a
    constant is no operator's fault: the encoder counts frames in Python.
    """
    said = " ".join(str(error).split())
    if "specialized it to be a constant" in said:
        return "blocked by its windows, which are cut in Python: an exported one would take a single length"
    place = _PLACE.search(said)
    named = _OPERATOR.search(said)
    if "data-dependent" in said:
        operator = "aten.nonzero: its number of frames depends on values"
    else:
        operator = named[1] if named is not None else f"{type(error).__name__}: {said[:160]}"
    where = "" if place is None else f", in {place[1]} line {place[2]}"
    return f"blocked by {operator}{where}"
