"""What measures sound does so in float32, whatever the networks around it compute in."""

import pytest
import torch

from vibespeaker.encoders import AcousticDescriptors, AcousticFunctionals, HandcraftedMeans, ImageEncoder, MelPictures
from vibespeaker.encoders.base import Encoder


@pytest.mark.parametrize("make", [AcousticDescriptors, AcousticFunctionals, HandcraftedMeans, MelPictures])
def test_encoders_without_weights_measure_the_same_under_autocast(make: type[Encoder]) -> None:
    torch.manual_seed(0)
    clips = [torch.randn(16_000) / 10, torch.randn(9_000) / 10]
    whole = make().encode(clips).values
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(make().encode(clips).values, whole, rtol=0, atol=0)


@pytest.mark.parametrize("picture", ["mel", "blocks"])
def test_pictures_are_the_same_under_autocast(picture: str) -> None:
    encoder = ImageEncoder("mobilenet_v2", picture=picture, size=32)
    seen: list[torch.Tensor] = []
    encoder.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    clip = torch.randn(20_000, generator=torch.Generator().manual_seed(0)) / 10
    encoder.encode([clip])
    with torch.autocast("cpu", torch.bfloat16):
        encoder.encode([clip])
    torch.testing.assert_close(seen[1], seen[0], rtol=0, atol=0)
