"""Seeded splits that never share a speaker: by fraction, folds, leave-one-speaker-out, the source's ablation.

Whole speakers are drawn in a seeded random order, and each goes to the split where it reduces most the squared
distance from the wanted numbers: of utterances in each category, relative to the category's size, and of utterances
in all, which weigh as much as the categories together. With few speakers several orders are tried and the closest is
kept. Every split gets at least one speaker.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.utterance import SPLITS

#: Train, validation and test utterances of the ablation in the multi-encoder source, without no-agreement clips.
ABLATION_COUNTS = {"train": 61_495, "validation": 6_833, "test": 25_900}
ABLATION_FRACTION = 0.1
DEFAULT_FRACTIONS = {"train": 0.7, "development": 0.15, "test": 0.15}

#: Speakers placed over all orders tried: bounds the time, and gives small corpora many orders to choose from.
_PLACEMENTS = 100_000
_MOST_ORDERS = 32

Counts = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int64]


def split_by_speaker(manifest: Manifest, fractions: Mapping[str, float], seed: int = 0) -> Manifest:
    """Give every speaker to one split, close to the fractions and to the same mixture of categories in each.

    Args:
        manifest: its own splits are overwritten.
        fractions: split, one of `utterance.SPLITS` → its share of the utterances, above 0; the shares add up to 1.
        seed: another seed gives another split.

    Returns:
        The manifest with a new split column; the step is recorded in its history.

    Raises:
        ManifestError: fractions that are no shares, an unknown split, or fewer speakers than splits.
    """
    require_shares(fractions)
    speakers, counts = _speaker_counts(manifest)
    assigned = assign_groups(counts, list(fractions.values()), seed)
    names = np.array(list(fractions))
    step = {"step": "split", "by": "speaker", "fractions": dict(fractions), "seed": seed}
    return manifest.with_columns({"split": names[assigned[speakers]].tolist()}, step)


def speaker_folds(manifest: Manifest, folds: int, seed: int = 0) -> Iterator[Manifest]:
    """Yield the manifest `folds` times, each time with another fold as `test` and the rest as `train`.

    Raises:
        ManifestError: fewer than two folds, or fewer speakers than folds.
    """
    if folds < 2:
        raise ManifestError("cross-validation needs at least two folds", found=folds)
    speakers, counts = _speaker_counts(manifest)
    fold_of = assign_groups(counts, [1 / folds] * folds, seed)[speakers]
    for fold in range(folds):
        step = {"step": "split", "by": "speaker folds", "folds": folds, "fold": fold, "seed": seed}
        yield _with_test_rows(manifest, fold_of == fold, step)


def leave_one_speaker_out(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Yield each speaker, in alphabetical order, with the manifest whose `test` is that speaker alone.

    Raises:
        ManifestError: the manifest has one speaker only.
    """
    column = np.array(manifest.column("speaker"))
    names = np.unique(column)
    if len(names) < 2:
        raise ManifestError("leaving one speaker out needs at least two speakers", found=names.tolist())
    for name in names.tolist():
        yield name, _with_test_rows(manifest, column == name, {"step": "split", "by": "left-out speaker", "test": name})


def ablation_split(manifest: Manifest, fraction: float = ABLATION_FRACTION, seed: int = 0) -> Manifest:
    """Make the source's three-way split for ablations: no test label of the challenge is needed.

    About `fraction` of the training split, by whole speakers, becomes `validation`; `development` becomes `test`;
    other splits stay what they are.

    Raises:
        ManifestError: the manifest lacks a `train` or a `development` split, or the training split has one speaker.
    """
    splits = np.array(manifest.column("split"), dtype=object)
    missing = [name for name in ("train", "development") if not (splits == name).any()]
    if missing:
        raise ManifestError(
            "the ablation split starts from the official splits train and development",
            found=f"no utterance in {' and '.join(missing)}",
            remedy="use --split speakers for a corpus without official splits",
        )
    if not 0 < fraction < 1:
        raise ManifestError("the validation fraction must lie between 0 and 1", found=fraction)
    rows = np.flatnonzero(splits == "train")
    speakers, counts = _speaker_counts(manifest.select(rows.tolist()))
    assigned = assign_groups(counts, [1 - fraction, fraction], seed)[speakers]
    splits[splits == "development"] = "test"
    splits[rows[assigned == 1]] = "validation"
    step = {"step": "split", "by": "ablation", "fraction": fraction, "seed": seed}
    return manifest.with_columns({"split": splits.tolist()}, step)


