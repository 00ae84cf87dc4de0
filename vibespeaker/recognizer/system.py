"""Recordings → transcripts, probabilities of the categories, attributes; by any system that hears audio."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

from vibespeaker.audio.files import Waveform
from vibespeaker.audio.notes import speech_notes
from vibespeaker.audio.speech import Vad
from vibespeaker.calibration.store import Calibration
from vibespeaker.config_files.trust import trust_packages
from vibespeaker.errors import AudioError, ConfigError
from vibespeaker.progress import tracked
from vibespeaker.recognizer.answering import Answer, Answerer, Clip
from vibespeaker.recognizer.cutting import Cutting
from vibespeaker.recognizer.long import Said, joined, left_out, texts_within, unusable, within, without_speech
from vibespeaker.recognizer.opening import open_model
from vibespeaker.recognizer.recorded import Recorded, Sound, Turn, recorded
from vibespeaker.recognizer.results import Recognition, Recognitions
from vibespeaker.recognizer.transcripts import Transcribe, substitutes, transcripts_of
from vibespeaker.systems import System
from vibespeaker.systems.base import modality_of, reads_text
from vibespeaker.systems.facts import ModelFacts
from vibespeaker.systems.fusion import Fusion
from vibespeaker.utterance import SAMPLE_RATE

SYNTHETIC_NOTE = "the checkpoint was trained on synthetic speech: its answers say nothing about people"
NO_TRANSCRIPT_NOTE = "the checkpoint reads words and there is no transcript: the text branch saw an empty text"
NO_WORDS_NOTE = "there are no words: the members that read words alone count for nothing"
#: Clips that are answered together.
BATCH_SIZE = 16


class Recognizer:
    """A trained system, ready for recordings.

    Example:
        >>> recognizer = Recognizer()
        >>> recognizer("talk.wav").category
        'happiness'

    Args:
        model: a model folder, a checkpoint or a shipped name, or a system that is prepared for audio and texts; null
            for the model that comes with VibeSpeaker.
        transcribers: what transcribes the audio when no transcript is given, by the name of the texts that it makes
            (an encoder's `text`); that of None serves the names without one of their own.
        calibration: applied to the predictions, as `predict` applies it; null for the one that the model comes with.
        device: `cpu`, `cuda` or another of torch.
        cutting: how long recordings are cut.
        abstain_below: least probability of the most probable class for a category to be said, 0 to 1.
        vad: detector of speech.
        trust: packages besides vibespeaker and torch that the model may name, such as your own.
        embeddings: whether answers hold what the heads read.
        show_progress: whether the stretches of a long recording are counted on the error stream.

    Raises:
        CheckpointError: the model is missing or damaged, names what it must not, or an encoder is not the one that it
            was trained with.
        EncoderError: an encoder cannot be had.
        PredictionsError: the calibration belongs to other weights.
    """

    def __init__(
        self,
        model: System | str | Path | None = None,
        transcribers: Mapping[str | None, Transcribe] | None = None,
        calibration: Calibration | None = None,
        *,
        device: str = "cpu",
        cutting: Cutting | None = None,
        abstain_below: float = 0.0,
        vad: Vad = "energy",
        trust: Iterable[str] = (),
        embeddings: bool = False,
        show_progress: bool = False,
    ) -> None:
        if not 0 <= abstain_below <= 1:
            raise ConfigError("abstain_below is no probability", found=abstain_below, allowed="0 to 1")
        trust_packages(trust)
        self.facts: ModelFacts | None = None
        if model is None or isinstance(model, str | Path):
            opened = open_model(model)
            opened.system.prepare(None)
            model, calibration, self.facts = opened.system, calibration or opened.calibration, opened.facts
        self.system, self.transcribers, self.calibration = model, transcribers or {}, calibration
        self.answerer = Answerer(model, calibration, device, embeddings)
        self.provenance, self.cleaning = model.provenance, self.answerer.cleaning
        self.cutting, self.abstain_below, self.vad = cutting or Cutting(), abstain_below, vad
        self.show_progress = show_progress

    @staticmethod
    def open(reference: str | Path, transcribers: Mapping[str | None, Transcribe] | None = None) -> "Recognizer":
        """Open a model, with the calibration that it comes with; see the class."""
        return Recognizer(reference, transcribers)

    @property
    def classes(self) -> tuple[str, ...]:
        """The categories, in the order of their probabilities."""
        return self.provenance.classes

    @property
    def reads_text(self) -> bool:
        """True when an encoder reads the transcript."""
        return reads_text(self.system)

    @property
    def hears(self) -> bool:
        """False where the system reads words alone."""
        return modality_of(self.system) != "text"

    @overload
    def __call__(self, sound: Sound, text: str | None = None, *, rate: int | None = None) -> Recognition: ...
    @overload
    def __call__(self, sound: list[Sound], text: None = None, *, rate: int | None = None) -> Recognitions: ...
    def __call__(
        self, sound: Sound | list[Sound], text: str | None = None, *, rate: int | None = None
    ) -> Recognition | Recognitions:
        """Recognise a recording, or a list of recordings.

        Args:
            sound: path, the bytes of a file, or samples `(samples,)` or `(samples, channels)` with their rate.
            text: the transcript; without it the transcribers are used where there are some.
            rate: Hz of samples.

        Raises:
            AudioError: one cannot be used.
        """
        if isinstance(sound, list):
            answers = self.answers(recorded(one, rate) for one in sound)
            return Recognitions([*answers], self.classes)
        (answer,) = self.answers([replace(recorded(sound, rate), text=text)])
        return answer

    def recognize(self, path: Path, text: str | None = None) -> Recognition:
        """Recognise a recording; as a call."""
        return self(path, text)

    def recognize_samples(
        self, samples: Waveform, text: str | None = None, notes: Sequence[str] = (), vad: Vad | None = None
    ) -> Recognition:
        """Recognise samples.

        Args:
            samples: `(samples,)` at 16 kHz.
            text: as for a call.
            notes: what is known of the recording already (`audio.notes`).
            vad: detector that tells whether there is speech at all (`audio.speech`); null for the recogniser's own.

        Raises:
            AudioError: they are too short.
        """
        (answer,) = self.answers([Recorded(samples, tuple(notes), text=text)], vad)
        return answer

    def answers(
        self, sounds: Iterable[Recorded | Recognition], vad: Vad | None = None, keep_going: bool = False
    ) -> Iterator[Recognition]:
        """Recognise recordings, some of them together, and yield their answers in order.

        Args:
            sounds: read as they are needed; what is answered already is passed on in its place.
            vad: detector of speech; null for the recogniser's own.
            keep_going: whether the answer for a recording that cannot be used says why, in place of an error.

        Raises:
            AudioError: one cannot be used.
        """
        chosen = vad or self.vad
        waiting: list[tuple[Recorded, Clip] | Recognition] = []
        for sound in sounds:
            try:
                if isinstance(sound, Recognition):
                    waiting.append(sound)
                elif sound.turns or self.cutting.cuts(sound.seconds):
                    waiting.append(self._long(sound, chosen))
                else:
                    waiting.append((sound, self._clip(sound.samples, sound.text)))
            except AudioError as error:
                if not keep_going or isinstance(sound, Recognition):
                    raise
                waiting.append(unusable(sound, str(error)))
            if len(waiting) >= BATCH_SIZE or (len(waiting) == 1 and isinstance(waiting[0], Recognition)):
                yield from self._short(waiting, chosen)
                waiting = []
        yield from self._short(waiting, chosen)

    def _short(self, waiting: Sequence[tuple[Recorded, Clip] | Recognition], vad: Vad) -> Iterator[Recognition]:
        """Answer recordings that are answered as one each, and pass on in their place those that are answered."""
        asked = [one for one in waiting if not isinstance(one, Recognition)]
        answered = self._together(asked, vad)
        for one in waiting:
            yield one if isinstance(one, Recognition) else next(answered)

    def _together(self, waiting: Sequence[tuple[Recorded, Clip]], vad: Vad) -> Iterator[Recognition]:
        if not waiting:
            return
        for (recording, clip), answer in zip(waiting, self.answerer.answer([clip for _, clip in waiting]), strict=True):
            notes = (*recording.notes, *speech_notes(recording.samples, vad), *self._facts_notes(recording.samples))
            notes = (*notes, *self._notes(clip.texts, recording.text))
            yield replace(self._recognition(recording, clip, answer, vad), notes=notes)

    def _long(self, recording: Recorded, vad: Vad) -> Recognition:
        """Answer a recording in stretches."""
        said = texts_within(recording, self._transcriber()) if recording.text is None else None
        turns = within(recording) or [
            Turn(start / SAMPLE_RATE, end / SAMPLE_RATE)
            for start, end in self.cutting.spans(recording.samples, vad, None if said is None else said.words)
        ]
        segments = self._stretches(recording, turns, said, vad)
        notes = (*recording.notes, *left_out(recording))
        if not segments:
            return without_speech(recording, (*notes, f"no speech found (detector: {vad})"), vad)
        notes = (*notes, *self._facts_notes(recording.samples, ("seconds",)))
        texts = dict.fromkeys(self.answerer.names, segments[0].transcript)
        whole = joined(recording, segments, (*notes, *self._notes(texts, recording.text)), vad)
        return self._abstaining(whole)

    def _stretches(self, recording: Recorded, turns: Sequence[Turn], said: Said | None, vad: Vad) -> list[Recognition]:
        shown = tracked("recognising", len(turns), "stretches") if self.show_progress and turns else nullcontext()
        segments: list[Recognition] = []
        with shown as progress:
            for first in range(0, len(turns), BATCH_SIZE):
                chosen = turns[first : first + BATCH_SIZE]
                parts = [recording.part(turn) for turn in chosen]
                texts = [
                    part.text if said is None else said.between(turn.start, turn.end)
                    for part, turn in zip(parts, chosen, strict=True)
                ]
                clips = [self._clip(part.samples, text) for part, text in zip(parts, texts, strict=True)]
                answers = zip(parts, clips, self.answerer.answer(clips), strict=True)
                segments += [self._recognition(part, clip, answer, vad) for part, clip, answer in answers]
                if progress is not None:
                    progress.advance(len(chosen))
        return segments

    def _clip(self, samples: Waveform, text: str | None) -> Clip:
        cleaned = self.answerer.cleaned(samples)
        texts = transcripts_of(samples, text, self.answerer.names, self.transcribers)
        if self.reads_text and not self.hears and None in texts.values():
            raise AudioError(
                "the model reads words alone, and nobody says what was said",
                remedy="give the words with --text, or what hears them with --transcriber",
            )
        return Clip(cleaned, texts)

    def _transcriber(self) -> Transcribe | None:
        """Return the one recogniser of speech that can hear a whole recording for all of its stretches."""
        only = self.transcribers.get(None)
        return only if len(self.transcribers) == 1 and self.answerer.names == (None,) else None

    def _recognition(self, recording: Recorded, clip: Clip, answer: Answer, vad: Vad) -> Recognition:
        return self._abstaining(
            Recognition(
                seconds=recording.seconds,
                transcript=clip.texts[self.answerer.names[0]],
                probabilities=answer.probabilities,
                attributes=answer.attributes,
                vad=vad,
                heads=answer.heads,
                file=recording.file,
                start=recording.start,
                end=recording.end,
                channel=recording.channel,
                speaker=recording.speaker,
                prediction_set=answer.prediction_set,
                members=answer.members,
                embedding=answer.embedding,
            )
        )

    def _abstaining(self, answer: Recognition) -> Recognition:
        confidence = answer.confidence
        return replace(answer, abstained=confidence is not None and confidence < self.abstain_below)

    def _facts_notes(self, samples: Waveform, leave_out: tuple[str, ...] = ()) -> tuple[str, ...]:
        return () if self.facts is None else self.facts.notes(samples, leave_out)

    def _notes(self, texts: Mapping[str | None, str | None], text: str | None) -> tuple[str, ...]:
        notes: list[Any] = [SYNTHETIC_NOTE] if self.provenance.synthetic else []
        if self.reads_text and isinstance(self.system, Fusion) and self.hears:
            notes += [] if any((said or "").strip() for said in texts.values()) else [NO_WORDS_NOTE]
        elif None in texts.values() and self.reads_text:
            notes.append(NO_TRANSCRIPT_NOTE)
        return (*notes, *(substitutes(self.answerer.names, self.transcribers) if text is None else ()))
