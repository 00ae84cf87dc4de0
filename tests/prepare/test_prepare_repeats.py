"""Preparing again: the same bytes, after an interruption, on a full disk, under any locale."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.corpora.emodb_builder import write_emodb
from tests.corpora.msp_builder import DEFAULT_CLIPS, write_msp
from vibespeaker.cli.main import main
from vibespeaker.manifest import Manifest

OUT = "manifest.parquet"
RUN = "import sys; from vibespeaker.cli.main import main; sys.exit(main(sys.argv[1:]))"


def digest_of(out: Path) -> tuple[bytes, bytes]:
    return out.read_bytes(), out.with_suffix(".problems.csv").read_bytes()


def test_two_runs_give_the_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    root, out = write_msp(tmp_path / "msp"), tmp_path / OUT
    (root / "Audios" / "MSP-PODCAST_0001_0001.wav").write_bytes(b"broken")
    arguments = ["prepare", "msp-podcast", str(root), "--out", str(out), "--split", "ablation"]
    assert main([*arguments, "--workers", "1"]) == 1
    first = digest_of(out)
    assert main([*arguments, "--workers", "4"]) == 1
    assert digest_of(out) == first


def test_the_order_of_the_file_system_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, out = write_msp(tmp_path / "msp"), tmp_path / OUT
    arguments = ["prepare", "msp-podcast", str(root), "--out", str(out)]
    assert main(arguments) == 0
    first = digest_of(out)
    walk, iterdir = os.walk, Path.iterdir

    def backwards(*args: object, **kwargs: object) -> object:
        for folder, subfolders, names in walk(*args, **kwargs):  # type: ignore[call-overload]
            yield folder, subfolders, names[::-1]

    monkeypatch.setattr(os, "walk", backwards)
    monkeypatch.setattr(Path, "iterdir", lambda folder: reversed(sorted(iterdir(folder))))
    assert main(arguments) == 0
    assert digest_of(out) == first


@pytest.mark.slow
def test_the_locale_does_not_matter(tmp_path: Path) -> None:
    root, out = write_msp(tmp_path / "msp", [replace(DEFAULT_CLIPS[0], transcript="naïve – café")]), tmp_path / OUT
    outputs = set()
    for name in ("C", "C.UTF-8", "POSIX"):
        command = [sys.executable, "-c", RUN, "prepare", "msp-podcast", str(root), "--out", str(out)]
        environment = {**os.environ, "LC_ALL": name, "LANG": name, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        outputs.add(digest_of(out))
    assert len(outputs) == 1
    assert Manifest.read(out).column("text") == ["naïve – café"]


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vibespeaker.audio import inspection

    root, out = write_emodb(tmp_path / "emodb"), tmp_path / OUT
    arguments = ["prepare", "emodb", str(root), "--out", str(out), "--workers", "1"]
    assert main(arguments) == 0
    whole = digest_of(out)
    out.unlink()
    examine, examined, again = inspection.examine_excerpts, [], []

    def interrupted(path: Path, excerpts: object) -> object:
        examined.append(path.name)
        if examined[4:] == [path.name]:
            raise KeyboardInterrupt
        return examine(path, excerpts)

    monkeypatch.setattr(inspection, "_BLOCK", 2)
    monkeypatch.setattr(inspection, "_CHUNK", 1)
    monkeypatch.setattr(inspection, "examine_excerpts", interrupted)
    assert main(arguments) == 130
    assert not out.exists()
    journal = tmp_path / f".{OUT}.examined"
    kept = len(journal.read_text().splitlines())
    assert kept == 4
    # a torn line, as a kill leaves it, and a file that changed since
    with journal.open("a") as file:
        file.write('{"key": "torn')
    changed = root / "03a01Wa.wav"
    os.utime(changed, ns=(0, 0))
    monkeypatch.setattr(
        inspection, "examine_excerpts", lambda path, excerpts: again.append(path.name) or examine(path, excerpts)
    )
    assert main(arguments) == 0
    assert again == ["03a01Wa.wav", "11a01Fa.wav", "12a01Ta.wav"]
    assert digest_of(out) == whole
    assert not journal.exists()


@pytest.mark.parametrize("file", ["journal", "manifest"])
def test_a_full_disk_is_one_clear_line_and_nothing_half_written(tmp_path: Path, file: str) -> None:
    pytest.importorskip("resource", reason="file size limits are a matter of Unix")
    root, out = write_emodb(tmp_path / "emodb", count=3), tmp_path / OUT
    arguments = ["prepare", "emodb", str(root), "--out", str(out)]
    assert main(arguments) == 0
    # the manifest is the largest file
    limit = 100 if file == "journal" else out.stat().st_size - 1
    out.unlink()
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit})); {RUN}"
    done = subprocess.run([sys.executable, "-c", limited, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "error: File too large" in done.stderr
    assert "Remedy: set that right, then run the same command again" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()
    assert not list(tmp_path.glob("*.tmp"))
    assert main(arguments) == 0
    assert len(Manifest.read(out)) == 3
