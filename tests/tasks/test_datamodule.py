"""From manifest and cache to batches."""

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import seed_everything

import vibespeaker.manifest as manifest_module
from tests.toy import Toy, make_toy
from vibespeaker.batch import EmotionBatch
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.precision import dequantized
from vibespeaker.data import LabelPolicy, Splits
from vibespeaker.data.dataset import stack_frames
from vibespeaker.data.splits import refuse_scored
from vibespeaker.data.targets import make_targets
from vibespeaker.errors import CacheError, CheckpointError, ConfigError, ManifestError
from vibespeaker.manifest import Manifest
from vibespeaker.provenance import CHECKPOINT_KEY, Provenance
from vibespeaker.tasks import EmotionDataModule
from vibespeaker.tasks.before_training import read_whole_split


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return make_toy(tmp_path_factory.mktemp("toy"), {"train": 21, "development": 9, "test1": 4, "test2": 3}, others=2)


def _data(toy: Toy, **options: object) -> EmotionDataModule:
    return EmotionDataModule(toy.manifest, toy.cache, **{"batch_size": 4, **options})


def _all(loader: object) -> list[EmotionBatch]:
    return list(loader)  # type: ignore[call-overload]


def test_batches_hold_the_cache_and_the_targets(toy: Toy) -> None:
    data = _data(toy)
    cache, manifest = EmbeddingCache.open(toy.cache), Manifest.read(toy.manifest)
    batches = _all(data.val_dataloader())
    assert sorted(row for batch in batches for row in batch.rows.tolist()) == list(range(21, 30))
    for batch in batches:
        assert list(batch.frames) == ["hear", "read"]
        chosen = manifest.select(batch.rows.tolist())
        for name, frames in batch.frames.items():
            assert frames.values.dtype == torch.bfloat16
            entries = cache.entries(name, chosen)
            assert frames.lengths.tolist() == cache.lengths(name, entries).tolist()
            for i, entry in enumerate(entries):
                length = int(frames.lengths[i])
                torch.testing.assert_close(frames.values[i, :length], cache.read(name, entry), rtol=0, atol=0)
                assert not frames.values[i, length:].any()
        assert batch.category.tolist() == [data.labels.index(name) for name in chosen.column("category")]
        np.testing.assert_allclose(batch.attributes[:, 2], chosen.column("dominance"), rtol=1e-6)


def test_training_draws_views_and_evaluation_stays_clean(toy: Toy) -> None:
    data = _data(toy)  # the fourth column of view 1 lies 10 above that of view 0

    def levels(loader: object) -> set[int]:
        batches = _all(loader)
        means = [batch.frames["hear"].values[..., 3].sum(1) / batch.frames["hear"].lengths for batch in batches]
        return {round(float(mean) / 10) for mean in torch.cat(means)}

    assert levels(data.train_dataloader()) == {0, 1}
    assert levels(data.val_dataloader()) == {0}
    assert levels(_data(toy, views=0).train_dataloader()) == {0}


def test_the_whole_split_is_read_in_every_view_the_clean_one_first(toy: Toy) -> None:
    clean, *views = (list(read_whole_split(_data(toy, views=number), shown=False)) for number in (0, 1))
    assert sorted(row for batch in clean for row in batch.rows.tolist()) == _data(toy).rows("train").tolist()
    twice = views[0]
    assert len(twice) == 2 * len(clean)
    for once, first, second in zip(clean, twice[::2], twice[1::2], strict=True):
        assert once.rows.tolist() == first.rows.tolist() == second.rows.tolist()
        torch.testing.assert_close(first.frames["hear"].values, once.frames["hear"].values, rtol=0, atol=0)
        assert not torch.equal(second.frames["hear"].values, once.frames["hear"].values)


def test_the_seed_of_the_run_draws_batches_and_views(toy: Toy) -> None:
    def drawn(**options: object) -> list[list[tuple[int, float]]]:
        return [
            list(zip(batch.rows.tolist(), batch.frames["hear"].values[:, 0, 3].tolist(), strict=True))
            for batch in _all(_data(toy, **options).train_dataloader())
        ]

    seed_everything(1, verbose=False)
    first = drawn()
    assert drawn() == first
    seed_everything(2, verbose=False)
    second = drawn()
    assert [[row for row, _ in batch] for batch in second] != [[row for row, _ in batch] for batch in first]
    assert {pair for batch in second for pair in batch} != {pair for batch in first for pair in batch}  # views
    assert drawn(seed=1) == first


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        ({"views": 2}, "data.init_args.views choose"),
        ({"encoders": ["hear"], "evaluation_view": 1}, "data.init_args.encoders and data.init_args.evaluation_view"),
    ],
)
def test_choices_from_a_cache_without_one_are_refused(toy: Toy, settings: dict[str, object], keys: str) -> None:
    with pytest.raises(ConfigError, match=rf"{keys}.*data\.init_args\.cache is null"):
        EmotionDataModule(toy.manifest, **settings)
    EmotionDataModule(toy.manifest, views=0)  # which says nothing else


