"""Configs of strangers: names of functions and classes that nobody meant, in every form in which a config is read."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import yaml

from attack.lab import Attack, Lab
from attack.material import training


def attacks(lab: Lab) -> Iterator[Attack]:
    """Yield the attacks: places times what is named there, forms, aliases, and encoder files."""
    targets = _targets(str(lab.mark))
    for number, place in enumerate(_PLACES):
        # three of the names in each place, every name in some
        for name in (sorted(targets) * 2)[number % len(targets) :][:3]:
            tree: Any = targets[name]
            for key in reversed(place.split(".")):
                tree = [tree] if key == "[]" else {key: tree}
            yield Attack("class path in YAML", f"{place} {name}", partial(_fit, lab, tree))
    for place in ("optimizer", "network", "loss"):
        words = [f"--model.init_args.{place}.class_path=os.system"]
        words += [f"--model.init_args.{place}.init_args.command=touch {lab.mark}"]
        yield Attack("class path as an option", f"option {place}", partial(_fit, lab, {}, *words))
    for word in (
        "--model=os.system",
        "--data=os.system",
        "--trainer.callbacks+=subprocess.Popen",
        "--model.help=os.system",
    ):
        yield Attack("class path as an option", f"option {word}", partial(_fit, lab, {}, word))
    yield Attack("vouching for itself", "trust in a config", partial(_fit, lab, {"trust": "os", **_optimizer(targets)}))
    for name, text in _TAGS.items():
        yield Attack("YAML", name, partial(_fit_text, lab, text.format(mark=lab.mark)), isolated=True)
    for name, spec in targets.items():
        if isinstance(spec, dict):
            yield Attack("encoder file", f"encoders {name}", partial(_extract, lab, spec))


_PLACES = (
    *("model", "data", "model.init_args.optimizer", "model.init_args.network", "model.init_args.loss"),
    *("model.init_args.network.init_args.pooling", "model.init_args.loss.terms.categories", "trainer.callbacks.[]"),
    *("trainer.logger", "trainer.plugins", "trainer.strategy", "trainer.profiler", "model.init_args.encoders.x"),
)
_TAGS = {
    "python tag": "model: !!python/object/apply:os.system ['touch {mark}']\n",
    "python name": "model: !!python/name:os.system\n",
    "alias bomb": "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)),
    "deep": "model: " + "[" * 5000 + "]" * 5000 + "\n",
    "alias of itself": "model: &a {{init_args: *a}}\n",
}


def _targets(mark: str) -> dict[str, Any]:
    return {
        "os.system": {"class_path": "os.system", "init_args": {"command": f"touch {mark}"}},
        "short os.system": "os.system",
        "Popen": {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", mark]}},
        "walk": {"class_path": "vibespeaker.files.os.system", "init_args": {"command": f"touch {mark}"}},
        "exec": {"class_path": "builtins.exec", "init_args": {"source": f"open({mark!r}, 'w')"}},
        "partial": {"class_path": "functools.partial", "init_args": {"func": "os.system"}},
        "hub": {"class_path": "torch.hub.load", "init_args": {"repo_or_dir": "a/b", "model": "c"}},
        "Path": {"class_path": "pathlib.Path", "init_args": {}},
    }


def _optimizer(targets: dict[str, Any]) -> dict[str, Any]:
    return {"model": {"init_args": {"optimizer": targets["os.system"]}}}


def _fit(lab: Lab, tree: Any, *words: str) -> str:
    return _fit_text(lab, yaml.safe_dump(tree), *words)


def _fit_text(lab: Lab, text: str, *words: str) -> str:
    path = lab.trying / "hostile.yaml"
    path.write_text(text)
    runs = lab.trying / "runs"
    fault = lab.refused("fit", *training(lab.whole)[:-1], runs, "--config", path, "--name", "a", *words)
    return fault or ("made a run" if runs.exists() else "")


def _extract(lab: Lab, spec: dict[str, Any]) -> str:
    path = lab.trying / "encoders.yaml"
    path.write_text(yaml.safe_dump({"x": spec}))
    return lab.refused("extract", lab.whole / "manifest.parquet", "--encoders", path, "--out", lab.trying / "cache")
