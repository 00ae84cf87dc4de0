"""What is done to recordings, and how a manifest remembers it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from vibespeaker.arguments.ranges import SHARE, Range, require
from vibespeaker.audio.packages import installed
from vibespeaker.errors import ConfigError

if TYPE_CHECKING:
    from vibespeaker.manifest import Manifest

#: Name of the step in a manifest's history.
STEP = "clean"


@dataclass(frozen=True)
class CleaningRecipe:
    """Steps in their order; mono at 16 kHz comes first in any case.

    Args:
        denoise: share of the estimated noise to take away by spectral gating, 0–1; 0 leaves the step out.
        silence: how speech is told from silence: `none` keeps everything; `energy` by the level of 25 ms frames;
            `silero` by the Silero voice activity detector.
        margin: seconds kept on either side of speech, so that pauses up to twice as long stay whole.
        below_db: with `energy`, frames are silent that lie so far below the loudest, dB.
        loudness: root mean square to bring the clip to, dB of full scale, as far as its peak allows; null leaves the
            step out.
    """

    denoise: float = 0.0
    silence: Literal["none", "energy", "silero"] = "none"
    margin: float = 0.1
    below_db: float = 40.0
    loudness: float | None = None

    def __post_init__(self) -> None:
        require(SHARE, **{"cleaning: denoise": self.denoise})
        require(Range(0, 10), **{"cleaning: margin": self.margin})
        require(Range(1, 120), **{"cleaning: below_db": self.below_db})
        require(Range(-80, 0), **{"cleaning: loudness": self.loudness})

    def identity(self) -> dict[str, Any]:
        """Return the fields and the versions of what does the work: all that the result depends on."""
        packages = (["noisereduce"] if self.denoise else []) + (["silero-vad"] if self.silence == "silero" else [])
        return {**asdict(self), "packages": {name: installed(name) for name in packages}}

    @staticmethod
    def of_identity(identity: Mapping[str, Any]) -> "CleaningRecipe":
        """Return the recipe behind an identity.

        Raises:
            ConfigError: it is of recordings that were cleaned in different ways.
        """
        fields = {key: value for key, value in identity.items() if key != "packages"}
        if "mixed" in fields:
            raise ConfigError("the recordings were cleaned in different ways", found=len(fields["mixed"]))
        return CleaningRecipe(**fields)


def cleaning_of(manifest: "Manifest") -> dict[str, Any] | None:
    """Return the identity of the recipe by which a manifest's recordings were cleaned, null where they were not.

    Recordings of a combined manifest that were cleaned in different ways have an identity `{"mixed": […]}`.
    """
    recipes = list(_recipes(manifest.metadata.history))
    distinct = [recipe for number, recipe in enumerate(recipes) if recipe not in recipes[:number]]
    if len(distinct) > 1:
        return {"mixed": distinct}
    return distinct[0] if distinct else None


def _recipes(history: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any] | None]:
    """Yield the recipe of every manifest that went into one with this history; the last cleaning counts."""
    cleaned = [step["recipe"] for step in history if step.get("step") == STEP]
    if cleaned:
        yield dict(cleaned[-1])
        return
    inputs = [one for step in history if step.get("step") == "combine" for one in step["inputs"]]
    for one in inputs:
        yield from _recipes(one["history"])
    if not inputs:
        yield None
