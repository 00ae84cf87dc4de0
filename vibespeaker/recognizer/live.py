"""Recognition while somebody speaks: an answer for the last seconds, again and again, and how late each is."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from vibespeaker.arguments.ranges import POSITIVE, require
from vibespeaker.audio.files import Waveform
from vibespeaker.audio.speech import Vad, holds_speech, speech_spans
from vibespeaker.audio.streams import Block
from vibespeaker.errors import ConfigError
from vibespeaker.recognizer.recorded import Recorded
from vibespeaker.recognizer.results import Recognition
from vibespeaker.recognizer.system import Recognizer
from vibespeaker.recognizer.transcripts import Transcribe
from vibespeaker.utterance import SAMPLE_RATE

#: Seconds: a pause that ends a sentence, and what is transcribed at the latest.
_PAUSE, _LONGEST_SENTENCE = 0.5, 12.0


@dataclass(frozen=True)
class LiveAnswer:
    """What is said of the last seconds.

    Args:
        heard: seconds of sound so far.
        answer: of the rolling window; null where it holds no speech.
        latency: seconds from the arrival of the window's last sample to the answer.
        words: what was said since the last words, once a sentence has ended; null otherwise.
        words_delay: seconds from the arrival of the sentence's last sample to the words.
        skipped: answers that were left out before this one, to keep up with the sound.
    """

    heard: float
    answer: Recognition | None
    latency: float
    words: str | None = None
    words_delay: float | None = None
    skipped: int = 0


def listen(
    blocks: Iterable[Block],
    recognizer: Recognizer,
    length: float = 3.0,
    every: float = 1.0,
    vad: Vad = "energy",
    transcribe: Transcribe | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[LiveAnswer]:
    """Answer a stream.

    Where answers take longer than the sound, some are left out; a file that comes faster than it sounds is answered in
    full.

    Args:
        blocks: of the stream, in order.
        recognizer: what answers.
        length: seconds of the rolling window.
        every: seconds of sound from one answer to the next, at most the length.
        vad: detector of speech.
        transcribe: recogniser of words, heard at the end of each sentence; null for none.
        clock: the time, as blocks have it.

    Raises:
        ConfigError: a duration is out of range.
    """
    require(POSITIVE, length=length, every=every)
    if every > length:
        raise ConfigError("answers would leave sound out", found=f"every {every:g} s", allowed=f"up to {length:g} s")
    window, step = round(length * SAMPLE_RATE), round(every * SAMPLE_RATE)
    sound = np.zeros(0, np.float32)
    sentence = _Sentence(transcribe, vad)
    heard = answered = skipped = 0
    started: float | None = None
    text: str | None = None
    for block in blocks:
        started = block.arrived if started is None else started
        sound = np.concatenate([sound, block.samples])
        heard += len(block.samples)
        sentence.add(block)
        while heard - answered >= step:
            answered += step
            late = clock() - started - answered / SAMPLE_RATE
            if late > 2 * every and heard - answered >= step:
                skipped += 1
                continue
            end = len(sound) - (heard - answered)
            words, delay = sentence.words(clock)
            text = words or text
            answer = _answer(recognizer, sound[max(0, end - window) : end], vad, text)
            yield LiveAnswer(answered / SAMPLE_RATE, answer, clock() - block.arrived, words, delay, skipped)
            skipped = 0
        sound = sound[-(window + step) :]
    words, delay = sentence.words(clock, is_last=True)
    if words is not None:
        yield LiveAnswer(
            heard / SAMPLE_RATE, _answer(recognizer, sound[-window:], vad, words), 0.0, words, delay, skipped
        )


def _answer(recognizer: Recognizer, samples: Waveform, vad: Vad, text: str | None) -> Recognition | None:
    if not holds_speech(samples, vad):
        return None
    (answer,) = recognizer.answers([Recorded(samples, text=(text or "") if recognizer.reads_text else None)])
    return answer


class _Sentence:
    """Sound since the last words, transcribed when a pause ends it."""

    def __init__(self, transcribe: Transcribe | None, vad: Vad) -> None:
        self._transcribe, self._vad = transcribe, vad
        self._sound = np.zeros(0, np.float32)
        self._arrivals: list[tuple[int, float]] = []

    def add(self, block: Block) -> None:
        if self._transcribe is not None:
            self._sound = np.concatenate([self._sound, block.samples])
            self._arrivals.append((len(self._sound), block.arrived))

    def words(self, clock: Callable[[], float], is_last: bool = False) -> tuple[str | None, float | None]:
        """Return the words of a sentence that has ended, with the stream perhaps, and how late they are; else null."""
        if self._transcribe is None:
            return None, None
        spans = speech_spans(self._sound, self._vad)
        if not spans:
            self._drop(max(0, len(self._sound) - round(_PAUSE * SAMPLE_RATE)))
            return None, None
        end = spans[-1][1]
        has_ended = is_last or len(self._sound) - end >= _PAUSE * SAMPLE_RATE
        if not has_ended and len(self._sound) < _LONGEST_SENTENCE * SAMPLE_RATE:
            return None, None
        said = self._transcribe(self._sound[:end]).text
        arrived = next(at for size, at in self._arrivals if size >= end)
        self._drop(end)
        return said or None, clock() - arrived

    def _drop(self, samples: int) -> None:
        self._sound = self._sound[samples:]
        self._arrivals = [(size - samples, at) for size, at in self._arrivals if size > samples]
