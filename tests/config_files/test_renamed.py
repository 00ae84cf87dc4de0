"""Names of yesterday: class paths are read as the present ones, keys are refused with the present one."""

import importlib
import json
import logging
from pathlib import Path

import pytest
import torch

from tests.toy import make_toy
from vibespeaker.cache.records import read_record
from vibespeaker.config_files import renamed
from vibespeaker.encoders.specs import build_encoders, read_specs
from vibespeaker.models.checkpoint import HYPER_PARAMETERS, read_checkpoint
from vibespeaker.provenance import CHECKPOINT_KEY, EncoderProvenance, Provenance
from vibespeaker.submission.closed_condition import judge

OLD = {"class_path": "vibespeaker.encoders.RandomConvolutions", "init_args": {"kernels": 8}}
NEW = {"class_path": "vibespeaker.encoders.Rocket", "init_args": {"kernels": 8}}


@pytest.mark.parametrize("path", sorted(set(renamed.CLASSES.values())))
def test_every_present_name_is_a_class(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module or "vibespeaker.encoders"), name), type)
    assert path not in renamed.CLASSES  # one step from any old name to the present one


def test_old_class_paths_become_present_ones_wherever_they_stand(caplog: pytest.LogCaptureFixture) -> None:
    renamed._say_once.cache_clear()
    caplog.set_level(logging.INFO)
    tree = {"model": [{"class_path": "Reduced", "init_args": {"encoder": OLD}}, "vibespeaker.data.Parts", 3, None]}
    present = renamed.classes_now(tree)
    assert present == {
        "model": [{"class_path": "Reduced", "init_args": {"encoder": NEW}}, "vibespeaker.data.Splits", 3, None]
    }
    assert tree["model"][0]["init_args"]["encoder"] == OLD  # type: ignore[index]
    renamed.classes_now(tree)
    assert (
        caplog.messages.count("vibespeaker.encoders.RandomConvolutions is now called vibespeaker.encoders.Rocket") == 1
    )


def test_texts_that_only_look_alike_stay() -> None:
    text = {"text": "WavLMEncoder", "class_path": "my.vibespeaker.encoders.WavLMEncoder"}
    assert renamed.classes_now(text) == text
    words = ["--x=vibespeaker.data.EmotionDataModule", "--y=vibespeaker.data.EmotionDataModules"]
    assert renamed.words_now(words) == ["--x=vibespeaker.tasks.EmotionDataModule", words[1]]


@pytest.mark.parametrize("class_path", [OLD["class_path"], "RandomConvolutions"])
def test_old_encoder_configs_are_read(tmp_path: Path, class_path: str) -> None:
    (tmp_path / "encoders.yaml").write_text(f"kernels: {{class_path: {class_path}, init_args: {{kernels: 8}}}}")
    specs = read_specs(tmp_path / "encoders.yaml")
    assert specs == {"kernels": NEW}
    assert build_encoders({"kernels": OLD})["kernels"].fingerprint() == build_encoders(specs)["kernels"].fingerprint()


def test_old_cache_records_are_read(tmp_path: Path) -> None:
    record = make_toy(tmp_path, {"train": 2}).cache / "hear" / "encoder.json"
    fields = json.loads(record.read_text())
    record.write_text(json.dumps({**fields, "spec": OLD}))
    assert read_record(record.parent).spec == NEW
    assert read_record(record.parent).fingerprint.parts == fields["fingerprint"]


def test_old_checkpoints_are_read(tmp_path: Path) -> None:
    encoder = EncoderProvenance(8, "audio", OLD, {"class": "RandomConvolutions"})
    stored = Provenance("challenge", ("anger",), {"kernels": encoder}).to_checkpoint()
    content = {CHECKPOINT_KEY: stored, HYPER_PARAMETERS: {"encoders": {"kernels": OLD}}, "state_dict": {}}
    torch.save(content, tmp_path / "old.ckpt")
    checkpoint = read_checkpoint(tmp_path / "old.ckpt")
    assert checkpoint[HYPER_PARAMETERS] == {"encoders": {"kernels": NEW}}
    (present,) = Provenance.from_checkpoint(checkpoint, "old.ckpt").encoders.values()
    assert present.spec == NEW
    assert present.fingerprint == {"class": "RandomConvolutions"}  # what is hashed is no name


def test_encoders_that_were_unfrozen_are_trained() -> None:
    old = {"class_path": "vibespeaker.encoders.WavLMEncoder", "init_args": {"checkpoint": "wavlm", "unfreeze": True}}
    new = {"class_path": "vibespeaker.encoders.SpeechEncoder", "init_args": {"checkpoint": "wavlm"}}
    frozen = {**old, "init_args": {"checkpoint": "wavlm", "unfreeze": False}}
    assert renamed.stored_now({"encoders": {"a": old, "b": frozen}}) == {
        "encoders": {"a": {**new, "train": "all"}, "b": new}
    }
    reduced = {"class_path": "vibespeaker.encoders.Reduced", "init_args": {"encoder": old, "stride": 2}}
    assert renamed.stored_now([reduced]) == [{**reduced, "init_args": {"encoder": new, "stride": 2}, "train": "all"}]


def test_old_prediction_tables_keep_the_closed_condition() -> None:
    spec = {"class_path": "vibespeaker.encoders.WavLMEncoder", "init_args": {"checkpoint": "microsoft/wavlm-large"}}
    assert judge({"corpora": ["msp-podcast"], "encoders": {"wavlm": spec}}).kept  # hears, so that no text is missed


@pytest.mark.parametrize(
    ("key", "present"),
    [
        ("data.parts", "data.init_args.splits"),
        ("data.init_args.parts", "data.init_args.splits"),
        ("data.init_args.parts.train", "data.init_args.splits.train"),
    ],
)
def test_old_keys_have_present_names(key: str, present: str) -> None:
    assert renamed.key_now(key) == present


@pytest.mark.parametrize("key", ["parts", "data.init_args.partsy", "model.data.parts"])
def test_other_keys_have_none(key: str) -> None:
    assert renamed.key_now(key) is None


def test_keys_that_came_later_have_what_runs_did_before() -> None:
    old = {"model.init_args.schedule.minimum": None, "data.init_args.parts.train": None}
    added = {"model.init_args.schedule.shape": "cosine"}
    assert (
        renamed.keys_now(old) == {"model.init_args.schedule.minimum": None, "data.init_args.splits.train": None} | added
    )
    assert (
        renamed.keys_now({**old, "model.init_args.schedule.shape": "linear"})["model.init_args.schedule.shape"]
        == "linear"
    )
    assert renamed.keys_now({"name": "toy"}) == {"name": "toy"}
