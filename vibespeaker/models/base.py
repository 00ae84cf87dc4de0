"""What every emotion model is: frames by encoder in, the outputs of named heads out."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping

from torch import nn

from vibespeaker.batch import EmotionBatch, EmotionOutput, Frames
from vibespeaker.errors import ConfigError
from vibespeaker.labels.heads import HEADS, HeadSpec

#: Each call yields all of the training split, in the same order: frames by encoder beside the truth. Views of the same
#: utterances follow each other.
Passes = Callable[[], Iterable[tuple[Mapping[str, Frames], EmotionBatch]]]


class EmotionModel(nn.Module, ABC):
    """A module from the frames of one or more encoders to an `EmotionOutput`.

    Attributes:
        heads: names of its outputs: those of `HEADS` it has, then further ones; a loss names the heads it requires.
        encoders: names of the encoders it reads, in the order it reads them.
    """

    heads: tuple[str, ...]
    encoders: tuple[str, ...]

    @property
    def solved(self) -> tuple[str, ...]:
        """Encoders whose weights `solve` finds before training; none by default."""
        return ()

    def solve(self, passes: Passes) -> None:
        """Find weights in closed form, from the whole training split.

        Args:
            passes: see `Passes`.
        """
        assert not self.solved

    @abstractmethod
    def forward(self, frames: Mapping[str, Frames]) -> EmotionOutput:
        """Predict a batch.

        Args:
            frames: encoder name → values `(batch, frames, dim)` of any floating type with lengths `(batch,)`; further
                encoders are ignored.

        Returns:
            logits `(batch, classes)` and attributes `(batch, 3)` on 1–7, None where there is no head; further heads
            `(batch, outputs)` by name. All are float32.
        """


def choose_encoders(available: Mapping[str, int], wanted: list[str] | None) -> tuple[str, ...]:
    """Return the encoders a model reads, in order.

    Args:
        available: encoder name → width of its frames.
        wanted: names in the model's order; None takes all, in the order given.

    Raises:
        ConfigError: none is available, one is wanted twice, or one is not there.
    """
    names = tuple(available if wanted is None else wanted)
    if not names:
        raise ConfigError("a model needs at least one encoder", found="none", allowed=list(available) or "none at all")
    missing = [name for name in names if name not in available]
    if missing:
        raise ConfigError(
            "the model names an encoder without frames",
            found=", ".join(missing),
            allowed=list(available),
            remedy="extract it into the cache or drop it from the model's encoders",
        )
    if len(set(names)) < len(names):
        raise ConfigError("the model names an encoder twice", found=", ".join(names))
    return names


def frames_of(frames: Mapping[str, Frames], name: str, dim: int) -> Frames:
    """Return the frames of one encoder.

    Raises:
        ConfigError: there are none, or they are not `dim` wide.
    """
    if name not in frames or frames[name].dim != dim:
        raise ConfigError(
            f"the model reads {dim}-dimensional frames of encoder {name!r}",
            found={other: given.dim for other, given in frames.items()},
            remedy="give the model the cache or encoders that it was built for",
        )
    return frames[name]


def check_heads(heads: list[str], further: Mapping[str, HeadSpec]) -> tuple[str, ...]:
    """Return `heads` in the order of `HEADS`, then the further ones in theirs.

    Raises:
        ConfigError: `heads` names an unknown one.
    """
    if any(head not in HEADS for head in heads):
        raise ConfigError(
            "a model's heads are chosen among two",
            found=heads,
            allowed=HEADS,
            remedy="further heads are declared in data.init_args.heads; the model has them all",
        )
    return (*(head for head in HEADS if head in heads), *further)
