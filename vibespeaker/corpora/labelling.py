"""What the labels of a table or a folder mean: emotions by their common spellings, or classes of its own."""

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping

from vibespeaker.errors import CorpusError
from vibespeaker.labels import EMOTIONS, OWN, emotion_named, label_set, label_set_of

_ALL_OWN = OWN.rstrip(":")
_UNLABELLED = ("", "nan", "na", "n/a", "null")
#: A refusal lists so many labels.
_SHOWN = 12


class Labelling:
    """Labels → categories, and the label set that they make.

    Args:
        emotions: label → emotion, for labels that are no spelling of an emotion; case and blanks do not count.
        label_set: name of the label set; null for the one that has just the emotions found; `own` to make a class of
            every label, in alphabetical order; `own:low,high` for such classes in that order.

    Raises:
        CorpusError: an entry of `emotions` names no emotion (and the classes are not of one's own).
    """

    def __init__(self, emotions: Mapping[str, str] | None = None, label_set: str | None = None) -> None:
        self._own = label_set is not None and f"{label_set}:".startswith(OWN)
        # labels are compared in lower case
        self._wanted = label_set.lower() if label_set is not None and self._own else label_set
        self._mapped = {_key(label): emotion for label, emotion in (emotions or {}).items()}
        wrong = [] if self._own else [word for word in self._mapped.values() if emotion_named(word) is None]
        if wrong:
            raise CorpusError("option emotions", found=", ".join(wrong), allowed=EMOTIONS)
        self._asked: Counter[str] = Counter()
        self._unknown: Counter[str] = Counter()
        listed = self._wanted is not None and self._wanted != _ALL_OWN
        self._classes = _classes(self._wanted) if self._wanted is not None and listed else ()

    def category(self, label: str) -> str | None:
        """Return the category of a label, null for none.

        Raises:
            ValueError: the label means nothing.
        """
        key = _key(label)
        if key in _UNLABELLED:
            return None
        self._asked[key] += 1
        found = self.named(label)
        if found is None:
            self._unknown[label.strip()] += 1
            raise ValueError(f"label {label.strip()!r} is no emotion that is known")
        return found

    def named(self, label: str) -> str | None:
        """Return what a label means, null for nothing; unlike `category`, it is not counted."""
        key = _key(label)
        word = self._mapped.get(key, key)
        if not self._own:
            return emotion_named(word)
        return word if (word in self._classes if self._classes else "," not in word) else None

    @property
    def is_own(self) -> bool:
        """True where every label is a class as it stands."""
        return self._own

    def require_known(self, place: object) -> None:
        """Refuse labels of which more than half mean nothing: most of the table would be lost.

        Raises:
            CorpusError: with the labels, how often they occur, and how to map them.
        """
        unknown, labelled = sum(self._unknown.values()), sum(self._asked.values())
        if 2 * unknown <= labelled:
            return
        listed = [f"{label!r} ({count:,})" for label, count in self._unknown.most_common(_SHOWN)]
        more = len(self._unknown) - len(listed)
        option = shlex.quote(f"--options.emotions.{self._unknown.most_common(1)[0][0]}")
        raise CorpusError(
            f"{place}: {unknown:,} of {labelled:,} labels are no emotions that are known",
            found=", ".join(listed) + (f" and {more:,} more" if more else ""),
            allowed=f"{', '.join(EMOTIONS)}, and their common spellings",
            remedy=f"say what each means: {option} anger …; or make a class of every label: --options.label_set own",
        )

    def label_set(self, categories: Iterable[str | None]) -> str:
        """Return the name of the label set for the categories that were found."""
        if self._wanted is not None and self._wanted != _ALL_OWN:
            return self._wanted
        found = {category for category in categories if category is not None}
        if self._own:
            return OWN + ",".join(sorted(found)) if found else "challenge"
        return label_set_of(found).name

    def remarks(self) -> list[str]:
        """Return what is worth knowing of the mapping: entries that no row needed."""
        idle = [label for label in self._mapped if label not in self._asked]
        return [f"option emotions: no row has the label {', '.join(idle)}"] if idle else []


def _key(label: str) -> str:
    """Return a label in lower case, with single blanks; signs stay, since -1 and 1 are two labels."""
    return " ".join(label.casefold().split())


def _classes(name: str) -> tuple[str, ...]:
    # a function of its own, since `label_set` is what an argument is called above
    return label_set(name).classes
