"""Matrix products of many rows on the CPU, by oneDNN.

torch hands float32 products on the CPU to MKL, which on AMD processors does not use the wide vector instructions. The
oneDNN library that torch also carries does: it measured 2.2 times the rate on an AMD EPYC (300 × 1280 by 1280 × 128,
one core: 200 against 90 GFLOP/s), and it reads transposed matrices without copying them. As it compiles a kernel for
every new shape, it is given a multiple of `ROWS` rows, which keeps clips of all lengths to a few kernels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

ROWS = 16  # the granularity of rows

_ONEDNN = torch._C._has_mkldnn and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def product(rows: Tensor, matrix: Tensor) -> Tensor:
    """Return `rows @ matrix`, `(n, inner)` by `(inner, columns)`, without recording gradients.

    Args:
        rows: a matrix of any floating type.
        matrix: a matrix of the same type, possibly a transposed view.
    """
    rows, matrix = rows.detach(), matrix.detach()
    if not _suits(rows):
        return rows @ matrix
    whole = len(rows) - len(rows) % ROWS
    if whole in (0, len(rows)) or rows.shape[1] <= matrix.shape[1]:  # copy what is narrower, the rows or the result
        return _onednn(_rounded(rows), matrix)[: len(rows)]
    return torch.cat((_onednn(rows[:whole], matrix), _onednn(_rounded(rows[whole:]), matrix)[: len(rows) - whole]))


def transposed_product(left: Tensor, right: Tensor) -> Tensor:
    """Return `left.T @ right`, `(n, a)` and `(n, b)` to `(a, b)`, without recording gradients.

    Args:
        left: a matrix of any floating type; where one is narrower it had better be this one: 250 against 200 GFLOP/s.
        right: a matrix of the same type with as many rows.
    """
    left, right = left.detach(), right.detach()
    if not _suits(left):
        return left.t() @ right
    whole = len(left) - len(left) % ROWS
    if whole in (0, len(left)):
        return _onednn(_rounded(left).t(), _rounded(right))
    rest = _onednn(_rounded(left[whole:]).t(), _rounded(right[whole:]))
    return _onednn(left[:whole].t(), right[:whole]).add_(rest)


def _suits(rows: Tensor) -> bool:
    return _ONEDNN and rows.dtype == torch.float32 and rows.device.type == "cpu"


def _onednn(left: Tensor, right: Tensor) -> Tensor:
    result: Tensor = torch.ops.mkldnn._linear_pointwise(left, right.t(), None, "none", [], "")
    return result


def _rounded(rows: Tensor) -> Tensor:
    """Append rows of zeros up to the next multiple of `ROWS`."""
    missing = -len(rows) % ROWS
    return F.pad(rows, (0, 0, 0, missing)) if missing else rows
