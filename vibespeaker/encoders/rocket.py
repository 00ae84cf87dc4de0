"""Random convolutions, an audio encoder that needs no download: one frame per clip of fixed random kernels' responses.

ROCKET (Dempster et al. 2020, "Exceptionally fast and accurate time series classification using random convolutional
kernels"): thousands of untrained kernels slide over the contours of a clip, and a linear layer learns which
of them matter. They match patterns of several contours over tens to hundreds of milliseconds that functionals of single
contours miss. Each contour is standardised in its clip, so that level, pitch and channel of a recording do not count.
"""

import hashlib
import json
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vibespeaker.arguments.ranges import POSITIVE, SEED, Range, require
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder, pad_frames
from vibespeaker.encoders.descriptors import PROSODY, AcousticDescriptors
from vibespeaker.encoders.spectrum import cepstra, with_cepstra
from vibespeaker.provenance import Fingerprint, Modality

RATE = 50
MELS = 64
CEPSTRA = 16
TAPS = 9
DILATIONS = (1, 2, 4, 8, 16)
#: Kernels: one for each dilation, and what takes 45 MB.
_KERNELS = Range(len(DILATIONS), 50_000, whole=True)
#: A kernel reads at most this many contours.
_MOST_CONTOURS = 6
_BIAS_SPREAD = 0.5
_DEVIATION_FLOOR = 1e-2
_FRAMES_AT_ONCE = 8192
#: Changes whenever the numbers change; part of the fingerprint.
_VERSION = 1


class Rocket(Encoder):
    """One frame per clip: how often, and how strongly on average, each random kernel's response is positive.

    Args:
        kernels: how many there are, 5 to 100,000, shared evenly by dilations of 1, 2, 4, 8 and 16 frames of 20 ms.
        seed: of the kernels' values.
        trim_db: silence before and after speech is left out, as by `AcousticDescriptors`; null keeps all.

    Raises:
        ConfigError: there are fewer kernels than dilations or more than 50,000, or `trim_db` is not above 0.
    """

    modality: Modality = "audio"
    frames_per_second = None  # one per clip, whatever its length
    draws_weights = True
    basis: Tensor

    def __init__(self, kernels: int = 2500, seed: int = 0, trim_db: float | None = 40.0) -> None:
        super().__init__()
        require(_KERNELS, kernels=kernels)
        require(SEED, seed=seed)
        require(POSITIVE, trim_db=trim_db)
        self.settings: dict[str, Any] = {
            "kernels": kernels,
            "seed": seed,
            "trim_db": None if trim_db is None else float(trim_db),
        }
        self.descriptors = AcousticDescriptors(MELS, 0, True, "none", RATE, trim_db=trim_db)
        self.register_buffer("basis", cepstra(CEPSTRA, MELS), persistent=False)
        generator = np.random.default_rng(seed)
        counts = [len(part) for part in np.array_split(np.arange(kernels), len(DILATIONS))]
        pairs = zip(counts, DILATIONS, strict=True)
        self.banks = nn.ModuleList(_bank(count, dilation, generator) for count, dilation in pairs)
        self._matrices: list[Tensor] = []
        # kernels that were drawn elsewhere take the place of these
        self.register_load_state_dict_post_hook(_forget)  # type: ignore[no-untyped-call]
        self.dim = 2 * kernels

    def _arranged(self) -> list[Tensor]:
        """Return the matrices that `_positive_sums` multiplies with, laid out at the first use on a device."""
        if not self._matrices or self._matrices[0].device != self.basis.device:
            self._matrices = [_matrix(bank) for bank in self.banks]
        return self._matrices

    def fingerprint(self) -> Fingerprint:
        """Return class, version, settings, those of the descriptors, and a hash of the kernels."""
        settings = json.dumps({**self.settings, **self.descriptors.fingerprint().parts}, sort_keys=True)
        weights = hashlib.sha256()
        for value in self.banks.state_dict().values():
            weights.update(value.cpu().numpy().tobytes())
        named = {"class": "RandomConvolutions", "version": str(_VERSION), "preprocessing": settings}
        return Fingerprint({**named, "weights": weights.hexdigest()})

    @torch.no_grad()
    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode waveforms, each `(samples,)` at 16 kHz: `(1, dim)` each."""
        return pad_frames([self._encode_one(torch.as_tensor(clip))[None] for clip in inputs])

    def _encode_one(self, waveform: Tensor) -> Tensor:
        """Return every kernel's share of positive responses, then every one's mean positive response, `(dim,)`."""
        described = self.descriptors([waveform]).values[0]  # (frames, MELS + prosody)
        contours = with_cepstra(described, self.basis)
        deviation, mean = torch.std_mean(contours, 0, correction=0)
        standard = (contours - mean) / (deviation + _DEVIATION_FLOOR)
        sums = []
        for bank, matrix, dilation in zip(self.banks, self._arranged(), DILATIONS, strict=True):
            assert isinstance(bank.bias, Tensor)
            sums.append(_positive_sums(standard, matrix, bank.bias, dilation))
        shares, strengths = zip(*sums, strict=True)
        return torch.cat((*shares, *strengths)) / len(standard)


def _forget(encoder: Rocket, keys: object) -> None:
    """Have the matrices made of loaded kernels, as a hook of modules."""
    encoder._matrices = []


def _matrix(bank: nn.Module) -> Tensor:
    """Return a bank's weights as a sparse matrix, `(kernels, taps · contours)`: a kernel reads an eighth of them."""
    assert isinstance(bank.weight, Tensor)
    matrix = bank.weight.detach().transpose(1, 2).reshape(len(bank.weight), -1)
    if matrix.device.type != "cpu" or not torch.backends.mkl.is_available():  # type: ignore[no-untyped-call]
        return matrix.contiguous()
    with warnings.catch_warnings():
        # sparse matrices are called a beta; products of them with dense ones are tested against convolutions
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")
        return matrix.to_sparse_csr()


