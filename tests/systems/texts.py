"""A text system of a few words, learned within the test, and audio and texts to recognise."""

from pathlib import Path

from tests.manifests import manifest_from
from vibespeaker.cli.main import main

SAID = {
    "anger": ["i hate this", "get out now", "i hate you all", "stop it now"],
    "sadness": ["i miss her so", "she is gone", "i cry so much", "gone and i cry"],
    "neutral": ["the bus is here", "it is two", "here is the key", "the key is two"],
}


def write_manifest(path: Path) -> Path:
    """Write texts with categories, each text in training and in development."""
    rows = [
        (split, said, emotion)
        for split in ("train", "development")
        for emotion, texts in SAID.items()
        for said in texts
    ]
    columns = {
        "name": [str(number) for number in range(len(rows))],
        "split": [row[0] for row in rows],
        "text": [row[1] for row in rows],
        "category": [row[2] for row in rows],
        "text_origin": "human",
    }
    manifest_from(columns, label_set="anger,sadness,neutral").write(path)
    return path


def write_words(folder: Path) -> Path:
    """Learn them, and return the folder of the system."""
    manifest = write_manifest(folder / "texts.parquet")
    assert main(["fit-text", str(manifest), "--out", str(folder / "words"), "--least-texts", "1"]) == 0
    return folder / "words"
