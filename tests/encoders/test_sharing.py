"""What several encoders start from is made once for a batch, and nothing is kept."""

import torch

from tests.encoders.test_functionals import harmonic, noise
from vibespeaker.encoders import AcousticDescriptors, Rocket
from vibespeaker.encoders.sharing import made_once, shared_results


def test_descriptors_are_made_once_and_are_the_same(monkeypatch):
    described = []
    plain = AcousticDescriptors._describe
    monkeypatch.setattr(AcousticDescriptors, "_describe", lambda self, clip: described.append(1) or plain(self, clip))
    clips = [harmonic(150), noise(9_000)]
    encoders = [AcousticDescriptors(64, 0, True, frames_per_second=50, trim_db=40), Rocket(10), AcousticDescriptors(40)]
    apart = [encoder(clips).values for encoder in encoders]
    assert len(described) == 6
    described.clear()
    with shared_results():
        together = [encoder(clips).values for encoder in encoders]
    assert len(described) == 4
    assert all(torch.equal(*pair) for pair in zip(apart, together, strict=True))


def test_another_waveform_and_another_batch_are_made_anew():
    made = []
    clip = torch.arange(10.0)
    with shared_results():
        for waveform in (clip, clip, clip[:5], clip[2:], clip.double()):
            made_once(waveform, "sum", lambda waveform: made.append(1) or waveform.sum())
        made_once(clip, "mean", lambda waveform: made.append(1) or waveform.mean())
    assert len(made) == 5
    with shared_results():
        made_once(clip, "sum", lambda waveform: made.append(1) or waveform.sum())
    assert len(made) == 6
