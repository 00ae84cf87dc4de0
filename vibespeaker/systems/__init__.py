"""Systems: whatever answers a batch of utterances, be it one trained model or several."""

from vibespeaker.systems.base import System
from vibespeaker.systems.ensemble import Ensemble
from vibespeaker.systems.opening import open_system
from vibespeaker.systems.trained import TrainedModel

__all__ = ["Ensemble", "System", "TrainedModel", "open_system"]
