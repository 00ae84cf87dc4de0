"""The manifests of folds, written where a workflow trains on each of them."""

from collections.abc import Iterable
from pathlib import Path

from vibespeaker.files.outputs import check_output, distinct, plain_name
from vibespeaker.manifest import Manifest


def write_folds(folds: Iterable[tuple[str, Manifest]], out: Path, manifest: Path) -> list[Path]:
    """Write the folds' manifests into the folder `manifests` of `out`, and return their paths in order.

    Args:
        folds: name → manifest; folds may be called after speakers, who may be called anything, and two of them alike
            but for what a file's name leaves out.
        out: folder of the workflow.
        manifest: what the folds were made of, which is not overwritten.

    Raises:
        ConfigError: a fold would be written over the manifest, or cannot be written.
    """
    paths: list[Path] = []
    for name, made in folds:
        own = distinct([*(path.stem for path in paths), plain_name(name)])[-1]
        path = out / "manifests" / f"{own}.parquet"
        check_output(path, inputs=[manifest], option="a fold of --out")
        made.write(path)
        paths.append(path)
    return paths
