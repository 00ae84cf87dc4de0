"""How models hold up where recordings are worse than those that they learned from.

    python scripts/train_shipped.py --data ../shared/data --out runs/shipped
    python scripts/bench_robustness.py --data ../shared/data/emodb --runs runs/shipped/emodb/loso/seed1

Every clip of EmoDB is changed, and recognised by the model that did not learn from its speaker (`train_shipped.py`
leaves each speaker out in turn). Changes are drawn from the clip's content, so that each model hears the same. UAR in
each condition, one column for each folder of runs.
"""

import argparse
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.table import Table

from vibespeaker.audio.augmentation.recipe import AugmentationRecipe, Gain, Noise, Reverberation
from vibespeaker.audio.augmentation.views import Augmentation
from vibespeaker.audio.files import read_audio
from vibespeaker.corpora.emodb import EMOTIONS
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.metrics import confusion_matrix, uar
from vibespeaker.progress import plain_console, tracked
from vibespeaker.recognizer.cutting import Cutting
from vibespeaker.recognizer.system import Recognizer
from vibespeaker.utterance import SAMPLE_RATE

Samples = npt.NDArray[np.float32]
_OFF = {"reverberation": Reverberation(0.0), "noise": Noise(0.0), "gain": Gain(0.0)}


def _noisy(snr: float) -> AugmentationRecipe:
    return AugmentationRecipe(seed=9, **{**_OFF, "noise": Noise(1.0, snr, snr + 0.01)})


def _level(low: float, high: float) -> AugmentationRecipe:
    return AugmentationRecipe(seed=9, **{**_OFF, "gain": Gain(1.0, low, high)})


#: Condition → recipe of what is done to a clip, or a function of its samples.
CONDITIONS: dict[str, AugmentationRecipe | Callable[[Samples], Samples]] = {
    "as recorded": lambda samples: samples,
    "±6 dB": _level(-6.0, 6.0),
    "20 dB quieter": _level(-20.01, -20.0),
    "noise at 20 dB": _noisy(20.0),
    "noise at 10 dB": _noisy(10.0),
    "noise at 5 dB": _noisy(5.0),
    "a room, 0.4 s": AugmentationRecipe(seed=9, **{**_OFF, "reverberation": Reverberation(1.0, None, 0.4, 0.401)}),
    "telephone band": lambda samples: _telephone(samples),
    "first second": lambda samples: samples[:SAMPLE_RATE],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/emodb"), help="EmoDB's folder")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="folders with a run for each speaker")
    parser.add_argument("--every", type=int, default=1, help="try every so many clips of a speaker")
    options = parser.parse_args()
    torch.set_num_threads(1)
    clips = sorted((options.data / "wav").glob("*.wav"))
    found = [_scores(runs, clips, options.every) for runs in options.runs]
    table = Table("condition", *(str(runs) for runs in options.runs), title=f"UAR of {found[0][1]} clips of EmoDB")
    for name in CONDITIONS:
        table.add_row(name, *(f"{scores[name]:.3f}" for scores, _ in found))
    plain_console().print(table)


def _scores(runs: Path, clips: list[Path], every: int) -> tuple[dict[str, float], int]:
    """Return each condition's UAR of the speakers that have a run, and how many clips were tried."""
    changes = {name: _change(how) for name, how in CONDITIONS.items()}
    total: dict[str, npt.NDArray[np.int64]] = {}
    tried = 0
    speakers = sorted(folder.name for folder in runs.iterdir() if checkpoint_path(folder, "last").is_file())
    with tracked(str(runs), len(speakers), "speakers") as progress:
        for speaker in speakers:
            recognizer = Recognizer(checkpoint_path(runs / speaker, "last"), cutting=Cutting("whole"))
            own = [path for path in clips if path.name.startswith(speaker)][::every]
            tried += len(own)
            true = [recognizer.classes.index(EMOTIONS[path.name[5]]) for path in own]
            samples = [read_audio(path) for path in own]
            for name, change in changes.items():
                answers = recognizer([change(one) for one in samples], rate=SAMPLE_RATE)
                said = [recognizer.classes.index(answer.most_probable or "") for answer in answers]
                counts = confusion_matrix(true, said, len(recognizer.classes))
                total[name] = total.get(name, 0) + counts
            progress.advance()
    return {name: float(uar(counts)) for name, counts in total.items()}, tried


def _change(how: AugmentationRecipe | Callable[[Samples], Samples]) -> Callable[[Samples], Samples]:
    if not isinstance(how, AugmentationRecipe):
        return how
    augmentation = Augmentation(how)
    return lambda samples: augmentation.view(samples, hashlib.sha256(samples.tobytes()).digest(), 1)


def _telephone(samples: Samples) -> Samples:
    """Leave 300 to 3400 Hz."""
    spectrum = np.fft.rfft(samples)
    hertz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


if __name__ == "__main__":
    main()
