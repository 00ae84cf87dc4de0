"""Which stretches of a long recording are answered by themselves: windows of one length, or sentences.

Both lie where there is speech. Sentences are what lies between pauses; where a recogniser of speech tells when each
word was said, a sentence ends with its full stop, question mark or exclamation mark, or before a silence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from vibespeaker.arguments.ranges import POSITIVE, require
from vibespeaker.audio.files import Waveform
from vibespeaker.audio.speech import Span, Vad, speech_spans
from vibespeaker.errors import ConfigError
from vibespeaker.transcribe.base import Word
from vibespeaker.utterance import SAMPLE_RATE

By = Literal["auto", "whole", "windows", "sentences"]

#: Seconds: pauses up to here lie within a window; what is shorter than the second says too little by itself.
_BRIDGED, _SHORTEST = 0.4, 0.5
#: Seconds: a sentence is cut where it is quietest when it is longer, and around each side a little is heard, too.
_LONGEST_SENTENCE, _MARGIN = 12.0, 0.1
#: Seconds of silence between words that end a sentence, where no stop does.
_SILENCE = 0.8
_STOPS = (".", "?", "!", "…", "。", "？", "！")


@dataclass(frozen=True)
class Cutting:
    """How recordings are cut.

    Args:
        by: `whole` answers a recording as one, `windows` and `sentences` in stretches; `auto` takes sentences for
            recordings longer than `longest`: on joined clips they came nearest to the clips (`bench_diarisation.py`).
        length: of a window, seconds.
        hop: most seconds from one window's beginning to the next one's, at most its length.
        longest: seconds that are heard as one by `auto`.

    Raises:
        ConfigError: a number is not above 0, or the hop would leave speech out.
    """

    by: By = "auto"
    length: float = 4.0
    hop: float = 2.0
    longest: float = 20.0

    def __post_init__(self) -> None:
        require(POSITIVE, length=self.length, hop=self.hop, longest=self.longest)
        if self.length < _SHORTEST or self.hop > self.length:
            raise ConfigError(
                "windows leave speech out, or are too short",
                found=f"length {self.length:g} s, hop {self.hop:g} s",
                allowed=f"a length of at least {_SHORTEST:g} s, and a hop of at most the length",
            )

    def cuts(self, seconds: float) -> bool:
        """Return whether a recording of that duration is answered in stretches."""
        return self.by in ("windows", "sentences") or (self.by == "auto" and seconds > self.longest)

    def spans(self, samples: Waveform, vad: Vad = "energy", words: Sequence[Word] | None = None) -> list[Span]:
        """Return the stretches to answer, in order; none where there is no speech.

        Args:
            samples: `(samples,)` at 16 kHz.
            vad: the detector of speech.
            words: what was said and when, where a recogniser of speech knows; it counts for sentences.
        """
        if self.by != "windows" and words:
            return _of_words(words, len(samples))
        speech = speech_spans(samples, vad)
        if self.by != "windows":
            return [piece for span in speech for piece in _sentences(samples, span)]
        return [window for region in _regions(speech) for window in self._windows(region, len(samples))]

    def _windows(self, region: Span, samples: int) -> list[Span]:
        """Cover a region; the last window ends with it, and what is shorter than a window is one by itself."""
        start, end = region
        length, hop = round(self.length * SAMPLE_RATE), round(self.hop * SAMPLE_RATE)
        if end - start <= length:
            return [_at_least(region, samples)]
        more = -(-(end - start - length) // hop)  # windows behind the first, evenly spread, none further than a hop
        starts = [start + round(place * (end - start - length) / more) for place in range(more + 1)]
        return [(first, first + length) for first in starts]


def _regions(spans: Sequence[Span]) -> list[Span]:
    """Join stretches of speech that short pauses part."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and start - joined[-1][1] <= _BRIDGED * SAMPLE_RATE:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _sentences(samples: Waveform, span: Span) -> list[Span]:
    """Cut a stretch of speech that is too long for one sentence where it is quietest."""
    start, end = span
    longest, frame = round(_LONGEST_SENTENCE * SAMPLE_RATE), round(0.1 * SAMPLE_RATE)
    pieces = []
    while end - start > longest:
        first = start + longest // 4  # the cut lies in the middle half of what may be one sentence
        last = start + 3 * longest // 4
        energy = np.cumsum(np.square(samples[first:last], dtype=np.float64))
        cut = first + int(np.argmin(energy[frame:] - energy[:-frame])) + frame // 2
        pieces.append((start, cut))
        start = cut
    return [*pieces, _at_least((start, end), len(samples))]


def _of_words(words: Sequence[Word], samples: int) -> list[Span]:
    """Return sentences by their words."""
    groups: list[list[Word]] = [[]]
    for word in words:
        if groups[-1] and (groups[-1][-1].text.endswith(_STOPS) or word.start - groups[-1][-1].end > _SILENCE):
            groups.append([])
        groups[-1].append(word)
    margin = round(_MARGIN * SAMPLE_RATE)
    shorter = [part for group in groups if group for part in _short_enough(group)]
    bounds = [(round(part[0].start * SAMPLE_RATE), round(part[-1].end * SAMPLE_RATE)) for part in shorter]
    widened = ((max(0, start - margin), min(samples, end + margin)) for start, end in bounds if start < samples)
    return [_at_least(span, samples) for span in widened]


def _short_enough(words: list[Word]) -> list[list[Word]]:
    """Cut what is too long for one sentence at the longest silence of its middle half, where nobody writes stops."""
    if words[-1].end - words[0].start <= _LONGEST_SENTENCE or len(words) == 1:
        return [words]
    silences = [later.start - word.end for word, later in pairwise(words)]
    first = len(silences) // 4
    middle = silences[first : max(first + 1, 3 * len(silences) // 4)]
    cut = first + middle.index(max(middle)) + 1
    return [*_short_enough(words[:cut]), *_short_enough(words[cut:])]


def _at_least(span: Span, samples: int) -> Span:
    """Widen a stretch that is too short to say anything by what lies around it."""
    missing = round(_SHORTEST * SAMPLE_RATE) - (span[1] - span[0])
    if missing <= 0:
        return span
    start = max(0, span[0] - missing // 2)
    return start, min(samples, max(span[1], start + round(_SHORTEST * SAMPLE_RATE)))
