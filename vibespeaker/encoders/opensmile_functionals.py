"""openSMILE's standard feature sets, one frame per clip: what published classical systems are compared by."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder
from vibespeaker.errors import ConfigError
from vibespeaker.provenance import Fingerprint, Modality
from vibespeaker.utterance import SAMPLE_RATE

FeatureSet = Literal["ComParE_2016", "eGeMAPSv02"]
_DIMS = {"ComParE_2016": 6373, "eGeMAPSv02": 88}
#: Samples that every functional is defined for; shorter clips are followed by silence.
_SHORTEST = SAMPLE_RATE // 2
#: Changes whenever the numbers change; part of the fingerprint.
_VERSION = 1


class OpenSmileFunctionals(Encoder):
    """Functionals of a standard feature set of openSMILE (Eyben et al. 2010); it needs the extra `opensmile`.

    They are as they come, of any scale: store them as float32. A functional that is undefined, such as the slope of
    pitch where nothing is voiced, counts as 0.

    Args:
        feature_set: `ComParE_2016`, 6373 values (Weninger et al. 2013), or `eGeMAPSv02`, 88 (Eyben et al. 2016).

    Raises:
        ConfigError: there is no such feature set, or openSMILE is not installed.
    """

    modality: Modality = "audio"
    frames_per_second = None  # one per clip, whatever its length

    def __init__(self, feature_set: FeatureSet = "ComParE_2016") -> None:
        super().__init__()
        if feature_set not in _DIMS:
            raise ConfigError("unknown feature set of openSMILE", found=feature_set, allowed=get_args(FeatureSet))
        self.feature_set, self.dim = feature_set, _DIMS[feature_set]
        _ = self._extractor

    @cached_property
    def _extractor(self) -> Any:
        try:
            import opensmile
        except ImportError as error:
            raise ConfigError(
                "encoder OpenSmileFunctionals needs openSMILE, which is not installed",
                remedy="pip install 'vibespeaker[opensmile]'",
            ) from error
        return opensmile.Smile(opensmile.FeatureSet[self.feature_set], opensmile.FeatureLevel.Functionals)

    def __getstate__(self) -> dict[str, Any]:
        # the extractor holds a library's handles; each process makes its own
        return {key: value for key, value in self.__dict__.items() if key != "_extractor"}

    def fingerprint(self) -> Fingerprint:
        """Return class, version, feature set and openSMILE's version; there are no weights."""
        import opensmile

        settings = json.dumps({"feature_set": self.feature_set, "opensmile": opensmile.__version__}, sort_keys=True)
        return Fingerprint({"class": "OpenSmileFunctionals", "version": str(_VERSION), "preprocessing": settings})

    def feature_names(self) -> tuple[str, ...]:
        """Return openSMILE's own names."""
        return tuple(map(str, self._extractor.feature_names))

    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Describe waveforms, each `(samples,)` at 16 kHz: `(1, dim)` each."""
        rows = []
        for clip in inputs:
            samples = torch.as_tensor(clip).detach().cpu().to(torch.float32).numpy()
            samples = np.pad(samples, (0, max(0, _SHORTEST - len(samples))))
            values = self._extractor.process_signal(samples, SAMPLE_RATE).to_numpy(np.float32)[0]
            rows.append(np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0))
        values = torch.from_numpy(np.stack(rows))
        return Frames(values[:, None], torch.ones(len(values), dtype=torch.int64))
