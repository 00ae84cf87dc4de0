"""How much each layer of an encoder counts, where that is learned."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from vibespeaker.models.frame_networks import LayerWeightedSum
from vibespeaker.models.multi_encoder import MultiEncoderModel


class LayerWeights(Callback):
    """Logs `layers/ENCODER/LAYER` after every epoch, the weights of `LayerWeightedSum`."""

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log them; they are the same on every process."""
        weights = layer_weights(pl_module)
        if weights and trainer.is_global_zero:
            for logger in trainer.loggers:
                logger.log_metrics(weights, trainer.global_step)


def layer_weights(module: Any) -> dict[str, float]:
    """Return `layers/ENCODER/LAYER` → weight of the encoders whose layers are summed; empty for other networks.

    Args:
        module: a task with a network and its provenance.
    """
    network = getattr(module, "network", None)
    if not isinstance(network, MultiEncoderModel):
        return {}
    found: dict[str, float] = {}
    for name, each in zip(network.encoders, network.frame_networks, strict=True):
        if isinstance(each, LayerWeightedSum):
            values = each.weights.detach().tolist()
            numbers = module.provenance.encoders[name].fingerprint.get("layer", "").split(",")
            layers = numbers if len(numbers) == len(values) else [str(place) for place in range(len(values))]
            found |= {f"layers/{name}/{layer}": value for layer, value in zip(layers, values, strict=True)}
    return found
