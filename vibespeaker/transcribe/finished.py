"""Finished batches of texts, kept beside the output until all are done; several processes share them."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vibespeaker.errors import ManifestError
from vibespeaker.files import write_text
from vibespeaker.transcribe.times import Times

#: Batches had numbers once.
_BATCH_FILE = re.compile(r"([0-9a-f]{16}|\d{6})\.json")
_TEXTS, _FAILURES, _TIMES = "texts", "failures", "times"


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
    """Finished batches, one file each, in a folder beside the output; a hash of the settings is in its name.

    Args:
        out: the output.
        step: settings that decide the texts, and whether their times are wanted.
        written: returns the texts that the output itself has, once the folder is gone: another process has written it.

    Attributes:
        texts: key of an utterance → text, as of the last `refresh`.
        failures: key → why it has none.
        times: key → when its text was said, for those heard since the output was last written; see `times`.
    """

    def __init__(self, out: Path, step: Mapping[str, Any], written: Callable[[], Mapping[str, str]]) -> None:
        settings = {name: step[name] for name in ("model", "fingerprint", "language", "times") if name in step}
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
        self.folder = out.with_name(f".{out.name}.{digest}.parts")
        self.texts: dict[str, str] = dict(written())
        self.failures: dict[str, str] = {}
        self.times: dict[str, Times] = {}
        self._written, self._seen = written, set[str]()

    def __contains__(self, key: str) -> bool:
        return key in self.texts or key in self.failures

    def refresh(self) -> None:
        """Read what other processes finished since the last call."""
        if not self.folder.is_dir():
            self.texts.update(self._written())
            return
        for path in sorted(self.folder.glob("*.json")):
            if path.name in self._seen or not _BATCH_FILE.fullmatch(path.name):
                continue
            try:
                content = json.loads(path.read_text(encoding="utf-8"))
            except FileNotFoundError:  # the process that wrote the output has just removed them
                self.texts.update(self._written())
                return
            self._seen.add(path.name)
            self.texts.update(content.get(_TEXTS, content))
            self.failures.update(content[_FAILURES] if _TEXTS in content else {})
            self.times.update(content.get(_TIMES, {}) if _TEXTS in content else {})

    def add(self, name: str, texts: Mapping[str, str], failures: Mapping[str, str], times: Mapping[str, Times]) -> None:
        """Write a finished batch, whole or not at all.

        Args:
            name: 16 hexadecimal digits, the batch's own.
            texts: key → text.
            failures: key → why there is no text.
            times: key → when it was said.
        """
        path = self.folder / f"{name}.json"
        with writing(path):
            content = {_TEXTS: dict(texts), _FAILURES: dict(failures), _TIMES: dict(times)}
            write_text(path, json.dumps(content, ensure_ascii=False, indent=0))
        self._seen.add(path.name)
        self.texts.update(texts)
        self.failures.update(failures)
        self.times.update(times)

    def remove(self) -> None:
        """Delete the batches once the manifest has them."""
        shutil.rmtree(self.folder, ignore_errors=True)
