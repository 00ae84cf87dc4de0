"""Finished batches of texts, kept beside the output until all are done."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vibespeaker.errors import ManifestError
from vibespeaker.files import write_text
from vibespeaker.files.inputs import read_json

_BATCH_FILE = re.compile(r"\d{6}\.json")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failed write into an error with a remedy."""
    try:
        yield
    except OSError as error:
        raise ManifestError(
            f"{path} cannot be written ({error.strerror})", remedy="free some space, then run the same command again"
        ) from error


class FinishedBatches:
    """Finished batches, one file each, in a folder beside the output; a hash of the settings is in its name."""

    def __init__(self, out: Path, step: Mapping[str, Any]) -> None:
        settings = {name: step[name] for name in ("model", "fingerprint", "language")}
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
        self.folder = out.with_name(f".{out.name}.{digest}.parts")
        self._next = 0

    def read(self) -> dict[str, str]:
        """Return the texts of all finished batches."""
        names = sorted(path for path in self.folder.glob("*.json") if _BATCH_FILE.fullmatch(path.name))
        texts: dict[str, str] = {}
        for path in names:
            remedy = f"remove {self.folder} and transcribe again"
            found = read_json(path, ManifestError, "batch of finished texts", remedy)
            if not all(isinstance(text, str) for text in found.values()):
                raise ManifestError(f"{path} is damaged: it holds something else than texts", remedy=remedy)
            texts.update(found)
        self._next = int(names[-1].stem) + 1 if names else 0
        return texts

    def add(self, texts: Mapping[str, str]) -> None:
        """Write a finished batch, whole or not at all."""
        path = self.folder / f"{self._next:06}.json"
        with writing(path):
            write_text(path, json.dumps(texts, ensure_ascii=False, indent=0))
        self._next += 1

    def remove(self) -> None:
        """Delete the batches once the manifest has them."""
        shutil.rmtree(self.folder, ignore_errors=True)
