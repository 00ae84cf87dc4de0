"""Several manifests become one under a label map; audio stays where it is."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from vibespeaker.corpora.base import Problem
from vibespeaker.errors import ManifestError
from vibespeaker.files import file_sha256
from vibespeaker.files.outputs import check_output
from vibespeaker.labels import label_set
from vibespeaker.manifest import SCHEMA, Manifest, ManifestMetadata
from vibespeaker.manifest.columns import in_order
from vibespeaker.prepare.label_map import LabelMap, read_label_map
from vibespeaker.prepare.prepare import write_problems
from vibespeaker.prepare.terminal import problem_table, summary_table
from vibespeaker.progress import plain_console

log = logging.getLogger(__name__)

_DROPPED, _UNKNOWN, _UNLABELLED = "dropped", "unknown", "unlabelled"

Objects = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Combined:
    """The result of combining manifests.

    Args:
        manifest: the utterances that the map keeps, sorted by id.
        dropped: corpus and emotion → utterances that the map drops on purpose.
        problems: utterances left out because the map does not know what to do with them.
        warnings: remarks on whole corpora.
    """

    manifest: Manifest
    dropped: Mapping[tuple[str, str], int]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def combine(
    manifests: list[Path],
    labels: str = "corpora/challenge",
    out: Path = Path("combined.parquet"),
) -> int:
    """Combine manifests into one whose categories are those of a label map; reads tables only.

    Official splits are kept where corpora have them. Utterances whose emotion the map does not mention are left out
    and listed, whole, in a CSV file beside the manifest.

    Args:
        manifests: tables that `vibespeaker prepare` wrote, in any order.
        labels: label map: a YAML file, or a shipped one: corpora/seven, corpora/seven-neutral, corpora/four,
            corpora/challenge.
        out: manifest to write.

    Returns:
        0, or 1 when utterances were left out that the map does not mention.

    Raises:
        ManifestError: a file is no manifest, or two of them hold the same utterance.
        ConfigError: the label map is wrong.
    """
    problems_file = out.with_suffix(".problems.csv")
    check_output(out, inputs=[Path(labels)], suffixes=(".parquet",))
    check_output(problems_file, inputs=[*manifests, Path(labels)])
    combined = combine_files(manifests, read_label_map(labels))
    combined.manifest.write(out)
    write_problems(problems_file, combined.problems)
    console = plain_console()
    if combined.problems:
        console.print(problem_table(combined.problems))
        console.print(f"{len(combined.problems):,} left out; all are in {problems_file}")
    for warning in combined.warnings:
        log.warning("%s", warning)
    for (corpus, emotion), count in combined.dropped.items():
        console.print(f"dropped by the map: {count:,} {emotion} of {corpus}", highlight=False)
    console.print(summary_table(combined.manifest))
    console.print(f"{len(combined.manifest):,} utterances → {out}", highlight=False)
    return 1 if combined.problems else 0


def combine_files(paths: Sequence[Path], labels: LabelMap) -> Combined:
    """Read manifests and combine them.

    Raises:
        ManifestError: there is none, a file is none, or an utterance is in two of them.
    """
    if not paths:
        raise ManifestError("there is nothing to combine", remedy="vibespeaker combine MANIFEST … --out MANIFEST")
    # by content, so that the order of the arguments leaves no trace
    tables = {path: Manifest.read(path) for path in paths}
    hashed = sorted((file_sha256(path), path) for path in paths)
    return combine_manifests([(tables[path], digest) for digest, path in hashed], labels)


def left_out(combined: Combined) -> tuple[str, ...]:
    """Say in one sentence what was left out because the map does not mention it; nothing where nothing was."""
    if not combined.problems:
        return ()
    first = combined.problems[0]
    return (f"{len(combined.problems):,} utterances left out, the first {first.item}: {first.reason}",)


def combine_manifests(manifests: Sequence[tuple[Manifest, str]], labels: LabelMap) -> Combined:
    """Combine manifests, each given with the hash of its file.

    Raises:
        ManifestError: an utterance is in two of them, or the map is not for one of the corpora.
    """
    root = _common_root([manifest.root for manifest, _ in manifests])
    tables = [_rooted(manifest, root) for manifest, _ in manifests]
    # named texts are null where a corpus has none
    table = in_order(pa.concat_tables(tables, promote_options="default"))
    # by bytes, whatever the locale
    table = table.take(pc.sort_indices(table.column("utterance_id"))).combine_chunks()
    _refuse_repeats(table.column("utterance_id").to_numpy())
    corpora = table.column("corpus").to_numpy()
    found = sorted(set(corpora))
    warnings = _check_corpora(labels, found)
    new, fates = _mapped(labels, corpora, table.column("category").to_numpy())
    kept = ~np.isin(fates, (_DROPPED, _UNKNOWN)) & ((fates != _UNLABELLED) | (labels.unlabelled == "keep"))
    problems = _problems(table, fates, kept, labels)
    drops = pd.DataFrame({"corpus": corpora, "category": table.column("category").to_numpy()})[fates == _DROPPED]
    dropped: dict[tuple[str, str], int] = drops.groupby(["corpus", "category"]).size().to_dict()
    votes = _mapped_votes(labels, corpora, table.column("votes"))
    table = table.set_column(SCHEMA.get_field_index("category"), SCHEMA.field("category"), pa.array(new, pa.string()))
    table = table.set_column(SCHEMA.get_field_index("votes"), SCHEMA.field("votes"), votes)
    table = table.filter(pa.array(kept))
    inputs = [
        {"corpora": list(m.metadata.corpora), "utterances": len(m), "sha256": h, "history": list(m.metadata.history)}
        for m, h in manifests
    ]
    metadata = ManifestMetadata(
        root=str(root),
        label_set=label_set(labels.labels.name).name,
        corpora=tuple(found),
        synthetic=any(manifest.metadata.synthetic for manifest, _ in manifests),
        history=({"step": "combine", "labels": labels.name, "labels_sha256": labels.sha256, "inputs": inputs},),
    )
    return Combined(Manifest(table, metadata), dropped, problems, warnings)


def _common_root(roots: Sequence[Path]) -> Path:
    """Return the deepest folder above all roots, so that audio paths stay relative to one."""
    try:
        return Path(os.path.commonpath([os.path.abspath(root) for root in roots]))
    except ValueError as error:
        raise ManifestError(
            "the manifests' audio has no folder in common", found=", ".join(map(str, roots)), remedy="use one drive"
        ) from error


def _rooted(manifest: Manifest, root: Path) -> pa.Table:
    """Return the table with audio paths relative to `root`; a text alone keeps its empty one."""
    prefix = Path(os.path.relpath(os.path.abspath(manifest.root), root)).as_posix()
    if prefix == ".":
        return manifest.table
    paths = manifest.table.column("audio")
    moved = pc.if_else(pc.equal(paths, ""), paths, pc.binary_join_element_wise(prefix, paths, "/"))
    return manifest.table.set_column(SCHEMA.get_field_index("audio"), SCHEMA.field("audio"), moved)


def _refuse_repeats(ordered: Objects) -> None:
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]].astype(str))
    if len(repeated):
        raise ManifestError(
            f"{len(repeated)} utterances are in more than one manifest",
            found=", ".join(repeated[:3]) + (" …" if len(repeated) > 3 else ""),
            remedy="give each corpus once",
        )


def _check_corpora(labels: LabelMap, found: Sequence[str]) -> tuple[str, ...]:
    if not labels.corpora:
        return ()
    foreign = [name for name in found if name not in labels.corpora]
    if foreign:
        raise ManifestError(
            f"label map {labels.name} is not for these corpora", found=", ".join(foreign), allowed=labels.corpora
        )
    missing = [name for name in labels.corpora if name not in found]
    return (f"label map {labels.name} is for {', '.join(missing)} as well",) if missing else ()


def _mapped(labels: LabelMap, corpora: Objects, emotions: Objects) -> tuple[Objects, Objects]:
    """Return `(N,)` new classes, null where there is none, and `(N,)` fates: empty for what is mapped."""
    corpus_codes, corpus_names = pd.factorize(corpora)
    emotion_codes, emotion_names = pd.factorize(emotions)
    width = len(emotion_names) + 1
    # one decision for each corpus and emotion; code −1, null, is the last column
    targets = np.full((len(corpus_names), width), None, dtype=object)
    fates = np.full(targets.shape, "", dtype=object)
    fates[:, -1] = _UNLABELLED
    for row, corpus in enumerate(corpus_names):
        for column, emotion in enumerate(emotion_names):
            targets[row, column] = labels.target(corpus, emotion)
            if targets[row, column] is None:
                fates[row, column] = _DROPPED if labels.knows(corpus, emotion) else _UNKNOWN
    return targets[corpus_codes, emotion_codes], fates[corpus_codes, emotion_codes]


def _mapped_votes(labels: LabelMap, corpora: Objects, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Map the raters' primary emotions as the categories; those without a class stay, and count for none."""
    votes = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    each: pa.StructArray = pc.list_flatten(votes)
    if not len(each):
        return column
    rows = pc.list_parent_indices(votes).to_numpy()
    primary = pc.struct_field(each, "primary").to_numpy(zero_copy_only=False)
    new, fates = _mapped(labels, corpora[rows], primary)
    return pa.chunked_array([_with_primary(votes, each, np.where(fates == "", new, primary))])


