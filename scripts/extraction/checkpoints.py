"""Checkpoints of the real classes with random weights: the arithmetic of the published ones, without a download."""

from pathlib import Path

import torch

#: Width, layers and heads of Whisper's encoder by size, and its mels; `large` is large-v3.
WHISPER = {
    "tiny": (384, 4, 6, 80),
    "base": (512, 6, 8, 80),
    "small": (768, 12, 12, 80),
    "large": (1280, 32, 20, 128),
}
#: Width, layers and heads of WavLM by size, with the layer norms of WavLM-large; `large` is WavLM-large.
WAVLM = {"tiny": (384, 4, 6), "base": (512, 6, 8), "small": (768, 12, 12), "large": (1024, 24, 16)}


def write_whisper(folder: Path, size: str) -> Path:
    """Write a Whisper encoder of `size`, one of `WHISPER`, and return its folder."""
    from transformers import WhisperConfig, WhisperFeatureExtractor
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    width, layers, heads, mels = WHISPER[size]
    config = WhisperConfig(
        d_model=width,
        encoder_layers=layers,
        encoder_attention_heads=heads,
        encoder_ffn_dim=4 * width,
        num_mel_bins=mels,
    )
    torch.manual_seed(0)
    WhisperEncoder(config).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=mels).save_pretrained(folder)
    return folder


def write_wavlm(folder: Path, size: str) -> Path:
    """Write a WavLM of `size`, one of `WAVLM`, and return its folder."""
    from transformers import Wav2Vec2FeatureExtractor, WavLMConfig, WavLMModel

    width, layers, heads = WAVLM[size]
    config = WavLMConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
    )
    torch.manual_seed(0)
    WavLMModel(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    return folder
