"""Fisher vectors: how the frames of an utterance differ from the frames of everyone, kind of sound by kind of sound.

A Gaussian mixture is fitted to frames of the training split. What a mixture's component models is a kind of sound, such
as a vowel at the height of a phrase; for each, an utterance is told by how often it occurs and by how mean and spread
of its own frames of that kind differ from the mixture's. A mean over all frames mixes what is said with how it is said.

With frames x of an utterance, T of them, and mixture weights w, means μ and deviations σ, the posterior of component k
for frame t being γ, the values are (Perronnin & Dance 2007, "Fisher kernels on visual vocabularies for image
categorization"; the first in the form of Sánchez et al. 2013)

    Σ (γ − w) / (T √w)        Σ γ (x − μ) / (σ T √w)        Σ γ ((x − μ)² / σ² − 1) / (T √(2 w))

and their signed square root is taken (Perronnin et al. 2010). For emotion from speech see Gosztolya 2020, "Using the
Fisher Vector Representation for Audio-based Emotion Recognition".
"""

import warnings
from collections.abc import Iterable
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import SEED, Range, require
from vibespeaker.batch import Frames
from vibespeaker.errors import ConfigError
from vibespeaker.models.pooling import FittedPooling

UtteranceMean = Literal["kept", "removed", "both"]

#: Variance of a component below which it would model a repeated value rather than a sound; frames have a variance of 1.
_VARIANCE_FLOOR = 1e-2
_ITERATIONS = 30
_COMPONENTS = Range(1, 1024, whole=True)
_SAMPLE = Range(1, 10_000_000, whole=True)


