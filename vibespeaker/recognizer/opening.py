"""What `--model` means: a system, with its calibration and with what it says of itself."""

import logging
from dataclasses import dataclass
from pathlib import Path

from vibespeaker.calibration.store import Calibration
from vibespeaker.errors import CheckpointError
from vibespeaker.provenance import UNTRAINED
from vibespeaker.systems import System, open_system
from vibespeaker.systems.beside import calibration_of, facts_of
from vibespeaker.systems.facts import ModelFacts
from vibespeaker.systems.shipped import DEFAULT, shipped_models

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class OpenedModel:
    """A system with what is known of it beside its answers.

    Args:
        system: not yet prepared.
        calibration: fitted for it; null where there is none.
        facts: what a model folder says of itself; null of anything else.
    """

    system: System
    calibration: Calibration | None
    facts: ModelFacts | None


def open_model(reference: str | Path | None = None) -> OpenedModel:
    """Open a model.

    Args:
        reference: see `systems.open_system`; null for the model that comes with VibeSpeaker.

    Raises:
        CheckpointError: there is none, it is damaged, or it names what it must not.
        ConfigError: an ensemble's file is wrong.
        PredictionsError: the calibration beside a checkpoint belongs to other weights.
    """
    if reference is None and DEFAULT not in shipped_models():
        raise CheckpointError(
            "the shipped model is missing from this installation",
            remedy="install vibespeaker again, or name a model of your own with --model",
        )
    system = open_system(DEFAULT if reference is None else reference)
    trained = system.provenance.trained_heads
    for head in [] if trained is None else [head for head in system.heads if head not in trained]:
        log.warning("%s: the head %s %s", reference, head, UNTRAINED)
    return OpenedModel(system, calibration_of(system), facts_of(system))
