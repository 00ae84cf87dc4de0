"""Floating-point operations of the encoders' forward passes, two a multiplication with its addition.

Counted are convolutions, matrix products and attention's two products, as `torch.utils.flop_counter` does (and a test
compares with it); norms, activations and softmax are some per mille. For a transformer layer of width d with an inner
width f over T frames that is

    8·d²·T (query, key, value, output) + 4·d·T² (scores and their values) + 4·d·f·T (feed-forward)

Padding counts for nothing here: what is computed for it is lost.
"""

from typing import Any

#: Mel frames of 30 s.
WINDOW_MELS = 3000


def whisper_flops(config: Any, mel_frames: int = WINDOW_MELS) -> int:
    """Return the operations of Whisper's encoder on one window.

    Args:
        config: a `WhisperConfig`.
        mel_frames: what is fed, even; 30 s by default.
    """
    width, frames = config.d_model, mel_frames // 2
    stem = 2 * 3 * config.num_mel_bins * width * mel_frames + 2 * 3 * width * width * frames
    return stem + config.encoder_layers * _layer(width, config.encoder_ffn_dim, frames)


def wavlm_flops(config: Any, samples: int) -> int:
    """Return the operations of a WavLM of the large kind on one clip.

    Beside the layers: the convolutions of the waveform, the projection of their features, the grouped convolution that
    identifies positions, and the gates of the relative position bias, eight values per head.

    Args:
        config: a `WavLMConfig`.
        samples: length of the clip.
    """
    total, channels, frames = 0, 1, samples
    for width, kernel, stride in zip(config.conv_dim, config.conv_kernel, config.conv_stride, strict=True):
        frames = (frames - kernel) // stride + 1
        total += 2 * kernel * channels * width * frames
        channels = width
    width = config.hidden_size
    total += 2 * channels * width * frames
    kernel, groups = config.num_conv_pos_embeddings, config.num_conv_pos_embedding_groups
    positions = frames + 1 - kernel % 2  # an even kernel gives one more, which is cut off again
    total += 2 * kernel * (width // groups) * width * positions
    gates = 2 * 8 * width * frames
    return total + config.num_hidden_layers * (_layer(width, config.intermediate_size, frames) + gates)


def _layer(width: int, inner: int, frames: int) -> int:
    return 8 * width * width * frames + 4 * width * frames * frames + 4 * width * inner * frames
