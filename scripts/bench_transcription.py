"""A fine-tuning step as TranscriptionTask takes it, beside Seq2SeqTrainer, and its cost at the size of large-v3-turbo.

    python scripts/bench_transcription.py                # the same tiny model, batch and weights: losses and times
    python scripts/bench_transcription.py --turbo 1 2    # steps with so many encoder layers, extrapolated to 32

Weights are random: losses prove that both compute the same, nothing else. Seconds are the processor's, of one thread.
Needs accelerate (extra dev).
"""

import argparse
import resource
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from vibespeaker.encoders.training import Training
from vibespeaker.transcribe.trainable import IGNORED, LayerDropout, TrainableWhisper

TEXTS = ("he was not an ill disposed young man", "he might even have been made amiable himself")
LANGUAGE = "en"
RATE = 0.01


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=8, help="steps of each")
    options.add_argument("--turbo", type=int, nargs=2, help="two numbers of encoder layers to measure")
    given = options.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), given.steps) if given.turbo is None else extrapolate(Path(folder), given.turbo)


def clips() -> list[torch.Tensor]:
    random = np.random.default_rng(0)
    return [torch.from_numpy(random.normal(0, 0.1, 48_000 + 8_000 * row).astype(np.float32)) for row in range(2)]


def compare(folder: Path, steps: int) -> None:
    from tests.checkpoints import build_whisper

    torch.manual_seed(0)
    build_whisper(folder / "whisper", longest=60, max_target_positions=80, init_std=0.05)
    audio, texts = clips(), list(TEXTS)
    own_times, times = [], []
    for _ in range(3):  # in turn, since a machine's pace changes
        ours, seconds = _ours(folder / "whisper", audio, texts, steps)
        own_times += seconds
        theirs, seconds = _theirs(folder / "whisper", audio, texts, steps)
        times += seconds
    apart = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    own, other = float(np.median(own_times)), float(np.median(times))
    print(f"losses of {steps} steps: {ours[0]:.6f} to {ours[-1]:.6f}, largest difference {apart:.1e}")
    print(f"before and after one step: {abs(ours[0] - theirs[0]):.1e}, {abs(ours[1] - theirs[1]):.1e}")
    print(f"median step: {own * 1e3:.0f} ms, Seq2SeqTrainer {other * 1e3:.0f} ms, ratio {other / own:.2f}")


def _ours(folder: Path, audio: list[torch.Tensor], texts: list[str], steps: int) -> tuple[list[float], list[float]]:
    whisper = TrainableWhisper(str(folder), Training("all"), LayerDropout()).train()
    # Adam would turn the rounding of gradients that are nearly zero into whole steps
    optimizer = torch.optim.SGD([w for w in whisper.parameters() if w.requires_grad], lr=RATE)
    losses, times = [], []
    for _ in range(steps):
        began = time.process_time()
        summed, counts = whisper(audio, texts, [LANGUAGE] * len(texts))
        loss = summed.sum() / counts.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        times.append(time.process_time() - began)
        losses.append(float(loss.detach()))
    return losses, times


def _theirs(folder: Path, audio: list[torch.Tensor], texts: list[str], steps: int) -> tuple[list[float], list[float]]:
    from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerCallback, WhisperForConditionalGeneration

    whisper = TrainableWhisper(str(folder), Training("all"), LayerDropout())  # its tokens and its extractor alone
    losses, times = [], []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: object, **__: object) -> None:
            now = time.process_time()  # from one step's end to the next, with the making of the batch, as above
            times.extend([now - self.before] if hasattr(self, "before") else [])
            self.before = now

    class Recorded(Seq2SeqTrainer):
        def compute_loss(self, *arguments: object, **keywords: object) -> torch.Tensor:
            loss = super().compute_loss(*arguments, **keywords)
            losses.append(float(loss.detach()))  # what it logs is rounded
            return loss

    def collate(rows: list[int]) -> dict[str, torch.Tensor]:
        labels = [torch.tensor(whisper.tokens(texts[row], LANGUAGE)) for row in rows]
        heard = whisper.extractor([audio[row].numpy() for row in rows], sampling_rate=16_000, return_tensors="pt")
        return {
            "input_features": heard.input_features,
            "labels": torch.nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=IGNORED),
        }

    arguments = Seq2SeqTrainingArguments(
        output_dir=str(folder / "trainer"),
        per_device_train_batch_size=len(texts),
        max_steps=steps,
        learning_rate=RATE,
        optim="sgd",
        lr_scheduler_type="constant",
        max_grad_norm=0.0,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        remove_unused_columns=False,
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )
    with warnings.catch_warnings(action="ignore"):
        model = WhisperForConditionalGeneration.from_pretrained(folder)
        dataset = torch.utils.data.Subset([*range(len(texts))], range(len(texts)))
        Recorded(model, arguments, data_collator=collate, train_dataset=dataset, callbacks=[Clock()]).train()
    return losses, times


def extrapolate(folder: Path, layers: list[int]) -> None:
    from tests.checkpoints import build_whisper

    sizes = {"d_model": 1280, "encoder_attention_heads": 20, "decoder_attention_heads": 20, "max_target_positions": 448}
    sizes |= {"encoder_ffn_dim": 5120, "decoder_ffn_dim": 5120, "decoder_layers": 4, "init_std": 0.02}
    seconds, weights = [], []
    for count in layers:
        build_whisper(folder / str(count), mels=128, longest=60, encoder_layers=count, **sizes)
        _, times = _ours(folder / str(count), clips(), list(TEXTS), 2)
        whisper = TrainableWhisper(str(folder / str(count)), Training("all"), LayerDropout())
        seconds.append(min(times))
        weights.append(sum(weight.numel() for weight in whisper.parameters()))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        size = f"{weights[-1] / 1e6:.0f} M weights"
        print(f"{count} encoder layers: {size}, {seconds[-1]:.1f} s a step, peak {peak:.1f} GiB")
    slope = (seconds[1] - seconds[0]) / (layers[1] - layers[0])
    whole = weights[0] + (32 - layers[0]) * (weights[1] - weights[0]) / (layers[1] - layers[0]) + 51_600 * 1280
    print(f"extrapolated to 32: {seconds[0] + (32 - layers[0]) * slope:.0f} s of one core a step of 2 clips")
    print(f"weights, gradients and AdamW in float32: {16 * whole / 2**30:.1f} GiB of {whole / 1e6:.0f} M weights")


if __name__ == "__main__":
    main()
