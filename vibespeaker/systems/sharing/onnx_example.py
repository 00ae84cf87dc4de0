"""What the head of this model says of frames: needs onnxruntime and numpy alone.

python example.py [FRAMES.npz]

FRAMES.npz holds, for every encoder, NAME (clips, frames, dim), float32, padded with zeros, and NAME.lengths (clips,),
int64. frames.npz beside this file is one clip.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

HERE = Path(__file__).resolve().parent


def calibrated(logits: np.ndarray, calibration: dict[str, Any] | None) -> np.ndarray:
    """Return logits (clips, classes) as the model folder's calibration has them."""
    if not calibration or not calibration["categories"]:
        return logits
    scaled = logits * np.array(calibration["categories"]["scale"]) + np.array(calibration["categories"]["shift"])
    prior, target = calibration["prior"], calibration["target_prior"]
    return scaled if target is None else scaled + np.log(target) - np.log(prior)


def main() -> None:
    """Print each clip's probabilities and attributes."""
    config = json.loads((HERE / "config.json").read_text(encoding="utf-8"))
    session = onnxruntime.InferenceSession(HERE / "head.onnx", providers=["CPUExecutionProvider"])
    outputs = [output.name for output in session.get_outputs()]
    with np.load(sys.argv[1] if len(sys.argv) > 1 else HERE / "frames.npz") as frames:
        feed = {given.name: frames[given.name] for given in session.get_inputs()}
    found = dict(zip(outputs, session.run(outputs, feed), strict=True))
    if "logits" in found:
        logits = calibrated(found["logits"].astype(np.float64), config["calibration"])
        classes = config["provenance"]["classes"]
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        for clip in shares / shares.sum(axis=1, keepdims=True):
            print(", ".join(f"{name} {share:.4f}" for name, share in zip(classes, clip, strict=True)))
    for arousal, valence, dominance in found.get("attributes", ()):
        print(f"arousal {arousal:.2f}, valence {valence:.2f}, dominance {dominance:.2f} (not calibrated)")


if __name__ == "__main__":
    main()
