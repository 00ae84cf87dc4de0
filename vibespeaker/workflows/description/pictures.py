"""Pictures of a cache's features: by emotion with effect sizes, as maps of utterances; and sheets of spectrograms."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from rich.table import Table
from torch.nn import functional as F

from vibespeaker.audio.recordings import Recordings
from vibespeaker.encoders.pictures import BLOCK, jet_blocks
from vibespeaker.errors import AudioError, ConfigError
from vibespeaker.evaluation.effects import (
    codes_of,
    explained_variance,
    neighbours_alike,
    standardized_differences,
)
from vibespeaker.figures import block_sheet, feature_boxes, map_figure, write_figure
from vibespeaker.figures.projection import Method, project, standardized
from vibespeaker.files.csv_text import write_csv
from vibespeaker.files.outputs import Format, distinct, plain_name
from vibespeaker.labels import label_set
from vibespeaker.manifest import Manifest
from vibespeaker.progress import plain_console, tracked
from vibespeaker.utterance import SAMPLE_RATE
from vibespeaker.workflows.description.vectors import Vectors, read_vectors

log = logging.getLogger(__name__)

#: What utterances have in common → the manifest's column.
GROUPINGS = {"emotion": "category", "speaker": "speaker", "corpus": "corpus"}
#: Drawn where an encoder has them (figures 3 and 4 of the seven-class corpus's source).
USUAL = ("zero-crossing rate", "spectral centroid")
#: Features drawn without being named, rows listed on the terminal, points of a map, blocks of an emotion.
_SHOWN, _LISTED, _POINTS, _BLOCKS = 6, 10, 3000, 4
_BLOCK_PIXELS = 224
Codes = npt.NDArray[np.int64]


def draw_features(
    manifest: Manifest,
    cache: Path,
    encoders: Sequence[str] | None,
    show: Sequence[str] | None,
    projection: Method,
    seed: int,
    out: Path,
    kind: Format = "svg",
) -> None:
    """Write `features.csv`, a figure of features and a map of each encoder, and `blocks`; see `vibespeaker stats`.

    Raises:
        ConfigError: no feature has a name of `show`, or no utterance has a class of the label set.
        CacheError: an utterance is not in the cache.
    """
    classes = label_set(manifest.metadata.label_set).classes
    groups = {name: manifest.column(column) for name, column in GROUPINGS.items()}
    emotions = codes_of(groups["emotion"], classes)
    if not (emotions >= 0).any():
        raise ConfigError("no utterance has an emotion of the label set", found=manifest.metadata.label_set)
    present = [name for place, name in enumerate(classes) if (emotions == place).any()]
    emotions = codes_of(groups["emotion"], present)
    found = read_vectors(cache, manifest, encoders)
    _check_names(show, found)
    mark = " (synthetic speech)" if manifest.metadata.synthetic else ""
    rows = []
    for vectors, name in zip(found, distinct(plain_name(one.encoder) for one in found), strict=True):
        shares = {kind: explained_variance(vectors.values, codes_of(of_kind)) for kind, of_kind in groups.items()}
        shares["emotion"] = explained_variance(vectors.values, emotions)
        differences = standardized_differences(vectors.values, emotions, len(present))
        order = np.argsort(-np.nan_to_num(shares["emotion"], nan=-np.inf), kind="stable")
        _list(vectors, order, shares, differences, present, mark)
        rows += [
            (
                *(vectors.encoder, vectors.names[at]),
                *(_number(shares[kind][at]) for kind in groups),
                *map(_number, differences[at]),
            )
            for at in order
        ]
        drawn = _chosen(vectors, order, show)
        if drawn:
            picture = out / f"features-{name}.{kind}"
            _boxes(vectors, drawn, emotions, present, shares["emotion"], differences, mark, picture)
        _map(vectors, groups, emotions, present, projection, seed, mark, out / f"map-{name}.{kind}")
    header = ("encoder", "feature", *(f"variance.{kind}" for kind in groups), *(f"g.{name}" for name in present))
    write_csv(out / "features.csv", header, rows)
    _write_blocks(manifest, emotions, present, seed, mark, out / f"blocks.{kind}")


def _check_names(show: Sequence[str] | None, found: Sequence[Vectors]) -> None:
    known = {name for vectors in found for name in vectors.names}
    unknown = [name for name in show or () if name not in known]
    if unknown:
        from difflib import get_close_matches

        close = get_close_matches(unknown[0], sorted(known)) or sorted(known)[:5]
        raise ConfigError(
            "no encoder of the cache has such a feature",
            found=unknown[0],
            allowed=[*close, "…"],
            remedy="features.csv lists all of them: leave --show out",
        )


def _chosen(vectors: Vectors, order: npt.NDArray[np.int64], show: Sequence[str] | None) -> list[int]:
    """Return positions of the features to draw."""
    places = {name: place for place, name in enumerate(vectors.names)}
    named = [places[name] for name in (USUAL if show is None else show) if name in places]
    if show is not None:
        return named
    return [*named, *(place for place in order.tolist() if place not in named)][:_SHOWN]


def _list(
    vectors: Vectors,
    order: npt.NDArray[np.int64],
    shares: dict[str, npt.NDArray[np.float64]],
    differences: npt.NDArray[np.float64],
    classes: Sequence[str],
    mark: str,
) -> None:
    """Print the features that tell the emotions apart best, and the usual ones."""
    title = f"{vectors.encoder}{mark}: share of variance between groups (ε²), and g of the extreme emotions"
    table = Table(title=title, title_justify="left")
    for name in ("feature", *GROUPINGS, "highest", "lowest"):
        table.add_column(name, justify="left" if name in ("feature", "highest", "lowest") else "right", overflow="fold")
    usual = [at for at in order[_LISTED:].tolist() if vectors.names[at] in USUAL]
    for at in (*order[:_LISTED].tolist(), *usual):
        known = np.flatnonzero(np.isfinite(differences[at]))
        ends = known[np.argsort(-differences[at][known], kind="stable")][[0, -1]] if len(known) else ()
        extremes = [f"{classes[place]} {differences[at][place]:+.2f}" for place in ends] or ["–", "–"]
        table.add_row(vectors.names[at], *(_number(shares[kind][at]) or "–" for kind in GROUPINGS), *extremes)
    plain_console().print(table)


def _boxes(
    vectors: Vectors,
    drawn: Sequence[int],
    emotions: Codes,
    classes: Sequence[str],
    shares: npt.NDArray[np.float64],
    differences: npt.NDArray[np.float64],
    mark: str,
    path: Path,
) -> None:
    known = emotions >= 0
    names = [vectors.names[at] for at in drawn]
    figure = feature_boxes(
        {name: vectors.values[known, at] for name, at in zip(names, drawn, strict=True)},
        [classes[code] for code in emotions[known]],
        classes,
        {name: differences[at] for name, at in zip(names, drawn, strict=True)},
        {name: f"ε² = {_number(shares[at]) or '–'}" for name, at in zip(names, drawn, strict=True)},
        f"{vectors.encoder}{mark}: features by emotion; above, Hedges' g against all others",
    )
    write_figure(figure, path)


def _map(
    vectors: Vectors,
    groups: dict[str, list[str | None]],
    emotions: Codes,
    classes: Sequence[str],
    projection: Method,
    seed: int,
    mark: str,
    path: Path,
) -> None:
    """Write the map of at most so many utterances, drawn by seed."""
    chosen = np.arange(len(emotions))
    if len(chosen) > _POINTS:
        chosen = np.sort(np.random.default_rng(seed).choice(len(chosen), _POINTS, replace=False))
    values = vectors.values[chosen]
    made = project(values, projection, seed)
    shown = {kind: [of_kind[row] for row in chosen] for kind, of_kind in groups.items()}
    shown["emotion"] = [classes[code] if code >= 0 else None for code in emotions[chosen]]
    # one group alone shows nothing
    shown = {kind: of_kind for kind, of_kind in shown.items() if kind == "emotion" or len(set(of_kind) - {None}) > 1}
    notes = {kind: _alike(values, codes_of(of_kind)) for kind, of_kind in shown.items()}
    count = f"{len(chosen):,}" + (f" of {len(emotions):,}" if len(chosen) < len(emotions) else "")
    title = f"{vectors.encoder}{mark}: {count} utterances, {vectors.values.shape[1]:,} values each"
    figure = map_figure(made.points, shown, made.axes, notes, title, {"emotion": classes})
    write_figure(figure, path)


def _alike(values: npt.NDArray[np.float64], codes: Codes) -> str:
    found, chance = neighbours_alike(standardized(values), codes)
    return "" if np.isnan(found) or chance == 1.0 else f"nearest neighbour alike: {found:.0%} (by chance {chance:.0%})"


def _write_blocks(
    manifest: Manifest, emotions: Codes, classes: Sequence[str], seed: int, mark: str, path: Path
) -> None:
    """Write the first second of recordings of each emotion as coloured spectrograms; none where there is no audio."""
    random = np.random.default_rng(seed)
    recordings = Recordings(manifest)
    audio = manifest.column("audio")
    sheet: dict[str, list[npt.NDArray[np.float32]]] = {}
    with tracked("drawing blocks", len(classes), "emotions") as progress:
        for place, emotion in enumerate(classes):
            rows = [row for row in np.flatnonzero(emotions == place).tolist() if audio[row] is not None]
            for row in random.permutation(np.array(rows, dtype=np.int64))[:_BLOCKS].tolist():
                try:
                    samples = torch.from_numpy(recordings.read(row))
                except AudioError as error:
                    log.warning("no spectrograms are drawn: %s", error)
                    return
                padded = F.pad(samples, (0, max(0, BLOCK - len(samples))))
                start = (len(padded) - BLOCK) // 2  # speech begins later than a recording does
                sheet.setdefault(emotion, []).append(jet_blocks(padded, [start], _BLOCK_PIXELS)[0].numpy())
            progress.advance()
    if sheet:
        title = f"A second from the middle of {_BLOCKS} recordings of each emotion{mark}"
        write_figure(block_sheet(sheet, BLOCK / SAMPLE_RATE, SAMPLE_RATE / 2, title), path)


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else ""
