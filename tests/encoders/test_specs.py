"""Encoder files: reading, completing, building, and one clear sentence for what is wrong."""

from pathlib import Path

import pytest

from vibespeaker.encoders.descriptors import AcousticDescriptors
from vibespeaker.encoders.specs import build_encoders, read_specs
from vibespeaker.errors import ConfigError

CONFIGS = Path(__file__).resolve().parents[2] / "configs" / "encoders"


def written(tmp_path, text):
    path = tmp_path / "encoders.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_embedded_encoders_are_built_in_order():
    encoders = build_encoders(read_specs(CONFIGS / "embedded.yaml"))
    assert [(name, encoder.modality) for name, encoder in encoders.items()] == [
        ("descriptors", "audio"),
        ("functionals", "audio"),
        ("convolutions", "audio"),
        ("contours", "audio"),
        ("words", "text"),
    ]
    assert not any(encoder.training for encoder in encoders.values())


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_file_names_existing_classes_and_arguments(path):
    import importlib
    import inspect

    for spec in read_specs(path).values():
        module, _, name = spec["class_path"].rpartition(".")
        kind = getattr(importlib.import_module(module), name)
        inspect.signature(kind).bind(**spec["init_args"])


def test_short_class_name_and_top_key(tmp_path):
    specs = read_specs(written(tmp_path, "encoders: {a: {class_path: AcousticDescriptors, init_args: {mels: 20}}}"))
    assert specs == {"a": {"class_path": "vibespeaker.encoders.AcousticDescriptors", "init_args": {"mels": 20}}}
    (encoder,) = build_encoders(specs).values()
    assert isinstance(encoder, AcousticDescriptors)
    assert encoder.mels == 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must map encoder names"),
        ("[1, 2]", "must be a mapping. Found: list"),
        ("a: [", "not a YAML file"),
        ("a: 3", "'a' must be a mapping"),
        ("a: {class_path: HashedText, init_arg: {}}", "encoder 'a' has unknown keys. Found: init_arg"),
        ("a: {init_args: {}}", "encoder 'a' needs class_path"),
        (
            "a: {class_path: HashedText, init_args: 3}",
            "'a': init_args has an unusable value. Found: 3. Allowed: a mapping",
        ),
    ],
)
def test_wrong_files_are_refused_by_name(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        read_specs(written(tmp_path, text))


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        read_specs(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ({"class_path": "HashedTxt"}, ConfigError, "Allowed: .*vibespeaker.encoders.AcousticDescriptors"),
        ({"class_path": "no.such.Thing"}, ConfigError, "neither imported nor called"),
        ({"class_path": "vibespeaker.labels.LabelSet"}, ConfigError, "is no Encoder"),
        ({"class_path": "HashedText", "init_args": {"dims": 8}}, ConfigError, r"Found: \['dims'\]. Allowed: dim"),
        ({"class_path": "HashedText", "init_args": {"dim": 12}}, ConfigError, "encoder 'x': the table of HashedText"),
        (
            {"class_path": "HashedText", "init_args": {"dim": "wide"}},
            ConfigError,
            "encoder 'x': dim is out of range. Found: wide",
        ),
    ],
)
def test_wrong_specs_name_the_encoder_and_what_is_allowed(spec, error, message):
    with pytest.raises(error, match=message):
        build_encoders({"x": spec})
