import json
import sys
from pathlib import Path

import pytest
import yaml

from tests.toy import SMALL_TASK, Toy, make_toy
from vibespeaker.cli.main import main
from vibespeaker.config_files import imports, trust
from vibespeaker.config_files.imports import check_parsed, take_trust
from vibespeaker.encoders.specs import build_encoders
from vibespeaker.errors import ConfigError

OWN = """
from lightning.pytorch import Callback
open({mark!r}, "w").close()
class Mine(Callback):
    pass
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return make_toy(tmp_path_factory.mktemp("toy"), {"train": 8, "validation": 8})


def shell(mark: Path) -> dict[str, object]:
    return {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", str(mark)]}}


def hostile(mark: Path) -> dict[str, object]:
    """Config that goes on top of a whole one, by what is tried."""
    system = {"class_path": "os.system", "init_args": {"command": f"touch {mark}"}}
    model = {
        "optimiser": {"optimizer": system},
        "a function's name alone": {"optimizer": "os.system"},
        "a walk through one of our modules": {"optimizer": "vibespeaker.files.os.system"},
        "a function of torch": {"network": "torch.hub.load"},
        "a function of ours": {"network": "vibespeaker.encoders.specs.build_encoders"},
        "a class of another kind": {"network": "torch.nn.Linear"},
        "nested": {"network": {"class_path": "vibespeaker.models.MultiEncoderModel", "init_args": {"pooling": system}}},
        "encoders": {"encoders": {"x": shell(mark)}},
    }
    trainer = {
        "callbacks": {"callbacks": [shell(mark)]},
        "logger": {"logger": "builtins.exec"},
        "plugins": {"plugins": [system]},
        "a function in a callback": {
            "callbacks": [
                {
                    "class_path": "lightning.pytorch.callbacks.LambdaCallback",
                    "init_args": {"on_fit_start": "vibespeaker.files.remove_leftovers"},
                }
            ]
        },
    }
    return {
        **{name: {"model": {"init_args": value}} for name, value in model.items()},
        **{name: {"trainer": value} for name, value in trainer.items()},
        "the model itself": {"model": "os.system"},
        "a config that vouches for itself": {"trust": "os", "model": {"init_args": {"optimizer": system}}},
    }


@pytest.mark.parametrize("name", hostile(Path("mark")))
def test_a_strangers_config_calls_nothing(
    toy: Toy, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "whole.yaml").write_text(SMALL_TASK)
    (tmp_path / "hostile.yaml").write_text(yaml.safe_dump(hostile(mark)[name]))
    configs = [word for file in ("whole", "hostile") for word in ("--config", str(tmp_path / f"{file}.yaml"))]
    assert main(["fit", *configs, *toy.arguments(), "--name", "a", "--runs", str(tmp_path / "runs")]) == 2
    said = capsys.readouterr().err
    assert "error: " in said
    assert "Traceback" not in said
    assert not mark.exists()
    assert not (tmp_path / "runs").exists()


def test_a_package_of_ones_own_is_imported_where_it_is_trusted(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "own_for_test.py").write_text(OWN.format(mark=str(mark)))
    (tmp_path / "whole.yaml").write_text(SMALL_TASK)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(trust, "_trusted", set())
    callback = "--trainer.callbacks+={class_path: own_for_test.Mine}"
    command = ["fit", "--config", str(tmp_path / "whole.yaml"), *toy.arguments(), "--name", "a", callback]
    command += ["--runs", str(tmp_path / "runs"), "--trainer.max_epochs=1"]
    assert main(command) == 2
    assert "own_for_test.Mine" in (said := capsys.readouterr().err)
    assert "add --trust own_for_test" in said
    assert not mark.exists()
    assert main([*command, "--trust", "own_for_test"]) == 0
    assert mark.exists()
    assert json.loads((tmp_path / "runs" / "a" / "run.json").read_text())["trusted"] == ["own_for_test"]


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "", ".", "..", "a/b"])
def test_a_runs_name_is_one_folder(toy: Toy, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "whole.yaml").write_text(SMALL_TASK)
    command = [
        "fit",
        "--config",
        str(tmp_path / "whole.yaml"),
        *toy.arguments(),
        "--runs",
        str(tmp_path / "r" / "runs"),
    ]
    assert main([*command, f"--name={name}"]) == 2
    assert "--name must be the name of one" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole.yaml"]


def test_encoders_are_checked_before_the_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "never_imported.py").write_text(OWN.format(mark=str(tmp_path / "mark")))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(trust, "_trusted", set())
    with pytest.raises(ConfigError, match=r"neither imported nor called. Found: never_imported\.Mine"):
        build_encoders({"x": {"class_path": "never_imported.Mine", "init_args": {}}})
    assert "never_imported" not in sys.modules
    assert not (tmp_path / "mark").exists()


def test_trust_is_taken_from_the_command_line() -> None:
    assert take_trust(["fit", "--trust", "a", "--x", "--trust=b,c"]) == (["a", "b", "c"], ["fit", "--x"])
    for words in (["--trust"], ["--trust", "--x"], ["--trust="]):
        with pytest.raises(ConfigError, match="names no package"):
            take_trust(words)
    with pytest.raises(ConfigError, match="takes the name of a package"):
        imports.trust(["a.b"])
    with pytest.raises(ConfigError, match="neither imported nor called"):
        check_parsed({"a": [{"b": print}]})
    check_parsed({"a": [{"b": "os.system", "class_path": "HashedText"}], "c": 1})


@pytest.mark.parametrize(
    "words",
    [
        ["extract", "M"],
        ["transcribe", "M", "--out", "M"],
        ["sweep", "M"],
        ["ablate", "M", "--plan", "M"],
        ["cross", "M", "--plan", "M"],
        ["cross-validate", "M"],
        ["remake", "M"],
        ["recognize", "M", "--ckpt", "M"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_that_makes_classes_trusts_on_the_command_line(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trust, "_trusted", set(trust._trusted))
    missing = str(tmp_path / "missing")
    assert main([missing if word == "M" else word for word in words] + ["--trust", "my_package", "another"]) == 2
    assert "missing" in capsys.readouterr().err
    assert {"my_package", "another"} <= set(trust.trusted_packages())
