"""Outputs of a split as a prediction table, with the names of the manifest and what the system was made of."""

from typing import Any

from vibespeaker.predictions import Predictions, PredictionsMetadata
from vibespeaker.provenance import Provenance
from vibespeaker.tasks.datamodule import EmotionDataModule
from vibespeaker.tasks.scores import SplitOutputs


def prediction_table(
    outputs: SplitOutputs,
    trained: Provenance,
    data: EmotionDataModule,
    system: str,
    identity: str | None,
    provenance: dict[str, Any],
) -> Predictions:
    """Return one row per utterance, in the order of `outputs`.

    Args:
        outputs: each utterance once.
        trained: what the system was trained on.
        data: what was predicted.
        system: what reports call the system.
        identity: SHA-256 of what answered, see `systems.System`.
        provenance: what the table records beside.
    """
    columns = data.names.select(outputs.targets.rows.tolist())
    here, output = data.provenance, outputs.output
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
