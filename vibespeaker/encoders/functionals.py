"""Acoustic functionals, an audio encoder that needs no download: one long frame per clip sums up how it was spoken.

The field's classical features (openSMILE's ComParE set, Schuller et al. 2013): contours over time, and fixed functions
of each contour. A linear layer over them learns from hundreds of clips, where a network over frames needs thousands.
The contours are those of `AcousticDescriptors` at 100 frames per second, with cepstra, and their slopes.
"""

import json
import math
from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

import torch
from torch import Tensor

from vibespeaker.arguments.ranges import POSITIVE, require
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder, pad_frames
from vibespeaker.encoders.descriptors import PROSODY, AcousticDescriptors
from vibespeaker.encoders.spectrum import cepstra, slopes, with_cepstra
from vibespeaker.provenance import Fingerprint, Modality

#: Frames per second of the contours.
RATE = 100
MELS = 64
CEPSTRA = 20
CONTOURS = CEPSTRA + len(PROSODY) + MELS
#: Edges of the modulation bands, Hz: from the melody of a phrase to the roughness of a voice.
MODULATION_HZ = (0.4, 1.5, 2.7, 4.2, 6.2, 9.0, 13.0, 18.0, 25.0, 50.0)
#: Lags of the autocorrelations, frames.
LAGS = (1, 2, 4, 8)
#: The first cepstra are correlated with each other and with prosody.
_CORRELATED = 16
_VOICING = CEPSTRA + PROSODY.index("voicing")
#: Fewer frames than this are no sample of voiced or unvoiced speech.
_FEWEST = 4
_PARTS = 3
_ENERGY_FLOOR = 1e-6
_DEVIATION_FLOOR = 1e-3
#: Changes whenever the numbers change; part of the fingerprint.
_VERSION = 1


class AcousticFunctionals(Encoder):
    """One frame per clip: functionals of cepstra, prosody and log-mel bands, of about unit scale.

    | functional                                                               | of                  |
    |--------------------------------------------------------------------------|---------------------|
    | mean and deviation: of all frames, of voiced ones, of unvoiced ones      | contours and slopes |
    | log energy in nine bands of modulation, 0.4 to 50 Hz                     | contours            |
    | mean of each third less that of the clip                                 | contours and slopes |
    | deviation in each third                                                  | contours            |
    | autocorrelation at 10, 20, 40 and 80 ms                                  | contours            |
    | correlation of each two                                                  | 16 cepstra, prosody |
    | log duration, share of voiced frames, voiced stretches: rate, length     | voicing             |

    Args:
        trim_db: silence before and after speech is left out, as by `AcousticDescriptors`; null keeps all.

    Raises:
        ConfigError: `trim_db` is not above 0.
    """

    modality: Modality = "audio"
    frames_per_second = None  # one per clip, whatever its length
    basis: Tensor

    def __init__(self, trim_db: float | None = 40.0) -> None:
        super().__init__()
        require(POSITIVE, trim_db=trim_db)
        self.settings: dict[str, Any] = {"trim_db": None if trim_db is None else float(trim_db)}
        self.descriptors = AcousticDescriptors(MELS, 0, True, "none", RATE, trim_db=trim_db)
        self.register_buffer("basis", cepstra(CEPSTRA, MELS), persistent=False)
        correlated = _CORRELATED + len(PROSODY)
        both, parts = 2 * CONTOURS, _PARTS
        modulations = (len(MODULATION_HZ) - 1) * CONTOURS
        pairs = correlated * (correlated - 1) // 2
        self.dim = 6 * both + modulations + parts * (both + CONTOURS) + len(LAGS) * CONTOURS + pairs + 4

    def fingerprint(self) -> Fingerprint:
        """Return class, version, settings and those of the descriptors; there are no weights."""
        parts = {**self.settings, **self.descriptors.fingerprint().parts}
        settings = json.dumps(parts, sort_keys=True)
        return Fingerprint({"class": "AcousticFunctionals", "version": str(_VERSION), "preprocessing": settings})

    def feature_names(self) -> tuple[str, ...]:
        """Return each functional and what it is of, in the order of the table."""
        bands, prosody = self.descriptors.feature_names()[:MELS], self.descriptors.feature_names()[MELS:]
        contours = [*(f"cepstrum {number}" for number in range(1, CEPSTRA + 1)), *prosody, *bands]
        both = [*contours, *(f"slope of {name}" for name in contours)]
        pairs = combinations((*contours[:_CORRELATED], *prosody), 2)
        edges = [f"{low:g} to {high:g} Hz" for low, high in pairwise(MODULATION_HZ)]
        thirds = ("first", "second", "last")
        return (
            *(
                f"{kind} of {name}{part}"
                for part in ("", ", voiced", ", unvoiced")
                for kind in ("mean", "deviation")
                for name in both
            ),
            *(f"modulation of {name}, {edge}" for edge in edges for name in contours),
            *(f"mean of {name}, {third} third" for third in thirds for name in both),
            *(f"deviation of {name}, {third} third" for third in thirds for name in contours),
            *(f"autocorrelation of {name}, {lag * 1000 // RATE} ms" for lag in LAGS for name in contours),
            *(f"correlation of {one} and {other}" for one, other in pairs),
            *("log duration", "share of voiced frames", "voiced stretches per second", "length of voiced stretches"),
        )

    @torch.no_grad()
    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Summarise waveforms, each `(samples,)` at 16 kHz: `(1, dim)` each."""
        return pad_frames([self._summary(torch.as_tensor(clip))[None] for clip in inputs])

    def _summary(self, waveform: Tensor) -> Tensor:
        """Return the functionals of `(samples,)`, `(dim,)`."""
        described = self.descriptors([waveform]).values[0]  # (frames, MELS + prosody)
        contours = torch.cat((with_cepstra(described, self.basis), described[:, :MELS]), dim=1)  # (frames, CONTOURS)
        both = torch.cat((contours, slopes(contours)), dim=1)
        voiced = contours[:, _VOICING] > 0
        means, deviations = _moments(both, _choices(voiced))
        centred = contours - contours.mean(0)
        return torch.cat(
            (
                torch.cat((means, deviations), dim=1)[:_PARTS].flatten(),
                _modulation(centred),
                (means[-_PARTS:] - means[0]).flatten(),
                deviations[-_PARTS:, :CONTOURS].flatten(),
                _autocorrelation(centred),
                _correlation(
                    torch.cat((centred[:, :_CORRELATED], centred[:, CEPSTRA : CEPSTRA + len(PROSODY)]), dim=1)
                ),
                _rhythm(voiced),
            )
        )


def _thirds(frames: int) -> list[slice]:
    """Cut `frames` into thirds of at least one frame each; those of fewer than three frames overlap."""
    edges = [round(i * frames / _PARTS) for i in range(_PARTS + 1)]
    return [slice(min(first, frames - 1), max(last, first + 1)) for first, last in pairwise(edges)]


def _choices(voiced: Tensor) -> Tensor:
    """Return which of `(frames,)` count: all, voiced, unvoiced (or all where those are few), thirds, `(6, frames)`."""
    chosen = torch.zeros(3 + _PARTS, len(voiced), device=voiced.device)
    voices = int(voiced.sum())
    chosen[0] = 1
    chosen[1] = voiced if voices >= _FEWEST else 1
    chosen[2] = ~voiced if len(voiced) - voices >= _FEWEST else 1
    for row, part in enumerate(_thirds(len(voiced)), start=3):
        chosen[row, part] = 1
    return chosen


def _moments(values: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each choice of frames, `(choices, dim)` each.

    Products with the choices, in a fraction of the time of the library's moments over the first axis. The squares are
    those of differences from the choice's own mean: of what hardly varies, they would otherwise be rounding alone.

    Args:
        values: `(frames, dim)`.
        chosen: `(choices, frames)`, 1 for the frames of each choice, of which there is one at least, 0 for others.
    """
    weights = chosen / chosen.sum(1, keepdim=True)
    means = weights @ values
    squares = [share @ (values - mean).square_() for share, mean in zip(weights, means, strict=True)]
    return means, torch.stack(squares).sqrt_()


