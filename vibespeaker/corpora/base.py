"""What an adapter is and what it returns. Adapters know nothing of torch, of decoding or of split policy."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from vibespeaker.errors import printable
from vibespeaker.utterance import Utterance


class MissingAudioError(ValueError):
    """Audio that is listed is not in the folder."""


@dataclass(frozen=True, order=True)
class Problem:
    """A file or row that could not be used as it is.

    Args:
        item: path relative to the corpus root, or `file:row`.
        reason: one sentence.
        dropped: True when the file or row was left out, False for a remark on one that is used.
        absent: True where audio that is listed is not in the folder, as in a partial copy of the corpus.
    """

    item: str
    reason: str
    dropped: bool = True
    absent: bool = False

    @classmethod
    def of(cls, item: str, error: ValueError) -> "Problem":
        """Return the problem that an error makes of a row or file that is left out."""
        return cls(item, str(error), absent=isinstance(error, MissingAudioError))

    def __post_init__(self) -> None:
        # names from outside, which no table or terminal is to take for more than names
        for name in ("item", "reason"):
            object.__setattr__(self, name, printable(getattr(self, name)))


@dataclass(frozen=True)
class CorpusReading:
    """All that an adapter found.

    Args:
        utterances: sorted by `utterance_id`, whatever the order of the file system.
        problems: rows and files that could not be used, sorted.
        warnings: whole-corpus remarks, e.g. a count that differs from the published one.
        synthetic: True when the folder is marked as generated speech.
        label_set: name of the label set where what was read decides on it; null for the adapter's.
        places: utterance id → line that it comes from, for problems of segments that only their audio shows.
    """

    utterances: tuple[Utterance, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    synthetic: bool = False
    label_set: str | None = None
    places: Mapping[str, str] = field(default_factory=dict)


class CorpusAdapter(ABC):
    """Reads one corpus.

    Attributes:
        name: the FORMAT of `vibespeaker prepare` and the `corpus` column.
        label_set: name of the label set its categories fit.
        licence: how the corpus may be used.
        citation: what to cite.
        expected_utterances: published number of clips, None where it varies; another count is a warning.
        expected_categories: published number of clips of each category, empty where it varies.
        synthetic: True only for generated speech.
    """

    name: str
    label_set: str
    licence: str
    citation: str
    expected_utterances: int | None = None
    expected_categories: Mapping[str, int] = MappingProxyType({})
    synthetic: bool = False

    @abstractmethod
    def read(self, root: Path) -> CorpusReading:
        """Read the folder as published; decode no audio.

        Raises:
            CorpusError: the folder does not look like this corpus; says what was expected where.
        """

    def audio_root(self, path: Path) -> Path:
        """Return the folder that audio paths are relative to, for what `read` was given: the corpus folder itself."""
        return path
