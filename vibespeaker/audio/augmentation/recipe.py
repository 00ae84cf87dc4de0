"""What augmentation may do to a recording: a recipe in YAML whose fields are part of the embedding cache's identity."""

import hashlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from vibespeaker.arguments.ranges import COUNT, FINITE, INNER_SHARE, SEED, SHARE, require, require_each
from vibespeaker.config_files import find_config
from vibespeaker.config_files.typed import read_as
from vibespeaker.corpora.audio_formats import AUDIO_SUFFIXES
from vibespeaker.errors import ConfigError
from vibespeaker.files import file_sha256

_LATER = ("dropped_frequencies", "dropped_chunks")


@dataclass(frozen=True)
class Noise:
    """Additive noise.

    Args:
        probability: how often it is added.
        min_snr_db: least signal-to-noise ratio, dB.
        max_snr_db: greatest signal-to-noise ratio, dB.
        kind: `coloured` (spectrum falling or rising by up to 6 dB per octave), `white`, or `recorded` (from `folder`).
        folder: recordings of noise, searched with its subfolders.
        every: only views whose number is a multiple of it can have noise: `vibespeaker balance --noisy` gives the views
            between to other classes. 1 for all views.
    """

    probability: float = 0.5
    min_snr_db: float = 10.0
    max_snr_db: float = 30.0
    kind: Literal["coloured", "white", "recorded"] = "coloured"
    folder: str | None = None
    every: int = 1


@dataclass(frozen=True)
class Reverberation:
    """A room around the speaker; the level stays that of the dry recording.

    Args:
        probability: how often it is applied.
        folder: measured impulse responses (audio files, first to last channel averaged), searched with its subfolders;
            null for simulated rooms.
        min_rt60: least reverberation time of simulated rooms, seconds.
        max_rt60: greatest reverberation time of simulated rooms, seconds.
    """

    probability: float = 0.5
    folder: str | None = None
    min_rt60: float = 0.15
    max_rt60: float = 0.5


@dataclass(frozen=True)
class Gain:
    """A change of level.

    Args:
        probability: how often it is applied.
        min_db: least gain, dB.
        max_db: greatest gain, dB.
    """

    probability: float = 1.0
    min_db: float = -5.0
    max_db: float = 5.0


@dataclass(frozen=True)
class Tempo:
    """Faster or slower speech at the same pitch; off by default.

    Args:
        probability: how often it is applied.
        min_rate: least tempo, 1 is unchanged.
        max_rate: greatest tempo.
    """

    probability: float = 0.0
    min_rate: float = 0.9
    max_rate: float = 1.1


@dataclass(frozen=True)
class Pitch:
    """Higher or lower speech at the same tempo; off by default.

    Args:
        probability: how often it is applied.
        min_semitones: least shift.
        max_semitones: greatest shift.
    """

    probability: float = 0.0
    min_semitones: float = -2.0
    max_semitones: float = 2.0


@dataclass(frozen=True)
class Speed:
    """A recording played faster, and higher, or slower, and lower, like another speaker; off by default.

    Args:
        probability: how often it is applied.
        min_rate: least speed, 1 is unchanged.
        max_rate: greatest speed.
    """

    probability: float = 0.0
    min_rate: float = 0.9
    max_rate: float = 1.1


@dataclass(frozen=True)
class DroppedFrequencies:
    """Notches at random frequencies (SpeechBrain's DropFreq), like masked bands of a spectrogram; off by default.

    Args:
        probability: how often frequencies are dropped.
        min_count: fewest notches.
        max_count: most notches.
        width: of a notch, as a share of all frequencies.
    """

    probability: float = 0.0
    min_count: int = 1
    max_count: int = 3
    width: float = 0.05


@dataclass(frozen=True)
class DroppedChunks:
    """Stretches of silence (SpeechBrain's DropChunk), like masked times of a spectrogram; off by default.

    Args:
        probability: how often chunks are dropped.
        min_count: fewest chunks.
        max_count: most chunks.
        min_seconds: length of the shortest.
        max_seconds: length of the longest.
    """

    probability: float = 0.0
    min_count: int = 1
    max_count: int = 3
    min_seconds: float = 0.00625
    max_seconds: float = 0.0625


