"""Who feels what when: emotion diarisation error on joined clips, by a model that never heard the speaker.

    python scripts/bench_diarisation.py --data ../shared/data --runs runs/shipped/emodb/loso/seed1

Clips of one EmoDB speaker are joined with pauses of faint noise: neutral, an emotion, neutral, the kind that
SpeechBrain scores. The model is that of the fold that left the speaker out (`train_shipped.py` trains them). Scored is
SpeechBrain's EDER (Wang et al. 2023, "Speech emotion diarization: which emotion appears when?"): the share of time
whose emotion is missed, invented or confused; pauses count as neutral. Compared are ways of cutting, with one answer
for all of a recording, and with the clips' true bounds.
`--picture FILE` draws five joined clips of five emotions by the first speaker.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from vibespeaker.audio.files import Waveform, read_audio
from vibespeaker.corpora import adapter
from vibespeaker.progress import tracked
from vibespeaker.recognizer.cutting import Cutting
from vibespeaker.recognizer.recorded import Recorded, Turn
from vibespeaker.recognizer.results import Recognition
from vibespeaker.recognizer.system import Recognizer
from vibespeaker.recognizer.writing import write_picture
from vibespeaker.utterance import SAMPLE_RATE

NEUTRAL = "neutral"
#: Seconds of a frame that SpeechBrain compares, and of the pauses.
FRAME, PAUSES = 0.02, (0.2, 0.8)
WAYS = {
    "one answer": Cutting("whole"),
    "windows of 2 s, hop 1": Cutting("windows", 2.0, 1.0),
    "windows of 3 s, hop 1": Cutting("windows", 3.0, 1.0),
    "windows of 4 s, hop 2": Cutting("windows", 4.0, 2.0),
    "sentences": Cutting("sentences"),
}
KNOWN = "true bounds"


@dataclass(frozen=True, eq=False)
class Joined:
    """Joined clips of one speaker.

    Args:
        name: unique.
        samples: `(samples,)` at 16 kHz.
        turns: emotion and bounds of each clip, in seconds.
    """

    name: str
    samples: Waveform
    turns: tuple[tuple[str, float, float], ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/shipped/emodb/loso/seed1"), help="a run for each speaker"
    )
    parser.add_argument("--each", type=int, default=4, help="joined recordings of each speaker")
    parser.add_argument("--speakers", nargs="+", help="all that have a run by default")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    clips = _clips(options.data / "emodb")
    speakers = options.speakers or sorted(path.name for path in options.runs.iterdir() if path.name in clips)
    errors: dict[str, list[float]] = {name: [] for name in (*WAYS, KNOWN)}
    with tracked("diarising", len(speakers) * options.each, "recordings") as progress:
        for speaker in speakers:
            recognizer = Recognizer(options.runs / speaker / "checkpoints" / "last.ckpt")
            others = sorted({emotion for emotion, _ in clips[speaker]} - {NEUTRAL})
            for number in range(options.each):
                emotion = others[number % len(others)]
                joined = _joined(speaker, number, clips[speaker], (NEUTRAL, emotion, NEUTRAL))
                for way, answer in _answers(recognizer, joined):
                    errors[way].append(diarisation_error(answer, joined))
                progress.advance()
            if options.picture is not None and speaker == speakers[0]:
                joined = _joined(speaker, 0, clips[speaker], (*others[:2], NEUTRAL, *others[-2:]))
                write_picture(dict(_answers(recognizer, joined))["sentences"], options.picture)
                print("drawn:", ", ".join(f"{name} {start:.1f}-{end:.1f} s" for name, start, end in joined.turns))
    table = Table(
        "cut into", "EDER", "± over speakers", title=f"{len(speakers)} speakers, {options.each} recordings each"
    )
    for way, values in errors.items():
        by_speaker = np.reshape(values, (len(speakers), -1)).mean(axis=1)
        table.add_row(way, f"{np.mean(values):.3f}", f"{np.std(by_speaker):.3f}")
    Console().print(table)


def _answers(recognizer: Recognizer, joined: Joined) -> list[tuple[str, Recognition]]:
    found = []
    for way, cutting in WAYS.items():
        recognizer.cutting = cutting
        found += [(way, answer) for answer in recognizer.answers([Recorded(joined.samples, file=joined.name)])]
    turns = tuple(Turn(start, end) for _, start, end in joined.turns)
    found += [(KNOWN, answer) for answer in recognizer.answers([Recorded(joined.samples, turns=turns)])]
    return found


def diarisation_error(answer: Recognition, joined: Joined) -> float:
    """Return SpeechBrain's emotion diarisation error of an answer, 0 to 1."""
    from speechbrain.utils.EDER import EDER

    frames = round(answer.seconds / FRAME)
    times = (np.arange(frames) + 0.5) * FRAME
    said = np.full(frames, NEUTRAL, dtype=object)
    nearest = np.full(frames, np.inf)
    for one in answer.stretches():
        middle = (one.start + one.ends) / 2
        # of windows that overlap, the one in whose middle a frame lies
        closer = (times >= one.start) & (times < one.ends) & (np.abs(times - middle) < nearest)
        said[closer], nearest[closer] = one.most_probable or NEUTRAL, np.abs(times - middle)[closer]
    # SpeechBrain knows emotions by their first letter
    labels = [str(name)[0] for name in said]
    truth = [{"emo": emotion, "start": start, "end": end} for emotion, start, end in joined.turns if emotion != NEUTRAL]
    return float(EDER(labels, joined.name, answer.seconds, truth, FRAME, FRAME))


def _clips(root: Path) -> dict[str, list[tuple[str, Path]]]:
    """Return speaker → emotion and file of each clip."""
    found: dict[str, list[tuple[str, Path]]] = {}
    for utterance in adapter("emodb").read(root).utterances:
        name = utterance.speaker.rpartition("/")[2]
        found.setdefault(name, []).append((utterance.category or NEUTRAL, root / utterance.audio))
    return found


def _joined(speaker: str, number: int, clips: Sequence[tuple[str, Path]], emotions: Sequence[str]) -> Joined:
    """Join clips of some emotions, drawn by speaker and number."""
    random = np.random.default_rng([int(speaker), number])
    pieces: list[Waveform] = []
    turns = []
    size = 0
    for emotion in emotions:
        choices = [path for other, path in clips if other == emotion]
        samples = read_audio(choices[random.integers(len(choices))])
        pause = random.normal(scale=1e-4, size=round(random.uniform(*PAUSES) * SAMPLE_RATE)).astype(np.float32)
        turns.append((str(emotion), size / SAMPLE_RATE, (size + len(samples)) / SAMPLE_RATE))
        pieces += [samples, pause]
        size += len(samples) + len(pause)
    return Joined(f"{speaker}-{number}", np.concatenate(pieces), tuple(turns))


if __name__ == "__main__":
    main()
