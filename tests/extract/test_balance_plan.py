"""A balance plan on its way through extraction: its views, and no others."""

import numpy as np
import pytest

from tests.extract.toy import make_corpus, read, spec, write_specs
from vibespeaker.audio.augmentation import Augmentation, AugmentationRecipe
from vibespeaker.audio.files import read_audio
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cli.main import main
from vibespeaker.errors import CacheError
from vibespeaker.extract import extract
from vibespeaker.extract.plan import augmented_rows
from vibespeaker.prepare.balance_plan import BalancePlan


def test_exactly_the_views_of_the_plan_are_extracted_and_verified(tmp_path):
    make_corpus(tmp_path, 6)
    manifest = read(tmp_path / "manifest.parquet")
    ids = manifest.column("utterance_id")
    # the second has views 1 and 2, the third view 1, all others only the clean one
    BalancePlan((ids[0], ids[1], ids[1], ids[2]), np.array([0, 1, 2, 1]), 2, 0).write(tmp_path / "plan.parquet")
    specs = write_specs(tmp_path / "encoders.yaml", sound=spec("StridedFrames"))
    options = [str(tmp_path / "manifest.parquet"), "--encoders", str(specs), "--out", str(tmp_path / "cache")]
    plan = ["--plan", str(tmp_path / "plan.parquet")]
    assert main(["extract", *options, *plan]) == 0
    cache = EmbeddingCache.open(tmp_path / "cache")
    assert cache.views == 2
    for row, views in ((0, 0), (1, 2), (2, 1)):
        one = manifest.select([row])
        assert len({int(cache.entries("sound", one, view)[0]) for view in range(views + 1)}) == views + 1
        with pytest.raises(CacheError):
            cache.entries("sound", one, views + 1)
    # the frames are those of the view that the recipe draws
    path = tmp_path / manifest.column("audio")[1]
    content = bytes.fromhex(manifest.column("audio_sha256")[1])
    drawn = Augmentation(AugmentationRecipe()).view(read_audio(path), content, 2)
    frames = cache.read("sound", int(cache.entries("sound", manifest.select([1]), 2)[0]))
    np.testing.assert_allclose(frames[0].float().numpy(), drawn[:3], rtol=1e-2)
    assert main(["extract", *options, *plan, "--verify"]) == 0
    assert main(["extract", *options, "--views", "1", "--view-splits", '["train"]', "--verify"]) == 1


def test_views_of_splits_and_of_a_plan_add_up(tmp_path):
    make_corpus(tmp_path, 6)
    manifest = read(tmp_path / "manifest.parquet")
    train = [row for row, split in enumerate(manifest.column("split")) if split == "train"]
    plan = BalancePlan((manifest.column("utterance_id")[train[0]],), np.array([2]), 1, 0)
    assert [rows.tolist() for rows in augmented_rows(manifest, 1, ("train",))] == [train]
    assert [rows.tolist() for rows in augmented_rows(manifest, 1, ("train",), plan)] == [train, train[:1]]
    assert [rows.tolist() for rows in augmented_rows(manifest, 0, ("train",), plan)] == [[], train[:1]]


def test_a_cleaned_manifest_names_its_recipe_in_the_cache(tmp_path):
    make_corpus(tmp_path, 3)
    step = {"step": "clean", "recipe": {"silence": "energy"}}
    read(tmp_path / "manifest.parquet").with_step(step).write(tmp_path / "cleaned.parquet")
    specs = write_specs(tmp_path / "encoders.yaml", sound=spec("StridedFrames"))
    assert extract(tmp_path / "cleaned.parquet", specs, tmp_path / "cache") == 0
    assert EmbeddingCache.open(tmp_path / "cache").recipe.cleaning == {"silence": "energy"}
    with pytest.raises(CacheError, match="cleaning"):
        extract(tmp_path / "manifest.parquet", specs, tmp_path / "cache")
