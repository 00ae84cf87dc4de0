"""What recognition says of recordings: one dataclass for each answer, and a table of many.

Columns of a table, in this order: `file`, `start`, `end` (seconds), `category`, `confidence`, `probability_<class>` in
the label set's order, `arousal`, `valence`, `dominance` (1–7), `text`, `abstained`, `notes`; then, where they say
something: `speaker`, `channel`, `prediction_set`, `head.<name>…` of further heads, and the further columns of a table
of recordings, those called as one of these as `given.<name>`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import numpy.typing as npt

from vibespeaker.audio.speech import Vad
from vibespeaker.labels import ATTRIBUTES

if TYPE_CHECKING:
    import pandas as pd

#: Between the notes of one row, and between the classes of a prediction set.
SEPARATOR = "; "


@dataclass(frozen=True)
class MemberAnswer:
    """What one member of a system of several says.

    Args:
        probabilities: class → probability, calibrated as the member is; null without a category head.
        share: what it counts for in the joint probabilities, 0 to 1.
    """

    probabilities: dict[str, float] | None
    share: float


@dataclass(frozen=True)
class Recognition:
    """A system's answer for one recording, or for a stretch of one.

    Args:
        seconds: duration of the audio.
        transcript: the words that were spoken, the first that the system reads; null when unknown.
        probabilities: class → probability in the label set's order; null without a category head, or without speech.
        attributes: arousal, valence, dominance on 1–7; null without an attribute head, or without speech.
        notes: what a reader must know of these numbers.
        vad: detector by which the notes say whether there is speech (`audio.speech`).
        heads: further head → class → probability (each by itself for a multilabel head), or its name → the value.
        file: what was heard, as it was named; null for samples.
        start: where it begins in its recording, in seconds.
        end: where it ends; null for the recording's end.
        channel: of the recording, counted from 1; null for the mean of all.
        speaker: who speaks, where a file of turns says so.
        abstained: True where the confidence was below what was asked for; there is no category then.
        prediction_set: classes that hold the true one as often as the calibration promises, the most probable first;
            null without such a calibration.
        segments: of a long recording, the answers for its stretches of speech; its own numbers are their mean,
            weighted by duration.
        problem: why the recording could not be used; null where it could.
        members: of a system of several, what each says; empty of others.
        embedding: `(dim,)`, what the heads read; null unless it was asked for.
    """

    seconds: float
    transcript: str | None
    probabilities: dict[str, float] | None
    attributes: dict[str, float] | None
    notes: tuple[str, ...] = ()
    vad: Vad = "energy"
    heads: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    file: str | None = None
    start: float = 0.0
    end: float | None = None
    channel: int | None = None
    speaker: str | None = None
    abstained: bool = False
    prediction_set: tuple[str, ...] | None = None
    segments: tuple["Recognition", ...] = ()
    problem: str | None = None
    members: Mapping[str, MemberAnswer] = field(default_factory=dict)
    embedding: npt.NDArray[np.float32] | None = field(default=None, repr=False, compare=False)

    @property
    def category(self) -> str | None:
        """The most probable class, the first of equals; null without a category head and where it abstained."""
        return None if self.abstained else self.most_probable

    @property
    def most_probable(self) -> str | None:
        """The most probable class, also where it abstained."""
        if self.probabilities is None:
            return None
        return max(self.probabilities, key=lambda emotion: self.probabilities[emotion])  # type: ignore[index]

    @property
    def confidence(self) -> float | None:
        """The most probable class's probability; null without a category head."""
        return None if self.probabilities is None else max(self.probabilities.values())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values by name, those of JSON; the segments are such mappings, too."""
        own = replace(self, segments=(), embedding=None)
        empty = [name for name in ("problem", "members") if not getattr(self, name)]
        left_out = ("segments", "embedding", "file", "channel", *empty)
        values = {name: value for name, value in asdict(own).items() if name not in left_out}
        first = {"file": self.file, "channel": self.channel, "category": self.category, "confidence": self.confidence}
        more = {"segments": [segment.to_dict() for segment in self.segments]} if self.segments else {}
        return {**first, **values, "end": self.ends, "notes": list(self.notes), **more}

    @property
    def ends(self) -> float:
        """Where it ends in its recording, in seconds."""
        return self.start + self.seconds if self.end is None else self.end

    def stretches(self) -> "tuple[Recognition, ...]":
        """Return the segments, each with the notes on all of the recording; itself where it was answered as one."""
        return tuple(replace(one, notes=(*self.notes, *one.notes)) for one in self.segments) or (self,)

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table; see the module's columns."""
        attributes = self.attributes or {}
        heads = {
            f"head.{name}" if label == name else f"head.{name}.{label}": value
            for name, values in self.heads.items()
            for label, value in values.items()
        }
        said = {
            "speaker": self.speaker,
            "channel": self.channel,
            "prediction_set": None if self.prediction_set is None else SEPARATOR.join(self.prediction_set),
        }
        return {
            "file": self.file,
            "start": round(self.start, 3),
            "end": round(self.ends, 3),
            "category": self.category,
            "confidence": self.confidence,
            **{f"probability_{name}": value for name, value in (self.probabilities or {}).items()},
            **{name: attributes.get(name) for name in ATTRIBUTES},
            "text": self.transcript,
            "abstained": self.abstained,
            "notes": SEPARATOR.join((*((self.problem,) if self.problem else ()), *self.notes)),
            **{name: value for name, value in said.items() if value is not None},
            **heads,
        }