def _with_primary(votes: pa.ListArray, each: pa.StructArray, primary: Objects) -> pa.ListArray:
    """Return the votes with other primary emotions.

    Args:
        votes: `(N,)` lists of structs, or null.
        each: `(M,)` structs, those of all lists one after the other.
        primary: `(M,)` emotions, or null.
    """
    fields = [
        pa.array(primary, pa.string()) if field.name == "primary" else pc.struct_field(each, field.name)
        for field in each.type
    ]
    structs = pa.StructArray.from_arrays(fields, fields=list(each.type))
    # the lists' own offsets may not begin at 0: those of `each` do
    lengths = pc.fill_null(pc.list_value_length(votes), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, structs, type=votes.type, mask=votes.is_null())


def _problems(table: pa.Table, fates: Objects, kept: npt.NDArray[np.bool_], labels: LabelMap) -> tuple[Problem, ...]:
    rows = np.flatnonzero(~kept & (fates != _DROPPED))
    names = table.column("utterance_id").take(pa.array(rows)).to_pylist()
    emotions: list[Any] = table.column("category").take(pa.array(rows)).to_pylist()
    reasons = (
        "it has no category" if emotion is None else f"label map {labels.name} does not mention {emotion}"
        for emotion in emotions
    )
    return tuple(Problem(name, reason) for name, reason in zip(names, reasons, strict=True))
