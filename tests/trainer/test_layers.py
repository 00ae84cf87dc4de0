"""Config files that `fit` cannot read: one sentence with the file, before anything is built."""

from pathlib import Path

import pytest

from tests.config_files.test_yaml_text import bomb
from vibespeaker.errors import ConfigError
from vibespeaker.trainer.layers import expand


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("bases: 3", r": bases must list config files. Found: 3. Allowed: \[FILE, …\]"),
        ("bases: [1]", r": bases must list config files"),
        ("bases: {a: b}", r": bases must list config files"),
        ("a: 1\na: 2", r" has the key a twice. Found: line 2"),
        (bomb("[{}]"), r" holds too many values"),
    ],
)
def test_a_config_that_cannot_be_read_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(ConfigError, match=rf"mine\.yaml{message}"):
        expand(["fit", "--config", str(path)])


def test_a_file_of_bytes_is_no_config(tmp_path: Path) -> None:
    (tmp_path / "model.ckpt").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(ConfigError, match=r"model\.ckpt is not a text file"):
        expand(["fit", f"--config={tmp_path / 'model.ckpt'}"])
