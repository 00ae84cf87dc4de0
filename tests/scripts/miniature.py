"""The benchmarks' corpora in miniature: manifests without recordings."""

import sys
from pathlib import Path

from tests.manifests import manifest_from
from vibespeaker.labels import label_set

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from real_speech.corpora import Corpus

SPEAKERS = {
    "ravdess": [f"{actor:02d}" for actor in range(1, 17)],
    "emodb": ["03", "08", "09", "10", "11", "12", "13", "14", "15", "16"],
}


def miniature(name: str, folder: Path, each: int = 4) -> Corpus:
    """Return a corpus of all speakers with so many utterances, their classes in turn."""
    classes = label_set(name).classes
    speakers = [f"{name}/{speaker}" for speaker in SPEAKERS[name] for _ in range(each)]
    columns = {
        "corpus": name,
        "utterance_id": [f"{speaker}-{row:03d}" for row, speaker in enumerate(speakers)],
        "speaker": speakers,
        "category": [classes[row % len(classes)] for row in range(len(speakers))],
        "split": "train",
    }
    folder.mkdir(parents=True, exist_ok=True)
    corpus = Corpus(name, folder, folder)
    manifest_from(columns, str(folder), name).write(corpus.manifest)
    return corpus
