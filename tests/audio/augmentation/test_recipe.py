import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vibespeaker.audio.augmentation import AugmentationRecipe, read_recipe
from vibespeaker.audio.augmentation.recipe import Gain, Noise, Reverberation, Tempo
from vibespeaker.audio.files import write_audio
from vibespeaker.errors import ConfigError

DEFAULT = Path(__file__).parents[3] / "configs" / "augmentation" / "default.yaml"


def test_shipped_file_is_the_default() -> None:
    recipe = read_recipe(DEFAULT)
    assert recipe == AugmentationRecipe()
    assert (recipe.gain.min_db, recipe.gain.max_db) == (-5.0, 5.0)
    assert recipe.speed.probability == recipe.tempo.probability == recipe.pitch.probability == 0.0


def test_what_a_file_leaves_out_keeps_its_default(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("seed: 3\ngain: {max_db: 2}\n")
    assert read_recipe(tmp_path / "recipe.yaml") == AugmentationRecipe(seed=3, gain=Gain(max_db=2.0))
    (tmp_path / "empty.yaml").write_text("")
    assert read_recipe(tmp_path / "empty.yaml") == AugmentationRecipe()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gian: {max_db: 2}", "gian"),
        ("gain: {max: 2}", "max"),
        ("gain: {max_db: loud}", "loud"),
        ("noise: {kind: pink}", "pink"),
        ("seed: [", "is not a YAML file"),
        ("- 1", "must be a mapping"),
        ("gain: {probability: 1.5}", "gain.probability is out of range. Found: 1.5"),
        ("gain: {min_db: 6}", "gain.min_db is above its maximum. Found: 6.0 > 5.0"),
        ("tempo: {min_rate: 0}", "tempo.min_rate must be positive"),
        ("noise: {kind: recorded}", "needs a folder"),
        ("noise: {folder: somewhere}", "needs a folder"),
    ],
)
def test_wrong_file_is_refused_with_the_culprit(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_recipe(tmp_path / "recipe.yaml")


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml does not exist"):
        read_recipe(tmp_path / "nowhere.yaml")


def test_identity_is_of_the_recordings_and_not_of_their_place(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in ("a.wav", "deep/b.wav"):
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        write_audio(tmp_path / "one" / name, generator.normal(size=200).astype("float32") * 0.1)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    (tmp_path / "two" / "a.wav").rename(tmp_path / "two" / "z.wav")

    def identity(folder: str) -> dict:
        noise = Noise(kind="recorded", folder=str(tmp_path / folder))
        return AugmentationRecipe(noise=noise, reverberation=Reverberation(folder=str(tmp_path / folder))).identity()

    assert identity("one") == identity("two")
    assert str(tmp_path) not in str(identity("one"))
    (tmp_path / "two" / "z.wav").unlink()
    assert identity("one") != identity("two")


def test_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no recordings"):
        AugmentationRecipe(reverberation=Reverberation(folder=str(tmp_path))).identity()


def test_every_field_counts() -> None:
    default = AugmentationRecipe()
    assert replace(default, tempo=Tempo(0.1)).identity() != default.identity()
    assert replace(default, seed=1).identity() != default.identity()
