"""Writes a tiny corpus with EmoDB's names and noise as speech."""

from pathlib import Path

from tests.recordings import write_noise


def write_emodb(root: Path, count: int = 6, seconds: float = 0.2) -> Path:
    """EmoDB's names with noise inside: speakers 03, 08, 09 …, one clip each."""
    speakers = ("03", "08", "09", "10", "11", "12", "13", "14", "15", "16")
    root.mkdir(parents=True, exist_ok=True)
    for number, speaker in enumerate(speakers[:count]):
        write_noise(root / f"{speaker}a01{'WLEAFTN'[number % 7]}a.wav", number, int(16_000 * seconds))
    return root
