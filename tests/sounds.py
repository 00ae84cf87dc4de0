"""Sounds made in code: some that change as speech does, and some that do not."""

import numpy as np

RATE = 16_000


def speech_like(seconds: float, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """Noise through another random filter every 0.15 s: a detector of speech takes it for speech, nobody else would."""
    random = np.random.default_rng(seed)
    size, length = round(seconds * rate), round(0.15 * rate)
    pieces = []
    for _ in range(-(-size // length)):
        spectrum = np.fft.rfft(random.normal(size=length))
        places = np.linspace(0, len(spectrum), 9)
        gains_db = np.interp(np.arange(len(spectrum)), places, random.uniform(-40, 0, 9))
        pieces.append(np.fft.irfft(spectrum * 10 ** (gains_db / 20), length))
    samples = np.concatenate([*pieces, np.zeros(1)])[:size] if pieces else np.zeros(0)
    return (0.3 * samples / max(1e-9, np.abs(samples).max(initial=0.0))).astype(np.float32)


def without_speech(seconds: float = 2.0) -> dict[str, np.ndarray]:
    """Return sounds by name that nobody takes for speech."""
    random = np.random.default_rng(0)
    time = np.arange(round(seconds * RATE)) / RATE
    white = random.normal(scale=0.1, size=len(time))
    tone = 0.3 * np.sin(2 * np.pi * 440 * time)
    dialled = [(697, 1209), (770, 1336), (852, 1477), (941, 1336)]
    digits = [0.2 * sum(np.sin(2 * np.pi * f * time[: RATE // 5]) for f in pair) for pair in dialled * 3]
    sounds = {
        "zeros": np.zeros(len(time)),
        "offset": np.full(len(time), 0.3),
        "dither": random.integers(-1, 2, len(time)) / 2**15,
        "two steps of dither": random.integers(-2, 3, len(time)) / 2**15,
        "tone": tone,
        "low tone": 0.3 * np.sin(2 * np.pi * 100 * time),
        "tone, louder and softer": tone * (1 + np.sin(2 * np.pi * 4 * time)) / 2,
        "beeps": tone * (time * 2 % 1 < 0.5),
        "dialling": np.concatenate(digits),
        "sweep": 0.3 * np.sin(2 * np.pi * (100 * time + 600 * time**2)),
        "hum": sum(0.1 / k * np.sin(2 * np.pi * 50 * k * time) for k in range(1, 20)),
        "square": 0.3 * np.sign(np.sin(2 * np.pi * 200 * time)),
        "white noise": white,
        "white noise, louder and softer": white * (1 + np.sin(2 * np.pi * 4 * time)) / 2,
        "brown noise": 0.003 * np.cumsum(white - white.mean()),
        "clicks": 0.5 * (np.arange(len(time)) % 4_000 == 0),
        "one sample": np.array([0.2]),
    }
    return {name: np.asarray(samples, np.float32) for name, samples in sounds.items()}
