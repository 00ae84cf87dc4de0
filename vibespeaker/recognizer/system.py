"""One recording → transcript, probabilities of the categories, attributes; from a checkpoint alone.

A checkpoint names the encoders it was trained with and their fingerprints. They are built again, and refused when they
are not the same: other weights under the old name would give other frames, and numbers without meaning.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from vibespeaker.audio.cleaning import CleaningRecipe, clean_audio
from vibespeaker.audio.files import Waveform
from vibespeaker.audio.notes import hear, require_audible_length, speech_notes
from vibespeaker.audio.speech import Vad
from vibespeaker.batch import EmotionOutput, Frames
from vibespeaker.calibration.store import Calibration, find_calibration
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.errors import AudioError, CheckpointError, ConfigError
from vibespeaker.files import file_sha256
from vibespeaker.heads import HeadSpec
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.models.weights import read_checkpoint
from vibespeaker.provenance import Provenance
from vibespeaker.tasks import EmotionTask
from vibespeaker.utterance import SAMPLE_RATE

SYNTHETIC_NOTE = "the checkpoint was trained on synthetic speech: its answers say nothing about people"
NO_TRANSCRIPT_NOTE = "the checkpoint reads words and there is no transcript: the text branch saw an empty text"


class Transcriber(Protocol):
    """Transcribes speech."""

    def __call__(self, samples: Waveform) -> str:
        """Return the transcript of `(samples,)` at 16 kHz."""
        ...


@dataclass(frozen=True)
class Recognition:
    """A system's predictions for one recording.

    Args:
        seconds: duration of the audio.
        transcript: the words that were spoken; null when unknown.
        probabilities: class → probability in the label set's order; null without a category head.
        attributes: arousal, valence, dominance on 1–7; null without an attribute head.
        notes: what a reader must know of these numbers.
        vad: detector by which the notes say whether there is speech (`audio.speech`).
        heads: further head → class → probability (each by itself for a multilabel head), or its name → the value.
    """

    seconds: float
    transcript: str | None
    probabilities: dict[str, float] | None
    attributes: dict[str, float] | None
    notes: tuple[str, ...] = ()
    vad: Vad = "energy"
    heads: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def category(self) -> str | None:
        """The most probable class, the first of equals; null without a category head."""
        if self.probabilities is None:
            return None
        return max(self.probabilities, key=lambda emotion: self.probabilities[emotion])  # type: ignore[index]


class Recognizer:
    """A trained system, ready for recordings.

    Args:
        task: the loaded system, in evaluation mode.
        provenance: what it was trained on.
        encoders: encoder name → encoder, as the checkpoint's fingerprints demand.
        transcriber: transcribes the audio when no transcript is given.
        calibration: applied to the predictions, as `predict` applies it.
    """

    def __init__(
        self,
        task: EmotionTask,
        provenance: Provenance,
        encoders: Mapping[str, Encoder],
        transcriber: Transcriber | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.task, self.provenance, self.encoders, self.transcriber = task, provenance, encoders, transcriber
        self.calibration = calibration
        self.cleaning = cleaning_of(provenance, "the checkpoint")

    @staticmethod
    def from_checkpoint(path: Path, transcriber: Transcriber | None = None) -> "Recognizer":
        """Load a checkpoint that `vibespeaker fit` wrote, with the calibration beside it, and build its encoders.

        Raises:
            PredictionsError: the calibration belongs to other weights.
            CheckpointError: the file is no such checkpoint, or an encoder is not the one it was trained with.
            EncoderError: an encoder cannot be had.
        """
        provenance = Provenance.from_checkpoint(read_checkpoint(path), path)
        cleaning_of(provenance, path)
        task = EmotionTask.from_checkpoint(path)
        if task.live is not None:
            encoders = {name: task.live.encoder(name).eval() for name in provenance.encoders}
        else:
            encoders = build_encoders({name: encoder.spec for name, encoder in provenance.encoders.items()})
        check_fingerprints(encoders, provenance)
        return Recognizer(task, provenance, encoders, transcriber, find_calibration(path, file_sha256(path)))

    @property
    def reads_text(self) -> bool:
        """True when an encoder reads the transcript."""
        return any(encoder.modality == "text" for encoder in self.encoders.values())

    def recognize(self, path: Path, text: str | None = None) -> Recognition:
        """Recognise a recording.

        Args:
            path: audio file of any sampling rate.
            text: the transcript; without it the transcriber is used where there is one.

        Raises:
            AudioError: the file cannot be used.
        """
        heard = hear(path)
        return self.recognize_samples(heard.samples, text, heard.notes)

    @torch.inference_mode()
    def recognize_samples(
        self, samples: Waveform, text: str | None = None, notes: Sequence[str] = (), vad: Vad = "energy"
    ) -> Recognition:
        """Recognise samples.

        Args:
            samples: `(samples,)` at 16 kHz.
            text: as for `recognize`.
            notes: what is known of the recording already (`audio.notes`).
            vad: detector that tells whether there is speech at all (`audio.speech`).

        Raises:
            AudioError: they are too short.
        """
        require_audible_length(samples)
        if text is None and self.transcriber is not None:
            text = self.transcriber(samples)
        waveform = torch.from_numpy(self._cleaned(samples))
        frames = {name: _encode(encoder, waveform, text or "") for name, encoder in self.encoders.items()}
        assert self.task.network is not None
        answer = self.task.network(frames)
        logits, attributes = self._calibrated(answer)
        return Recognition(
            seconds=len(samples) / SAMPLE_RATE,
            transcript=text,
            probabilities=_named(self.provenance.classes, None if logits is None else logits.softmax(-1)),
            attributes=_named(ATTRIBUTES, attributes),
            notes=(*notes, *speech_notes(samples, vad), *self._notes(text)),
            vad=vad,
            heads={name: _head(name, spec, answer.heads[name]) for name, spec in self.provenance.heads.items()},
        )

    def _cleaned(self, samples: Waveform) -> Waveform:
        """Repeat what was done to the recordings that were trained on."""
        if self.cleaning is None:
            return samples
        cleaned = clean_audio(samples, self.cleaning).samples
        if not len(cleaned):
            raise AudioError("the recording holds no speech, by the detector that training used")
        return cleaned

    def _calibrated(self, output: EmotionOutput) -> tuple[Tensor | None, Tensor | None]:
        if self.calibration is None:
            return output.logits, output.attributes
        maps = (self.calibration.logits, self.calibration.values)
        heads = zip(maps, (output.logits, output.attributes), strict=True)
        logits, attributes = (
            None if head is None else torch.from_numpy(mapped(head.numpy())) for mapped, head in heads
        )
        return logits, attributes

    def _notes(self, text: str | None) -> tuple[str, ...]:
        notes = [SYNTHETIC_NOTE] if self.provenance.synthetic else []
        return (*notes, NO_TRANSCRIPT_NOTE) if text is None and self.reads_text else tuple(notes)


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


def check_fingerprints(encoders: Mapping[str, Encoder], provenance: Provenance) -> None:
    """Compare the encoders at hand with those that a checkpoint was trained with.

    Raises:
        CheckpointError: naming the encoder and what differs.
    """
    at_hand = {
        name: replace(stored, fingerprint=dict(encoders[name].fingerprint().parts))
        for name, stored in provenance.encoders.items()
    }
    replace(provenance, encoders=at_hand).check_encoders(provenance)


def _encode(encoder: Encoder, waveform: Tensor, text: str) -> Frames:
    return encoder([waveform] if encoder.modality == "audio" else [text])


def _head(name: str, spec: HeadSpec, outputs: Tensor) -> dict[str, float]:
    """Return what one further head says of one recording."""
    if spec.kind == "regression":
        found = _named((name,), outputs)
    else:
        found = _named(spec.classes, outputs.softmax(-1) if spec.kind == "classification" else outputs.sigmoid())
    assert found is not None
    return found


def _named(names: tuple[str, ...], values: Tensor | None) -> dict[str, float] | None:
    if values is None:
        return None
    return dict(zip(names, (round(value, 6) for value in values[0].tolist()), strict=True))
