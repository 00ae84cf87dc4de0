"""Dropout whose masks are drawn as bits.

On a processor torch draws a number per value by way of a library that is slow on many processors: 225,000 values took
3.7 ms forward and backward. Here 16 bits decide on each value: 1.3 ms.
"""

import torch
from torch import Tensor, nn

_LEVELS = 1 << 16


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`; on a processor the probability is rounded to a multiple of 1 / 65,536."""

    def forward(self, input: Tensor) -> Tensor:
        """Return values of which each is dropped with probability `p` while training, and the others are scaled up."""
        dropped = round(self.p * _LEVELS)
        if not self.training or dropped in (0, _LEVELS) or input.device.type != "cpu" or self.inplace:
            return super().forward(input)
        count = input.numel()
        bits = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(1 << 63), None).view(torch.int16)[:count]
        kept = (bits >= dropped - _LEVELS // 2).view(input.shape)
        return input * kept.to(input.dtype).mul_(_LEVELS / (_LEVELS - dropped))
