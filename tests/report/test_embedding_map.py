import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from tests.toy import make_toy
from vibespeaker.evaluation.targets import Truth
from vibespeaker.report.embedding_map import embedding_map
from vibespeaker.report.runs import Run


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A toy corpus with its cache, the truth, and a system that answered its 48 test clips."""
    made = make_toy(tmp_path_factory.mktemp("map"), {"train": 8, "test": 48})
    truth = Truth.read(made.manifest)
    rows = truth.frame[truth.frame["split"] == "test"].index.tolist()
    frame = pd.DataFrame({"utterance_id": rows})
    return made, truth, SimpleNamespace(path=Path("p"), predictions=SimpleNamespace(frame=frame))


def run_with(cache, encoders=None):
    return Run("a", Path("a"), (Path("p"),), {"data": {"init_args": {"cache": str(cache), "encoders": encoders}}})


def test_clips_are_drawn_by_class_and_speaker_with_what_is_alike_in_numbers(toy):
    made, truth, system = toy
    (picture,) = embedding_map(system, [run_with(made.cache)], truth).blocks
    assert [axes.get_title(loc="left") for axes in picture.figure.axes] == [
        "class: 8",
        "speaker: 5",
    ]  # one corpus: no panel
    assert sum(len(points.get_offsets()) for points in picture.figure.axes[0].collections) == 48
    assert picture.caption.startswith("48 clips as encoder ")
    found = re.findall(r"same (\w+) is the nearest other clip in (\d+)% of cases, by chance in (\d+)%", picture.alt)
    assert [name for name, *_ in found] == ["class", "speaker"]
    assert int(found[0][1]) >= 2 * int(found[0][2])  # the toy's classes shift the mean
    assert "of variance" in picture.alt


def test_the_run_names_the_encoder(toy):
    made, truth, system = toy
    captions = [
        embedding_map(system, [run_with(made.cache, [name])], truth).blocks[0].caption.split()[4]
        for name in ("read", "hear")
    ]
    assert captions == ["read", "hear"]


def test_there_is_no_map_without_a_cache(toy, tmp_path):
    _, truth, system = toy
    assert embedding_map(system, [run_with(tmp_path)], truth).blocks == ()
    assert embedding_map(system, [Run("a", Path("a"), (Path("p"),))], truth).blocks == ()
    assert embedding_map(None, [], truth).blocks == ()
