"""Settings out of range are refused with the range, wherever they are given."""

import math

import pytest

from vibespeaker.arguments.calling import call
from vibespeaker.arguments.ranges import COUNT, INNER_SHARE, SEED, SHARE, SHARE_BELOW_ONE, Range, require, require_once
from vibespeaker.audio.augmentation.recipe import AugmentationRecipe, Gain, Noise
from vibespeaker.audio.cleaning.recipe import CleaningRecipe
from vibespeaker.calibration.command import calibrate
from vibespeaker.data.sampler import BatchSize, Draw
from vibespeaker.ensemble.recipe import Recipe
from vibespeaker.errors import ConfigError, VibeSpeakerError
from vibespeaker.evaluation.scoring import Options
from vibespeaker.extract.command import extract
from vibespeaker.losses.attributes import GaussianPenaltyMSE
from vibespeaker.losses.base import MultiTaskLoss
from vibespeaker.losses.categories import CrossEntropy, FocalLoss
from vibespeaker.losses.class_weights import FixedWeights, InverseFrequency
from vibespeaker.models.frame_networks import FrameMasking
from vibespeaker.models.fusion import ConcatenationFusion, LSTMFusion
from vibespeaker.models.multi_encoder import MultiEncoderModel
from vibespeaker.models.voice_embedding import VoiceEmbedding
from vibespeaker.prepare.clean import clean
from vibespeaker.tasks.datamodule import EmotionDataModule
from vibespeaker.tasks.schedule import Schedule
from vibespeaker.workflows.sweep.command import sweep


@pytest.mark.parametrize(
    ("allowed", "inside", "outside", "said"),
    [
        (COUNT, [1, 2.0, 10**12], [0, -1, 1.5, math.nan, math.inf, True, "1"], "a whole number of at least 1"),
        (SHARE, [0, 1, 0.5], [-1e-9, 1.1, math.nan], "a finite number of at least 0 and at most 1"),
        (SHARE_BELOW_ONE, [0, 0.999], [1, 2], "a finite number of at least 0 and below 1"),
        (INNER_SHARE, [0.5], [0, 1], "a finite number above 0 and below 1"),
        (SEED, [0, 2**32 - 1], [-1, 2**32, 10**400], "a whole number of at least 0 and at most 4,294,967,295"),
        (Range(), [-5.0], [-math.inf, math.nan], "a finite number"),
    ],
)
def test_ranges(allowed, inside, outside, said):
    assert [value in allowed for value in inside] == [True] * len(inside)
    assert [value in allowed for value in outside] == [False] * len(outside)
    assert str(allowed) == said


def test_null_is_not_given_and_the_first_wrong_setting_is_named():
    require(COUNT, here=None, there=3)
    with pytest.raises(ConfigError, match=r"there is out of range\. Found: 0\. Allowed: a whole number of at least 1"):
        require(COUNT, here=None, there=0)
    require_once("encoders", None)
    with pytest.raises(ConfigError, match=r"encoders has something twice\. Found: hear\. Allowed: each once"):
        require_once("encoders", ["hear", "read", "hear"])


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: EmotionDataModule("m", "c", samples_per_epoch=0), "samples_per_epoch"),
        (lambda: EmotionDataModule("m", "c", evaluation_batch_size=0), "evaluation_batch_size"),
        (lambda: EmotionDataModule("m", "c", balance=5), "balance"),
        (lambda: EmotionDataModule("m", "c", workers=-1), "workers"),
        (lambda: EmotionDataModule("m", "c", views=-1), "views"),
        (lambda: EmotionDataModule("m", "c", seed=-1), "seed"),
        (lambda: EmotionDataModule("m", "c", encoders=["a", "a"]), "encoders"),
        (lambda: BatchSize(0), "batch_size"),
        (lambda: BatchSize(1, 0), "frame_budget"),
        (lambda: Draw(balance=math.nan), "balance"),
        (lambda: Schedule(warmup_epochs=math.nan), "warmup_epochs"),
        (lambda: Schedule(warmup_epochs=math.inf), "warmup_epochs"),
        (lambda: Schedule(warmup_steps=-3), "warmup_steps"),
        (lambda: Schedule(warmup_share=1.5), "warmup_share"),
        (lambda: Schedule(minimum=-1.0), "minimum"),
        (lambda: MultiEncoderModel({"a": 2}, 2, dropout=2), "dropout"),
        (lambda: MultiEncoderModel({"a": 2}, 2, lstm_layers=0), "lstm_layers"),
        (lambda: LSTMFusion(2, 1, dropout=math.nan), "dropout"),
        (lambda: ConcatenationFusion(2, 1, hidden_dim=0), "hidden_dim"),
        (lambda: VoiceEmbedding(4, dilations=(1, 0)), r"dilations\.1"),
        (lambda: VoiceEmbedding(4, dropout=-0.1), "dropout"),
        (lambda: FrameMasking(4, time_masks=-1), "time_masks"),
        (lambda: MultiTaskLoss({"a": CrossEntropy()}, {"a": math.nan}), r"weights\.a"),
        (lambda: MultiTaskLoss({"a": CrossEntropy()}, {"a": math.inf}), r"weights\.a"),
        (lambda: FocalLoss(gamma=math.nan), "gamma"),
        (lambda: CrossEntropy(label_smoothing=1.0), "label_smoothing"),
        (lambda: GaussianPenaltyMSE(sigma=math.inf), "sigma"),
        (lambda: InverseFrequency(power=-1.0), "power"),
        (lambda: FixedWeights([1.0, math.nan]), r"values\.1"),
        (lambda: Recipe(("a",), k=0), "k"),
        (lambda: Recipe(("a",), folds=1), "folds"),
        (lambda: Recipe(("a", "b"), weights=(1.0, math.inf)), r"weights for members\.1"),
        (lambda: Options(draws=-1), "draws"),
        (lambda: Options(level=math.nan), "level"),
        (lambda: Options(seed=-1), "seed"),
        (lambda: AugmentationRecipe(noise=Noise(probability=2.0)), r"augmentation: noise\.probability"),
        (lambda: AugmentationRecipe(gain=Gain(max_db=math.inf)), r"augmentation: gain\.max_db"),
        (lambda: CleaningRecipe(denoise=math.nan), "cleaning: denoise"),
        (lambda: calibrate("p", "m", level=1.5), "level"),
        (lambda: extract("m", batch_seconds=math.inf), "batch_seconds"),
        (lambda: extract("m", workers=-1), "workers"),
        (lambda: clean("m", "f", min_duration=math.nan), "min_duration"),
        (lambda: sweep("p", jobs=0), "jobs"),
    ],
)
def test_settings_out_of_range_are_refused_with_the_range(make, setting):
    with pytest.raises(
        VibeSpeakerError, match=rf"^{setting} (is out of range\. Found: .*Allowed: |has something twice)"
    ):
        make()


def test_a_text_stays_the_text_that_was_typed():
    seen = []

    def command(text: str | None = None, other: str = "x", number: int | None = None) -> None:
        seen.append((text, other, number))

    for words in (["--text", "null"], ["--text=null", "--other", "~"], ["--text", "007", "--number", "null"], []):
        call(command, "try", words)
    assert seen == [("null", "x", None), ("null", "~", None), ("007", "x", None), (None, "x", None)]
