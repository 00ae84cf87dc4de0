"""Models on the hub: a name such as `USER/NAME@revision` becomes a local model folder, and a folder a hub's model.

What is fetched is the files that a model folder has, and nothing of them is run (`systems.folder`).
"""

import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vibespeaker.encoders.carrying import SUFFIXES
from vibespeaker.errors import CheckpointError, ConfigError, VibeSpeakerError
from vibespeaker.systems.ensemble_folder import KIND_OF_ENSEMBLES
from vibespeaker.systems.folder import CARD, CONFIG, ENCODERS, KIND, WEIGHTS
from vibespeaker.systems.fusion_folder import KIND_OF_FUSIONS

log = logging.getLogger(__name__)

_NAME = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(?P<revision>[\w./-]+))?")
_TIMEOUT_SECONDS = 5
#: The checkpoints that encoders began with.
_CARRIED = tuple(f"{ENCODERS}/*{suffix}" for suffix in SUFFIXES)
#: Files of a model folder, of its members, and of its ONNX head.
FILES = (CONFIG, WEIGHTS, CARD, *_CARRIED, "head.onnx", "frames.npz", "example.py", "encoders.onnx.json", "*.onnx")
#: What is fetched to use a model.
_NEEDED = (CONFIG, WEIGHTS, CARD, *_CARRIED)


def holds_model(name: str) -> bool:
    """Return whether a repository of the hub holds a model folder, by its config; also where that was fetched before.

    Args:
        name: `USER/NAME`.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    try:
        path = try_to_load_from_cache(name, CONFIG)
        if not isinstance(path, str):
            path = hf_hub_download(name, CONFIG, endpoint=_endpoint(), etag_timeout=_TIMEOUT_SECONDS)
        fields = json.loads(Path(path).read_bytes())
    except Exception:  # whoever opens it as something else says what is wrong
        return False
    return isinstance(fields, dict) and fields.get("kind") in (KIND, KIND_OF_ENSEMBLES, KIND_OF_FUSIONS)


def fetch(reference: str) -> Path:
    """Return the local folder of a model on the hub; what was fetched before is not fetched again.

    Args:
        reference: `USER/NAME`, perhaps with `@` and a branch, tag or commit.

    Raises:
        CheckpointError: there is no such model, or the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download

    found = _NAME.fullmatch(reference)
    assert found is not None, "names were looked at before"
    patterns = [*_NEEDED, *(f"members/*/{name}" for name in _NEEDED)]
    problem = f"there is no file or folder {reference}, and the hub has no such model that can be had"
    with _hub_errors(CheckpointError, problem, "check the name and the network; private models need: hf auth login"):
        folder = snapshot_download(
            found["name"], revision=found["revision"], allow_patterns=patterns, endpoint=_endpoint()
        )
    log.info("using %s", folder)
    return Path(folder)


def upload(folder: Path, name: str, private: bool, revision: str | None, message: str) -> str:
    """Put a model folder's files on the hub, in a repository that is made when missing.

    Args:
        folder: a model folder.
        name: `USER/NAME`.
        private: whether a new repository is hidden from others.
        revision: branch; null for the main one.
        message: of the commit.

    Returns:
        The address of the commit.

    Raises:
        ConfigError: the hub cannot be reached, or refuses.
    """
    from huggingface_hub import HfApi

    api = HfApi(endpoint=_endpoint())
    patterns = [*FILES, *(f"members/*/{one}" for one in FILES)]
    with _hub_errors(
        ConfigError, f"the hub did not take {folder}", "log in with a token that may write: hf auth login"
    ):
        api.create_repo(name, private=private, exist_ok=True)
        commit: Any = api.upload_folder(
            repo_id=name, folder_path=folder, revision=revision, allow_patterns=patterns, commit_message=message
        )
    return str(commit.commit_url)


def _endpoint() -> str | None:
    """Return the address of another hub than the usual one, as its own tools take it from the environment."""
    return os.environ.get("HF_ENDPOINT")


@contextmanager
def _hub_errors(kind: type[VibeSpeakerError], problem: str, remedy: str) -> Iterator[None]:
    """Turn what the hub's client raises, its HTTP library's errors included, into one sentence."""
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

    disable_progress_bars()
    try:
        yield
    except VibeSpeakerError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise kind(problem, found=f"{type(error).__name__}: {said}", remedy=remedy) from error
    finally:
        enable_progress_bars()
