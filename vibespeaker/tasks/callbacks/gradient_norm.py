"""How large gradients are, step by step."""

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import Optimizer


class GradientNorm(Callback):
    """Logs `train/gradient_norm`: the Euclidean norm of all gradients before they are clipped."""

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Log; processes have the same gradients by now."""
        gradients = [weight.grad for group in optimizer.param_groups for weight in group["params"]]
        norm = torch.nn.utils.get_total_norm([gradient for gradient in gradients if gradient is not None])
        pl_module.log("train/gradient_norm", norm, on_step=True, on_epoch=False, batch_size=1)
