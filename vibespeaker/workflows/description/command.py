"""`vibespeaker stats`: corpus × emotion × split, beside what a source published, and pictures of features."""

import logging
from pathlib import Path
from typing import Literal

from vibespeaker.arguments.ranges import SEED, require
from vibespeaker.errors import ConfigError, ManifestError
from vibespeaker.files import write_text
from vibespeaker.files.outputs import FORMATS, Format, check_folder
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.balance_plan import TARGET
from vibespeaker.prepare.counts import as_csv, as_markdown, terminal_table
from vibespeaker.prepare.label_map import LabelMap, read_label_map
from vibespeaker.prepare.stats import Protocol, Statistics, statistics
from vibespeaker.progress import plain_console

log = logging.getLogger(__name__)

#: What is written, beside a map and pictures of the features of each encoder.
FILES = (
    *("counts.csv", "counts.md", "features.csv"),
    *(f"{name}.{kind}" for name in ("counts", "blocks") for kind in FORMATS),
)


def stats(
    manifests: list[Path],
    labels: str | None = None,
    protocol: Protocol = "as-is",
    target: int = TARGET,
    seed: int = 0,
    out: Path | None = None,
    features: Path | None = None,
    encoders: list[str] | None = None,
    show: list[str] | None = None,
    projection: Literal["pca", "t-sne"] = "pca",
    format: Format = "svg",
) -> int:
    """Count utterances by corpus, emotion and split; with a cache, show how its features tell the emotions apart.

    Of each encoder of the cache are drawn: features by emotion with effect sizes, and a map of the utterances by
    emotion, speaker and corpus. `features.csv` has the effect sizes of all features. `blocks.svg` shows coloured
    spectrograms of a second, some of each emotion.

    Args:
        manifests: one manifest, or several to be combined under the label map.
        labels: label map whose published numbers stand beside one's own, in brackets, e.g. corpora/seven.
        protocol: as-is shows the splits there are; speakers makes speaker-disjoint splits, and balances the
            training split alone; source repeats the order of the seven-class corpus's source, which balances before it
            splits validation off, so that copies of one clip are in both.
        target: utterances per class of the balanced training split.
        seed: of splitting and balancing, and of what pictures show.
        out: folder for `counts.csv`, `counts.md` and `counts.svg`, and for what is drawn of features.
        features: embedding cache with features of all utterances, see `vibespeaker extract`.
        encoders: those of the cache whose features are drawn; all by default.
        show: names of features to draw, as in `features.csv`; by default zero-crossing rate and spectral centroid where
            they are there, and those that tell the emotions apart best.
        projection: how maps are made: pca, or t-sne, which takes longer.
        format: of all pictures: svg, pdf, or png with 300 dots per inch.

    Raises:
        ManifestError: several manifests without a label map, or a file is no manifest.
        ConfigError: pictures without a folder, or no feature of such a name.
        CacheError: an utterance is not in the cache.
    """
    require(SEED, seed=seed)
    if features is not None and out is None:
        raise ConfigError("pictures of features are written into a folder", remedy="add --out FOLDER")
    if features is None and (encoders is not None or show is not None):
        raise ConfigError("features are read from a cache", remedy="add --features CACHE")
    if out is not None:
        check_folder(out, inputs=[*manifests, features], names=FILES)
    chosen = None if labels is None else read_label_map(labels)
    manifest = _read(manifests, chosen)
    found = statistics(manifest, chosen, protocol, target, seed)
    console = plain_console()
    for split in found.counts.splits:
        console.print(terminal_table(found.counts, split, found.published.get(split)))
    if found.published:
        console.print("in brackets: as published, where it differs")
    for note in found.notes:
        log.warning("%s", note)
    if out is not None:
        _write_counts(found, protocol, out, format)
        if features is not None:
            from vibespeaker.workflows.description.pictures import draw_features  # torch, for pictures alone

            draw_features(manifest, features, encoders, show, projection, seed, out, format)
        log.info("wrote %s", out)
    return 0


def _write_counts(found: Statistics, protocol: str, out: Path, kind: Format) -> None:
    from vibespeaker.figures import corpus_bars, write_figure  # half a second, for a picture

    write_text(out / "counts.csv", as_csv(found.counts))
    write_text(out / "counts.md", as_markdown(found.counts, found.published, found.notes))
    figure = corpus_bars(found.counts.splits, found.counts.corpora, found.counts.classes, f"protocol: {protocol}")
    write_figure(figure, out / f"counts.{kind}")


def _read(manifests: list[Path], labels: LabelMap | None) -> Manifest:
    if len(manifests) == 1 and (labels is None or _fits(Manifest.read(manifests[0]), labels)):
        return Manifest.read(manifests[0])
    if labels is None:
        raise ManifestError("several manifests need a label map", remedy="add --labels, e.g. corpora/seven")
    from vibespeaker.prepare.combine import combine_files, left_out  # only where there are several

    combined = combine_files(manifests, labels)
    for warning in (*combined.warnings, *left_out(combined)):
        log.warning("%s", warning)
    return combined.manifest


def _fits(manifest: Manifest, labels: LabelMap) -> bool:
    return manifest.metadata.label_set == labels.labels.name
