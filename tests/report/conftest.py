import json

import numpy as np
import pytest
import yaml
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tests.manifests import manifest_from
from vibespeaker.files import file_sha256
from vibespeaker.labels import CHALLENGE, OTHER
from vibespeaker.predictions import Predictions, PredictionsMetadata


class World:
    """A manifest of `count` utterances and runs over it, made of numbers alone.

    Predictions are noisy copies of the truth: a system's `skill` is the weight of the truth in them.
    """

    def __init__(self, folder, count=240, speakers=12, synthetic=True, splits=("test",), seed=0):
        rng = np.random.default_rng(seed)
        self.folder, self.count, self.rng = folder, count, rng
        self.classes = CHALLENGE.classes
        self.categories = rng.choice(8, count, p=[0.1, 0.1, 0.2, 0.05, 0.05, 0.05, 0.05, 0.4])
        self.attributes = np.clip(rng.normal(4, 1, (count, 3)), 1, 7)
        self.ids = [f"msp-podcast/{number:05d}" for number in range(count)]
        self.splits = [splits[number * len(splits) // count] for number in range(count)]
        named = [self.classes[index] for index in self.categories]
        named[0] = OTHER  # has attributes, but no class of the label set
        speaker_of = rng.integers(speakers, size=count)
        columns = {
            "corpus": "msp-podcast",
            "utterance_id": self.ids,
            "speaker": [f"msp-podcast/{number}" for number in speaker_of],
            "gender": ["female" if number % 2 else "male" for number in speaker_of],
            "split": self.splits,
            "category": named,
            "duration": rng.uniform(1, 11, count).tolist(),
            **{name: self.attributes[:, i].tolist() for i, name in enumerate(("arousal", "valence", "dominance"))},
        }
        self.manifest = folder / "manifest.parquet"
        manifest_from(columns, str(folder), synthetic=synthetic).write(self.manifest)
        self.synthetic = synthetic

    def predictions(self, system, skill=0.5, heads="both", provenance=None):
        truth = np.eye(8)[self.categories] * 4 * skill
        logits = truth + self.rng.normal(0, 1, truth.shape)
        attributes = np.clip(4 + skill * (self.attributes - 4) + self.rng.normal(0, 0.5, self.attributes.shape), 1, 7)
        metadata = PredictionsMetadata(
            "challenge",
            self.classes,
            system,
            manifest=file_sha256(self.manifest),
            synthetic=self.synthetic,
            provenance=provenance or {},
        )
        names = [f"{number:05d}.wav" for number in range(self.count)]
        return Predictions.build(
            self.ids,
            names,
            self.splits,
            logits if heads != "attributes" else None,
            attributes if heads != "categories" else None,
            metadata,
        )

    def config(self, alpha=0.5, beta=0.5, init_from=None, sigma=None, lr=2e-5, weights="InverseFrequency"):
        kind = "AttributeMSE" if sigma is None else "GaussianPenaltyMSE"
        terms = {
            "attributes": {
                "class_path": f"vibespeaker.losses.{kind}",
                "init_args": {} if sigma is None else {"sigma": sigma},
            },
            "categories": {
                "class_path": "vibespeaker.losses.CrossEntropy",
                "init_args": {"weighting": {"class_path": f"vibespeaker.losses.{weights}"}},
            },
        }
        loss = {"terms": terms, "weights": {"attributes": alpha, "categories": beta}}
        network = {
            "class_path": "vibespeaker.models.MultiEncoderModel",
            "init_args": {"pooling": {"class_path": "vibespeaker.models.AttentiveStatisticsPooling"}},
        }
        arguments = {"network": network, "loss": loss, "init_from": init_from}
        arguments["optimizer"] = {"class_path": "torch.optim.AdamW", "init_args": {"lr": lr}}
        model = {"class_path": "vibespeaker.tasks.EmotionTask", "init_args": arguments}
        return {"model": model, "data": {"init_args": {"manifest": str(self.manifest)}}}

    def run(self, name, skill=0.5, heads="both", epochs=12, **choices):
        """Write a run folder as training and prediction leave it."""
        folder = self.folder / "runs" / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(self.config(**choices)))
        record = {"vibespeaker": "0.1.0", "revision": "abc123", "python": "3.11", "packages": {"torch": "2.14.1"}}
        (folder / "run.json").write_text(json.dumps(record))
        self.predictions(name, skill, heads).write(folder / "predictions.parquet")
        writer = EventFileWriter(str(folder))
        for epoch in range(epochs):
            for tag, value in {"train/loss": 1 / (epoch + 1), "val/macro_f1": skill * epoch / 12, "lr": 1e-3}.items():
                event = Event(step=10 * epoch, wall_time=1000.0 + 60 * epoch)
                event.summary.value.add(tag=tag, simple_value=value)
                writer.add_event(event)
        writer.close()
        return folder


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture
def make_world(tmp_path):
    return lambda **options: World(tmp_path, **options)
