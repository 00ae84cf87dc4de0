"""Recordings with a speaker on each channel, as of telephone calls: one utterance per channel."""

from dataclasses import replace
from pathlib import Path

from vibespeaker.audio.files import count_channels
from vibespeaker.corpora.base import CorpusReading
from vibespeaker.utterance import WHOLE, Channels, Utterance


def by_channel(reading: CorpusReading, channels: Channels, root: Path) -> CorpusReading:
    """Return a reading whose utterances are of the channels that were chosen.

    What a corpus says of a recording holds for each of its channels, but for the speaker: where every channel is taken,
    each has its own. Identifiers get `#ch` and the channel's number. Utterances that name a channel, those of a single
    channel where every channel is taken, and texts alone stay as they are.

    Args:
        reading: what an adapter found.
        channels: which are chosen.
        root: folder that audio paths are relative to.
    """
    if channels == Channels():
        return reading
    chosen: list[Utterance] = []
    places: dict[str, str] = {}
    counts: dict[str, int] = {}
    for utterance in reading.utterances:
        if not utterance.audio:
            chosen.append(utterance)
            continue
        if channels.are_all and utterance.audio not in counts:
            counts[utterance.audio] = count_channels(root / utterance.audio)
        for excerpt in channels.excerpts(utterance.excerpt, counts.get(utterance.audio, 1)):
            chosen.append(_on_channel(utterance, excerpt.channel, channels.are_all))
            # of a channel of a whole file, its identifier tells more than its line
            if utterance.excerpt != WHOLE and utterance.utterance_id in reading.places:
                places[chosen[-1].utterance_id] = reading.places[utterance.utterance_id]
    chosen.sort(key=lambda utterance: utterance.utterance_id)
    return replace(reading, utterances=tuple(chosen), places={**reading.places, **places})


def _on_channel(utterance: Utterance, channel: int | None, has_own_speaker: bool) -> Utterance:
    if channel == utterance.channel:
        return utterance
    stem, mark, stretch = utterance.utterance_id.partition("#")
    return replace(
        utterance,
        utterance_id=f"{stem}#ch{channel}{mark}{stretch}",
        speaker=f"{utterance.speaker}#ch{channel}" if has_own_speaker else utterance.speaker,
        channel=channel,
    )
