"""A batch of clips through a system: its answers, calibrated, by name, with the sets that the calibration promises."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vibespeaker.audio.cleaning import CleaningRecipe, clean_audio
from vibespeaker.audio.files import Waveform
from vibespeaker.audio.notes import require_audible_length
from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.calibration.store import Calibration
from vibespeaker.encoders.transfer import resolve_device
from vibespeaker.errors import AudioError, CheckpointError, ConfigError
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.metrics import softmax
from vibespeaker.models.heads import EmotionHead
from vibespeaker.models.live import LiveEncoders
from vibespeaker.processes.threads import is_small_work, small_work
from vibespeaker.provenance import Provenance, texts_read
from vibespeaker.recognizer.results import MemberAnswer
from vibespeaker.systems import System
from vibespeaker.systems.base import Joint

#: Digits of probabilities and attributes that are kept.
_DIGITS = 6


@dataclass(frozen=True, eq=False)
class Clip:
    """What is answered as one.

    Args:
        samples: `(samples,)` at 16 kHz, what was trained on after cleaning.
        texts: what was said, by the name of the texts that the system reads.
    """

    samples: Waveform
    texts: Mapping[str | None, str | None]


@dataclass(frozen=True)
class Answer:
    """A system's answer for one clip; see `results.Recognition`."""

    probabilities: dict[str, float] | None
    attributes: dict[str, float] | None
    heads: dict[str, dict[str, float]]
    prediction_set: tuple[str, ...] | None
    embedding: npt.NDArray[np.float32] | None = None
    members: dict[str, MemberAnswer] = field(default_factory=dict)


