"""`predict --views`: the mean over the clean recording and its augmented views, from the cache or live."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.further_heads import HEADS
from tests.tasks.conftest import EMBEDDED, Run, runner
from tests.toy import Toy
from vibespeaker.errors import CacheError, ConfigError
from vibespeaker.metrics import softmax
from vibespeaker.predictions import Predictions
from vibespeaker.tasks import EmotionDataModule


@pytest.fixture(scope="module")
def learnt(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What runs commands on a model with further heads that has seen one epoch."""
    run = runner(toy, tmp_path_factory.mktemp("learnt"))
    run("fit", "--trainer.max_epochs=1", config=HEADS)
    return functools.partial(run, config=HEADS)


def _predicted(run: Run, out: Path, *options: str, **kept: Toy) -> Predictions:
    run("predict", "--ckpt_path=best", f"--out={out}", *options, **kept)
    return Predictions.read(out)


def test_predictions_are_means_over_the_views_of_the_cache(learnt: Run, tmp_path: Path) -> None:
    out = tmp_path / "table.parquet"
    by_view = [_predicted(learnt, out, f"--data.init_args.evaluation_view={view}") for view in (0, 1)]
    mean = _predicted(learnt, out, "--views=1")
    assert len(mean.frame) == 62
    assert abs(by_view[0].logits() - by_view[1].logits()).max() > 0.01
    shares = np.mean([softmax(table.logits()) for table in by_view], axis=0)
    np.testing.assert_allclose(mean.logits(), np.log(shares), atol=1e-5)
    attributes = np.mean([table.attributes() for table in by_view], axis=0)
    np.testing.assert_allclose(mean.attributes(), attributes, atol=1e-5)
    genders = np.mean([softmax(table.head("gender")) for table in by_view], axis=0)
    np.testing.assert_allclose(mean.head("gender"), np.log(genders), atol=1e-5)
    lengths = np.mean([table.head("length") for table in by_view], axis=0)
    np.testing.assert_allclose(mean.head("length"), lengths, atol=1e-5)
    assert mean.metadata.provenance["views"] == 1
    assert mean.metadata.checkpoint not in (None, by_view[0].metadata.checkpoint)


@pytest.mark.slow
def test_means_over_views_do_not_depend_on_the_number_of_processes(learnt: Run, tmp_path: Path) -> None:
    one = _predicted(learnt, tmp_path / "one.parquet", "--views=1")
    forked = ("--trainer.devices=2", "--trainer.strategy=ddp_fork")
    two = _predicted(learnt, tmp_path / "two.parquet", "--views=1", *forked)
    pd.testing.assert_frame_equal(two.frame, one.frame, check_exact=True)


def test_live_audio_has_the_views_of_a_recipe(run: Run, spoken: Toy, tmp_path: Path) -> None:
    live = ["--data.init_args.cache=null", f"--model.init_args.encoders={EMBEDDED}"]
    run("fit", "--trainer.max_epochs=1", *live, data=spoken)
    live.append("--data.init_args.augmentation=augmentation/speed")
    clean = _predicted(run, tmp_path / "clean.parquet", *live, data=spoken)
    first = _predicted(run, tmp_path / "first.parquet", "--views=2", *live, data=spoken)
    assert abs(first.logits() - clean.logits()).max() > 1e-4


def test_views_that_are_not_there_are_refused(learnt: Run, toy: Toy) -> None:
    with pytest.raises(CacheError, match="view"):
        learnt("predict", "--views=2")
    with pytest.raises(ConfigError, match="--views averages the predictions"):
        learnt("validate", "--views=1")
    with pytest.raises(ConfigError, match="prediction_views is out of range"):
        EmotionDataModule(toy.manifest, toy.cache, prediction_views=-1)
    with pytest.raises(ConfigError, match="one view or means over several"):
        EmotionDataModule(toy.manifest, toy.cache, prediction_views=1, evaluation_view=1)