@dataclass(frozen=True)
class AugmentationRecipe:
    """What may happen to a recording, in this order: speed, tempo, pitch, reverberation, noise, gain, dropping.

    Args:
        seed: of all draws.
        speed: change of speed, of tempo and pitch together.
        tempo: change of tempo.
        pitch: change of pitch.
        reverberation: room.
        noise: added noise.
        gain: change of level.
        dropped_frequencies: notches.
        dropped_chunks: stretches of silence.
    """

    seed: int = 0
    speed: Speed = field(default_factory=Speed)
    tempo: Tempo = field(default_factory=Tempo)
    pitch: Pitch = field(default_factory=Pitch)
    reverberation: Reverberation = field(default_factory=Reverberation)
    noise: Noise = field(default_factory=Noise)
    gain: Gain = field(default_factory=Gain)
    dropped_frequencies: DroppedFrequencies = field(default_factory=DroppedFrequencies)
    dropped_chunks: DroppedChunks = field(default_factory=DroppedChunks)

    def __post_init__(self) -> None:
        dropping = (self.dropped_frequencies, self.dropped_chunks)
        for step in (self.speed, self.tempo, self.pitch, self.reverberation, self.noise, self.gain, *dropping):
            _check_step(step)
        require(INNER_SHARE, **{"augmentation: dropped_frequencies.width": self.dropped_frequencies.width})
        require(SEED, seed=self.seed)
        require(COUNT, **{"augmentation: noise.every": self.noise.every})
        if (self.noise.kind == "recorded") != (self.noise.folder is not None):
            raise ConfigError(
                "augmentation: noise of kind recorded, and only that, needs a folder", found=self.noise.folder
            )

    def identity(self) -> dict[str, Any]:
        """Return what the views depend on; folders are replaced by hashes of the recordings in them.

        Raises:
            ConfigError: a folder holds no recordings.
        """
        fields = asdict(self)
        for step in _LATER:  # caches hold identities from before these were
            if not fields[step]["probability"]:
                del fields[step]
        if self.noise.every == 1:
            del fields["noise"]["every"]
        for step in ("noise", "reverberation"):
            if fields[step]["folder"] is not None:
                hashes = [digest for digest, _ in recordings(fields[step]["folder"])]
                fields[step]["folder"] = hashlib.sha256("".join(hashes).encode()).hexdigest()
        return fields


def read_recipe(path: Path) -> AugmentationRecipe:
    """Read a recipe from YAML, a file or a shipped one by name; what is left out keeps its default.

    Raises:
        ConfigError: the file is missing, or a key or value is wrong.
    """
    return read_as(find_config(str(path), "augmentation"), AugmentationRecipe)


def recordings(folder: str) -> list[tuple[str, Path]]:
    """Return (SHA-256, path) of the audio files under `folder`, sorted by hash: names and places do not matter.

    Raises:
        ConfigError: there are none.
    """
    files = [path for path in Path(folder).rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES]
    if not files:
        raise ConfigError(f"augmentation: {folder} holds no recordings", allowed=sorted(AUDIO_SUFFIXES))
    return sorted((file_sha256(path), path) for path in files)


def _check_step(step: Any) -> None:
    name = type(step).__name__.lower()
    require(SHARE, **{f"augmentation: {name}.probability": step.probability})
    numbers = {key: value for key, value in asdict(step).items() if key.startswith(("min_", "max_"))}
    require_each(FINITE, f"augmentation: {name}", numbers.items())
    lows = {key: value for key, value in asdict(step).items() if key.startswith("min_")}
    for key, low in lows.items():
        high = getattr(step, key.replace("min_", "max_", 1))
        if not low <= high:
            raise ConfigError(f"augmentation: {name}.{key} is above its maximum", found=f"{low} > {high}")
        if key in ("min_rate", "min_rt60", "min_count", "min_seconds") and low <= 0:
            raise ConfigError(f"augmentation: {name}.{key} must be positive", found=low)
