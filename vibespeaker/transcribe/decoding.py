"""How a Whisper turns windows into texts: beam search, sampling, times, and how sure it was.

Sampling is that of Radford et al. 2022 (section 4.5): a window whose text looks made up is decoded again at
temperatures of .2 to 1 until one passes. Each window draws from a generator of its own, seeded by its samples, so that
its text depends on no other window.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vibespeaker.encoders.checkpoints import quiet_transformers
from vibespeaker.transcribe.base import Segment, Waveform

TEMPERATURES = (0.2, 0.4, 0.6, 0.8, 1.0)
_WINDOW_SECONDS = 30.0


@dataclass(frozen=True)
class Decoded:
    """What a Whisper said in a window.

    Args:
        tokens: that it said, those of language and task in front, up to the end.
        log_probability: mean over the tokens that were chosen, the end among them; NaN where it was not asked for.
    """

    tokens: tuple[int, ...]
    log_probability: float


def decode(
    network: Any,
    features: Tensor,
    mask: Tensor,
    options: dict[str, Any],
    *,
    beams: int = 1,
    times: bool = False,
    scored: bool = False,
    temperature: float = 0.0,
) -> list[Decoded]:
    """Return what is said in windows.

    Args:
        network: a Whisper.
        features: `(windows, mels, 3000)`.
        mask: `(windows, 3000)`, 1 on frames that are real.
        options: of `whisper.generation_options`.
        beams: width of the search at temperature 0.
        times: whether tokens of times are said, too.
        scored: whether the log-probability is wanted.
        temperature: 0 searches; above it tokens are drawn by torch's default generator.
    """
    with quiet_transformers():
        found = network.generate(
            features.to(network.device, network.dtype),
            attention_mask=mask.to(network.device),
            **(_drawing(temperature) if temperature else {"num_beams": beams, "do_sample": False}),
            return_timestamps=times,
            return_dict_in_generate=True,
            output_scores=scored,
            force_unique_generate_call=True,  # a window at a time: they were cut already
            **options,
        )
    means = log_probabilities(network, found, temperature or 1.0) if scored else [float("nan")] * len(features)
    end = network.config.eos_token_id
    sequences = (row.tolist() for row in found["sequences"])
    return [Decoded(_up_to(tokens, end), mean) for tokens, mean in zip(sequences, means, strict=True)]


def sample(
    window: Waveform, temperature: float, device: torch.device, decoder: Callable[..., list[Decoded]]
) -> Decoded:
    """Return what a window's own generator draws.

    Args:
        window: `(samples,)`, whose content seeds the generator.
        temperature: above 0.
        device: whose generator draws.
        decoder: takes `temperature`, and decodes this window alone.
    """
    digest = hashlib.sha256(f"{temperature} ".encode() + window.tobytes()).digest()
    with torch.random.fork_rng([device] if device.type == "cuda" else ()):
        torch.manual_seed(int.from_bytes(digest[:8]))
        (found,) = decoder(temperature=temperature)
    return found


def log_probabilities(network: Any, found: Any, temperature: float = 1.0) -> list[float]:
    """Return the mean log-probability of each window's tokens, the end among them, before a temperature changed it.

    Args:
        network: a Whisper.
        found: what `generate` returned, with `sequences` and `scores`.
        temperature: by which it divided the scores.
    """
    if found.get("sequences_scores") is not None:  # of beams: the mean already
        return [float(score) for score in found["sequences_scores"]]
    scores = tuple(score * temperature for score in found["scores"])
    # (windows, steps): behind the end there is padding
    steps = network.compute_transition_scores(found["sequences"], scores, normalize_logits=True)
    said = found["sequences"][:, -steps.shape[1] :] != network.config.eos_token_id
    counted = torch.cat([torch.ones_like(said[:, :1]), said.cumprod(1).bool()[:, :-1]], dim=1)
    sums = steps.masked_fill(~counted, 0.0).float().sum(1)
    return [float(mean) for mean in sums / counted.sum(1)]


def segments_of(
    tokens: Sequence[int], first_time: int, step: float, duration: float, text_of: Callable[[list[int]], str]
) -> tuple[Segment, ...]:
    """Return what stands between tokens of times; what has no end goes up to that of the window.

    Args:
        tokens: of a window.
        first_time: the token of 0 s; those behind it are later by a step each.
        step: seconds.
        duration: of the window, seconds; times behind it are set to it.
        text_of: from tokens to words with one blank between them.
    """
    found, start, said = [], 0.0, list[int]()
    for token in [*tokens, first_time + round(_WINDOW_SECONDS / step)]:
        if token < first_time:
            said.append(token)
            continue
        time = min((token - first_time) * step, duration)
        if text := text_of(said):
            found.append(Segment(text, start, max(start, time)))
        start, said = time, []
    return tuple(found)


def time_step(network: Any) -> float:
    """Return the seconds from one token of time to the next."""
    return _WINDOW_SECONDS / int(network.config.max_source_positions)


def _drawing(temperature: float) -> dict[str, Any]:
    """Return what of `generate` draws from all tokens; on its own it would draw from the fifty most probable."""
    return {"num_beams": 1, "do_sample": True, "temperature": temperature, "top_k": 0}


def _up_to(tokens: list[int], end: int) -> tuple[int, ...]:
    """Return tokens up to the first end behind what was given; some models begin with their end token."""
    last = next((at for at, token in enumerate(tokens) if token == end and at), len(tokens))
    return tuple(tokens[:last])
