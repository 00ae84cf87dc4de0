"""What is published beside the code: the citation and the marker of types follow the package."""

import tomllib
from pathlib import Path

import yaml

import vibespeaker

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_citation_names_this_version_and_licence() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["cff-version"], citation["title"], citation["type"]) == ("1.2.0", "VibeSpeaker", "software")
    assert citation["authors"] == [{"name": "VibeSpeaker developers"}]
    assert citation["version"] == vibespeaker.__version__
    assert citation["license"] == PROJECT["project"]["license"]


def test_type_checkers_of_users_see_the_annotations() -> None:
    assert (Path(vibespeaker.__file__).parent / "py.typed").is_file()
    # the wheel is the whole package folder
    assert PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["vibespeaker"]
