"""The one door through which checkpoints come in: read once, nothing in them executed, weights as they were written.

Whatever loads a checkpoint goes through here: recognition, prediction, ensembles, `init_from`, resuming. The file is
opened once, hashed, and read with `weights_only=True`; what its hyper-parameters name is checked before anything is
imported; the weights' hash, written when they were saved, is compared with the weights at hand.
"""

import hashlib
import logging
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vibespeaker.config_files.renamed import stored_now
from vibespeaker.config_files.trust import check_names
from vibespeaker.errors import CheckpointError, VibeSpeakerError
from vibespeaker.provenance import CHECKPOINT_KEY, Provenance

log = logging.getLogger(__name__)

#: Where Lightning keeps what the task was made with.
HYPER_PARAMETERS = "hyper_parameters"
#: Under `CHECKPOINT_KEY`: the hash of the weights.
WEIGHTS_KEY = "weights_sha256"
_STATE = "state_dict"
_DAMAGED = "give a file that vibespeaker fit wrote; this one is damaged or something else"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A checkpoint in main memory.

    Args:
        path: the file.
        sha256: of the file, 64 hexadecimal digits.
        provenance: what it was trained on.
        content: everything in it; hyper-parameters name classes as they are called now.
    """

    path: Path
    sha256: str
    provenance: Provenance
    content: Mapping[str, Any]

    @property
    def hyper_parameters(self) -> Mapping[str, Any]:
        """What the task was made with."""
        found: Mapping[str, Any] = self.content[HYPER_PARAMETERS]
        return found

    def state(self, prefix: str) -> dict[str, Tensor]:
        """Return the weights whose names begin with `prefix`, without it."""
        weights = self.content[_STATE].items()
        return {key.removeprefix(prefix): value for key, value in weights if key.startswith(prefix)}


def open_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint into main memory and check it.

    Raises:
        CheckpointError: the file is missing, damaged, no VibeSpeaker checkpoint, names what it must not, or its weights
            are not those that were saved.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"checkpoint {path} does not exist")
    with checkpoint_errors(path), open(path, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        check_bytes(path)
        content = torch.load(file, map_location="cpu", weights_only=True)
        provenance = check_content(content, path)
        named = stored_now(content.get(HYPER_PARAMETERS) or {})
    return Checkpoint(path, sha256, provenance, {**content, HYPER_PARAMETERS: named})


def check_bytes(path: Path) -> None:
    """Compare every part of a checkpoint's file with its checksum in the archive, which torch itself leaves unread.

    Raises:
        CheckpointError: a part has changed since it was written, or is compressed, which torch never writes.
    """
    if not zipfile.is_zipfile(path):  # torch says what else it is
        return
    with checkpoint_errors(path), zipfile.ZipFile(path) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise CheckpointError(f"{path} is compressed, which no checkpoint is", remedy=_DAMAGED)
        if (wrong := archive.testzip()) is not None:
            raise CheckpointError(
                f"{path} is damaged: {wrong} in it is not what was written",
                remedy="take the file from where it was copied, or go on from another checkpoint",
            )


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """Return the content of a checkpoint, see `open_checkpoint`."""
    return open_checkpoint(path).content


def check_content(content: Any, source: object) -> Provenance:
    """Check what was read from a checkpoint of an emotion system and return its provenance.

    Args:
        content: all of it.
        source: what errors call the file.

    Raises:
        CheckpointError: it is no VibeSpeaker checkpoint, names what it must not, or has other weights than were saved.
    """
    check_stored(content, source)
    with checkpoint_errors(source):
        provenance = Provenance.from_checkpoint(content, source)
        check_names({name: encoder.spec for name, encoder in provenance.encoders.items()}, source)
    return provenance


def check_stored(content: Any, source: object) -> None:
    """Check what was read from a checkpoint of any task: its weights, and what its hyper-parameters name.

    Raises:
        CheckpointError: see `check_content`.
    """
    with checkpoint_errors(source):
        words = content.get(HYPER_PARAMETERS) or {} if isinstance(content, Mapping) else None
        if not isinstance(words, Mapping) or not isinstance(content.get(_STATE), Mapping):
            raise CheckpointError(f"{source} is no checkpoint of a trained system", remedy=_DAMAGED)
        check_names(words, source)
        _check_weights(content, source)


def weights_sha256(state: Mapping[str, Any]) -> str:
    """Return the SHA-256 over the names, sorted, and the bytes of all tensors in a state.

    Args:
        state: as of `state_dict`; mappings within it, a module's extra state, count with dotted names.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(_tensors(state).items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)  # NumPy has no bfloat16
    return digest.hexdigest()


@contextmanager
def checkpoint_errors(path: object) -> Iterator[None]:
    """Turn whatever reading the checkpoint `path` raises into one clear error.

    Raises:
        CheckpointError: in place of any other exception but our own; torch has many, by what is wrong with the file.
    """
    try:
        yield
    except VibeSpeakerError:
        raise
    except Exception as error:
        # torch's own words would advise to load untrusted code
        found = "objects other than tensors and plain values" if _is_pickle(error) else type(error).__name__
        raise CheckpointError(f"{path} cannot be read as a checkpoint", found=found, remedy=_DAMAGED) from error


def _is_pickle(error: Exception) -> bool:
    return isinstance(error, pickle.UnpicklingError) and "Unsupported global" in str(error)


def _check_weights(content: Mapping[str, Any], source: object) -> None:
    stored = content.get(CHECKPOINT_KEY, {}).get(WEIGHTS_KEY)
    if stored is None:
        log.warning("%s was written before weights carried a hash: damage to them would not be seen", source)
    elif stored != weights_sha256(content[_STATE]):
        raise CheckpointError(
            f"the weights in {source} are not those that were saved",
            remedy="take the file from where it was copied, or train again; some of its bytes have changed",
        )


def _tensors(state: Mapping[str, Any], prefix: str = "") -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for key, value in state.items():
        name = f"{prefix}{key}"
        if isinstance(value, Tensor):
            found[name] = value
        elif isinstance(value, Mapping):
            found |= _tensors(value, f"{name}.")
    return found
