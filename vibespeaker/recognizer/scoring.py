"""Answers for a manifest's utterances, scored as `evaluate` scores any prediction table."""

import math
import tempfile
from pathlib import Path

import numpy as np

from vibespeaker.errors import ConfigError, printable
from vibespeaker.evaluation.command import evaluate
from vibespeaker.files import file_sha256
from vibespeaker.labels import label_set
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.progress import plain_console
from vibespeaker.recognizer.inputs import Asked
from vibespeaker.recognizer.results import Recognition
from vibespeaker.recognizer.system import Recognizer

#: Floor of a probability before its logarithm becomes the logit.
_LEAST = 1e-9


def score(recognizer: Recognizer, asked: list[Asked], answers: list[Recognition], manifest: Path) -> None:
    """Print the scores of answers, of the classes that both the system and the manifest have.

    Raises:
        ConfigError: there is no such class, or there are no answers.
    """
    read = Manifest.read(manifest)
    known = {name for name in read.column("category") if name}
    shared = [name for name in recognizer.classes if name in known]
    pairs = zip(asked, answers, strict=True)
    usable = [(one.row, answer) for one, answer in pairs if answer.problem is None and _says(answer)]
    if not usable:
        raise ConfigError("there is no answer to score", remedy="see the notes on the recordings")
    has_categories = usable[0][1].probabilities is not None
    if has_categories and not shared:
        raise ConfigError(
            "the system and the manifest have no class in common", found=sorted(known), allowed=recognizer.classes
        )
    rows = [row for row, _ in usable if row is not None]
    columns = {name: read.column(name) for name in ("utterance_id", "file_name", "split")}
    identifiers, names, splits = ([values[row] for row in rows] for values in columns.values())
    metadata = PredictionsMetadata(
        recognizer.provenance.label_set,
        recognizer.classes,
        "recognize",
        recognizer.system.identity,
        file_sha256(manifest),
        synthetic=recognizer.provenance.synthetic or read.metadata.synthetic,
        provenance=recognizer.system.record(()),
    )
    attributes = [[*answer.attributes.values()] for _, answer in usable if answer.attributes is not None]
    logits = np.log([_clamped(answer) for _, answer in usable]) if has_categories else None
    made = Predictions.build(identifiers, names, splits, logits, attributes or None, metadata)
    left_out = sorted(known - set(shared))
    if has_categories and left_out:
        said = f"classes that the system does not know are not scored: {printable(', '.join(left_out))}"
        plain_console().print(said, style="yellow")
    labels = next((one for one in _sets(recognizer, read) if set(label_set(one).classes) <= set(shared)), None)
    with tempfile.TemporaryDirectory(prefix="vibespeaker-") as folder:
        table = Path(folder) / "predictions.parquet"
        made.write(table)
        evaluate([table], manifest=manifest, labels=labels or ",".join(shared))


def _sets(recognizer: Recognizer, read: Manifest) -> tuple[str, ...]:
    return (read.metadata.label_set, recognizer.provenance.label_set)


def _says(answer: Recognition) -> bool:
    values = [*(answer.probabilities or {}).values(), *(answer.attributes or {}).values()]
    return bool(values) and all(math.isfinite(value) for value in values)


def _clamped(answer: Recognition) -> list[float]:
    assert answer.probabilities is not None
    return [max(value, _LEAST) for value in answer.probabilities.values()]
