"""Worse copies of a corpus's recordings, what systems read of them, and the folds that test on them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from real_speech.conditions import AS_RECORDED, Change, Condition, folder_name
from real_speech.corpora import write_fold
from real_speech.functionals import Features, functionals
from vibespeaker.audio.files import write_audio
from vibespeaker.audio.inspection import examine_all
from vibespeaker.audio.recordings import Recordings
from vibespeaker.manifest import Manifest
from vibespeaker.progress import tracked
from vibespeaker.utterance import WHOLE
from vibespeaker.workflows.quickstart.data import extract_embedded


@dataclass(frozen=True)
class Copies:
    """A corpus in several conditions.

    Args:
        manifest: of its recordings as they are.
        folder: where copies, caches, features and folds go; the same for every system and training.
        conditions: name → condition; `AS_RECORDED` among them.
    """

    manifest: Path
    folder: Path
    conditions: Mapping[str, Condition]

    @property
    def joined(self) -> Path:
        """Manifest of the copies in all conditions: one condition after the other, each in the corpus's order."""
        return self.folder / "manifest.parquet"

    @property
    def cache(self) -> Path:
        """What the embedded encoders hear of all copies."""
        return self.folder / "cache"

    def make(self) -> None:
        """Write copies and manifests, and extract; what is there is not done again."""
        tables = [self._of(name, condition) for name, condition in self.conditions.items()]
        root = os.path.commonpath([table.root for table in tables])
        joined = pa.concat_tables([_below(table, root) for table in tables])
        Manifest(joined, replace(tables[0].metadata, root=root)).write(self.joined)
        extract_embedded(self.joined, self.cache, views=0, augmentation=None, processes=1)

    def functionals(self) -> Features:
        """Return openSMILE's functionals of all copies, in the order of the manifest."""
        folders = [self.folder / folder_name(name) for name in self.conditions]
        return np.concatenate([functionals(one / "manifest.parquet", one / "compare2016.npy") for one in folders])

    def folds(self, folds: Mapping[str, Path]) -> dict[str, Path]:
        """Write folds that train on the recordings as they are and test on all copies of the left-out speakers.

        Args:
            folds: name → manifest of the corpus with splits `train` and `test`.
        """
        read, found = Manifest.read(self.joined), {}
        was_recorded = np.array(self.of_rows()) == AS_RECORDED
        for name, path in folds.items():
            split = np.tile(np.array(Manifest.read(path).column("split"), dtype=object), len(self.conditions))
            split = np.where((split == "test") | was_recorded, split, None)
            made = read.with_columns({"split": split.tolist()}, {"step": "split", "fold": name})
            found[name] = write_fold(made, self.folder, "worse", name)
        return found

    def of_rows(self) -> list[str]:
        """Return the condition of each row of `joined`."""
        count = len(Manifest.read(self.manifest, ["utterance_id"]))
        return [name for name in self.conditions for _ in range(count)]

    def _of(self, name: str, condition: Condition) -> Manifest:
        """Return the manifest of one condition."""
        folder, read = self.folder / folder_name(name), Manifest.read(self.manifest)
        path = folder / "manifest.parquet"
        if path.is_file():
            return Manifest.read(path)
        folder.mkdir(parents=True, exist_ok=True)
        ids = [_named(identifier, name) for identifier in read.column("utterance_id")]
        columns: dict[str, Sequence[object]] = {"utterance_id": ids}
        if name != AS_RECORDED:
            audio = [str(Path(file).with_suffix(".wav")) for file in read.column("audio")]
            _write(read, audio, folder, condition.change, name)
            columns |= _measured([folder / file for file in audio], folder)
            read = replace(read, metadata=replace(read.metadata, root=str(folder.resolve())))
            columns["audio"], columns["file_name"] = audio, [Path(file).name for file in audio]
        made = read.with_columns(columns, {"step": "condition", "name": name})
        made.write(path)
        return made


def plain_name(identifier: str) -> str:
    """Return the identifier of the recording that a copy was made of."""
    corpus, _, rest = identifier.split("/", 2)
    return f"{corpus}/{rest}"


def _named(identifier: str, condition: str) -> str:
    corpus, rest = identifier.split("/", 1)
    return f"{corpus}/{folder_name(condition)}/{rest}"


def _write(read: Manifest, audio: Sequence[str], folder: Path, change: Change, name: str) -> None:
    """Write the copies that are not there yet."""
    recordings, contents = Recordings(read), read.column("audio_sha256")
    with tracked(f"{'/'.join(read.metadata.corpora)}, {name}", len(read)) as progress:
        for row, file in enumerate(audio):
            if not (folder / file).is_file():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                write_audio(folder / file, change(recordings.read(row), bytes.fromhex(contents[row])))
            progress.advance()


def _measured(files: Sequence[Path], folder: Path) -> dict[str, Sequence[object]]:
    """Return what a manifest says of its recordings, measured on the copies."""
    journal = folder / ".examined"
    facts = examine_all(files, [WHOLE] * len(files), journal)
    journal.unlink(missing_ok=True)
    unusable = [f"{file}: {fact.problem}" for file, fact in zip(files, facts, strict=True) if fact.problem]
    if unusable:
        raise SystemExit(f"copies cannot be used: {'; '.join(unusable[:5])}")
    columns = {name: [getattr(fact, name) for fact in facts] for name in ("duration", "fingerprint")}
    columns |= {name: [getattr(fact, name) for fact in facts] for name in ("level_db", "snr_db", "recording_sha256")}
    return {**columns, "audio_sha256": [fact.sha256 for fact in facts]}


def _below(manifest: Manifest, root: str) -> pa.Table:
    """Return a manifest's table with audio relative to another folder above it."""
    between = os.path.relpath(manifest.root, root)
    audio = [os.path.normpath(os.path.join(between, file)) for file in manifest.column("audio")]
    return manifest.with_columns({"audio": audio}).table
