import io

import numpy as np
import pytest
import soundfile

from tests.report.conftest import World
from vibespeaker.audio.files import write_audio
from vibespeaker.evaluation.scoring import Options, evaluate_tables
from vibespeaker.evaluation.targets import Truth
from vibespeaker.report.systems import systems_of
from vibespeaker.report.worst import worst_errors


@pytest.fixture(scope="module")
def heard(tmp_path_factory):
    """A system and its truth, with recordings of a quarter of a second, one of ten seconds."""

    def make(synthetic):
        world = World(tmp_path_factory.mktemp("heard"), count=24, synthetic=synthetic)
        for number in range(24):
            seconds = 10.0 if number == 7 else 0.25
            tone = np.sin(2 * np.pi * 500 * np.arange(int(16000 * seconds)) / 16000)
            write_audio(world.folder / f"{number:05d}.wav", (0.3 * tone).astype(np.float32))
        path = world.folder / "p.parquet"
        world.predictions("guessing", skill=0.0).write(path)
        truth = Truth.read(world.manifest)
        evaluation = evaluate_tables([path], truth, Options(draws=0, by=()))
        return world, systems_of([path], evaluation, truth)[0], truth

    return {synthetic: make(synthetic) for synthetic in (True, False)}


def test_the_least_probable_true_classes_come_first_with_picture_and_sound(heard):
    _, system, truth = heard[True]
    lead, *clips = worst_errors(system, truth).blocks
    assert len(clips) == 6
    probabilities, categories = system.labelled_probabilities()
    sure = np.sort(probabilities[np.arange(len(categories)), categories])
    assert [f"(thought {p:.1%} probable)" in clip.caption for p, clip in zip(sure, clips, strict=False)] == [True] * 6
    assert clips[0].picture.startswith(b"\x89PNG")
    samples, rate = soundfile.read(io.BytesIO(clips[0].sound))
    assert (rate, len(samples)) == (16000, pytest.approx(4000, abs=1200))
    assert "strongest at 500 Hz" in clips[0].alt
    assert lead.points == ()  # what a program made needs no licence


def test_sound_is_withheld_where_the_licence_says_nothing_unless_asked_for(heard):
    _, system, truth = heard[False]
    lead, *clips = worst_errors(system, truth).blocks
    assert [clip.sound for clip in clips] == [None] * 6
    assert "msp-podcast is not heard: its licence (not stated)" in lead.points[0]
    lead, *clips = worst_errors(system, truth, audio=True).blocks
    assert all(clip.sound for clip in clips)
    assert lead.points == ("msp-podcast: not stated. not stated",)


def test_what_cannot_be_read_is_left_out(heard, tmp_path):
    world, system, truth = heard[False]
    _, first, *others = worst_errors(system, truth).blocks
    path = world.folder / f"{first.caption.split(':')[0].rpartition('/')[2]}.wav"
    path.rename(tmp_path / "away.wav")
    try:
        _, *kept = worst_errors(system, truth).blocks
    finally:
        (tmp_path / "away.wav").rename(path)
    assert [clip.caption for clip in kept] == [clip.caption for clip in others]
    assert worst_errors(None, truth).blocks == ()


def test_long_clips_are_cut(heard, monkeypatch):
    _, system, truth = heard[True]
    monkeypatch.setattr("vibespeaker.report.worst._MOST", 24)
    (long,) = [clip for clip in worst_errors(system, truth).blocks[1:] if "00007" in clip.caption]
    assert "the first 8 of 10.0 s" in long.caption
    assert len(long.sound) < 40_000
