"""Every heavy library has its home: no module outside it imports the library."""

import ast
import re
from pathlib import Path

import pytest

import vibespeaker

PACKAGE = Path(vibespeaker.__file__).parent

HOMES = {
    "audiomentations": {"audio.augmentation"},
    "huggingface_hub": {"encoders", "systems"},
    "jinja2": {"report"},
    "jiwer": {"evaluation.words"},
    "lightgbm": {"baselines"},
    "lightning": {"tasks", "trainer", "workflows"},
    "matplotlib": {"figures", "report"},
    "noisereduce": {"audio.cleaning"},
    "opensmile": {"encoders"},
    "openpyxl": {"corpora"},
    "peft": {"encoders"},
    "PIL": {"figures"},
    "optuna": {"workflows.sweep"},
    "pocketsphinx": {"transcribe"},
    "sklearn": {"baselines", "ensemble", "figures.projection", "models.fisher", "systems.fit_text"},
    "silero_vad": {"audio"},
    "safetensors": {"systems"},
    "skops": {"baselines"},
    "sounddevice": {"audio"},
    "soundfile": {"audio"},
    "soxr": {"audio"},
    "streamlit": {"app"},
    "tensorboard": {"report"},
    "torchaudio": {"encoders"},
    "torchmetrics": {"tasks", "trainer"},
    "vosk": {"transcribe"},
    "transformers": {"encoders", "systems", "transcribe"},
    "xgboost": {"baselines"},
}

#: Modules of tables: their commands answer without loading torch.
TABLES = {
    *("calibration", "ensemble", "evaluation", "manifest", "metrics", "predictions", "prepare.balance"),
    "prepare.balance_plan",
    *("prepare.combine", "prepare.counts", "prepare.label_map", "prepare.leaks", "prepare.near_duplicates"),
    *("prepare.split", "prepare.stats", "report", "submission"),
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


def imports_by_module() -> dict[str, set[str]]:
    """Return module, without the package's name → packages imported in it."""
    modules = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        modules[name] = imported(path)
    return modules


def is_within(module: str, homes: set[str]) -> bool:
    """Return whether a module is one of `homes` or lies in one."""
    return any(f"{module}.".startswith(f"{home}.") for home in homes)


@pytest.mark.parametrize("library", sorted(HOMES))
def test_library_stays_at_home(library: str) -> None:
    users = {module for module, packages in imports_by_module().items() if library in packages}
    assert users, f"nothing imports {library}: drop it from the table and from pyproject.toml"
    assert not [module for module in sorted(users) if not is_within(module, HOMES[library])]


def test_modules_of_tables_do_not_import_torch() -> None:
    modules = imports_by_module()
    tables = {name: packages for name, packages in modules.items() if is_within(name, TABLES)}
    assert not {home for home in TABLES if not any(is_within(name, {home}) for name in tables)}
    assert not [name for name, packages in tables.items() if "torch" in packages]


def test_yaml_is_read_in_its_homes() -> None:
    homes = {"config_files.yaml_text", "arguments.mappings"}  # files; words of a command line
    readers = set()
    for path in PACKAGE.rglob("*.py"):
        if re.search(r"yaml\.(safe_|full_|unsafe_)?load\(", path.read_text(encoding="utf-8")):
            readers.add(".".join(path.relative_to(PACKAGE).with_suffix("").parts))
    assert readers == homes
