"""How frames are stored: in floating-point types, or in eight bits with one scale per frame."""

import torch
from torch import Tensor

from vibespeaker.batch import SCALE_BYTES, dequantized, quantized

#: Stored precisions: name → (torch's type, safetensors' name).
DTYPES = {
    "bfloat16": (torch.bfloat16, "BF16"),
    "float16": (torch.float16, "F16"),
    "float32": (torch.float32, "F32"),
    "int8": (torch.int8, "I8"),
}


def stored_dim(dim: int, dtype: str) -> int:
    """Return how many values of the stored type one frame of `dim` values takes."""
    return dim + SCALE_BYTES if dtype == "int8" else dim


def to_stored(values: Tensor, dtype: str) -> Tensor:
    """Return frames `(…, dim)` as they are stored, `(…, stored_dim)`; values that are not finite stay so."""
    return quantized(values) if dtype == "int8" else values.to(DTYPES[dtype][0])


def from_stored(stored: Tensor) -> Tensor:
    """Return stored frames as floating-point values `(…, dim)`."""
    return dequantized(stored) if stored.dtype == torch.int8 else stored
