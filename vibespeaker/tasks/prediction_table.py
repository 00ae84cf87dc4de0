"""Outputs of a split as a prediction table, with the names of the manifest and what the system was made of."""

from typing import Any

import numpy as np
import numpy.typing as npt

from vibespeaker.batch import EmotionOutput
from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.provenance import Provenance
from vibespeaker.tasks.datamodule import EmotionDataModule


def prediction_table(
    rows: npt.NDArray[np.int64],
    output: EmotionOutput,
    trained: Provenance,
    data: EmotionDataModule,
    system: str,
    identity: str | None,
    provenance: dict[str, Any],
) -> Predictions:
    """Return one row per utterance, in the order of `rows`.

    Args:
        rows: `(N,)` of the manifest, each once.
        output: of the same utterances.
        trained: what the system was trained on.
        data: what was predicted.
        system: what reports call the system.
        identity: SHA-256 of what answered, see `systems.System`.
        provenance: what the table records beside.
    """
    columns = data.names.select(rows.tolist())
    here = data.provenance
    metadata = PredictionsMetadata(
        label_set=trained.label_set,
        classes=trained.classes,
        system=system,
        checkpoint=identity,
        manifest=here.manifest,
        cache=here.cache,
        synthetic=here.synthetic or trained.synthetic,
        provenance=provenance,
        label_policy=data.policy,
        heads=trained.heads,
    )
    return Predictions.build(
        columns.column("utterance_id"),
        columns.column("file_name"),
        columns.column("split"),
        None if output.logits is None else output.logits.numpy(),
        None if output.attributes is None else output.attributes.numpy(),
        metadata,
        {name: head.numpy() for name, head in output.heads.items()},
    )