def test_encoders_are_chosen_and_ordered(toy: Toy) -> None:
    data = _data(toy, encoders=["read", "hear"])
    assert list(data.provenance.encoder_dims.items()) == [("read", 4), ("hear", 6)]
    assert list(_all(data.val_dataloader())[0].frames) == ["read", "hear"]


def test_a_missing_encoder_is_refused_with_those_there(toy: Toy) -> None:
    with pytest.raises(ConfigError, match=r"Found: smell\. Allowed: hear, read"):
        _data(toy, encoders=["hear", "smell"]).setup("fit")


def test_rows_follow_the_splits(toy: Toy) -> None:
    data = _data(toy)
    assert data.rows("train").tolist() == list(range(19))  # X and O are the last two of the training split
    assert data.rows("validation").tolist() == list(range(21, 30))
    assert data.rows("predict").tolist() == list(range(37))
    chosen = _data(toy, splits=Splits(validation=["train"], predict=["test2", "test1"]))
    assert chosen.rows("predict").tolist() == list(range(30, 37))
    assert chosen.rows("validation").tolist() == list(range(19))


def test_empty_splits_are_refused_with_the_splits_there(toy: Toy) -> None:
    with pytest.raises(
        ConfigError, match=r"train split of the manifest is empty.*Allowed: development, test1, test2, train"
    ):
        _data(toy, splits=Splits(train=["validation"])).setup("fit")
    with pytest.raises(ConfigError, match="7 utterances in split test1, test2, none of them usable"):
        _data(toy).setup("test")  # hidden labels


def test_class_counts_are_the_training_splits(toy: Toy) -> None:
    counts = _data(toy).class_counts()
    assert counts.tolist() == [3, 3, 3, 2, 2, 2, 2, 2]
    nine = _data(toy, label_set="challenge+other", policy=LabelPolicy(other="class")).class_counts()
    assert nine.tolist() == [*counts.tolist(), 1]


