"""What `evaluate` prints at first: one table that fits the terminal, and what decides between systems."""

from tests.evaluation.example import write_manifest, write_predictions
from vibespeaker.cli.main import main
from vibespeaker.manifest import Manifest


def test_one_table_and_what_decides_unless_all_is_asked_for(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    manifest = tmp_path / "manifest.parquet"
    write_manifest(manifest)
    paths = [tmp_path / f"{seed}.parquet" for seed in ("one", "two")]
    for number, path in enumerate(paths):
        name = f"a-system-with-a-long-name-for-seed-{path.stem}"
        write_predictions(path, Manifest.read(manifest).frame(), seed=number, system=name)
    words = ["--manifest", str(manifest), "--draws", "50", "--by", "none"]
    assert main(["evaluate", *map(str, paths), *words]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, (line for line in shown.splitlines() if not line.startswith(("note", "a-system"))))) <= 80
    assert "…for-seed-one │" in shown
    assert "…for-seed-two │" in shown
    assert "after Holm" in shown
    assert "Classes of" not in shown
