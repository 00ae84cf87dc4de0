"""Writes a tiny corpus in the layout of MSP-Podcast, any release, with noise as speech."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.recordings import write_noise

Schema = Literal["rows", "detail", "json", "none"]

RATING = ("Happy", "Happy,Excited", 5.0, 6.0, 4.0)


@dataclass(frozen=True)
class Clip:
    """One clip; what is null is left out of the lists.

    Args:
        name: file name with suffix.
        letter: consensus category.
        split: as in `Split_Set` and `Partitions.txt`.
        attributes: arousal, valence, dominance.
        ratings: one (primary, secondary, arousal, valence, dominance) a rater.
        transcript: human transcript, null for none.
        audio: False for a clip that is listed and has no file.
        labelled: False for a clip without row in the label files.
        partition: False for a clip that is not in `Partitions.txt`.
    """

    name: str
    letter: str = "H"
    split: str = "Train"
    speaker: str = "1"
    gender: str = "Female"
    attributes: tuple[float, float, float] = (5.0, 6.0, 4.0)
    ratings: Sequence[tuple[str, str | None, float, float, float]] = (RATING,)
    transcript: str | None = "that is good news"
    audio: bool = True
    labelled: bool = True
    partition: bool = True
    seconds: float = 0.3


@dataclass(frozen=True)
class Layout:
    """How a release spells things."""

    labels: str = "Labels"
    consensus: str = "labels_consensus"
    suffix: Literal["csv", "json"] = "csv"
    schema: Schema = "detail"
    worker_column: str = "Workers"
    speaker_lines: Sequence[str] = field(default=())


PLAIN = Layout()

DEFAULT_CLIPS = (
    Clip("MSP-PODCAST_0001_0001.wav", "H", "Train", "1"),
    Clip("MSP-PODCAST_0001_0002.wav", "A", "Train", "2", "Male", (6.2, 2.0, 6.0), (("Angry", "Angry", 6, 2, 6),)),
    Clip("MSP-PODCAST_0002_0001.wav", "X", "Train", "Unknown", "Unknown"),
    Clip("MSP-PODCAST_0002_0002.wav", "O", "Train", "Unknown", "Unknown"),
    Clip("MSP-PODCAST_3406_0004_0003.wav", "N", "Development", "3", "Male"),
    Clip("MSP-PODCAST_test3_0001.wav", split="Test3", transcript=None, labelled=False),
    Clip("MSP-PODCAST_test3_0002.wav", split="Test3", transcript=None, labelled=False, partition=False),
)


def write_msp(root: Path, clips: Iterable[Clip] = DEFAULT_CLIPS, layout: Layout = PLAIN) -> Path:
    """Write the corpus below `root` and return `root`."""
    clips = list(clips)
    (root / "Audios").mkdir(parents=True)
    (root / "Transcripts").mkdir()
    (root / layout.labels).mkdir()
    for number, clip in enumerate(clips):
        if clip.audio:
            write_noise(root / "Audios" / clip.name, number, int(clip.seconds * 16_000))
        if clip.transcript is not None:
            (root / "Transcripts" / clip.name).with_suffix(".txt").write_text(clip.transcript, encoding="utf-8")
    _write_consensus(root / layout.labels / f"{layout.consensus}.{layout.suffix}", clips)
    _write_detailed(root / layout.labels / "labels_detailed", clips, layout)
    lines = [f"{clip.split}; {clip.name}" for clip in clips if clip.partition]
    (root / "Partitions.txt").write_text("\n".join(lines) + "\n")
    (root / "Speaker_ids.txt").write_text("".join(f"{line}\n" for line in layout.speaker_lines))
    return root


def _consensus(clip: Clip) -> Mapping[str, object]:
    arousal, valence, dominance = clip.attributes
    return {
        "EmoClass": clip.letter,
        "EmoAct": arousal,
        "EmoVal": valence,
        "EmoDom": dominance,
        "SpkrID": clip.speaker,
        "Gender": clip.gender,
        "Split_Set": clip.split,
    }


def _write_consensus(path: Path, clips: Sequence[Clip]) -> None:
    rows = {clip.name: _consensus(clip) for clip in clips if clip.labelled}
    if path.suffix == ".json":
        path.write_text(json.dumps(rows))
        return
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["FileName", *_consensus(clips[0])])
        writer.writerows([name, *row.values()] for name, row in rows.items())


def _write_detailed(path: Path, clips: Sequence[Clip], layout: Layout) -> None:
    ratings = [
        (clip.name, f"WORKER{number:08d}", *rating)
        for clip in clips
        if clip.labelled
        for number, rating in enumerate(clip.ratings, start=1)
    ]
    if layout.schema == "none":
        return
    if layout.schema == "json":
        entries: dict[str, dict[str, dict[str, object]]] = {}
        for name, worker, primary, secondary, arousal, valence, dominance in ratings:
            answers = {"EmoClass_Major": primary, "EmoClass_Second": secondary or ""}
            scores = {"EmoAct": arousal, "EmoDom": dominance, "EmoVal": valence}
            entries.setdefault(name, {})[worker] = {**answers, **scores}
        path.with_suffix(".json").write_text(json.dumps(entries))
        return
    with path.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.writer(file)
        if layout.schema == "rows":
            columns = ("EmoClass_Major", "EmoClass_Second", "EmoAct", "EmoVal", "EmoDom")
            writer.writerow(["FileName", layout.worker_column, *columns])
            writer.writerows(ratings)
            return
        writer.writerow(["FileName", "EmoDetail"])
        for name, worker, primary, secondary, *scores in ratings:
            answers = [worker, primary] + ([] if secondary is None else [secondary])
            marks = [f"{mark}:{score:f}" for mark, score in zip("AVD", scores, strict=True)]
            writer.writerow([name, "; ".join([*answers, *marks]) + ";"])
