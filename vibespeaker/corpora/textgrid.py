"""Praat's TextGrids, what annotators write: intervals on named tiers, beside the recording of the same name.

The intervals of one tier are the utterances; what the other tiers say at the same time describes them.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from vibespeaker.corpora.base import CorpusReading, MissingAudioError, Problem
from vibespeaker.corpora.folder import without_suffix
from vibespeaker.corpora.labelling import Labelling
from vibespeaker.corpora.lookup import AudioLookup
from vibespeaker.corpora.segment_files import SegmentAdapter
from vibespeaker.corpora.segments import segment_bounds, stem_of
from vibespeaker.corpora.text_files import normal
from vibespeaker.corpora.textgrid_files import Interval, Tier, read_textgrid
from vibespeaker.errors import CorpusError
from vibespeaker.utterance import Excerpt, Utterance, is_unknown_speaker, speaker_name

#: What a tier may say of an utterance, and how such tiers are commonly called.
FIELDS = {
    "category": ("category", "emotion", "emotions", "label", "labels"),
    "text": ("text", "transcript", "transcription", "words", "sentence", "utterance"),
    "speaker": ("speaker", "speakers"),
}


class TextGrid(SegmentAdapter):
    """TextGrid files: each labelled interval is an utterance.

    Tiers called category or emotion, text, transcript or words, and speaker are read; `tiers` names others. The
    intervals come from the category's tier, else from the text's; a file with a single tier needs no name. Empty
    intervals are pauses.

    Args:
        tiers: category, text or speaker → the tier's name.
        emotions: label → emotion, for labels that are no common spelling.
        label_set: a label set's name, or emotions such as anger,sadness; null for those that there are; own to make a
            class of every label as it stands.
        corpus: the corpus's name.
        language: ISO 639-1 code.
        audio_folder: folder of the recordings; null for that of the annotations.
        licence: how the corpus may be used.
        citation: what to cite.
    """

    name = "textgrid"
    licence = "not stated"
    citation = "not stated"

    def __init__(
        self,
        tiers: Mapping[str, str] | None = None,
        emotions: Mapping[str, str] | None = None,
        label_set: str | None = None,
        corpus: str = "textgrid",
        language: str = "en",
        audio_folder: str | None = None,
        licence: str = "not stated",
        citation: str = "not stated",
    ) -> None:
        super().__init__(".TextGrid", corpus, language, audio_folder, licence, citation)
        unknown = [name for name in tiers or {} if name not in FIELDS]
        if unknown:
            raise CorpusError("option tiers of textgrid", found=", ".join(unknown), allowed=FIELDS)
        self._tiers = dict(tiers or {})
        self._emotions, self._wanted_labels = dict(emotions or {}), label_set
        # refused here rather than when a file is read
        Labelling(self._emotions, label_set)

    def read(self, root: Path) -> CorpusReading:
        """Read a file, or all `.TextGrid` files below a folder.

        Raises:
            CorpusError: there is no file, one lacks tiers, none of their intervals can be used, or most of their
                labels mean nothing.
        """
        audio = AudioLookup(self.audio_root(root))
        labelling = Labelling(self._emotions, self._wanted_labels)
        utterances: dict[str, Utterance] = {}
        places: dict[str, str] = {}
        problems: list[Problem] = []
        unread: Counter[str] = Counter()
        for path, item in self._files(root):
            try:
                tiers, remark = read_textgrid(path)
                chosen = self._chosen(path, tiers)
            except CorpusError as error:
                problems.append(Problem(item, str(error)))
                continue
            problems += [Problem(item, remark, dropped=False)] if remark else []
            unread.update(tier.name for tier in tiers if tier not in chosen.values())
            main = chosen.get("category") or chosen["text"]
            for interval in main.intervals:
                place = f"{item}:{interval.line}"
                try:
                    utterance = self._utterance(interval, main, chosen, _recording(audio, item), labelling)
                    if utterance is not None and utterance.utterance_id in utterances:
                        raise ValueError(f"{places[utterance.utterance_id]} names the same segment: it is used")
                except ValueError as error:
                    problems.append(Problem.of(place, error))
                    continue
                if utterance is not None:
                    utterances[utterance.utterance_id] = utterance
                    places[utterance.utterance_id] = place
        labelling.require_known(root)
        warnings = [*_remarks(unread, utterances), *labelling.remarks()]
        label_set = labelling.label_set(utterance.category for utterance in utterances.values())
        return self._reading(root, utterances, places, problems, warnings, label_set)

    def _chosen(self, path: Path, tiers: Sequence[Tier]) -> dict[str, Tier]:
        """Return what each tier that is read says.

        Raises:
            CorpusError: a tier that was named is not there, or none gives utterances.
        """
        spoken = [tier for tier in tiers if not tier.is_points]
        chosen = {}
        for field, usual in FIELDS.items():
            wanted = (self._tiers[field].casefold(),) if field in self._tiers else usual
            found = [tier for tier in spoken if tier.name.casefold() in wanted]
            if len(found) > 1 or (field in self._tiers and not found):
                raise CorpusError(
                    f"{path} has {len(found)} tiers for {field}",
                    found=", ".join(tier.name for tier in found or tiers),
                    allowed=f"one of {', '.join(wanted)}",
                    remedy=f"name it: --options.tiers.{field} NAME",
                )
            if found:
                chosen[field] = found[0]
        if not {"category", "text"} & set(chosen) and len(spoken) == 1:
            chosen["category"] = spoken[0]
        if not {"category", "text"} & set(chosen):
            raise CorpusError(
                f"{path} has no tier of emotions or texts",
                found=", ".join(tier.name for tier in tiers) or "no tier",
                allowed=", ".join((*FIELDS["category"], *FIELDS["text"])),
                remedy="name it: --options.tiers.category NAME",
            )
        return chosen

    def _utterance(
        self, interval: Interval, main: Tier, chosen: Mapping[str, Tier], path: str, labelling: Labelling
    ) -> Utterance | None:
        """Make an utterance of an interval, null of a pause.

        Raises:
            ValueError: its label means nothing, or its times are none.
        """
        if not interval.text:
            return None
        said = {field: _meanwhile(interval, tier, field) for field, tier in chosen.items() if tier is not main}
        said.update({field: interval.text for field, tier in chosen.items() if tier is main})
        if not math.isfinite(interval.start) or not math.isfinite(interval.end):
            raise ValueError("its times are infinite")
        if interval.start < 0:
            raise ValueError(f"start {interval.start:g} is negative")
        excerpt = Excerpt(*segment_bounds(interval.start, interval.end))
        stem = stem_of(without_suffix(path), excerpt)
        text = said.get("text") or None
        return Utterance(
            utterance_id=f"{self.name}/{stem}",
            corpus=self.name,
            audio=path,
            file_name=normal(PurePosixPath(path).name),
            speaker=speaker_name(self.name, said.get("speaker"), stem),
            language=self._language,
            text=text,
            text_origin=None if text is None else "human",
            category=labelling.category(said.get("category", "")),
            start=excerpt.start,
            end=excerpt.end,
        )


def _recording(audio: AudioLookup, item: str) -> str:
    """Return the recording of a file of annotations: in the folder of the same name, else anywhere.

    Raises:
        ValueError: there is none, or several elsewhere.
    """
    stem = item[: -len(".TextGrid")]
    try:
        return audio.find(stem)
    except MissingAudioError:
        return audio.find(PurePosixPath(stem).name)


def _meanwhile(interval: Interval, tier: Tier, field: str) -> str:
    """Return what a tier says during an interval: its words in turn, otherwise the label that lasts longest."""
    if field == "text":
        middle = ((other.start + other.end) / 2 for other in tier.intervals)
        inside = (o.text for o, at in zip(tier.intervals, middle, strict=True) if interval.start <= at < interval.end)
        return " ".join(text for text in inside if text)
    shared: dict[str, float] = defaultdict(float)
    for other in tier.intervals:
        together = min(interval.end, other.end) - max(interval.start, other.start)
        if other.text and together > 0:
            shared[other.text] += together
    return max(shared, key=lambda text: shared[text]) if shared else ""


def _remarks(unread: Counter[str], utterances: Mapping[str, Utterance]) -> list[str]:
    remarks = []
    if unread:
        names = ", ".join(f"{name} ({count:,} files)" for name, count in unread.most_common())
        remarks.append(f"tiers that nothing reads: {names}; --options.tiers.FIELD NAME has one read")
    unknown = sum(is_unknown_speaker(utterance.speaker) for utterance in utterances.values())
    if unknown:
        remarks.append(
            f"{unknown:,} segments name no speaker: each counts as a speaker of its own; segments of one recording "
            "still stay in one split"
        )
    return remarks