def _positive_sums(contours: Tensor, matrix: Tensor, biases: Tensor, dilation: int) -> tuple[Tensor, Tensor]:
    """Return at how many of `(frames, contours)` each kernel responds positively, and how much in all, `(kernels,)`.

    One matrix product of all that the kernels read, in place of a convolution: the library gathers what dilated kernels
    read tap by tap and contour by contour, which took four fifths of the time. At most `_FRAMES_AT_ONCE` frames at a
    time, since an hour's responses would take gigabytes.

    Args:
        contours: standardised.
        matrix: weights of the kernels of one dilation, `(kernels, taps · contours)`, sparse or not.
        biases: of the same kernels, `(kernels,)`.
        dilation: frames between their taps.
    """
    reach = dilation * (TAPS // 2)
    padded = F.pad(contours.t(), (reach, reach)).contiguous()  # (contours, frames + 2 reach)
    counts, sums = torch.zeros_like(biases), torch.zeros_like(biases)
    for start in range(0, len(contours), _FRAMES_AT_ONCE):
        frames = min(_FRAMES_AT_ONCE, len(contours) - start)
        strides = (dilation, padded.shape[1], 1)
        read = padded.as_strided((TAPS, len(padded), frames), strides, padded.storage_offset() + start)
        responses = (matrix @ read.reshape(-1, frames)).add_(biases[:, None]).relu_()  # (kernels, frames)
        sums += responses.sum(1)
        counts += responses.sign_().sum(1)
    return counts, sums


def _bank(count: int, dilation: int, generator: np.random.Generator) -> nn.Conv1d:
    """Return kernels of one dilation: each reads one to six contours, and its taps on each of them sum to zero."""
    contours = CEPSTRA + len(PROSODY)
    weights = np.zeros((count, contours, TAPS))
    for kernel in weights:
        read = generator.choice(contours, generator.integers(1, _MOST_CONTOURS + 1), replace=False)
        taps = generator.normal(size=(len(read), TAPS))
        kernel[read] = (taps - taps.mean(axis=1, keepdims=True)) / np.sqrt(taps.size)
    biases = generator.normal(scale=_BIAS_SPREAD, size=count)
    bank = nn.Conv1d(contours, count, TAPS, padding=dilation * (TAPS // 2), dilation=dilation)
    bank.load_state_dict({"weight": torch.from_numpy(weights), "bias": torch.from_numpy(biases)})
    return bank.requires_grad_(False)
