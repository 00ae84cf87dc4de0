"""Writes a generated corpus to disk in the layout of MSP-Podcast v1.12."""

import csv
import io
import json
import os
import shutil
import wave
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from vibespeaker.corpora.synthetic.plan import Clip, draw_clips
from vibespeaker.corpora.synthetic.raters import detail
from vibespeaker.corpora.synthetic.voice import synthesize
from vibespeaker.errors import CorpusError
from vibespeaker.files import write_text
from vibespeaker.files.inputs import read_json
from vibespeaker.labels import LETTER_OF
from vibespeaker.processes.workers import Workers
from vibespeaker.progress import tracked
from vibespeaker.utterance import SAMPLE_RATE

MARKER = "SYNTHETIC.json"
TRUE_TEST_LABELS = "true_test_labels.csv"
SIMULATED_ASR = "simulated_asr.csv"
GENERATOR_VERSION = 1

SPEAKERS = 30
UTTERANCES = 420
#: Clips that a process beside this one is given at a time.
_AT_ONCE = 16


def generate_corpus(
    root: Path,
    seed: int = 0,
    speakers: int = SPEAKERS,
    utterances: int = UTTERANCES,
    workers: Workers = Workers(),  # noqa: B008 (frozen)
) -> None:
    """Write a generated corpus; a finished one of the same parameters is left as it is.

    The folder is made under another name beside `root` and renamed when it is whole. Besides the published layout it
    holds `SYNTHETIC.json` (the parameters), `true_test_labels.csv` (what the challenge keeps to itself) and
    `simulated_asr.csv` (every clip's words with a recogniser's errors, in place of a run of one).

    Args:
        root: folder to make; may exist when empty.
        seed: the same seed and sizes give the same bytes.
        speakers: named speakers, at least 3; the three splits share none.
        utterances: clips of all splits, at least 40: three fifths Train, a fifth Development, a fifth Test3.
        workers: who speaks the clips.

    Raises:
        CorpusError: `root` holds something else, or a corpus of other parameters.
        ConfigError: too few speakers or utterances.
    """
    marker = {
        "synthetic": True,
        "note": "generated speech: scores on it say nothing about people",
        "generator_version": GENERATOR_VERSION,
        "seed": seed,
        "speakers": speakers,
        "utterances": utterances,
    }
    if _is_finished(root, marker):
        return
    clips = draw_clips(seed, speakers, utterances)
    partial_root = root.with_name(f".{root.name}.partial")
    shutil.rmtree(partial_root, ignore_errors=True)
    (partial_root / "Audios").mkdir(parents=True)
    with tracked("generating speech", len(clips)) as progress:
        for _ in workers.map(partial(_write_audio, partial_root / "Audios"), clips, _AT_ONCE):
            progress.advance()
    _write_tables(partial_root, sorted(clips, key=lambda clip: clip.file_name))
    write_text(partial_root / MARKER, json.dumps(marker, indent=2) + "\n")
    if root.is_dir():
        root.rmdir()
    os.replace(partial_root, root)


def _is_finished(root: Path, marker: dict[str, object]) -> bool:
    """Return whether `root` is the corpus that `marker` describes.

    Raises:
        CorpusError: it is something else.
    """
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    path = root / MARKER
    if not path.is_file():
        raise CorpusError(
            f"{root} exists and is no generated corpus", remedy="name another folder, or remove this one yourself"
        )
    found = read_json(path, CorpusError, "record of a generated corpus", "name another folder, or remove this one")
    if found != marker:
        different = {key: found.get(key) for key in marker if found.get(key) != marker[key]}
        raise CorpusError(
            f"{root} holds a corpus generated otherwise",
            found=different,
            allowed=str({key: marker[key] for key in different}),
            remedy="name another folder, or remove this one",
        )
    return True


def _write_audio(folder: Path, clip: Clip) -> None:
    """Speak one clip over its background noise and write it as 16-bit mono."""
    rng = np.random.default_rng(clip.seed)
    speech = synthesize(clip.text, clip.speaker, clip.delivery, rng)
    level = float(np.sqrt(np.mean(np.square(speech, dtype=np.float64))))
    noise = rng.normal(0.0, level * 10.0 ** (-clip.snr / 20.0), len(speech))
    samples = np.rint(np.clip(speech + noise, -1.0, 1.0) * 32767.0).astype("<i2")
    with wave.open(str(folder / clip.file_name), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, len(samples), "NONE", "not compressed"))
        file.writeframes(samples.tobytes())


def _write_tables(root: Path, clips: Sequence[Clip]) -> None:
    """Write all text files; `clips` are sorted by file name."""
    labelled = [clip for clip in clips if clip.split != "Test3"]
    hidden = [clip for clip in clips if clip.split == "Test3"]
    label_columns = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom")
    _write_csv(
        root / "Labels" / "labels_consensus.csv",
        (*label_columns, "SpkrID", "Gender", "Split_Set"),
        ((*_labels(clip), _speaker(clip), clip.speaker.gender.capitalize(), clip.split) for clip in labelled),
    )
    _write_csv(
        root / "Labels" / "labels_detailed.csv",
        ("FileName", "EmoDetail"),
        ((clip.file_name, detail(answer)) for clip in labelled for answer in clip.answers),
    )
    _write_csv(root / TRUE_TEST_LABELS, label_columns, (_labels(clip) for clip in hidden))
    _write_csv(root / SIMULATED_ASR, ("FileName", "Text"), ((clip.file_name, clip.heard) for clip in clips))
    for clip in labelled:
        write_text(root / "Transcripts" / f"{Path(clip.file_name).stem}.txt", clip.text + "\n")
    write_text(root / "Partitions.txt", "".join(f"{clip.split}; {clip.file_name}\n" for clip in clips))
    people = sorted({(clip.speaker.number, clip.speaker.gender) for clip in clips if clip.speaker.number is not None})
    lines = [f"Speaker_{number}; {gender.capitalize()}" for number, gender in people]
    lines += [f"{clip.file_name}; {_speaker(clip)}" for clip in clips]
    write_text(root / "Speaker_ids.txt", "\n".join(lines) + "\n")


def _labels(clip: Clip) -> tuple[str, ...]:
    return (clip.file_name, LETTER_OF[clip.category], *(f"{value:.6f}" for value in clip.attributes))


def _speaker(clip: Clip) -> str:
    return "Unknown" if clip.speaker.number is None else str(clip.speaker.number)


def _write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())
