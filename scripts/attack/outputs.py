"""Outputs that must not be: inputs of another kind by every name, folders, files in the way, suffixes, full disks."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from attack.lab import Attack, Lab
from attack.material import training


def attacks(lab: Lab) -> Iterator[Attack]:
    """Yield the attacks on every command that writes a file."""
    for name, command in _commands(lab).items():
        for given, path in _inputs(lab, name).items():
            for spelling, spell in _SPELLINGS.items():
                yield Attack("an input", f"{name} over {given} {spelling}", partial(_over, lab, command, path, spell))
        suffix = _SUFFIXES[name]
        yield Attack("a folder", f"{name} a folder", partial(_folder, lab, command, suffix))
        yield Attack("a file in the way", f"{name} below a file", partial(_below, lab, command, suffix))
        yield Attack("suffix", f"{name} suffix", partial(_suffix, lab, command))
        yield Attack("no regular file", f"{name} fifo", partial(_fifo, lab, command, suffix))
    for name, words in _folders(lab).items():
        yield Attack("a file in the way", f"{name} is a file", partial(_is_file, lab, words))


_SUFFIXES = {
    **dict.fromkeys(("prepare", "combine", "split", "balance", "transcribe", "clean"), ".parquet"),
    **dict.fromkeys(("ensemble", "prior", "predict"), ".parquet"),
    **{"evaluate": ".json", "calibrate": ".json"},
}
Command = Callable[[Path], Sequence[object]]


def _commands(lab: Lab) -> dict[str, Command]:
    whole = lab.whole
    manifest, predictions = whole / "manifest.parquet", whole / "predictions.parquet"
    table = whole / "table.csv"
    labels = ["--manifest", manifest]
    return {
        "prepare": lambda out: ["prepare", "emotion-csv", table, "--out", out],
        "combine": lambda out: ["combine", manifest, "--labels", "corpora/challenge", "--out", out],
        "split": lambda out: ["split", manifest, "--out", out],
        "balance": lambda out: ["balance", manifest, "--target", 2, "--out", out],
        "transcribe": lambda out: ["transcribe", manifest, "--model", whole / "audio", "--out", out],
        "clean": lambda out: [
            *("clean", manifest, lab.trying / "copies", "--silence", "none", "--denoise", 0),
            *("--min_duration", 0, "--workers", 1, "--out", out),
        ],
        "ensemble": lambda out: ["ensemble", predictions, predictions, "--out", out],
        "evaluate": lambda out: ["evaluate", predictions, *labels, "--draws", 0, "--out", out],
        "calibrate": lambda out: ["calibrate", predictions, *labels, "--split", "development", "--out", out],
        "prior": lambda out: ["prior", predictions, *labels, "--out", out],
        "predict": lambda out: ["predict", *training(whole), "--name", "whole", "--ckpt_path", "last", "--out", out],
    }


def _folders(lab: Lab) -> dict[str, Command]:
    whole = lab.whole
    manifest, predictions = whole / "manifest.parquet", whole / "predictions.parquet"
    return {
        "extract": lambda out: ["extract", manifest, "--encoders", whole / "encoders.yaml", "--out", out],
        "report": lambda out: ["report", predictions, "--manifest", manifest, "--draws", 0, "--out", out],
        "submit": lambda out: ["submit", predictions, "--manifest", manifest, "--split", "test", "--out", out],
        "stats": lambda out: ["stats", manifest, "--out", out],
        "clean's folder": lambda out: ["clean", manifest, out, "--out", lab.trying / "c.parquet"],
        "sweep": lambda out: ["sweep", "sweep/loss-weights", "--out", out],
        "ablate": lambda out: ["ablate", manifest, "--out", out],
        "quickstart": lambda out: ["quickstart", "--out", out],
        "fit": lambda out: ["fit", *training(whole)[:-1], out, "--name", "a"],
    }


def _inputs(lab: Lab, name: str) -> dict[str, Path]:
    """Return inputs of another kind than what the command writes."""
    whole = lab.whole
    manifest, predictions = whole / "manifest.parquet", whole / "predictions.parquet"
    return {
        "balance": {"manifest": manifest},
        "evaluate": {"manifest": manifest, "predictions": predictions},
        "calibrate": {"manifest": manifest, "predictions": predictions},
        "prior": {"manifest": manifest},
        "predict": {
            "manifest": manifest,
            "config": whole / "task.yaml",
            "checkpoint": whole / "runs" / "whole" / "checkpoints" / "last.ckpt",
            "index": whole / "cache" / "sound" / "index.parquet",
        },
    }.get(name, {})


_SPELLINGS: dict[str, Callable[[Lab, Path], Path]] = {
    "as it is": lambda lab, path: path,
    "relative": lambda lab, path: Path(os.path.relpath(path)),
    "with dots": lambda lab, path: path.parent / ".." / path.parent.name / path.name,
    "by symbolic link": lambda lab, path: _linked(lab, path, os.symlink),
    "by hard link": lambda lab, path: _linked(lab, path, os.link),
}


def _linked(lab: Lab, path: Path, link: Callable[[Path, Path], None]) -> Path:
    made = lab.trying / path.name
    link(path, made)
    return made


def _over(lab: Lab, command: Command, path: Path, spell: Callable[[Lab, Path], Path]) -> str:
    return lab.refused(*command(spell(lab, path)))


def _folder(lab: Lab, command: Command, suffix: str) -> str:
    (lab.trying / f"a{suffix}").mkdir()
    return lab.refused(*command(lab.trying / f"a{suffix}"))


def _below(lab: Lab, command: Command, suffix: str) -> str:
    (lab.trying / "file").write_text("in the way")
    return lab.refused(*command(lab.trying / "file" / f"a{suffix}"))


def _suffix(lab: Lab, command: Command) -> str:
    fault = lab.refused(*command(lab.trying / "a.txt"))
    return fault or ("wrote it all the same" if (lab.trying / "a.txt").exists() else "")


def _fifo(lab: Lab, command: Command, suffix: str) -> str:
    os.mkfifo(lab.trying / f"a{suffix}")
    return lab.refused(*command(lab.trying / f"a{suffix}"))


def _is_file(lab: Lab, command: Command) -> str:
    (lab.trying / "file").write_text("in the way")
    fault = lab.refused(*command(lab.trying / "file"))
    return fault or ("" if (lab.trying / "file").read_text() == "in the way" else "wrote over the file")
