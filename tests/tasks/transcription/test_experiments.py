"""The shipped experiments of recognisers have the published settings."""

import pytest
import yaml

from vibespeaker.trainer.cli import run_trainer

WHISPERS = ("whisper-en", "whisper-lora", "whisper-ro")


def test_whisper_experiments_have_the_published_settings(capsys: pytest.CaptureFixture[str]) -> None:
    printed = {}
    for name in WHISPERS:
        with pytest.raises(SystemExit):
            run_trainer(["fit", f"--config=experiment/{name}", "--print_config"])
        printed[name] = yaml.safe_load(capsys.readouterr().out)
    for tree in printed.values():
        assert (tree["trainer"]["max_epochs"], tree["trainer"]["accumulate_grad_batches"]) == (10, 8)
        assert tree["data"]["init_args"]["batch_size"] == 2
        rule = tree["model"]["init_args"]["checkpoints"]["monitor"]
        assert rule == {"val/loss": "min", "val/wer": "min", "val/cer": "min"}
        schedule = tree["model"]["init_args"]["schedule"]
        assert (schedule["warmup_share"], schedule["minimum"], schedule["shape"]) == (0.1, 0, "linear")
    models = {name: tree["model"]["init_args"] for name, tree in printed.items()}
    rates = {name: model["optimizer"]["init_args"] for name, model in models.items()}
    assert (rates["whisper-ro"]["lr"], rates["whisper-ro"]["weight_decay"]) == (1e-6, 0.3)
    assert (rates["whisper-en"]["lr"], rates["whisper-en"]["weight_decay"]) == (4e-6, 0.2)
    dropout = models["whisper-en"]["dropout"]
    assert dropout["encoder"] == {"20": 0.2, "21": 0.1, "22": 0.1, "29": 0.1, "30": 0.1}
    assert dropout["decoder"] == {"1": 0.2}
    assert models["whisper-ro"]["dropout"]["decoder"] == {"1": 0.2, "2": 0.2, "3": 0.2}
    strong = {layer for layer, share in models["whisper-ro"]["dropout"]["encoder"].items() if share == 0.2}
    assert strong == {"5", "20"}
    assert len(models["whisper-ro"]["dropout"]["encoder"]) == 10
    assert models["whisper-lora"]["train"] == {"lora": {"rank": 32, "alpha": 64, "dropout": 0.05}}
    assert models["whisper-lora"]["dropout"] == {"encoder": {}, "decoder": {}}