class FisherVectors(FittedPooling):
    """Fisher vector of an utterance's frames, by a mixture of Gaussians with diagonal covariance.

    Until it is fitted the mixture has one component, as many times as there are.

    Args:
        dim: width of a frame.
        components: of the mixture.
        utterance_mean: `kept` takes the frames as they are; `removed` subtracts their mean over the utterance, so that
            level, voice and channel do not count, only how they vary; `both` is one beside the other, each with a
            mixture of its own.
        sample: frames that a mixture is fitted to at most, drawn from the whole training split.
        seed: of that draw, and of the mixture's first means.

    Raises:
        ConfigError: an argument is out of range.
    """

    def __init__(
        self,
        dim: int,
        components: int = 32,
        utterance_mean: UtteranceMean = "both",
        sample: int = 30_000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        require(_COMPONENTS, components=components)
        require(_SAMPLE, sample=sample)
        require(SEED, seed=seed)
        if utterance_mean not in get_args(UtteranceMean):
            raise ConfigError(
                "utterance_mean is unknown", found=repr(utterance_mean), allowed=", ".join(get_args(UtteranceMean))
            )
        self.sample, self.seed = sample, seed
        kinds = ("kept", "removed") if utterance_mean == "both" else (utterance_mean,)
        self.mixtures = nn.ModuleDict({kind: _Mixture(dim, components) for kind in kinds})
        self.output_dim = len(kinds) * components * (1 + 2 * dim)

    def forward(self, frames: Frames) -> Tensor:
        """Pool `(batch, frames, dim)` into `(batch, output_dim)`, float32: shares, means, spreads."""
        with torch.autocast(frames.values.device.type, enabled=False):
            mask = frames.mask()[:, :, None]
            vectors = [mixture(_taken(frames, kind), mask) for kind, mixture in self.mixtures.items()]
            return torch.cat(vectors, dim=1)

    @torch.no_grad()
    def fit(self, frames: Iterable[Frames]) -> None:
        """Fit the mixtures to frames of all utterances.

        Raises:
            ConfigError: there are fewer frames than components.
        """
        drawn = {kind: _Drawn(self.sample, self.seed) for kind in self.mixtures}
        for batch in frames:
            mask = batch.mask()
            for kind, sample in drawn.items():
                sample.add(_taken(batch, kind)[mask])
        for kind, mixture in self.mixtures.items():
            assert isinstance(mixture, _Mixture)
            mixture.fit(drawn[kind].rows(), self.seed)


def _taken(frames: Frames, kind: str) -> Tensor:
    """Return `(batch, frames, dim)` values, float32, with the utterance's mean or without; padding is finite."""
    values = frames.values.float().masked_fill(~frames.mask()[:, :, None], 0.0)
    if kind == "kept":
        return values
    return values - values.sum(1, keepdim=True) / frames.lengths.to(values.device)[:, None, None]


class _Drawn:
    """Rows drawn from all that are added, each with the same chance, however many there are.

    Args:
        size: how many at most.
        seed: of the draw.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.generator = torch.Generator().manual_seed(seed)
        self._keys: list[Tensor] = []
        self._rows: list[Tensor] = []
        self._held = 0

    def add(self, rows: Tensor) -> None:
        """Take `(rows, dim)`; those with the smallest random keys of all are the drawn ones."""
        self._keys.append(torch.rand(len(rows), generator=self.generator, dtype=torch.float64))
        self._rows.append(rows.cpu())
        self._held += len(rows)
        if self._held > 2 * self.size:
            self.rows()

    def rows(self) -> Tensor:
        """Return what is drawn so far, and forget the rest."""
        keys, rows = torch.cat(self._keys), torch.cat(self._rows)
        if len(keys) > self.size:
            chosen = keys.topk(self.size, largest=False).indices
            keys, rows = keys[chosen], rows[chosen]
        self._keys, self._rows, self._held = [keys], [rows], len(keys)
        return rows


class _Mixture(nn.Module):
    """Gaussians with diagonal covariance over standardised frames.

    Args:
        dim: width of a frame.
        components: how many.
    """

    centre: Tensor
    scale: Tensor
    weights: Tensor
    means: Tensor
    variances: Tensor

    def __init__(self, dim: int, components: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))
        self.register_buffer("weights", torch.full((components,), 1 / components))
        self.register_buffer("means", torch.zeros(components, dim))
        self.register_buffer("variances", torch.ones(components, dim))

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Return `(batch, components * (1 + 2 * dim))` Fisher vectors.

        Args:
            values: `(batch, frames, dim)`, float32.
            mask: `(batch, frames, 1)`, True on real frames.
        """
        x = (values - self.centre) / self.scale
        posterior = self._posterior(x) * mask  # (batch, frames, components)
        length = mask.sum(1)[:, :, None]  # (batch, 1, 1)
        transposed = posterior.transpose(1, 2) / length
        share, first, second = transposed.sum(2), transposed @ x, transposed @ x.square()
        means = first - self.means * share[:, :, None]
        spreads = second - 2 * self.means * first + (self.means.square() - self.variances) * share[:, :, None]
        root = self.weights.sqrt()
        parts = (
            (share - self.weights) / root,
            (means / (self.variances.sqrt() * root[:, None])).flatten(1),
            (spreads / (self.variances * root[:, None] * 2**0.5)).flatten(1),
        )
        vector = torch.cat(parts, dim=1)
        return vector.sign() * vector.abs().sqrt()

    def _posterior(self, x: Tensor) -> Tensor:
        precision = 1 / self.variances
        distance = x.square() @ precision.T - 2 * x @ (self.means * precision).T
        constant = (self.means.square() * precision + self.variances.log()).sum(1)
        return (self.weights.log() - 0.5 * (distance + constant)).softmax(2)

    def fit(self, rows: Tensor, seed: int) -> None:
        """Fit the mixture to `(rows, dim)` by expectation and maximisation."""
        # imported where something is fitted: a model that is used only does without
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        components = len(self.weights)
        if len(rows) < components:
            raise ConfigError(
                "a mixture of Gaussians needs as many frames as it has components",
                found=f"{len(rows)} frames in the training split",
                allowed=f"at least {components}",
                remedy="train on more speech, or choose fewer components",
            )
        deviation, mean = torch.std_mean(rows, 0, correction=0)
        deviation = torch.where(deviation > 0, deviation, 1.0)
        model = GaussianMixture(
            components,
            covariance_type="diag",
            reg_covar=_VARIANCE_FLOOR,
            max_iter=_ITERATIONS,
            init_params="k-means++",
            random_state=seed,
        )
        with warnings.catch_warnings():
            # a number of steps is enough: further ones hardly move the components
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(((rows - mean) / deviation).double().numpy())
        found = {"centre": mean, "scale": deviation}
        found |= {"weights": model.weights_, "means": model.means_, "variances": model.covariances_}
        for name, value in found.items():
            self.get_buffer(name).copy_(torch.as_tensor(value))
