"""The shipped model's card, and what it says of itself in one line."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np

from vibespeaker.calibration.store import Calibration
from vibespeaker.systems.cautions import CAUTIONS
from vibespeaker.systems.facts import MEASURES, ModelFacts

LEARNED_FROM = "EmoDB: 535 acted German clips by 10 speakers, 7 emotions (CC0 1.0)"
CLASSES = 7
BETTER = "train on speech like yours (vibespeaker train FOLDER) and name what comes out with --model"

_CARD = """# The embedded default, learned from EmoDB

A speech emotion recogniser that needs no download: linear layers over acoustic functionals, random convolutions and
Fisher vectors, found in closed form, and a small time-delay network, averaged (`configs/experiment/embedded.yaml`).
It tells {classes} apart; it has no head for arousal, valence and dominance, and reads no words.

## What it learned from

The Berlin Database of Emotional Speech (Burkhardt et al. 2005): 535 clips, ten sentences in German, spoken by ten
actors who played seven emotions. Recorded in a chamber without echo, 16 kHz. CC0 1.0: in the public domain, and so are
these weights; the code is under Apache-2.0. No weight of this file has seen another recording. Each clip was heard as
it is and in three views of `configs/augmentation/anywhere.yaml`: other voices, quieter, in simulated rooms and noise.
Views, members, what they weigh, the settings of the closed form, the network's epochs and its labels were chosen on
training speakers of EmoDB alone (`scripts/choose_shipped.py`), also on clips that were made worse: all members weigh
alike, and the closed form's penalty is a third of the embedded default's. The network's layers are those of the
embedded default.

## How well

On EmoDB, each speaker left out in turn, {seeds}:

{left_out}

Probabilities are calibrated on predictions of left-out speakers ({fitted}; temperature). Measured on speakers that took
no part in fitting: expected calibration error {ece_before:.3f} before, {ece_after:.3f} after. Prediction sets for
{level:.0%} hold the true class of {coverage:.1%} of the clips and {size:.2f} classes on average.

On RAVDESS, which it was not trained on (English, 16 other actors, other rooms), on the {clips} clips of {shared},
answering in all its {count} classes:

{elsewhere}

Guessing gives a UAR of {guessing:.3f}. So expect far less than above where language, people, microphones and rooms are
others; emotions that nobody played sound different altogether.

## Where it is meant to be used

To try VibeSpeaker out, to test a program, and for acted German speech. Recordings outside of these ranges get a note
(levels are those of EmoDB with the views that are quieter):

{ranges}

{cautions}

## How to get a better one

{better}.

## How it was made

    python scripts/train_shipped.py --data DATA --out runs/shipped{more} --package
"""


def facts(
    left_out: Mapping[str, Sequence[float]],
    elsewhere: Mapping[str, float],
    heard: Mapping[str, tuple[float, float]],
) -> ModelFacts:
    """Return what the model says of itself."""
    scores = {"speakers left out one by one": {name: round(float(np.mean(v)), 3) for name, v in left_out.items()}}
    if elsewhere:
        scores[f"RAVDESS (English, not trained on; guessing {1 / CLASSES:.3f})"] = {
            name: round(value, 3) for name, value in elsewhere.items()
        }
    return ModelFacts(LEARNED_FROM, scores, BETTER, heard)


def card(
    left_out: Mapping[str, Sequence[float]],
    seeds: Sequence[int],
    measures: Mapping[str, Mapping[str, float]],
    elsewhere: Mapping[str, float],
    clips: int,
    shared: Sequence[str],
    said: ModelFacts,
    calibration: Calibration,
    folds: Sequence[str] | None = None,
) -> str:
    """Return the card, Markdown."""
    classes = calibration.classes
    before, after = measures["as predicted"], measures["calibrated"]
    return _CARD.format(
        classes=_listed(classes),
        count=len(classes),
        guessing=1 / len(classes),
        seeds=_seeds(seeds) if folds is None else "mean of three seeds (scripts/bench_real_speech.py)",
        fitted=f"{calibration.fitted_on.speakers} speakers, {calibration.fitted_on.utterances} clips",
        left_out=_table({name: _spread(values) for name, values in left_out.items()}),
        ece_before=before["ece"],
        ece_after=after["ece"],
        level=0.9,
        cautions="\n\n".join(fill(caution, 116) for caution in CAUTIONS),
        coverage=after["coverage_categories"],
        size=after["set_size"],
        clips=clips,
        shared=_listed(shared),
        elsewhere=_table({name: f"{value:.3f}" for name, value in elsewhere.items()}),
        ranges="\n".join(
            f"- {MEASURES[name][0]}: {_ends(name, low, high)} {MEASURES[name][1]}"
            for name, (low, high) in said.heard.items()
        ),
        better=BETTER[0].upper() + BETTER[1:],
        more=_options(seeds, folds),
    )


def _ends(name: str, low: float, high: float) -> str:
    first, last = (-high, -low) if name == "level_db" else (low, high)
    return f"{first:g} to {last:g}"


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {_listed([str(seed) for seed in seeds])} of weights, order and views"


def _options(seeds: Sequence[int], folds: Sequence[str] | None) -> str:
    chosen = "" if list(seeds) == [1] else f" --seeds {' '.join(map(str, seeds))}"
    return chosen + ("" if folds is None else f" --folds {' '.join(folds)}")


def _table(cells: Mapping[str, str]) -> str:
    return f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}\n| {' | '.join(cells.values())} |"


def _spread(values: Sequence[float]) -> str:
    mean = f"{np.mean(values):.3f}"
    return mean if len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):.3f}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
