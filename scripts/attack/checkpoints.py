"""Checkpoints of strangers: those that `torch.load(weights_only=True)` accepts and that name what is to be called."""

import pickle
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from attack.lab import Attack, Lab
from attack.material import training

Change = Callable[[dict[str, Any]], None]


def attacks(lab: Lab) -> Iterator[Attack]:
    """Yield the attacks: what hyper-parameters name, sizes, weights, and files that are no checkpoints; by command."""
    commands = {"recognize": _recognize, "predict": _predict, "init_from": _init_from, "resume": _resume}
    for number, (name, (kind, change)) in enumerate(_changes(str(lab.mark)).items()):
        # recognition of all, and one of the others in turn
        for command in ("recognize", list(commands)[1 + number % 3]):
            run = commands[command]
            # what a command does not need may be there, or not: it takes weights alone, or frames from a cache
            unread = {"init_from": ("names what is called", "sizes", "missing"), "resume": ("missing",)}
            harmless = kind in unread.get(command, ()) or (command != "recognize" and name == "encoder")
            yield Attack(kind, f"{command} {name}", partial(_try, lab, change, run, harmless))
    for name, content in _files(str(lab.mark)).items():
        for command, run in commands.items():
            yield Attack("no checkpoint", f"{command} {name}", partial(_try_file, lab, content, run))


def _changes(mark: str) -> dict[str, tuple[str, Change]]:
    system = {"class_path": "os.system", "init_args": {"command": f"touch {mark}"}}
    popen = {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", mark]}}
    walk = {"class_path": "vibespeaker.files.os.system", "init_args": {"command": f"touch {mark}"}}
    named = "names what is called"
    return {
        **{
            f"{key} {which}": (named, partial(_set, f"hyper_parameters.{key}", spec))
            for key in ("optimizer", "network", "loss", "network.init_args.pooling", "loss.terms.categories")
            for which, spec in {"os.system": system, "Popen": popen, "walk": walk}.items()
        },
        "short": (named, partial(_set, "hyper_parameters.optimizer", "os.system")),
        "_class_path": (named, partial(_set, "hyper_parameters._class_path", "os.system")),
        "_instantiator": (named, partial(_set, "hyper_parameters._instantiator", "os.system")),
        "encoder": (named, partial(_set, "vibespeaker.encoders.sound.spec", popen)),
        "huge dim": ("sizes", partial(_set, "hyper_parameters.network.init_args.projection_dim", 10**9)),
        "huge layers": ("sizes", partial(_set, "hyper_parameters.network.init_args.lstm_dim", 10**8)),
        "NaN weights": ("weights", _not_finite),
        "no weights": ("weights", partial(_set, "state_dict", {})),
        "no hyper-parameters": ("missing", lambda content: content.pop("hyper_parameters")),
        "no provenance": ("missing", lambda content: content.pop("vibespeaker", None)),
        "half a provenance": ("missing", lambda content: content["vibespeaker"].pop("encoders", None)),
    }


def _files(mark: str) -> dict[str, bytes]:
    class Touch:
        def __reduce__(self) -> tuple[Any, ...]:
            import os

            return os.system, (f"touch {mark}",)

    return {"pickle": pickle.dumps(Touch()), "empty": b"", "text": b"a checkpoint\n", "zip": b"PK\x03\x04" + bytes(99)}


def _set(path: str, value: Any, content: dict[str, Any]) -> None:
    *keys, last = path.split(".")
    place = content
    for key in keys:
        if not isinstance(place.get(key), Mapping):
            place[key] = {}
        place[key] = place = dict(place[key])
    place[last] = value


def _not_finite(content: dict[str, Any]) -> None:
    content["state_dict"] = {
        key: value.fill_(float("nan")) if torch.is_tensor(value) and value.is_floating_point() else value
        for key, value in content["state_dict"].items()
    }


def _try(lab: Lab, change: Change, run: Callable[[Lab, Path], str], harmless: bool) -> str:
    content = torch.load(lab.whole / "runs" / "whole" / "checkpoints" / "last.ckpt", weights_only=True)
    change(content)
    path = lab.trying / "hostile.ckpt"
    torch.save(content, path)
    fault = run(lab, path)
    return "" if harmless and fault.startswith("status 0") else fault


def _try_file(lab: Lab, content: bytes, run: Callable[[Lab, Path], str]) -> str:
    path = lab.trying / "hostile.ckpt"
    path.write_bytes(content)
    return run(lab, path)


def _recognize(lab: Lab, path: Path) -> str:
    return lab.refused("recognize", lab.whole / "audio" / "test-0.wav", "--ckpt", path, "--text", "so it is")


def _predict(lab: Lab, path: Path) -> str:
    out = lab.trying / "p.parquet"
    return lab.refused("predict", *training(lab.whole), "--name", "whole", "--ckpt_path", path, "--out", out)


def _init_from(lab: Lab, path: Path) -> str:
    runs = [*training(lab.whole)[:-1], lab.trying / "runs"]
    return lab.refused("fit", *runs, "--name", "a", f"--model.init_args.init_from={path}")


def _resume(lab: Lab, path: Path) -> str:
    runs = [*training(lab.whole)[:-1], lab.trying / "runs"]
    return lab.refused("fit", *runs, "--name", "a", "--ckpt_path", path, "--trainer.max_epochs=2")
