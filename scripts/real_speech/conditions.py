"""Worse recordings of the same clips: noise, rooms, levels, telephones, codecs; and what a system may lose by them.

A condition is a function of a clip's samples and of its content, from which all its draws come, so that every system
hears the same. Pass marks are those of audEERING's tests of emotion models (github.com/audeering/ser-tests,
test/emotion/robustness_*.yaml; Derington et al. 2023, arXiv 2312.06270): UAR falls by less than .05, and so many
answers stay what they were: .95 under small changes, .9 in noise, .8 in another room, .5 on a bad telephone. They test
neither MP3, which counts as a small change here, nor clips that are cut off, which have the telephone's mark.
"""

import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from vibespeaker.audio.augmentation.recipe import AugmentationRecipe, Gain, Noise, Reverberation
from vibespeaker.audio.augmentation.views import Augmentation
from vibespeaker.audio.files import read_audio, write_audio
from vibespeaker.audio.speech import loud_spans
from vibespeaker.utterance import SAMPLE_RATE

Samples = npt.NDArray[np.float32]
#: Samples and what identifies the clip → samples.
Change = Callable[[Samples, bytes], Samples]

AS_RECORDED = "as recorded"
#: How much UAR may fall.
MOST_LOST = 0.05
_OFF = {"reverberation": Reverberation(0.0), "noise": Noise(0.0), "gain": Gain(0.0)}
_SEED = 9
#: Hz that a telephone leaves, ITU-T G.712.
_TELEPHONE = (300, 3400)
_BIT_RATE = "32k"
#: What counts as loud, as where the embedded descriptors cut silence off.
_LOUD_DB = 40


@dataclass(frozen=True)
class Condition:
    """One way to make a recording worse.

    Args:
        change: does it.
        unchanged: share of answers that have to stay what they were, 0 to 1.
    """

    change: Change
    unchanged: float


def conditions(noise: Path) -> Mapping[str, Condition]:
    """Return condition → what is done, the recordings as they are first.

    Args:
        noise: folder of noise recordings; ESC-10 (CC BY 3.0, K. J. Piczak) for the documented scores. The conditions
            called hiss need none: their noise is coloured at random.
    """
    recorded = {f"noise at {snr} dB": Condition(_noisy(snr, "recorded", noise), 0.9) for snr in (20, 10, 5)}
    coloured = {f"hiss at {snr} dB": Condition(_noisy(snr, "coloured"), 0.9) for snr in (20, 10, 5)}
    return {
        AS_RECORDED: Condition(lambda samples, _: samples, 1.0),
        **recorded,
        "a room, 0.4 s": Condition(_drawn(reverberation=Reverberation(1.0, None, 0.4, 0.401)), 0.8),
        "telephone band": Condition(lambda samples, _: telephone(samples), 0.5),
        "6 dB quieter": Condition(lambda samples, _: samples * _amplitude(-6), 0.95),
        "6 dB louder": Condition(lambda samples, _: samples * _amplitude(6), 0.95),
        "MP3 at 32 kbit/s": Condition(lambda samples, _: mp3(samples), 0.95),
        "first second": Condition(lambda samples, _: samples[:SAMPLE_RATE], 0.5),
        "first second of speech": Condition(lambda samples, _: first_of_speech(samples), 0.5),
        "20 dB quieter": Condition(lambda samples, _: samples * _amplitude(-20), 0.95),
        **coloured,
    }


#: Those that are tried unless others are named.
USUAL = (
    *(AS_RECORDED, "noise at 20 dB", "noise at 10 dB", "noise at 5 dB", "a room, 0.4 s", "telephone band"),
    *("6 dB quieter", "6 dB louder", "MP3 at 32 kbit/s", "first second", "first second of speech"),
)


def folder_name(condition: str) -> str:
    """Return a condition's name as it stands in paths and identifiers: `noise-at-20-dB`."""
    return "-".join(condition.replace(",", "").replace("/", "-").split())


def telephone(samples: Samples) -> Samples:
    """Leave 300 to 3400 Hz of a clip at 16 kHz, sharply."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    spectrum[(hertz < _TELEPHONE[0]) | (hertz > _TELEPHONE[1])] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


def first_of_speech(samples: Samples) -> Samples:
    """Leave a second from where a clip is first within 40 dB of its loudest moment: RAVDESS begins with silence."""
    spans = loud_spans(samples, _LOUD_DB)
    start = spans[0][0] if spans else 0
    return samples[start : start + SAMPLE_RATE]


def mp3(samples: Samples) -> Samples:
    """Encode with ffmpeg's LAME at 32 kbit/s and decode, without the delay of both: as many samples as before."""
    with tempfile.TemporaryDirectory(prefix="vibespeaker-") as folder:
        plain, coded = Path(folder) / "plain.wav", Path(folder) / "coded.mp3"
        write_audio(plain, samples)
        command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", plain, "-c:a", "libmp3lame", "-b:a", _BIT_RATE]
        subprocess.run([*command, coded], check=True)
        decoded = read_audio(coded)[: len(samples)]
    return np.pad(decoded, (0, len(samples) - len(decoded)))


def _amplitude(decibels: float) -> np.float32:
    return np.float32(10 ** (decibels / 20))


def _noisy(snr: float, kind: Literal["coloured", "recorded"], folder: Path | None = None) -> Change:
    return _drawn(noise=Noise(1.0, snr, snr + 0.01, kind, None if folder is None else str(folder)))


def _drawn(**steps: Noise | Reverberation) -> Change:
    recipe = AugmentationRecipe(seed=_SEED, **{**_OFF, **steps})
    made: list[Augmentation] = []

    def change(samples: Samples, content: bytes) -> Samples:
        if not made:  # the folder of noise is read where it is needed
            made.append(Augmentation(recipe))
        return made[0].view(samples, content, 1)

    return change
