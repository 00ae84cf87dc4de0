"""Names that lead elsewhere: of runs on the command line and in configs, of utterances in tables; lost originals."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from attack.lab import Attack, Lab
from attack.material import manifest_of, training, write_tone


def attacks(lab: Lab) -> Iterator[Attack]:
    """Yield the attacks."""
    for name in ("../../strayed", str(lab.folder / "strayed"), "", ".", "..", "a/../../../strayed", "a/b", " "):
        yield Attack("a run's name", f"name {name!r}", partial(_name, lab, name))
        yield Attack("a run's name", f"name {name!r} in a config", partial(_configured, lab, name))
    for name in ("../strayed", "../../strayed", "a/../../../strayed", str(lab.folder / "strayed"), "link/strayed"):
        yield Attack("an utterance's id", f"clean {name}", partial(_clean, lab, name))
        yield Attack("an utterance's id", f"split {name}", partial(_split, lab, name))
    for name in ("same folder", "symbolic link", "relative", "hard link"):
        yield Attack("over originals", f"clean {name}", partial(_originals, lab, name))


def _name(lab: Lab, name: str) -> str:
    runs = lab.trying / "deep" / "runs"
    fault = lab.refused("fit", *training(lab.whole)[:-1], runs, f"--name={name}")
    return fault or _only(lab, set())


def _configured(lab: Lab, name: str) -> str:
    (lab.trying / "name.yaml").write_text(f'name: "{name}"\n')
    runs = lab.trying / "deep" / "runs"
    fault = lab.refused("fit", *training(lab.whole)[:-1], runs, "--config", lab.trying / "name.yaml")
    return fault or _only(lab, {"name.yaml"})


def _only(lab: Lab, allowed: set[str]) -> str:
    found = {path.name for path in lab.trying.iterdir()} - allowed
    return f"wrote {', '.join(sorted(found))}" if found else ""


def _table(lab: Lab, identifier: str) -> Path:
    audio = lab.trying / "audio"
    audio.mkdir()
    write_tone(audio / "a.wav", 300)
    rows = [{"name": "a", "utterance_id": identifier, "split": "train", "category": "anger"}]
    manifest_of(rows, audio).write(lab.trying / "m.parquet")
    return lab.trying / "m.parquet"


def _cleaning(lab: Lab, manifest: Path, folder: Path) -> str:
    plain = ["--silence", "none", "--denoise", 0, "--min_duration", 0, "--workers", 1]
    return lab.refused("clean", manifest, folder, "--out", lab.trying / "c.parquet", *plain)


def _clean(lab: Lab, identifier: str) -> str:
    manifest = _table(lab, identifier)
    folder = lab.trying / "copies"
    folder.mkdir()
    os.symlink(lab.folder, folder / "link")
    before = {path.name for path in lab.trying.iterdir()}
    fault = _cleaning(lab, manifest, folder)
    written = [path.name for path in folder.iterdir() if path.name != "link"]
    return fault or _only(lab, before) or (f"wrote {written}" if written else "")


def _split(lab: Lab, identifier: str) -> str:
    """Named after speakers, files must stay beside the output, whatever they are called."""
    audio = lab.trying / "audio"
    audio.mkdir()
    rows = [
        {"name": f"{number}", "speaker": f"{identifier}{number % 3}", "split": "train", "category": "anger"}
        for number in range(9)
    ]
    manifest_of(rows, audio).write(lab.trying / "m.parquet")
    out = lab.trying / "deep" / "er" / "s.parquet"
    outcome = lab.call("split", lab.trying / "m.parquet", "--leave_out", "speaker", "--out", out)
    return f"traceback: {outcome.said}" if outcome.status is None else _only(lab, {"audio", "m.parquet", "deep"})


def _originals(lab: Lab, way: str) -> str:
    audio = lab.trying / "audio"
    (audio / "toy").mkdir(parents=True)
    write_tone(audio / "toy" / "a.wav", 300)
    rows = [{"name": "a", "utterance_id": "toy/a", "audio": "toy/a.wav", "split": "train", "category": "anger"}]
    manifest_of(rows, audio).write(lab.trying / "m.parquet")
    before = (audio / "toy" / "a.wav").read_bytes()
    folder = audio
    if way == "symbolic link":
        folder = lab.trying / "link"
        os.symlink(audio, folder)
    elif way == "relative":
        folder = Path(os.path.relpath(audio))
    elif way == "hard link":
        folder = lab.trying / "other"
        (folder / "toy").mkdir(parents=True)
        os.link(audio / "toy" / "a.wav", folder / "toy" / "a.wav")
    fault = _cleaning(lab, lab.trying / "m.parquet", folder)
    same = (audio / "toy" / "a.wav").read_bytes() == before
    return fault or ("" if same else "the original was changed")
