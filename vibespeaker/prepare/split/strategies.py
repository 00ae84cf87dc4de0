"""Ways to split beside those of `splits`: by what belongs together, by folds, by leaving out, by utterance, official.

Utterances belong together when they share a speaker (or session), a take, or the very same audio: whole groups of
such utterances go to one split.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from vibespeaker.errors import ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.split.groups import Counts, Groups, assign_groups, require_shares

#: The source's 80:20, and 80:20 of the larger split again.
UTTERANCE_FRACTIONS = {"train": 0.64, "validation": 0.16, "test": 0.2}

_TOGETHER = ("take", "audio_sha256")


def split_by_group(manifest: Manifest, column: str, fractions: Mapping[str, float], seed: int = 0) -> Manifest:
    """Give whole groups to splits, close to the fractions and to the same mixture of categories in each.

    Args:
        manifest: its own splits are overwritten.
        column: `speaker` or `session`; utterances without a session go by their speaker.
        fractions: split → its share of the utterances; the shares add up to 1.
        seed: another seed gives another split.

    Raises:
        ManifestError: fractions that are no shares, an unknown split, or fewer groups than splits.
    """
    require_shares(fractions)
    groups, counts = grouped(manifest, column)
    assigned = assign_groups(counts, list(fractions.values()), seed)[groups]
    step = {"step": "split", "by": column, "fractions": dict(fractions), "seed": seed}
    return manifest.with_columns({"split": np.array(list(fractions))[assigned].tolist()}, step)


def group_folds(manifest: Manifest, folds: int, validation: float = 0.1, seed: int = 0) -> Iterator[Manifest]:
    """Yield the manifest `folds` times, each time with another fold of the speakers as `test`.

    Args:
        manifest: its own splits are overwritten.
        folds: 2 or more.
        validation: share of the remaining utterances, by speakers, that become `validation`; 0 for none.
        seed: another seed gives other folds.

    Raises:
        ManifestError: fewer than two folds, or fewer speakers than folds.
    """
    if folds < 2:
        raise ManifestError("cross-validation needs at least two folds", found=folds)
    groups, counts = grouped(manifest, "speaker")
    fold_of = assign_groups(counts, [1 / folds] * folds, seed)[groups]
    for fold in range(folds):
        step = {"step": "split", "by": "speaker folds", "folds": folds, "fold": fold, "seed": seed}
        yield _tested(manifest, fold_of == fold, groups, validation, seed, step)


def leave_one_out(
    manifest: Manifest, column: str, validation: float = 0.1, seed: int = 0
) -> Iterator[tuple[str, Manifest]]:
    """Yield each speaker, session or corpus, in alphabetical order, with the manifest whose `test` it is.

    Args:
        manifest: its own splits are overwritten.
        column: `speaker`, `session` or `corpus`.
        validation: share of the remaining utterances, by speakers, that become `validation`; 0 for none.
        seed: of the validation speakers.

    Raises:
        ManifestError: the column has fewer than two values, or misses some.
    """
    values = np.array(manifest.column(column), dtype=object)
    missing = int(pd.isna(values).sum())
    names = sorted(set(values[~pd.isna(values)]))
    if len(names) < 2 or missing:
        raise ManifestError(
            f"leaving one {column} out needs at least two of them, and one for every utterance",
            found=f"{len(names)}, and {missing} utterances without",
        )
    groups, _ = grouped(manifest, "speaker")
    for name in names:
        step = {"step": "split", "by": f"left-out {column}", "test": name, "seed": seed}
        yield name, _tested(manifest, values == name, groups, validation, seed, step)


def split_by_utterance(manifest: Manifest, fractions: Mapping[str, float], seed: int = 0) -> Manifest:
    """Split each category by itself, utterance by utterance, as the source does: speakers and takes leak.

    Raises:
        ManifestError: fractions that are no shares, or an unknown split.
    """
    require_shares(fractions)
    # by id, so that the order of rows does not matter
    order = pc.sort_indices(manifest.table.column("utterance_id")).to_numpy()
    assigned = np.empty(len(order), dtype=np.int64)
    assigned[order] = stratified(_categories(manifest)[order], list(fractions.values()), seed)
    step = {"step": "split", "by": "utterance", "fractions": dict(fractions), "seed": seed}
    return manifest.with_columns({"split": np.array(list(fractions))[assigned].tolist()}, step)


def official_split(manifest: Manifest, fractions: Mapping[str, float], seed: int = 0) -> Manifest:
    """Keep the splits of corpora that have official ones; split the others by speaker.

    Raises:
        ManifestError: fractions that are no shares, or a corpus without splits has fewer speakers than splits.
    """
    corpora = np.array(manifest.column("corpus"))
    splits = np.array(manifest.column("split"), dtype=object)
    without = [name for name in sorted(set(corpora)) if pd.isna(splits[corpora == name]).all()]
    for name in without:
        rows = np.flatnonzero(corpora == name)
        splits[rows] = split_by_group(manifest.select(rows.tolist()), "speaker", fractions, seed).column("split")
    step = {"step": "split", "by": "official", "by speaker": without, "fractions": dict(fractions), "seed": seed}
    return manifest.with_columns({"split": splits.tolist()}, step)


def stratified(strata: Groups, shares: Sequence[float], seed: int) -> Groups:
    """Return `(N,)` split of each item; each stratum is divided by itself, in a seeded order.

    Args:
        strata: `(N,)` number of the stratum of each item.
        shares: of the splits, adding up to 1.
        seed: of the order within strata.
    """
    generator = np.random.default_rng(seed)
    order = np.lexsort((generator.permutation(len(strata)), strata))
    _, starts, counts = np.unique(strata[order], return_index=True, return_counts=True)
    within = np.arange(len(strata)) - np.repeat(starts, counts)
    phase = (within + 0.5) / np.repeat(counts, counts)
    assigned = np.empty(len(strata), dtype=np.int64)
    assigned[order] = np.searchsorted(np.cumsum(shares)[:-1], phase)
    return assigned


def grouped(manifest: Manifest, column: str) -> tuple[Groups, Counts]:
    """Return each row's group number, and `(groups, categories)` utterance counts; no category is one of them.

    Args:
        manifest: the utterances.
        column: what makes a group, `speaker` or `session`; takes and identical audio join groups.
    """
    frame = manifest.frame(list(dict.fromkeys(("speaker", column, *_TOGETHER))))
    frame[column] = frame[column].where(frame[column].notna(), frame["speaker"])
    groups, _ = pd.factorize(frame[column], sort=True)
    count = int(groups.max(initial=-1)) + 1
    links = [np.empty((0, 2), dtype=np.int64)]
    for name in _TOGETHER:
        values, _ = pd.factorize(frame[name])
        pairs = np.unique(np.stack([values, groups], axis=1)[values >= 0], axis=0)
        same = pairs[1:, 0] == pairs[:-1, 0]
        links.append(np.stack([pairs[:-1, 1][same], pairs[1:, 1][same]], axis=1))
    first, second = np.concatenate(links).T
    if len(first):
        graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(count, count))
        groups = connected_components(graph, directed=False)[1][groups]
    categories = _categories(manifest)
    counts = np.zeros((int(groups.max(initial=-1)) + 1, int(categories.max(initial=-1)) + 1))
    np.add.at(counts, (groups, categories), 1)
    return groups.astype(np.int64), counts


def shared_speakers(manifest: Manifest) -> int:
    """Return how many speakers are in more than one split."""
    frame = manifest.frame(["speaker", "split"]).dropna()
    return int((frame.groupby("speaker")["split"].nunique() > 1).sum())


def _categories(manifest: Manifest) -> Groups:
    names = ["" if category is None else category for category in manifest.column("category")]
    return np.unique(np.array(names, dtype=object).astype(str), return_inverse=True)[1].astype(np.int64)


def _tested(
    manifest: Manifest,
    is_test: npt.NDArray[np.bool_],
    groups: Groups,
    validation: float,
    seed: int,
    step: dict[str, object],
) -> Manifest:
    """Return the manifest with these rows as `test`, the groups of the others as `train` and `validation`."""
    names = np.where(is_test, "test", "train").astype(object)
    rest = np.flatnonzero(~is_test)
    if validation:
        if not 0 < validation < 1:
            raise ManifestError("the validation share must lie between 0 and 1", found=validation)
        _, own = np.unique(groups[rest], return_inverse=True)
        categories = _categories(manifest)[rest]
        counts = np.zeros((int(own.max()) + 1, int(categories.max()) + 1))
        np.add.at(counts, (own, categories), 1)
        assigned = assign_groups(counts, [1 - validation, validation], seed)[own]
        names[rest[assigned == 1]] = "validation"
    return manifest.with_columns({"split": names.tolist()}, {**step, "validation": validation})
