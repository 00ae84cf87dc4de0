"""Files that lie in a corpus folder twice, under one name and with the same bytes: the second counts nowhere."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from vibespeaker.audio.files import AudioFacts
from vibespeaker.corpora.base import CorpusReading
from vibespeaker.corpora.copies import copy_warnings
from vibespeaker.corpora.text_files import normal
from vibespeaker.utterance import Utterance

#: What two annotations must agree in for one of them to be a copy. Where they differ both are kept, and reported.
_ANNOTATIONS = ("category", "arousal", "valence", "dominance", "text", "split", "start", "end", "channel")


def leave_out_copies(
    reading: CorpusReading, facts: Sequence[AudioFacts]
) -> tuple[CorpusReading, list[AudioFacts], list[str]]:
    """Leave out utterances whose file is, by name and by bytes, one that is used, with the same annotations.

    Of several copies the one in the fewest folders is used, then the first by path.

    Args:
        reading: what an adapter found.
        facts: of each utterance's audio.

    Returns:
        The reading and the facts without copies, and one warning for each folder that holds some.
    """
    utterances = reading.utterances
    times = Counter(fact.sha256 for fact in facts)
    candidates = [row for row, fact in enumerate(facts) if fact.sha256 is not None and times[fact.sha256] > 1]
    used: dict[tuple[object, ...], int] = {}
    left_out: dict[str, list[str]] = defaultdict(list)
    copies = set()
    for row in sorted(candidates, key=lambda row: (utterances[row].audio.count("/"), utterances[row].audio)):
        if used.setdefault((facts[row].sha256, *_identity(utterances[row])), row) != row:
            path = utterances[row].audio
            left_out[str(PurePosixPath(path).parent)].append(path)
            copies.add(row)
    rows = [row for row in range(len(utterances)) if row not in copies]
    return (
        replace(reading, utterances=tuple(utterances[row] for row in rows)),
        [facts[row] for row in rows],
        copy_warnings(left_out),
    )


def _identity(utterance: Utterance) -> tuple[object, ...]:
    name = normal(PurePosixPath(utterance.audio).name).lower()
    return name, *(getattr(utterance, field) for field in _ANNOTATIONS)
