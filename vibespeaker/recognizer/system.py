"""One recording → transcript, probabilities of the categories, attributes; by any system that hears audio."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from vibespeaker.audio.cleaning import CleaningRecipe, clean_audio
from vibespeaker.audio.files import Waveform
from vibespeaker.audio.notes import hear, require_audible_length, speech_notes
from vibespeaker.audio.speech import Vad
from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.calibration.store import Calibration, find_calibration
from vibespeaker.errors import AudioError, CheckpointError, ConfigError
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.provenance import Provenance, texts_read
from vibespeaker.recognizer.transcripts import Transcribe, substitutes, transcripts_of
from vibespeaker.systems import System, open_system
from vibespeaker.systems.base import reads_text
from vibespeaker.utterance import SAMPLE_RATE

SYNTHETIC_NOTE = "the checkpoint was trained on synthetic speech: its answers say nothing about people"
NO_TRANSCRIPT_NOTE = "the checkpoint reads words and there is no transcript: the text branch saw an empty text"


@dataclass(frozen=True)
class Recognition:
    """A system's predictions for one recording.

    Args:
        seconds: duration of the audio.
        transcript: the words that were spoken, the first that the system reads; null when unknown.
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
        system: prepared for audio and texts.
        transcribers: what transcribes the audio when no transcript is given, by the name of the texts that it makes
            (an encoder's `text`); that of None serves the names without one of their own.
        calibration: applied to the predictions, as `predict` applies it.
    """

    def __init__(
        self,
        system: System,
        transcribers: Mapping[str | None, Transcribe] | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        self.system, self.transcribers, self.calibration = system, transcribers or {}, calibration
        self.provenance = system.provenance
        self.cleaning = cleaning_of(system.provenance, "the system")

    @staticmethod
    def open(reference: str | Path, transcribers: Mapping[str | None, Transcribe] | None = None) -> "Recognizer":
        """Open a system, with the calibration beside its file, and build its encoders.

        Args:
            reference: see `systems.open_system`: a checkpoint, a run folder, or an ensemble's file.
            transcribers: as above.

        Raises:
            PredictionsError: the calibration belongs to other weights.
            CheckpointError: there is no such system, or an encoder is not the one it was trained with.
            ConfigError: an ensemble's file is wrong.
            EncoderError: an encoder cannot be had.
        """
        system = open_system(reference)
        cleaning_of(system.provenance, reference)
        system.prepare(None)
        file, identity = system.file, system.identity
        calibration = None if file is None or identity is None else find_calibration(file, identity)
        return Recognizer(system, transcribers, calibration)

    @property
    def reads_text(self) -> bool:
        """True when an encoder reads the transcript."""
        return reads_text(self.system)

    def recognize(self, path: Path, text: str | None = None) -> Recognition:
        """Recognise a recording.

        Args:
            path: audio file of any sampling rate.
            text: the transcript; without it the transcribers are used where there are some.

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
        names = texts_read(self.provenance.encoders)
        texts = transcripts_of(samples, text, names, self.transcribers)
        waveform = torch.from_numpy(self._cleaned(samples))
        read = {name: (said or "",) for name, said in texts.items()}
        named = {name: said for name, said in read.items() if name is not None}
        batch = EmotionBatch.of_inputs((waveform,), read.get(None, ("",)))
        answer = self.system.answer(replace(batch, named_texts=named))
        heard_by = substitutes(names, self.transcribers) if text is None else ()
        logits, attributes = self._calibrated(answer)
        return Recognition(
            seconds=len(samples) / SAMPLE_RATE,
            transcript=texts[names[0]],
            probabilities=_named(self.provenance.classes, None if logits is None else logits.softmax(-1)),
            attributes=_named(ATTRIBUTES, attributes),
            notes=(*notes, *speech_notes(samples, vad), *self._notes(texts), *heard_by),
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

    def _notes(self, texts: Mapping[str | None, str | None]) -> tuple[str, ...]:
        notes = [SYNTHETIC_NOTE] if self.provenance.synthetic else []
        return (*notes, NO_TRANSCRIPT_NOTE) if None in texts.values() and self.reads_text else tuple(notes)


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
