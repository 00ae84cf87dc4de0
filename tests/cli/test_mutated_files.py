"""Files changed at random: every command that reads one ends with an answer or one sentence, and leaves it as it was.

`scripts/attack.py` tries hundreds more, with the same changes.
"""

import contextlib
import io
import random
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from attack.mutations import mutate

from tests.toy import SMALL_TASK, make_toy
from vibespeaker.cache import EmbeddingCache
from vibespeaker.cache.precision import from_stored
from vibespeaker.cli.main import main
from vibespeaker.errors import VibeSpeakerError
from vibespeaker.files import file_sha256
from vibespeaker.manifest import Manifest
from vibespeaker.systems import TrainedModel

Words = Callable[[Path], list[object]]


@dataclass(frozen=True)
class Read:
    """A file and commands that read it.

    Args:
        source: the file, in a folder in which the rest is whole.
        kind: of `attack.mutations`.
        examples: how many are tried.
        commands: from the folder to the words of a command line.
    """

    source: str
    kind: str
    examples: int
    commands: list[Words] = field(default_factory=list)


def labels(at: Path) -> list[object]:
    return ["--manifest", at / "manifest.parquet", "--draws", 0]


def trainer(command: str, at: Path, *words: object) -> list[object]:
    """Options of a run that reads everything in a folder."""
    data = [f"--data.init_args.{name}={at / file}" for name, file in FILES.items()]
    options = ["--config", at / "task.yaml", "--data=vibespeaker.tasks.EmotionDataModule", *data]
    return [command, *options, "--runs", at / "runs", *words]


def fit(at: Path) -> list[object]:
    return trainer("fit", at, "--name", "new", "--trainer.max_epochs=1")


def predict(at: Path) -> list[object]:
    return trainer("predict", at, "--name", "whole", "--ckpt_path", "last", "--out", at / "o.csv")


def ensemble(at: Path) -> list[object]:
    return ["ensemble", "--recipe", at / "recipe.yaml", "--out", at / "o.parquet"]


def read_cache(at: Path) -> None:
    """Read all frames, as training does."""
    cache, manifest = EmbeddingCache.open(at / "cache"), Manifest.read(at / "manifest.parquet")
    for name in cache.encoders:
        for entry in cache.entries(name, manifest).tolist():
            assert torch.isfinite(from_stored(cache.read(name, entry))).all()


