"""The section with a map of embeddings: what the encoders hear alike, by class, speaker and corpus."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vibespeaker import figures
from vibespeaker.errors import VibeSpeakerError
from vibespeaker.evaluation.effects import codes_of, neighbours_alike
from vibespeaker.evaluation.targets import Truth
from vibespeaker.figures.projection import project, standardized
from vibespeaker.manifest import Manifest
from vibespeaker.report.document import Picture, Section
from vibespeaker.report.runs import Run
from vibespeaker.report.systems import System

Floats = npt.NDArray[np.float64]
log = logging.getLogger(__name__)

_TITLE = "Map of embeddings"
#: Utterances on a map.
_MOST = 600
_GROUPINGS = {"class": "category", "speaker": "speaker", "corpus": "corpus"}


def embedding_map(system: System | None, runs: Sequence[Run], truth: Truth) -> Section:
    """Return a map of the scored utterances, as an encoder of the leading system's run embeds them.

    Drawn is the first of the run's encoders that the cache has: the two principal components of mean and
    deviation over time. There is no section where there is no cache.

    Args:
        system: the leading one; None for no section.
        runs: of the report.
        truth: what groups the utterances.
    """
    run = next((run for run in runs if system is not None and system.path in run.tables), None)
    cache = None if run is None else run.setting("data.init_args.cache")
    if system is None or run is None or not isinstance(cache, str) or not (Path(cache) / "cache.json").is_file():
        return Section(_TITLE, ())
    identifiers = system.predictions.frame["utterance_id"].to_numpy(object)
    if len(identifiers) > _MOST:
        identifiers = identifiers[np.sort(np.random.default_rng(0).choice(len(identifiers), _MOST, replace=False))]
    try:
        encoder, vectors = _vectors(Path(cache), run, truth, identifiers.tolist())
    except VibeSpeakerError as error:
        log.warning("the map of embeddings is left out: %s", error)
        return Section(_TITLE, ())
    frame = truth.frame.loc[identifiers]
    every = {
        name: [value if isinstance(value, str) else None for value in frame[of]] for name, of in _GROUPINGS.items()
    }
    groups = {name: of_kind for name, of_kind in every.items() if len(set(of_kind) - {None}) > 1}
    if not groups or not np.isfinite(vectors).all():
        return Section(_TITLE, ())
    values = standardized(vectors)
    alike = {name: neighbours_alike(values, codes_of(of_kind)) for name, of_kind in groups.items()}
    notes = {name: f"nearest alike {found:.0%}, by chance {chance:.0%}" for name, (found, chance) in alike.items()}
    projected = project(vectors)
    order = {"class": list(truth.labels.classes)}
    figure = figures.map_figure(projected.points, groups, projected.axes, notes, order=order)
    told = "; ".join(
        f"of the same {name} is the nearest other clip in {found:.0%} of cases, by chance in {chance:.0%}"
        for name, (found, chance) in alike.items()
    )
    caption = (
        f"{len(identifiers):,} clips as encoder {encoder} embeds them, two principal components. In all "
        f"dimensions, {told}."
    )
    shares = " and ".join(axis.partition("(")[2].rstrip(")") for axis in projected.axes)
    alt = f"Points in the plane, one per clip, coloured by {', '.join(groups)}; the axes show {shares}. {told}."
    return Section(_TITLE, (Picture("embeddings", figure, caption, alt),))


def _vectors(cache: Path, run: Run, truth: Truth, identifiers: Sequence[str]) -> tuple[str, Floats]:
    """Return the encoder and `(N, dim)` means over time."""
    # torch, for this picture alone
    from vibespeaker.baselines.features import read_features
    from vibespeaker.baselines.summaries import summary_of
    from vibespeaker.cache import EmbeddingCache

    opened = EmbeddingCache.open(cache)
    named = run.setting("data.init_args.encoders") or list(opened.encoders)
    encoder = next((name for name in named if name in opened.encoders), next(iter(opened.encoders)))
    column = opened.record(encoder).column
    manifest = Manifest.read(truth.path, ("utterance_id", column))
    places = {name: row for row, name in enumerate(manifest.column("utterance_id"))}
    chosen = manifest.select([places[name] for name in identifiers])
    entries = opened.entries(encoder, chosen)
    return encoder, read_features(opened, encoder, entries, summary_of(opened.lengths(encoder, entries))).astype(float)
