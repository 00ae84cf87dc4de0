"""Parameters, multiplications and seconds per clip of the published systems at full size, with random weights.

python scripts/bench_costs.py [SYSTEM …]

Networks of transformers are made from their configs' published sizes, without checkpoints: weights are random, which
changes neither number. A clip has three seconds and sixteen tokens; encoders and network answer it on one thread, the
median of five times, in processor seconds. Multiply-accumulates are torch's count in convolutions, products and
attention. All systems together take about two minutes on one idle core.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vibespeaker.batch import Frames
from vibespeaker.encoders import HandcraftedFrames, HandcraftedMeans, ImageEncoder, MelPictures
from vibespeaker.models import BiLSTM, CNN1d, Concatenation, EmotionModel, FeatureCNN, MeanProbability, SpectrogramCNN

SECONDS, TOKENS, CLASSES, VOCABULARY = 3, 16, 7, 50_265
Make = Callable[[], tuple[dict[str, Any], EmotionModel]]


def speech(kind: str) -> nn.Module:
    import transformers

    made: nn.Module = getattr(transformers, f"{kind}Model")(getattr(transformers, f"{kind}Config")())
    return made.eval()


def text(kind: str, vocabulary: int) -> nn.Module:
    import transformers

    config = getattr(transformers, f"{kind}Config")(vocab_size=vocabulary, max_position_embeddings=514)
    made: nn.Module = getattr(transformers, f"{kind}Model")(config, add_pooling_layer=False)
    return made.eval()


def head(dims: dict[str, int], **settings: Any) -> EmotionModel:
    return Concatenation(dims, CLASSES, heads=["categories"], **settings)


def embeddings() -> nn.Module:
    return nn.Embedding(VOCABULARY, 128)


def narrow(dim: int) -> FeatureCNN:
    return FeatureCNN(dim, (64, 64, 32, 32, 16), dense=64)


def multimodal(*names: str) -> tuple[dict[str, Any], EmotionModel]:
    makers: dict[str, Callable[[], Any]] = {
        "wavlm": lambda: speech("WavLM"), "roberta": lambda: text("Roberta", VOCABULARY), "picture": MelPictures,
    }  # fmt: skip
    dims = {name: 128 if name == "picture" else 768 for name in names}
    network = head(dims, poolings={"picture": SpectrogramCNN}, hidden=[512], dropout=0.3)
    return {name: makers[name]() for name in names}, network


def image(architecture: Any) -> tuple[dict[str, Any], EmotionModel]:
    encoder = ImageEncoder(architecture)
    return {"x": encoder}, head({"x": encoder.dim})


def blocks() -> tuple[dict[str, Any], EmotionModel]:
    return {"x": ImageEncoder("mobilenet_v2", picture="blocks")}, MeanProbability(
        {"x": 1280}, CLASSES, heads=["categories"]
    )


SYSTEMS: dict[str, Make] = {
    "cnn1d": lambda: ({"x": HandcraftedMeans()}, head({"x": 94}, pooling=CNN1d)),
    "features2376": lambda: ({"x": HandcraftedFrames()}, head({"x": 2376}, pooling=FeatureCNN)),
    "features2376-narrow": lambda: ({"x": HandcraftedFrames()}, head({"x": 2376}, pooling=narrow)),
    "text-bilstm": lambda: ({"tokens": embeddings()}, head({"tokens": 128}, pooling=BiLSTM)),
    "text-roberta": lambda: ({"roberta": text("Roberta", VOCABULARY)}, head({"roberta": 768})),
    "resnet18": lambda: image("resnet18"),
    "resnet50": lambda: image("resnet50"),
    "resnet152": lambda: image("resnet152"),
    "mobilenet-plain-plain": blocks,
    "wavlm-gelu": lambda: ({"wavlm": speech("WavLM")}, head({"wavlm": 768}, hidden=[256], activation="gelu")),
    "hubert-frozen": lambda: ({"hubert": speech("Hubert")}, head({"hubert": 768})),
    "hubert-bert": lambda: (
        {"hubert": speech("Hubert"), "bert": text("Bert", 30_522)}, head({"hubert": 768, "bert": 768})
    ),
    "multimodal-audio": lambda: multimodal("wavlm"),
    "multimodal-audio-text": lambda: multimodal("wavlm", "roberta"),
    "multimodal": lambda: multimodal("wavlm", "roberta", "picture"),
}  # fmt: skip


def frames_of(encoder: Any, clip: Tensor, tokens: Tensor) -> Frames:
    """Return one clip's frames of an encoder of this package, or of a bare network of transformers."""
    if isinstance(encoder, nn.Embedding):
        values = encoder(tokens)
    elif hasattr(encoder, "modality"):
        return encoder([clip])
    elif encoder.main_input_name == "input_ids":
        values = encoder(input_ids=tokens).last_hidden_state
    else:
        values = encoder(clip[None]).last_hidden_state
    return Frames(values, torch.tensor([values.shape[1]]))


@torch.no_grad()
def measure(make: Make, repeats: int) -> tuple[int, float, float]:
    """Return parameters, multiply-accumulates and median seconds of one clip."""
    encoders, network = make()
    network.eval()
    clip, tokens = torch.randn(SECONDS * 16_000) * 0.1, torch.randint(5, 1000, (1, TOKENS))

    def answer() -> None:
        network({name: frames_of(encoder, clip, tokens) for name, encoder in encoders.items()})

    counter = FlopCounterMode(display=False)
    with counter:
        answer()
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        answer()
        taken.append(time.process_time() - start)
    modules = [network, *encoders.values()]
    count = sum(weight.numel() for module in modules for weight in module.parameters())
    return count, counter.get_total_flops() / 2, statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("systems", nargs="*", default=list(SYSTEMS), metavar="SYSTEM", help=", ".join(SYSTEMS))
    parser.add_argument("--repeats", type=int, default=5, help="times that a clip is answered")
    options = parser.parse_args()
    if unknown := set(options.systems) - set(SYSTEMS):
        raise SystemExit(f"no such system: {', '.join(sorted(unknown))}; there are {', '.join(SYSTEMS)}")
    torch.set_num_threads(1)
    print("| system | parameters | multiply-accumulates | seconds per clip |\n|---|---|---|---|")
    for name in options.systems:
        count, operations, seconds = measure(SYSTEMS[name], options.repeats)
        print(f"| `{name}` | {count:,} | {operations / 1e9:.2f} G | {seconds:.3f} |", flush=True)


if __name__ == "__main__":
    main()
