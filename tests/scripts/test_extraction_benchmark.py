"""The benchmark of extraction: its operations are those that torch counts, and it runs."""

import sys
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

import bench_extraction
from extraction import machine
from extraction.flops import wavlm_flops, whisper_flops

from vibespeaker.encoders import SpeechEncoder, WhisperEncoder


def counted(run) -> int:
    # the plain kernel, whose products the counter sees
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.inference_mode():
        run()
    return counter.get_total_flops()


@pytest.mark.parametrize("kind", ["whisper", "whisper-128"])
@pytest.mark.parametrize("mel_frames", [3000, 482])
def test_operations_of_whisper(tiny_checkpoint, kind: str, mel_frames: int) -> None:
    encoder = WhisperEncoder(str(tiny_checkpoint(kind)))
    mels = torch.randn(2, encoder.network.config.num_mel_bins, mel_frames)
    assert counted(lambda: encoder._run(mels, None)) == 2 * whisper_flops(encoder.network.config, mel_frames)


@pytest.mark.parametrize("samples", [400, 16_000, 23_456])
def test_operations_of_wavlm(tiny_checkpoint, samples: int) -> None:
    encoder = SpeechEncoder(str(tiny_checkpoint("wavlm")))
    clips = [torch.randn(samples), torch.randn(samples)]
    assert counted(lambda: encoder(clips)) == 2 * wavlm_flops(encoder.network.config, samples)


@pytest.mark.slow
def test_it_runs_without_a_gpu(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "REPEATS", 1)
    options = ["--device", "cpu", "--size", "tiny", "--clips", "3", "--batch-seconds", "20", "--matrix", "256"]
    bench_extraction.main([*options, "--copy-mb", "8", "--mean-seconds", "1.0"])
    shown = " ".join(capsys.readouterr().out.split())
    for word in ("matrix product", "whisper", "wavlm", "of peak", "clips/s", "119,421 clips", "between / beside"):
        assert word in shown
