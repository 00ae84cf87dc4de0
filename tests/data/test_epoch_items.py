"""What training shows under a balance plan, in another view, and with leaks allowed."""

from pathlib import Path

import numpy as np
import pytest

from tests.toy import make_toy
from vibespeaker.data import Splits
from vibespeaker.errors import ConfigError
from vibespeaker.files import file_sha256
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.balance_plan import BalancePlan
from vibespeaker.provenance import Provenance
from vibespeaker.tasks import EmotionDataModule


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return make_toy(tmp_path_factory.mktemp("toy"), {"train": 16, "development": 8, "test": 8})


def module(toy, **options) -> EmotionDataModule:
    return EmotionDataModule(toy.manifest, toy.cache, batch_size=4, **options)


def plan_of(folder: Path, shown: list[tuple[int, int]]) -> Path:
    names, views = zip(*((f"toy/{row:03d}", view) for row, view in shown), strict=True)
    path = folder / "plan.parquet"
    BalancePlan(names, np.array(views), 2, 0).write(path)
    return path


def test_a_plan_decides_what_an_epoch_shows_and_in_which_view(toy, tmp_path):
    shown = [(0, 0), (0, 1), (1, 1), (3, 0)]
    data = module(toy, plan=plan_of(tmp_path, shown))
    data.setup("fit")
    found = []
    for batch in data.train_dataloader():
        frames = batch.frames["hear"]
        for position, row in enumerate(batch.rows.tolist()):
            # the toy's frames carry ten times their view in the fourth column
            mean = frames.values[position, : int(frames.lengths[position]), 3].float().mean()
            found.append((row, round(float(mean) / 10)))
    assert sorted(found) == shown
    assert data.class_counts().tolist() == [2, 1, 0, 1, 0, 0, 0, 0]
    assert data.provenance.plan == file_sha256(tmp_path / "plan.parquet")


def test_a_plan_may_not_show_what_is_held_out(toy, tmp_path):
    data = module(toy, plan=plan_of(tmp_path, [(0, 0), (20, 0)]))
    with pytest.raises(ConfigError, match=r"lists 1 utterances outside the training split. Found: toy/020"):
        _ = data.epoch_items


def test_views_of_a_plan_need_a_cache(toy, tmp_path):
    data = EmotionDataModule(toy.manifest, plan=plan_of(tmp_path, [(0, 1)]))
    with pytest.raises(ConfigError, match="encoders inside the model would hear the clean recordings"):
        data.train_dataloader()


def test_other_views_can_be_evaluated(toy):
    # the toy has augmented views of everything
    for view in (0, 1):
        means = [
            float(batch.frames["hear"].values[0, : int(batch.frames["hear"].lengths[0]), 3].float().mean())
            for batch in module(toy, evaluation_view=view).test_dataloader()
        ]
        assert np.round(np.array(means) / 10).tolist() == [view] * len(means)


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    toy = make_toy(tmp_path_factory.mktemp("leaking"), {"train": 16, "development": 8, "test": 8})
    manifest = Manifest.read(toy.manifest)
    speakers = manifest.column("speaker")
    speakers[16] = speakers[24] = speakers[0]
    manifest.with_columns({"speaker": speakers}).write(toy.manifest)
    return toy


def test_fit_refuses_leaks_and_scoring_does_not_look(leaking):
    with pytest.raises(ConfigError, match=r"1 speakers in both train and validation .*allow_leaks: \[speaker\]"):
        module(leaking).setup("fit")
    module(leaking).setup("test")


def test_allowed_leaks_are_recorded_and_told(leaking, caplog):
    data = module(leaking, allow_leaks=["speaker"])
    data.setup("fit")
    assert data.provenance.leaks["speaker"].startswith(
        "1 speakers in both train and validation (toy/train0); 1 speakers"
    )
    assert "allowed leak" in caplog.text
    checkpoint = {"vibespeaker": data.provenance.to_checkpoint()}
    assert Provenance.from_checkpoint(checkpoint, "it").leaks == data.provenance.leaks


def test_checkpoints_from_before_the_leak_check_can_be_read(toy):
    fields = module(toy).provenance.to_checkpoint()
    del fields["leaks"], fields["plan"]
    assert Provenance.from_checkpoint({"vibespeaker": fields}, "it").leaks == {}


def test_a_part_that_serves_training_and_scoring_leaks(toy):
    data = module(toy, splits=Splits(validation=["train"]))
    with pytest.raises(ConfigError, match="identical recordings in both train and validation"):
        data.setup("fit")


def test_validation_and_test_may_be_the_same_split(toy):
    data = module(toy, splits=Splits(validation=["test"]))
    data.setup("fit")
    assert data.leaks == {}