class Recognitions(Sequence[Recognition]):
    """Several answers, in the order of what was asked.

    Args:
        answers: one for each recording.
        classes: the system's, in the order of its logits.
        extra: further columns of each answer, those of a table of recordings.
    """

    def __init__(
        self,
        answers: Sequence[Recognition],
        classes: Sequence[str] = (),
        extra: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        self.answers, self.classes = tuple(answers), tuple(classes)
        self._extra = extra or [{}] * len(self.answers)

    def __len__(self) -> int:
        return len(self.answers)

    @overload
    def __getitem__(self, at: int) -> Recognition: ...
    @overload
    def __getitem__(self, at: slice) -> "Recognitions": ...
    def __getitem__(self, at: int | slice) -> "Recognition | Recognitions":
        if isinstance(at, slice):
            return Recognitions(self.answers[at], self.classes, self._extra[at])
        return self.answers[at]

    def __iter__(self) -> Iterator[Recognition]:
        return iter(self.answers)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the table, all with the same columns; a long recording has one for each segment."""
        rows = [
            {**segment.row(), **_kept(extra, self.classes)}
            for answer, extra in zip(self.answers, self._extra, strict=True)
            for segment in answer.stretches()
        ]
        columns = _columns(rows, self.classes)
        return [{name: row.get(name) for name in columns} for row in rows]

    def to_dict(self) -> list[dict[str, Any]]:
        """Return each answer's plain values."""
        return [answer.to_dict() for answer in self.answers]

    def to_pandas(self) -> "pd.DataFrame":
        """Return the table; see the module's columns."""
        import pandas as pd

        return pd.DataFrame(self.rows())


def _kept(extra: Mapping[str, Any], classes: Sequence[str]) -> dict[str, Any]:
    """Return further columns; one that is called as a column of answers is `given.<name>`."""
    own = {*_usual(classes), "channel", "prediction_set"}
    return {f"given.{name}" if name in own else name: value for name, value in extra.items()}


def _usual(classes: Sequence[str]) -> tuple[str, ...]:
    first = ("file", "start", "end", "category", "confidence", *(f"probability_{name}" for name in classes))
    return (*first, *ATTRIBUTES, "text", "abstained", "notes")


def _columns(rows: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> list[str]:
    """Return the columns of all rows: the usual ones first, those that only some rows have behind them."""
    return list(dict.fromkeys((*_usual(classes), *(name for row in rows for name in row))))
