"""Words that runs recognised, in the report: from manifests that `predict` wrote and logs alone."""

import json

import pytest
import yaml
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from tests.manifests import manifest_from
from vibespeaker.cli.main import main

SAID = ["one two", "three four", "five | six", "seven eight", None, "train alone"]
HEARD = {
    "good": ["one two", "three", "five six", "seven", "x", "y"],
    "poor": ["one", "", "fife six", "eight", "x", "y"],
}


@pytest.fixture
def runs(tmp_path):
    """Two runs that heard the same six utterances; one has no reference, one belongs to training."""
    columns = {
        "utterance_id": [f"toy/{row}" for row in range(6)],
        "speaker": [f"toy/{row % 2}" for row in range(6)],
        "split": ["test"] * 5 + ["train"],
        "text": SAID,
        "text_origin": ["script" if text else None for text in SAID],
    }
    manifest = manifest_from(columns, str(tmp_path))
    manifest.write(tmp_path / "m.parquet")
    for name, texts in HEARD.items():
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        config = {"class_path": "vibespeaker.tasks.TranscriptionTask", "init_args": {"normalisation": "words"}}
        data = {"init_args": {"manifest": str(tmp_path / "m.parquet")}}
        (folder / "config.yaml").write_text(yaml.safe_dump({"model": config, "data": data}))
        new = {"text.asr": texts, "text_origin.asr": ["asr:x@1"] * 6}
        manifest.with_columns(new, {"step": "predict", "name": "asr"}).write(folder / "predictions.parquet")
        writer = EventFileWriter(str(folder))
        for step, tag in enumerate(("val/wer", "val/cer")):
            event = Event(step=step, wall_time=1000.0)
            event.summary.value.add(tag=tag, simple_value=0.5)
            writer.add_event(event)
        writer.close()
    return tmp_path / "runs"


def test_runs_that_transcribe_are_scored_by_their_words(runs, tmp_path):
    out = tmp_path / "out"
    assert main(["report", str(runs), "--out", str(out), "--draws", "50"]) == 0
    text = (out / "report.md").read_text()
    assert "2 recognisers of words, 4 utterances of 2 speakers, split test." in text
    sections = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert sections == ["Recognised words", "Learning curves", "Epochs", "Cost", "How it was made"]
    good = next(line for line in text.splitlines() if line.startswith("| good |"))
    assert good.startswith("| good | **0.250 [")  # four and eight were left out, of eight words
    assert good.endswith("| 0.000 | 0.250 | 0.000 |")
    assert "| toy/1 | three four | – | 2 of 2 |" in text
    assert "| toy/2 | five \\| six | fife six | 1 of 2 |" in text
    assert "| WER | good | poor | -0.375 [" in text
    errors = json.loads((out / "words.json").read_text())
    assert [one["rates"]["wer"]["value"] for one in errors["recognisers"]] == [0.25, 0.625]
    assert not (out / "evaluation.json").exists()
    assert "val/wer" in (out / "figures" / "curves-0.svg").read_text()


def test_words_stand_beside_emotions(runs, world, tmp_path):
    world.run("emotions")
    heard = runs / "good" / "predictions.parquet"
    words = ["report", str(tmp_path / "runs" / "emotions"), str(heard), "--manifest", str(world.manifest)]
    assert main([*words, "--out", str(tmp_path / "out"), "--draws", "20"]) == 2  # of other utterances, without texts
    texts = ["a b"] * world.count
    from vibespeaker.manifest import Manifest

    table = Manifest.read(world.manifest)
    said = table.with_columns({"text": texts, "text_origin": ["script"] * world.count})
    said.write(world.manifest)
    world.predictions("emotions").write(tmp_path / "runs" / "emotions" / "predictions.parquet")
    new = {"text.asr": ["a"] * world.count, "text_origin.asr": ["asr:x@1"] * world.count}
    said.with_columns(new, {"step": "predict", "name": "asr"}).write(heard)
    assert main([*words, "--out", str(tmp_path / "out"), "--draws", "20"]) == 0
    text = (tmp_path / "out" / "report.md").read_text()
    assert "## Scores" in text
    assert "| predictions | 0.500 [0.500, 0.500] |" in text