def assign_groups(counts: Counts, shares: Sequence[float], seed: int) -> Groups:
    """Distribute whole groups over splits.

    Args:
        counts: `(groups, categories)`, utterances of each group in each category.
        shares: the wanted share of each split, adding up to 1.
        seed: of the random order.

    Returns:
        `(groups,)`, the split of each group; no split is empty.

    Raises:
        ManifestError: fewer groups than splits.
    """
    if len(counts) < len(shares):
        raise ManifestError(
            "fewer speakers than splits", found=f"{len(counts)} speakers, {len(shares)} splits", remedy="ask for fewer"
        )
    counts = counts[:, counts.any(axis=0)]
    # relative to the category's size, so that rare categories weigh as much as frequent ones
    scaled = counts / counts.sum(axis=0)
    overall = counts.sum(axis=1, keepdims=True) / counts.sum() * np.sqrt(counts.shape[1])
    scaled = np.hstack([scaled, overall])
    targets = np.asarray(shares, dtype=np.float64)[:, None] * scaled.sum(axis=0)
    generator = np.random.default_rng(seed)
    orders = max(1, min(_MOST_ORDERS, _PLACEMENTS // len(counts)))
    best: tuple[float, Groups] | None = None
    for _ in range(orders):
        assigned, distance = _place(scaled, targets, generator.permutation(len(counts)))
        if best is None or distance < best[0]:
            best = (distance, assigned)
    assert best is not None
    return best[1]


def _place(scaled: Counts, targets: Counts, order: Groups) -> tuple[Groups, float]:
    missing = targets.copy()
    assigned = np.zeros(len(scaled), dtype=np.int64)
    empty = set(range(len(targets)))
    for position, group in enumerate(order):
        # adding v to a split lowers |missing|² by 2 v·missing − |v|², and |v|² is the same everywhere
        gain = missing @ scaled[group]
        if len(order) - position <= len(empty):
            split = max(empty, key=lambda candidate: gain[candidate])
        else:
            split = int(gain.argmax())
        assigned[group] = split
        missing[split] -= scaled[group]
        empty.discard(split)
    return assigned, float(np.square(missing).sum())


def _speaker_counts(manifest: Manifest) -> tuple[Groups, Counts]:
    """Return each row's speaker number, and `(speakers, categories)` utterance counts; no category is one of them."""
    _, speakers = np.unique(np.array(manifest.column("speaker")), return_inverse=True)
    named = ["" if category is None else category for category in manifest.column("category")]
    categories, codes = np.unique(np.array(named), return_inverse=True)
    counts = np.zeros((int(speakers.max(initial=-1)) + 1, len(categories)))
    np.add.at(counts, (speakers, codes), 1)
    return speakers, counts


def _with_test_rows(manifest: Manifest, is_test: npt.NDArray[np.bool_], step: dict[str, object]) -> Manifest:
    return manifest.with_columns({"split": np.where(is_test, "test", "train").tolist()}, step)


def require_shares(fractions: Mapping[str, float]) -> None:
    """Check the shares of a split.

    Raises:
        ManifestError: an unknown split, or shares that are not above 0 or do not add up to 1.
    """
    unknown = sorted(set(fractions) - set(SPLITS))
    if unknown:
        raise ManifestError("unknown split", found=unknown, allowed=SPLITS)
    shares = list(fractions.values())
    if not shares or min(shares) <= 0 or not np.isclose(sum(shares), 1.0):
        raise ManifestError(
            "the shares of a split must be above 0 and add up to 1",
            found=dict(fractions),
            allowed="e.g. 0.7, 0.15, 0.15",
        )