def _modulation(centred: Tensor) -> Tensor:
    """Return the log of each contour's mean spectral energy in each band of `MODULATION_HZ`, `(bands * dim,)`."""
    frames = len(centred)
    size = max(256, 1 << (frames - 1).bit_length())
    # over the first axis, whose values lie apart, it takes longer
    spectrum = torch.fft.rfft(centred.t(), size)  # (dim, size / 2 + 1)
    energy = spectrum.real.square().addcmul_(spectrum.imag, spectrum.imag)
    edges = [round(hz * size / RATE) for hz in MODULATION_HZ]
    means = torch.stack([energy[:, low:high].mean(1) for low, high in pairwise(edges)])  # (bands, dim)
    return (means / frames + _ENERGY_FLOOR).log().flatten()


def _autocorrelation(centred: Tensor) -> Tensor:
    """Return each contour's autocorrelation at each of `LAGS`, 0 where a lag exceeds the clip, `(lags * dim,)`."""
    variance = centred.square().mean(0) + _DEVIATION_FLOOR
    products = [(centred[:-lag] * centred[lag:]).sum(0) / max(1, len(centred) - lag) for lag in LAGS]
    return torch.cat([product / variance for product in products])


def _correlation(centred: Tensor) -> Tensor:
    """Return the correlation of each two contours, `(dim * (dim - 1) / 2,)`."""
    scaled = centred / (centred.std(0, correction=0) + _DEVIATION_FLOOR)
    first, second = torch.triu_indices(centred.shape[1], centred.shape[1], 1, device=centred.device)
    return (scaled.T @ scaled / len(scaled))[first, second]


def _rhythm(voiced: Tensor) -> Tensor:
    """Return log seconds, share of voiced frames, voiced stretches per second and their mean seconds, `(4,)`."""
    seconds = len(voiced) / RATE
    stretches = int((voiced[1:] & ~voiced[:-1]).sum()) + int(voiced[0])
    voiced_seconds = float(voiced.sum()) / RATE
    numbers = (math.log(seconds), voiced_seconds / seconds, stretches / seconds, voiced_seconds / max(1, stretches))
    return torch.tensor(numbers, dtype=torch.float32, device=voiced.device)