class Answerer:
    """Answers clips in batches, each as if it were alone.

    Args:
        system: prepared for audio and texts.
        calibration: fitted for it; null to leave its answers as they are.
        device: on which it computes.
        embeddings: whether answers hold what the heads read.

    Raises:
        ConfigError: there is no such device.
        CheckpointError: it was trained on audio that was cleaned in a way that cannot be repeated.
    """

    def __init__(
        self, system: System, calibration: Calibration | None = None, device: str = "cpu", embeddings: bool = False
    ) -> None:
        self.system, self.calibration, self.device = system, calibration, resolve_device(device)
        self.provenance = system.provenance
        self.cleaning = cleaning_of(system.provenance, "the system")
        self.names = texts_read(self.provenance.encoders)
        self._is_small = self.device.type == "cpu" and is_small_work(system, *_frozen(system))
        self._read_by_heads: list[Tensor] | None = [] if embeddings else None
        if isinstance(system, nn.Module):
            system.to(self.device)
            for module in system.modules() if embeddings else ():
                if isinstance(module, EmotionHead):
                    module.register_forward_pre_hook(self._keep)

    def cleaned(self, samples: Waveform) -> Waveform:
        """Repeat what was done to the recordings that were trained on.

        Raises:
            AudioError: they are too short, or nothing is left.
        """
        require_audible_length(samples)
        if self.cleaning is None:
            return samples
        cleaned = clean_audio(samples, self.cleaning).samples
        if not len(cleaned):
            raise AudioError("the recording holds no speech, by the detector that training used")
        return cleaned

    @torch.inference_mode()
    def answer(self, clips: Sequence[Clip]) -> list[Answer]:
        """Answer clips together, at least one."""
        with small_work() if self._is_small else nullcontext():
            return self._answer(clips)

    def _answer(self, clips: Sequence[Clip]) -> list[Answer]:
        waveforms = tuple(torch.from_numpy(clip.samples) for clip in clips)
        read = {name: tuple(clip.texts.get(name) or "" for clip in clips) for name in self.names}
        named = {name: texts for name, texts in read.items() if name is not None}
        batch = EmotionBatch.of_inputs(waveforms, read.get(None, ("",) * len(clips)))
        output, members = self._output(replace(batch, named_texts=named).to(self.device))
        sets, embeddings = self._sets(output), self._embeddings(len(clips))
        calibrated = self._calibrated(output)
        return [
            replace(self._named(calibrated, row, sets[row]), embedding=embeddings[row], members=members[row])
            for row in range(len(clips))
        ]

    def _output(self, batch: EmotionBatch) -> tuple[EmotionOutput, list[dict[str, MemberAnswer]]]:
        """Return what the system says, and of each clip what its members say where it has some."""
        system: object = self.system
        if not isinstance(system, Joint):
            return self.system.answer(batch).map(Tensor.cpu), [{}] * len(batch)
        answers = system.member_answers(batch)
        shares, classes = system.shares(batch, answers), system.member_classes
        told = {
            name: None if output.logits is None else output.logits.cpu().softmax(-1) for name, output in answers.items()
        }
        members: list[dict[str, MemberAnswer]] = [
            {
                name: MemberAnswer(
                    None if logits is None else _by_name(classes, logits[row]), _rounded(shares, name, row)
                )
                for name, logits in told.items()
            }
            for row in range(len(batch))
        ]
        return system.fused(batch, answers).map(Tensor.cpu), members

    def _keep(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert self._read_by_heads is not None
        self._read_by_heads.append(inputs[0].float().cpu())

    def _embeddings(self, clips: int) -> Sequence[npt.NDArray[np.float32] | None]:
        """Return what all heads read of each clip, one after the other; null unless it was asked for."""
        if not self._read_by_heads:
            return [None] * clips
        joined: npt.NDArray[np.float32] = torch.cat(self._read_by_heads, dim=1).numpy()
        self._read_by_heads.clear()
        return list(joined)

    def _named(self, output: EmotionOutput, row: int, prediction_set: tuple[str, ...] | None) -> Answer:
        logits, attributes = output.logits, output.attributes
        return Answer(
            None if logits is None else _by_name(self.provenance.classes, logits[row].softmax(-1)),
            None if attributes is None else _by_name(ATTRIBUTES, attributes[row]),
            {name: _head(name, spec, output.heads[name][row]) for name, spec in self.provenance.heads.items()},
            prediction_set,
        )

    def _calibrated(self, output: EmotionOutput) -> EmotionOutput:
        """Map what a head says, in float64 as the calibration does."""
        if self.calibration is None:
            return output
        maps = (self.calibration.logits, self.calibration.values)
        heads = zip(maps, (output.logits, output.attributes), strict=True)
        logits, attributes = (
            None if head is None else torch.from_numpy(mapped(head.numpy())) for mapped, head in heads
        )
        return replace(output, logits=logits, attributes=attributes)

    def _sets(self, output: EmotionOutput) -> list[tuple[str, ...] | None]:
        """Return each clip's prediction set, the most probable class first; null without thresholds."""
        conformal = None if self.calibration is None else self.calibration.conformal
        if self.calibration is None or conformal is None or conformal.categories is None or output.logits is None:
            return [None] * len(output.tensors()[0])
        unmoved = replace(self.calibration, target_prior=None).logits(output.logits.numpy())
        probabilities = softmax(unmoved)
        inside = conformal.sets(probabilities)
        classes = self.provenance.classes
        return [
            tuple(classes[place] for place in (-shares).argsort(kind="stable") if own[place])
            for shares, own in zip(probabilities, inside, strict=True)
        ]


def _frozen(system: System) -> list[nn.Module]:
    """Return the encoders that run inside a system and are none of its modules, since nothing of them is trained."""
    modules = system.modules() if isinstance(system, nn.Module) else ()
    return [encoder for module in modules if isinstance(module, LiveEncoders) for encoder in module.frozen.values()]


def cleaning_of(provenance: Provenance, source: object) -> CleaningRecipe | None:
    """Return the recipe by which the recordings trained on were cleaned, None where they were not.

    Raises:
        CheckpointError: they were cleaned in different ways, or in one that this version does not know.
    """
    if provenance.cleaning is None:
        return None
    try:
        return CleaningRecipe.of_identity(provenance.cleaning)
    except (ConfigError, TypeError) as error:
        raise CheckpointError(
            f"{source} was trained on cleaned audio, in a way that cannot be repeated",
            found=dict(provenance.cleaning),
            remedy="train on recordings that were cleaned in one way",
        ) from error


def _head(name: str, spec: HeadSpec, outputs: Tensor) -> dict[str, float]:
    """Return what one further head says of one clip."""
    if spec.kind == "regression":
        return _by_name((name,), outputs)
    return _by_name(spec.classes, outputs.softmax(-1) if spec.kind == "classification" else outputs.sigmoid())


def _rounded(shares: Mapping[str, Sequence[float]], name: str, row: int) -> float:
    return round(shares[name][row], _DIGITS) if name in shares else 0.0


def _by_name(names: tuple[str, ...], values: Tensor) -> dict[str, float]:
    return dict(zip(names, (round(value, _DIGITS) for value in values.tolist()), strict=True))
