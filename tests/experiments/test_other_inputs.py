"""Pictures, tokens and several modalities: each experiment takes two steps; block networks also answer as systems."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.experiments.conftest import Fit, resolved
from vibespeaker.config_files import find_config
from vibespeaker.encoders.specs import read_specs
from vibespeaker.errors import ConfigError, EncoderError, VibeSpeakerError
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.manifest import Manifest
from vibespeaker.predictions import Predictions
from vibespeaker.recognizer.system import Recognizer

MULTIMODAL = [f"multimodal{kind}{row}" for kind in ("", "-regression") for row in ("", "-audio-text", "-audio")]
RESNETS = ["resnet18", "resnet50", "resnet152"]
MOBILENETS = [f"mobilenet-{blocks}-{label}" for blocks in ("overlap", "plain") for label in ("gender", "plain")]
TEXTS = ["text-bilstm", "text-bilstm-1e-3"]
OTHER_INPUTS = [*MULTIMODAL, "multimodal-regression-batch32", *RESNETS, *MOBILENETS, *TEXTS]
#: Those that differ from another by a number, or by the size of a network that is small here.
_ALIKE = ("multimodal-regression-batch32", "text-bilstm-1e-3", "resnet50")
_TINY = {"wavlm": "wavlm-base", "roberta": "roberta", "xlmr": "xlm-roberta", "tokens": "roberta", "resnet": "resnet"}
_TINY["mobilenet"] = "mobilenet"


def changes(name: str, tiny: Callable[[str], Path]) -> dict[str, Any]:
    """Return the experiment's encoders with small checkpoints and small pictures, live in place of cached."""
    said = resolved(name)
    specs = said["model"]["init_args"].get("encoders")
    if specs is None:
        kind = "encoders/multimodal-regression" if "regression" in name else "encoders/multimodal"
        shipped = read_specs(find_config(kind))
        specs = {one: shipped[one] for one in said["data"]["init_args"]["encoders"]}
    for encoder, spec in specs.items():
        given = {key: value for key, value in spec.get("init_args", {}).items() if key != "architecture"}
        if encoder in _TINY:
            given["checkpoint"] = str(tiny(_TINY[encoder]))
        if "Image" in spec["class_path"]:
            given["size"] = 32
            given |= {"short": "pad"} if "picture" in given else {}
        spec["init_args"] = given
    return {"data": {"init_args": {"cache": None, "encoders": None}}, "model": {"init_args": {"encoders": specs}}}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in OTHER_INPUTS if name not in _ALIKE])
def test_an_experiment_takes_two_steps(name: str, fit: Fit, tiny_checkpoint: Callable[[str], Path]) -> None:
    done = fit("fit", name, changes=changes(name, tiny_checkpoint))
    assert done.trainer.global_step == 2
    monitored = done.model.checkpoint_rule.monitors
    assert set(monitored) <= set(done.trainer.callback_metrics)


@pytest.mark.slow
def test_blocks_resume_predict_and_are_recognised(
    fit: Fit, tiny_checkpoint: Callable[[str], Path], spoken: Path
) -> None:
    name = "mobilenet-plain-gender"
    with_random = changes(name, tiny_checkpoint)
    fit("fit", name, changes=with_random)
    resumed = fit("fit", name, "--trainer.max_epochs=2", "--ckpt_path=last", changes=with_random)
    assert resumed.trainer.global_step == 4
    predicted = fit("predict", name, changes=with_random)
    frame = Predictions.read(predicted.folder / "predictions.parquet").frame
    assert {"head.gender.female", "head.gender.male"} <= set(frame)
    logits = torch.tensor(frame.filter(like="logit_").to_numpy())
    recognizer = Recognizer(str(checkpoint_path(predicted.folder, "best")))
    answers = recognizer([str(spoken.parent / f"{one[-3:]}.wav") for one in frame.utterance_id])
    for answer, expected in zip(answers, logits.softmax(1), strict=True):
        found = torch.tensor(list(answer.probabilities.values()))
        torch.testing.assert_close(found, expected.float(), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_bad_input_gets_a_sentence(
    fit: Fit, tiny_checkpoint: Callable[[str], Path], spoken: Path, tmp_path: Path
) -> None:
    given = changes("mobilenet-plain-plain", tiny_checkpoint)
    given["model"]["init_args"]["encoders"]["mobilenet"]["init_args"]["short"] = "refuse"
    with pytest.raises(EncoderError, match="shorter than a block"):
        fit("fit", "mobilenet-plain-plain", changes=given)
    manifest = Manifest.read(spoken)

    def changed(column: str, values: list[Any]) -> str:
        path = spoken.parent / f"{tmp_path.name}-{column}.parquet"
        manifest.with_columns({column: values}).write(path)
        return f"--data.init_args.manifest={path}"

    some = ["female" if row % 3 else None for row in range(len(manifest))]
    with pytest.raises(ConfigError, match="gender is unknown"):
        fit(
            "fit", "mobilenet-plain-gender", changed("gender", some),
            changes=changes("mobilenet-plain-gender", tiny_checkpoint),
        )  # fmt: skip
    path = spoken.parent / f"{tmp_path.name}-silent.parquet"
    manifest.with_columns({"text": [None] * len(manifest), "text_origin": [None] * len(manifest)}).write(path)
    with pytest.raises(VibeSpeakerError, match="text"):
        fit(
            "fit", "text-bilstm", f"--data.init_args.manifest={path}",
            changes=changes("text-bilstm", tiny_checkpoint),
        )  # fmt: skip
    (tmp_path / "map.yaml").write_text("anger: negative\nhappiness: positive\n")
    lacking = changes("resnet18", tiny_checkpoint)
    lacking["data"]["init_args"]["heads"] = {"main": {"column": "category", "map": str(tmp_path / "map.yaml")}}
    with pytest.raises(ConfigError, match="does not map"):
        fit("fit", "resnet18", changes=lacking)


def test_settings_are_those_that_are_described() -> None:
    for name in MULTIMODAL:
        said = resolved(name)
        model, trainer, data = said["model"]["init_args"], said["trainer"], said["data"]["init_args"]
        if "regression" in name:
            assert (trainer["max_epochs"], data["batch_size"], model["optimizer"]["init_args"]["lr"]) == (20, 4, 2.5e-4)
            assert model["checkpoints"]["monitor"] == "val/ccc_mean"
        else:
            assert (trainer["max_epochs"], data["batch_size"]) == (10, 8)
            assert model["optimizer"]["init_args"] == {"lr": 1e-4, "weight_decay": 0.01}
            assert model["checkpoints"]["monitor"] == {"val/loss": "min", "val/accuracy": "max"}
        assert model["schedule"] == {"warmup_share": 0.1, "minimum": 0.0, "shape": "linear"}
    for name in RESNETS:
        said = resolved(name)
        assert (said["trainer"]["max_epochs"], said["data"]["init_args"]["batch_size"]) == (10, 32)
        assert said["model"]["init_args"]["network"]["init_args"]["pooled_dropout"] == 0.3
    for name in MOBILENETS:
        model = resolved(name)["model"]["init_args"]
        step = model["encoders"]["mobilenet"]["init_args"].get("step_seconds", 1.0)
        assert step == (0.01 if "overlap" in name else 1.0)
        assert model["network"]["init_args"].get("joint") == ("gender" if name.endswith("gender") else None)
    rates = [resolved(name)["model"]["init_args"]["optimizer"]["init_args"]["lr"] for name in TEXTS]
    assert rates == [2e-5, 1e-3]
