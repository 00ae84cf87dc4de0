"""Every heavy library has its home: no room outside it imports the library."""

import ast
from pathlib import Path

import pytest

import vibespeaker

PACKAGE = Path(vibespeaker.__file__).parent

HOMES = {
    "audiomentations": {"augment"},
    "huggingface_hub": {"encoders"},
    "jinja2": {"report"},
    "lightning": {"data", "tasks"},
    "matplotlib": {"figures", "report"},
    "noisereduce": {"cleaning"},
    "optuna": {"sweep"},
    "sklearn": {"baselines", "ensemble"},
    "silero_vad": {"cleaning"},
    "soundfile": {"audio"},
    "soxr": {"audio"},
    "tensorboard": {"report"},
    "transformers": {"encoders", "transcriber"},
}

#: Rooms of tables: their commands answer without loading torch.
TABLE_ROOMS = {
    *("balance", "combine", "corpus_counts", "label_map", "leaks", "near_audio", "split_kinds", "splitting", "stats"),
    *("calibration", "ensemble", "evaluation", "manifest", "metrics", "predictions", "report", "submission"),
}


def imported(path: Path) -> set[str]:
    """Return the top-level packages that a file imports anywhere."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def imports_by_room() -> dict[str, set[str]]:
    """Return room → packages imported in it."""
    rooms: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        rooms.setdefault(room, set()).update(imported(path))
    return rooms


@pytest.mark.parametrize("library", sorted(HOMES))
def test_library_stays_at_home(library: str) -> None:
    users = {room for room, packages in imports_by_room().items() if library in packages}
    assert users, f"nothing imports {library}: drop it from the table and from pyproject.toml"
    assert users <= HOMES[library]


def test_rooms_of_tables_do_not_import_torch() -> None:
    rooms = imports_by_room()
    assert not [room for room in sorted(TABLE_ROOMS) if "torch" in rooms[room]]
