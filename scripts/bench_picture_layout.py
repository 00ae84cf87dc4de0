"""A training step of networks over pictures, a pixel's channels side by side against channels in planes of their own.

python scripts/bench_picture_layout.py [--repeats 8]

Both sides begin with the same weights and learn from the same random pictures, step by step in turn, on one thread, in
float32 and in bfloat16; processor time, medians. It says how far their answers are apart before the first step, too.
"""

import argparse
import statistics
import time

import torch
from torch import Tensor, nn

from vibespeaker.batch import Frames
from vibespeaker.encoders import ImageEncoder
from vibespeaker.models import SpectrogramCNN

#: Network → its pictures.
PICTURES = {"SpectrogramCNN": (8, 128, 128), "resnet18": (16, 3, 224, 224), "mobilenet_v2": (16, 3, 224, 224)}


class Picturing(nn.Module):
    """A network over pictures, its weights laid out in one way or the other."""

    def __init__(self, name: str, side_by_side: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.network = SpectrogramCNN(128) if name == "SpectrogramCNN" else ImageEncoder(name).network
        self.network.requires_grad_(True).train()
        self.network.to(memory_format=torch.channels_last if side_by_side else torch.contiguous_format)

    def forward(self, pictures: Tensor) -> Tensor:
        """Map pictures to `(pictures, dim)`."""
        if isinstance(self.network, SpectrogramCNN):
            return self.network(Frames(pictures, torch.full((len(pictures),), pictures.shape[1])))
        features: Tensor = self.network(pictures).pooler_output
        return features.flatten(1)


def step(network: Picturing, optimizer: torch.optim.Optimizer, pictures: Tensor, half: bool) -> float:
    """Return the processor time of one step."""
    start = time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = network(pictures).float().square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, shape in PICTURES.items():
        pictures = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        for half in (False, True):
            networks = [Picturing(name, side_by_side) for side_by_side in (False, True)]
            with torch.no_grad():
                apart = float((networks[0](pictures) - networks[1](pictures)).abs().max())
            optimizers = [torch.optim.AdamW(network.parameters(), lr=1e-4) for network in networks]
            pairs = list(zip(networks, optimizers, strict=True))
            times = [[step(*pair, pictures, half) for pair in pairs] for _ in range(options.repeats + 1)][1:]
            planes, beside = (statistics.median(side) for side in zip(*times, strict=True))
            kind = "bfloat16" if half else "float32"
            print(
                f"{name}, {kind}: {planes / beside:.2f} times as fast ({1000 * beside / len(pictures):.1f} ms a picture "
                f"for {1000 * planes / len(pictures):.1f}); float32 answers differ by {apart:.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