FILES = {"manifest": "manifest.parquet", "cache": "cache"}
CHECKPOINT = "runs/whole/checkpoints/last.ckpt"
MANIFEST: list[Words] = [
    lambda at: ["stats", at / "manifest.parquet"],
    lambda at: ["check", at / "manifest.parquet"],
    lambda at: ["split", at / "manifest.parquet", "--out", at / "o.parquet"],
    lambda at: ["combine", at / "manifest.parquet", "--labels", "corpora/challenge", "--out", at / "o.parquet"],
    lambda at: ["balance", at / "manifest.parquet", "--target", 2, "--out", at / "o.parquet"],
    lambda at: ["evaluate", at / "predictions.parquet", *labels(at)],
    fit,
]
PREDICTIONS: list[Words] = [
    lambda at: ["evaluate", at / "predictions.parquet", *labels(at)],
    lambda at: ["ensemble", at / "predictions.parquet", at / "predictions.parquet", "--out", at / "o.parquet"],
    lambda at: ["prior", at / "predictions.parquet", "--manifest", at / "manifest.parquet"],
    lambda at: ["submit", at / "predictions.parquet", *labels(at)[:2], "--split", "test", "--out", at / "o"],
    lambda at: ["calibrate", at / "predictions.parquet", *labels(at)[:2], "--split", "test", "--out", at / "o.json"],
]
READ = [
    Read("manifest.parquet", "parquet", 18, MANIFEST),
    Read("predictions.parquet", "parquet", 24, PREDICTIONS),
    Read("cache/hear/index.parquet", "parquet", 2, [fit]),
    Read(CHECKPOINT, "checkpoint", 3, [predict]),
    Read("task.yaml", "yaml", 8, [fit]),
    Read("recipe.yaml", "yaml", 12, [ensemble]),
    Read("clip.wav", "bytes", 16, [lambda at: ["prepare", "emotion-csv", at / "t.csv", "--out", at / "o.parquet"]]),
]
#: Files that commands read by one door: what they would take seconds for, tried at the door.
DOORS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "cache/hear/index.parquet": ("parquet", read_cache),
    "cache/hear/encoder.json": ("json", read_cache),
    "cache/cache.json": ("json", read_cache),
    "cache/hear/shards/*.safetensors": ("bytes", read_cache),
    CHECKPOINT: ("checkpoint", lambda at: TrainedModel.from_checkpoint(at / CHECKPOINT)),
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a manifest, a cache, a trained run, its predictions, and what else is changed here."""
    folder = tmp_path_factory.mktemp("whole")
    make_toy(folder, {"train": 8, "validation": 8, "test": 8})
    (folder / "task.yaml").write_text(SMALL_TASK)
    assert main([*map(str, trainer("fit", folder, "--name", "whole", "--trainer.max_epochs=1"))]) == 0
    table = ["--out", folder / "predictions.parquet"]
    assert main([*map(str, trainer("predict", folder, "--name", "whole", "--ckpt_path", "last", *table))]) == 0
    recipe = {"members": [str(folder / "predictions.parquet")] * 2, "method": "mean"}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (folder / "clip.wav").write_bytes(pcm(8000))
    (folder / "t.csv").write_text("audio,emotion\nclip.wav,anger\n")
    return folder


def pcm(samples: int) -> bytes:
    """A wave file, 16 kHz, 16 bit, of noise."""
    data = random.Random(0).randbytes(2 * samples)
    header = b"RIFF" + (36 + len(data)).to_bytes(4, "little") + b"WAVEfmt " + bytes((16, 0, 0, 0, 1, 0, 1, 0))
    rates = (16_000).to_bytes(4, "little") + (32_000).to_bytes(4, "little") + bytes((2, 0, 16, 0))
    return header + rates + b"data" + len(data).to_bytes(4, "little") + data


def tried(examples: int) -> settings:
    """So many examples, the same in every run."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@contextlib.contextmanager
def changed(whole: Path, source: str, kind: str, draw: random.Random) -> Iterator[tuple[Path, Path]]:
    """Yield a copy of a folder, and the one file in it that is changed."""
    with TemporaryDirectory() as folder:
        at = Path(folder) / "at"
        shutil.copytree(whole, at)
        (path,) = at.glob(source)
        path.write_bytes(mutate(path.read_bytes(), kind, draw))
        yield at, path


@pytest.mark.parametrize("read", READ, ids=lambda read: read.source.replace("/", " "))
def test_a_changed_file_is_read_or_refused(read: Read, whole: Path) -> None:
    @tried(read.examples)
    @given(draw=st.randoms(use_true_random=False), words=st.sampled_from(read.commands))
    def attempt(draw: random.Random, words: Words) -> None:
        with changed(whole, read.source, read.kind, draw) as (at, path):
            before = file_sha256(path)
            said = io.StringIO()
            with warnings.catch_warnings(), contextlib.redirect_stderr(said):
                warnings.simplefilter("ignore")
                status = main([str(word) for word in words(at)])
            errors = [line for line in said.getvalue().splitlines() if line.startswith("error: ")]
            assert len(errors) == (status == 2), said.getvalue()
            assert status in (0, 1, 2)
            assert file_sha256(path) == before

    attempt()


@pytest.mark.parametrize("source", DOORS, ids=lambda source: source.replace("/", " "))
def test_a_changed_file_is_opened_or_refused(source: str, whole: Path) -> None:
    kind, open_it = DOORS[source]

    @tried(25)
    @given(draw=st.randoms(use_true_random=False))
    def attempt(draw: random.Random) -> None:
        with changed(whole, source, kind, draw) as (at, path):
            before = file_sha256(path)
            with contextlib.suppress(VibeSpeakerError):
                open_it(at)
            assert file_sha256(path) == before

    attempt()
