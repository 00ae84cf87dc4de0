"""What TensorBoard shows on request: the clips that were answered worst, and the embeddings."""

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.tasks.conftest import Run
from tests.toy import Toy
from vibespeaker.batch import NO_CATEGORY, EmotionBatch, EmotionOutput
from vibespeaker.tasks.callbacks.worst_clips import costs_of
from vibespeaker.tasks.scores import SplitOutputs

WANTED = (
    "{class_path: vibespeaker.tasks.callbacks.worst_clips.WorstClips, init_args: {count: 2}}",
    "{class_path: vibespeaker.tasks.callbacks.embeddings.EmbeddingProjector}",
)


def test_worst_clips_and_embeddings_are_shown(run: Run, spoken: Toy) -> None:
    options = [f"--trainer.callbacks+={callback}" for callback in WANTED]
    done = run("fit", "--trainer.max_epochs=1", *options, data=spoken)
    events = EventAccumulator(str(done.folder), size_guidance={"images": 0, "audio": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()
    assert {"worst/1", "worst/2"} <= set(tags["images"])
    assert set(tags["audio"]) == {"worst/1", "worst/2"}
    assert events.Audio("worst/1")[0].sample_rate == 16_000
    (shown,) = events.Tensors("worst/1/text_summary")
    costs = costs_of(done.model.scored.scored)
    worst = int(done.model.scored.scored.targets.rows[int(costs.argmax())])
    assert shown.tensor_proto.string_val[0].decode().startswith(f"toy/{worst:03d}: ")
    (metadata,) = done.folder.rglob("metadata.tsv")
    assert len(metadata.read_text().split()) == 5
    assert (done.folder / "projector_config.pbtxt").is_file()


def test_what_is_answered_worst() -> None:
    unknown = torch.full((3, 3), float("nan"))
    targets = EmotionBatch(torch.arange(3), torch.tensor([0, 1, NO_CATEGORY]), torch.zeros(3, 2), unknown)
    logits = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    costs = costs_of(SplitOutputs(EmotionOutput(logits, None), targets))
    assert costs[:2].tolist() == pytest.approx([0.6931, 2.1269], abs=1e-4)
    assert costs[2].isnan()
    attributes = torch.tensor([[1.0, 2.0, 3.0]])
    known = EmotionBatch(torch.zeros(1), torch.zeros(1), torch.zeros(1, 2), torch.tensor([[2.0, float("nan"), 5.0]]))
    assert costs_of(SplitOutputs(EmotionOutput(None, attributes), known)).tolist() == [2.5]
