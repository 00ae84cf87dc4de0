"""The ensemble as a task equals the ensemble of tables."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.tasks.conftest import Run, runner
from tests.toy import Toy
from vibespeaker.calibration.command import calibrate
from vibespeaker.ensemble import ensemble
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.files import file_sha256
from vibespeaker.files.run_folder import checkpoint_path, trained_checkpoint
from vibespeaker.predictions import Predictions

WEIGHTS = {
    "valence": {"a": 1.0, "b": 2.0, "c": 1.0},
    "arousal": {"a": 3.0, "b": 0.0, "c": 1.0},
    "dominance": {"b": 1.0},
}
NAMES = ("a", "b", "c")
NINE = "data: {init_args: {label_set: challenge+other, policy: {other: class}}}"


@pytest.fixture(scope="module")
def members(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two systems of eight classes and, second, one of nine."""
    run = runner(toy, tmp_path_factory.mktemp("members"))
    folders = [
        run(
            "fit",
            f"--name={name}",
            f"--seed_everything={i}",
            "--trainer.max_epochs=1",
            config=NINE if name == "b" else "",
        )
        for i, name in enumerate(NAMES)
    ]
    return {name: str(checkpoint_path(done.folder, "last")) for name, done in zip(NAMES, folders, strict=True)}


def _config(members: dict[str, str], weights: object = None) -> str:
    arguments = {"members": members, "weights": weights}
    return yaml.safe_dump({"model": {"class_path": "vibespeaker.tasks.EnsembleTask", "init_args": arguments}})


def _tables(run: Run, members: dict[str, str], folder: Path) -> list[Path]:
    for name, checkpoint in members.items():
        run("predict", f"--ckpt_path={checkpoint}", f"--out={folder / f'{name}.parquet'}", f"--system={name}")
    return [folder / f"{name}.parquet" for name in members]


def test_uniform_task_equals_the_mean_of_tables(run: Run, members: dict[str, str], tmp_path: Path) -> None:
    run("predict", f"--out={tmp_path / 'task.parquet'}", config=_config(members))
    ensemble(_tables(run, members, tmp_path), out=tmp_path / "tables.parquet")
    task, tables = (Predictions.read(tmp_path / f"{name}.parquet") for name in ("task", "tables"))
    np.testing.assert_allclose(task.attributes(), tables.attributes(), rtol=1e-6)
    np.testing.assert_allclose(task.logits(), tables.logits(), rtol=1e-5)
    assert task.frame["utterance_id"].tolist() == tables.frame["utterance_id"].tolist()


def test_weights_by_attribute_on_any_number_of_processes(run: Run, members: dict[str, str], tmp_path: Path) -> None:
    config = _config(members, WEIGHTS)
    run("predict", f"--out={tmp_path / 'one.parquet'}", config=config)
    run(
        "predict",
        f"--out={tmp_path / 'two.parquet'}",
        "--trainer.devices=2",
        "--trainer.strategy=ddp_fork",
        config=config,
    )
    one, two = (Predictions.read(tmp_path / f"{name}.parquet") for name in ("one", "two"))
    np.testing.assert_array_equal(one.attributes(), two.attributes())
    a, b, c = (Predictions.read(path).attributes() for path in _tables(run, members, tmp_path))
    np.testing.assert_allclose(one.attributes()[:, 0], (3 * a[:, 0] + c[:, 0]) / 4, rtol=1e-6)
    np.testing.assert_allclose(one.attributes()[:, 1], (a[:, 1] + 2 * b[:, 1] + c[:, 1]) / 4, rtol=1e-6)
    np.testing.assert_allclose(one.attributes()[:, 2], b[:, 2], rtol=1e-6)
    record = one.metadata.provenance["ensemble"]
    assert [member["path"] for member in record["members"]] == list(members.values())
    assert record["members"][0]["provenance"]["corpora"] == ["toy"]
    assert one.metadata.synthetic


def test_it_validates_and_tests(run: Run, members: dict[str, str]) -> None:
    config = _config(members, WEIGHTS)
    logged = {
        **run("validate", config=config).trainer.callback_metrics,
        **run("test", config=config).trainer.callback_metrics,
    }
    assert {f"{part}/{name}" for part in ("val", "test") for name in ("macro_f1", "ccc_mean")} <= set(logged)


def test_it_is_not_trained(run: Run, members: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"SystemTask is not trained\. Allowed: validate, test, predict"):
        run("fit", config=_config(members))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"valence": {"z": 1.0}}, r"Found: z\. Allowed: a, b, c"),
        ({"valence": {"a": 0.0}}, "weights for valence must not all be 0"),
        ({"valence": {"a": -1.0, "b": 2.0}}, r"weights for valence\.0 is out of range"),
    ],
)
def test_wrong_weights_are_refused(run: Run, weights: dict[str, dict[str, float]], message: str) -> None:
    members = dict.fromkeys(NAMES, "none.ckpt")
    with pytest.raises(ConfigError, match=message):
        run("validate", config=_config(members, weights))


def test_missing_members_and_members_of_other_encoders_are_refused(run: Run, members: dict[str, str]) -> None:
    with pytest.raises(CheckpointError, match=r"none\.ckpt does not exist"):
        run("validate", config=_config({**members, "d": "none.ckpt"}))
    with pytest.raises(CheckpointError, match="other encoders than the data provides"):
        run("validate", "--data.init_args.encoders=[read]", config=_config(members))


def test_a_run_folder_and_an_ensembles_file_are_systems_with_their_calibration(
    run: Run, members: dict[str, str], toy: Toy, tmp_path: Path
) -> None:
    every = "--data.init_args.splits.predict=[development]"

    def predict(source: object) -> Predictions:
        task = {"class_path": "vibespeaker.tasks.SystemTask", "init_args": {"source": str(source)}}
        run("predict", f"--out={tmp_path / 'p.parquet'}", every, config=yaml.safe_dump({"model": task}))
        return Predictions.read(tmp_path / "p.parquet")

    listed = {"members": members, "weights": WEIGHTS}
    both = tmp_path / "both.yaml"
    both.write_text(yaml.safe_dump(listed))
    run("predict", f"--out={tmp_path / 'listed.parquet'}", every, config=_config(members, WEIGHTS))
    found, expected = predict(both), Predictions.read(tmp_path / "listed.parquet")
    np.testing.assert_array_equal(found.attributes(), expected.attributes())
    assert found.metadata.checkpoint == expected.metadata.checkpoint is not None
    calibrate(tmp_path / "p.parquet", toy.manifest, split="development", out=tmp_path / "both.calibration.json")
    assert "calibration" in predict(both).metadata.provenance
    folder = Path(members["a"]).parents[1]
    used = trained_checkpoint(folder)
    assert used is not None
    assert predict(folder).metadata.checkpoint == file_sha256(used)