def test_training_reads_the_columns_it_needs(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    scan, read = Manifest.scan, Manifest.read

    def recorded(path: Path, columns: Sequence[str] | None = None) -> Iterator[Manifest]:
        assert columns is not None
        asked.update(columns)
        return scan(path, columns)

    def recorded_whole(path: Path, columns: Sequence[str] | None = None) -> Manifest:
        assert columns is not None
        asked.update(columns)
        return read(path, columns)

    monkeypatch.setattr(Manifest, "scan", staticmethod(recorded))
    monkeypatch.setattr(Manifest, "read", staticmethod(recorded_whole))
    labels = {"split", "text_origin", "category", "arousal", "valence", "dominance", "votes.primary"}
    assert len(_all(_data(toy, encoders=["hear"]).train_dataloader()))
    assert asked == {*labels, "audio_sha256"}
    assert len(_all(_data(toy).train_dataloader()))
    assert asked == {*labels, "audio_sha256", "text"}


def test_what_is_not_in_the_cache_is_named(toy: Toy, tmp_path: Path) -> None:
    manifest = Manifest.read(toy.manifest)
    hashes = manifest.column("audio_sha256")
    hashes[22] = "0" * 64
    manifest.with_columns({"audio_sha256": hashes}).write(tmp_path / "manifest.parquet")
    data = EmotionDataModule(tmp_path / "manifest.parquet", toy.cache)
    assert len(_all(data.train_dataloader()))
    with pytest.raises(CacheError, match=r"audio content of 1 of 9 utterances.*Found: toy/022"):
        data.val_dataloader()


def test_targets_of_pieces_are_those_of_the_whole(toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_module, "_GROUP_ROWS", 5)
    whole = Manifest.read(toy.manifest)
    whole.write(tmp_path / "manifest.parquet")
    data = EmotionDataModule(tmp_path / "manifest.parquet", toy.cache)
    expected = make_targets(whole, data.labels, LabelPolicy())
    for name in ("category", "votes", "attributes", "usable"):
        np.testing.assert_array_equal(getattr(data.targets, name), getattr(expected, name))


def test_eight_bits_reach_the_model_as_frames(tmp_path: Path) -> None:
    toy = make_toy(tmp_path, {"train": 6, "development": 3}, dtype="int8")
    cache = EmbeddingCache.open(toy.cache)
    for batch in _all(_data(toy, views=0).train_dataloader()):
        assert not batch.frames
        arrived = batch.to("cpu").frames
        entries = cache.entries("hear", Manifest.read(toy.manifest).select(batch.rows.tolist()))
        for row, (entry, length) in enumerate(zip(entries, arrived["hear"].lengths, strict=True)):
            plain = dequantized(cache.read("hear", int(entry)))
            assert torch.equal(arrived["hear"].values[row, : int(length)], plain)
            assert not arrived["hear"].values[row, int(length) :].any()


def test_no_disk_is_touched_before_setup(tmp_path: Path) -> None:
    data = EmotionDataModule(tmp_path / "none.parquet", tmp_path / "none")
    with pytest.raises(CacheError, match="holds no embedding cache"):
        data.setup("fit")
    with pytest.raises(ManifestError, match="does not exist"):
        EmotionDataModule(tmp_path / "none.parquet").setup("fit")


def test_provenance_survives_a_checkpoint(toy: Toy) -> None:
    provenance = _data(toy, label_set="challenge+other").provenance
    assert provenance.synthetic
    assert (provenance.corpora, provenance.transcripts) == (("toy",), ("human",))
    stored = provenance.to_checkpoint()
    assert stored["encoder_dims"] == {"hear": 6, "read": 4}
    assert Provenance.from_checkpoint({CHECKPOINT_KEY: pickle.loads(pickle.dumps(stored))}, "it") == provenance
    with pytest.raises(CheckpointError, match="it is no VibeSpeaker checkpoint"):
        Provenance.from_checkpoint({}, "it")


def test_foreign_encoders_are_refused_by_name(toy: Toy) -> None:
    stored = _data(toy).provenance
    with pytest.raises(CheckpointError, match=r"other encoders.*Found: read\. Allowed: hear, read"):
        _data(toy, encoders=["read"]).provenance.check_encoders(stored)
    changed = stored.to_checkpoint()
    changed["encoders"]["hear"]["fingerprint"] = {"weights": "others"}
    with pytest.raises(CheckpointError, match=r"encoder hear is not the one.*weights toy hear.*weights others"):
        _data(toy).provenance.check_encoders(Provenance.from_checkpoint({CHECKPOINT_KEY: changed}, "it"))
    _data(toy).provenance.check_encoders(_data(toy, encoders=["read"]).provenance, subset=True)


def test_weights_are_not_learnt_from_the_part_that_is_scored(toy: Toy) -> None:
    refuse_scored(_data(toy).manifest, "validation", Splits())
    with pytest.raises(ConfigError, match=r"would come from the split that is scored.*development"):
        refuse_scored(_data(toy).manifest, "validation", Splits(test=["development"]))


def test_worker_processes_read_the_same(toy: Toy) -> None:
    here, there = (_all(_data(toy, workers=workers).train_dataloader()) for workers in (0, 1))
    assert [batch.rows.tolist() for batch in here] == [batch.rows.tolist() for batch in there]
    for one, other in zip(here, there, strict=True):
        torch.testing.assert_close(one.frames["hear"].values, other.frames["hear"].values, rtol=0, atol=0)


def test_loaders_count_what_was_handed_out(toy: Toy) -> None:
    loader = _data(toy).train_dataloader()
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    assert loader.state_dict() == {"epoch": 0, "batches": 3}
    data = _data(toy)
    data.load_state_dict(loader.state_dict())
    rest = [batch.rows.tolist() for batch in data.train_dataloader()]
    assert rest == [batch.rows.tolist() for batch in batches]
    assert len(rest) == len(loader) - 3


def test_stacking_pads_with_zeros() -> None:
    frames = stack_frames([torch.ones(1, 2), torch.full((3, 2), 2.0)])
    assert frames.lengths.tolist() == [1, 3]
    assert frames.values.tolist() == [[[1, 1], [0, 0], [0, 0]], [[2, 2], [2, 2], [2, 2]]]
