"""A training step of convolutional networks with a value's channels side by side in memory, against planes of channels.

python scripts/bench_layout.py [--repeats 8]

Networks over pictures have the same layers on both sides; `FeatureCNN`, at an eighth of its widths, stands beside the
same in one dimension with pooling behind ReLU, as it is written down. Both sides begin with the same weights and learn
from the same random inputs, a step of one and a step of the other in turn, on one thread, in float32 and in bfloat16;
processor time, medians. It also says how far their answers are apart before the first step.
"""

import argparse
import statistics
import time

import torch
from torch import Tensor, nn

from vibespeaker.batch import Frames
from vibespeaker.encoders import ImageEncoder
from vibespeaker.models import FeatureCNN, SpectrogramCNN

CHANNELS, KERNELS, DENSE = (64, 64, 32, 32, 16), (5, 5, 5, 3, 3), 64
#: Network → its inputs.
INPUTS = {
    "SpectrogramCNN": (8, 128, 128),
    "resnet18": (16, 3, 224, 224),
    "mobilenet_v2": (16, 3, 224, 224),
    "FeatureCNN": (64, 1, 2376),
}


class Plain(nn.Module):
    """`FeatureCNN` without dropout as its docstring has it."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before, length = 1, dim
        for width, kernel in zip(CHANNELS, KERNELS, strict=True):
            layers += [nn.Conv1d(before, width, kernel, padding=kernel // 2), nn.BatchNorm1d(width), nn.ReLU()]
            layers += [nn.MaxPool1d(kernel, stride=2, padding=kernel // 2)]
            before, length = width, -(-length // 2)
        self.convolutions = nn.Sequential(*layers)
        self.dense, self.norm = nn.Linear(before * length, DENSE), nn.BatchNorm1d(DENSE)

    def forward(self, values: Tensor) -> Tensor:
        """Map `(batch, 1, dim)` to `(batch, DENSE)`."""
        hidden: Tensor = self.norm(self.dense(self.convolutions(values).flatten(1)))
        return hidden.relu()


class Laid(nn.Module):
    """A network, laid out in one way or the other."""

    def __init__(self, name: str, beside: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        dim = INPUTS[name][-1]
        self.network: nn.Module
        if name == "FeatureCNN":
            self.network = FeatureCNN(dim, CHANNELS, KERNELS, DENSE, dropout=0) if beside else Plain(dim)
        else:
            self.network = SpectrogramCNN(dim) if name == "SpectrogramCNN" else ImageEncoder(name).network
            self.network.to(memory_format=torch.channels_last if beside else torch.contiguous_format)
        self.network.requires_grad_(True).train()

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs to `(inputs, dim)`."""
        if isinstance(self.network, SpectrogramCNN):
            inputs = Frames(inputs, torch.full((len(inputs),), inputs.shape[1]))
        ran = self.network.move if isinstance(self.network, FeatureCNN) else self.network
        made = ran(inputs)
        return made if isinstance(made, Tensor) else made.pooler_output.flatten(1)


def step(network: Laid, optimizer: torch.optim.Optimizer, inputs: Tensor, half: bool) -> float:
    """Return the processor time of one step in milliseconds per input."""
    start = time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss = network(inputs).float().square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return 1000 * (time.process_time() - start) / len(inputs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=8)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, shape in INPUTS.items():
        inputs = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        for half in (False, True):
            networks = [Laid(name, beside) for beside in (False, True)]
            with torch.no_grad():
                apart = float((networks[0](inputs) - networks[1](inputs)).abs().max())
            optimizers = [torch.optim.AdamW(network.parameters(), lr=1e-4) for network in networks]
            pairs = list(zip(networks, optimizers, strict=True))
            times = [[step(*pair, inputs, half) for pair in pairs] for _ in range(options.repeats + 1)][1:]
            planes, beside = (statistics.median(side) for side in zip(*times, strict=True))
            print(
                f"{name}, {'bfloat16' if half else 'float32'}: {planes / beside:.2f} times as fast ({beside:.1f} ms an "
                f"input for {planes:.1f}); float32 answers differ by {apart:.1e}",
                flush=True,
            )


if __name__ == "__main__":
    main()
