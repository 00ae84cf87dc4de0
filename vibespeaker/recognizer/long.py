"""The answers for the stretches of a long recording, joined: of all of it, and of each speaker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vibespeaker.audio.files import MIN_DURATION
from vibespeaker.audio.speech import Vad
from vibespeaker.recognizer.recorded import Recorded, Turn
from vibespeaker.recognizer.results import MemberAnswer, Recognition
from vibespeaker.recognizer.transcripts import Transcribe
from vibespeaker.transcribe.base import Word


@dataclass(frozen=True)
class Said:
    """What was said in a recording, with times.

    Args:
        words: in order; times are those of the recording.
    """

    words: tuple[Word, ...]

    def between(self, start: float, end: float) -> str:
        """Return the words whose middle lies between two times, in seconds."""
        return " ".join(word.text for word in self.words if start <= (word.start + word.end) / 2 < end)


def texts_within(recording: Recorded, transcribe: Transcribe | None) -> Said | None:
    """Hear a whole recording once for all of its stretches; null where its words come without times."""
    words = None if transcribe is None else transcribe(recording.samples).words
    return None if words is None else Said(words)


def within(recording: Recorded) -> list[Turn]:
    """Return a recording's turns as far as they lie in it, without those that are too short to hear anything in."""
    cut = [replace(turn, end=min(turn.end, recording.seconds)) for turn in recording.turns]
    return [turn for turn in cut if turn.end - turn.start >= MIN_DURATION]


def left_out(recording: Recorded) -> tuple[str, ...]:
    """Say how many turns are left out."""
    missing = len(recording.turns) - len(within(recording))
    if not missing:
        return ()
    return (
        f"{missing} of {len(recording.turns)} turns lie outside the recording or last less than {MIN_DURATION:g} s",
    )


def without_speech(recording: Recorded, notes: tuple[str, ...], vad: Vad) -> Recognition:
    """Return the answer for a recording in which nobody speaks: no class is made up."""
    return Recognition(
        recording.seconds,
        None,
        None,
        None,
        notes,
        vad,
        file=recording.file,
        start=recording.start,
        end=recording.end,
        channel=recording.channel,
    )


def unusable(recording: Recorded, problem: str) -> Recognition:
    """Return the answer for a recording that cannot be used."""
    answer = without_speech(recording, recording.notes, "energy")
    return replace(answer, problem=problem)


def joined(recording: Recorded, segments: Sequence[Recognition], notes: tuple[str, ...], vad: Vad) -> Recognition:
    """Return the mean of a recording's stretches, weighted by duration, with the stretches.

    Args:
        recording: all of it.
        segments: at least one.
        notes: on all of it.
        vad: the detector of speech.
    """
    texts = [segment.transcript for segment in segments if segment.transcript]
    whole = _mean(segments)
    return Recognition(
        recording.seconds,
        " ".join(texts) if texts and recording.text is None else recording.text,
        whole.probabilities,
        whole.attributes,
        notes,
        vad,
        whole.heads,
        recording.file,
        recording.start,
        recording.end,
        recording.channel,
        segments=tuple(segments),
        members=whole.members,
    )


def by_speaker(answer: Recognition) -> dict[str, Recognition]:
    """Return speaker → the mean of what was said by him or her, weighted by duration; empty without speakers."""
    speakers = dict.fromkeys(segment.speaker for segment in answer.segments if segment.speaker is not None)
    return {name: _mean([one for one in answer.segments if one.speaker == name]) for name in sorted(speakers)}


def _mean(segments: Sequence[Recognition]) -> Recognition:
    """Return the mean of answers that have the same heads."""
    weights = [segment.seconds for segment in segments]
    first = segments[0]
    return Recognition(
        sum(weights),
        None,
        _mean_of([segment.probabilities for segment in segments], weights),
        _mean_of([segment.attributes for segment in segments], weights),
        vad=first.vad,
        heads={name: _mean_of([segment.heads[name] for segment in segments], weights) or {} for name in first.heads},
        file=first.file,
        start=min(segment.start for segment in segments),
        end=max(segment.ends for segment in segments),
        channel=first.channel,
        speaker=first.speaker,
        members={
            name: _mean_member([segment.members[name] for segment in segments], weights) for name in first.members
        },
    )


def _mean_member(answers: Sequence[MemberAnswer], weights: Sequence[float]) -> MemberAnswer:
    share = _mean_of([{"share": answer.share} for answer in answers], weights) or {"share": 0.0}
    return MemberAnswer(_mean_of([answer.probabilities for answer in answers], weights), share["share"])


def _mean_of(values: Sequence[Mapping[str, float] | None], weights: Sequence[float]) -> dict[str, float] | None:
    known = [(one, weight) for one, weight in zip(values, weights, strict=True) if one is not None]
    if not known:
        return None
    total = sum(weight for _, weight in known)
    return {name: round(sum(one[name] * weight for one, weight in known) / total, 6) for name in known[0][0]}
