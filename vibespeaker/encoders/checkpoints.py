"""Loading Hugging Face checkpoints, from a folder or from the hub, with one clear error when that fails."""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from vibespeaker.errors import EncoderError
from vibespeaker.utterance import SAMPLE_RATE

T = TypeVar("T")

_HUB_TIMEOUT_SECONDS = 5.0
_REMEDY = "give a folder with the checkpoint, or connect to the hub once so that it is downloaded"
#: Networks are made before their weights are read: what a configuration may ask for.
_MOST_LAYERS, _LARGEST = 256, 10_000_000
#: Weights that no forward pass in evaluation mode uses; some checkpoints lack them and they are then random.
UNUSED_WEIGHTS = ("masked_spec_embed", "pooler.", "lm_head.", "proj_out.")


def load(checkpoint: str, purpose: str, loader: Callable[[str, bool], T]) -> T:
    """Run `loader` on a checkpoint and turn whatever goes wrong into an `EncoderError`.

    A folder is read as it is. What the hub's cache holds is used without asking the hub; only what is missing there is
    looked up, after one quick request that fails within seconds where there is no network.

    Args:
        checkpoint: folder, or name on the hub such as `microsoft/wavlm-large`.
        purpose: what needs it, for messages.
        loader: takes the folder or name, and whether only local files may be used.

    Raises:
        EncoderError: the checkpoint is missing, unreachable, damaged or of the wrong kind.
    """
    if _is_folder(checkpoint, purpose):
        return _attempt(str(Path(checkpoint).expanduser()), checkpoint, purpose, loader, local=True)
    if _is_cached(checkpoint):
        try:
            return _attempt(checkpoint, checkpoint, purpose, loader, local=True)
        except EncoderError as error:
            if not isinstance(error.__cause__, OSError):  # an interrupted download raises OSError: fetch the rest
                raise
    _check_hub(checkpoint, purpose)
    return _attempt(checkpoint, checkpoint, purpose, loader, local=False)


def require_reachable(checkpoint: str, purpose: str) -> None:
    """Look for a checkpoint without loading it: in its folder, in the hub's cache, or on the hub, which is asked once.

    Raises:
        EncoderError: it is nowhere.
    """
    if not _is_folder(checkpoint, purpose) and not _is_cached(checkpoint):
        _check_hub(checkpoint, purpose)


def _is_folder(checkpoint: str, purpose: str) -> bool:
    """Return whether a checkpoint is a folder, False for a name on the hub; a path that leads nowhere is an error."""
    folder = Path(checkpoint).expanduser()
    if not folder.is_dir() and (folder.exists() or checkpoint.startswith(("/", "~", "."))):
        raise EncoderError(f"{purpose}: checkpoint folder {checkpoint} does not exist", remedy=_REMEDY)
    return folder.is_dir()


def _attempt(name: str, checkpoint: str, purpose: str, loader: Callable[[str, bool], T], local: bool) -> T:
    try:
        with quiet_transformers():
            return loader(name, local)
    except EncoderError:
        raise
    except Exception as error:  # transformers raises nearly every kind for a bad checkpoint
        reason = " ".join(str(error).split()).split(". ")[0][:300]
        raise EncoderError(
            f"{purpose}: checkpoint {checkpoint} cannot be loaded ({type(error).__name__}: {reason})", remedy=_REMEDY
        ) from error


def _is_cached(checkpoint: str) -> bool:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(checkpoint, "config.json"), str)
    except HFValidationError:
        return False


def _check_hub(checkpoint: str, purpose: str) -> None:
    """Ask the hub once, since transformers itself would retry for half a minute."""
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import build_hf_headers, get_session  # type: ignore[attr-defined]

    problem = f"{purpose}: there is no folder {checkpoint}, and"
    if constants.HF_HUB_OFFLINE or os.environ.get("HF_HUB_OFFLINE", "") in ("1", "ON", "YES", "TRUE"):
        raise EncoderError(f"{problem} the hub may not be asked (HF_HUB_OFFLINE is set)", remedy=_REMEDY)
    try:
        url = hf_hub_url(checkpoint, "config.json")
        answer = get_session().head(
            url, headers=build_hf_headers(), timeout=_HUB_TIMEOUT_SECONDS, follow_redirects=True
        )
    except HFValidationError as error:
        raise EncoderError(f"{problem} that is no name of a checkpoint on the hub", remedy=_REMEDY) from error
    except Exception as error:  # the hub's client raises its HTTP library's errors
        raise EncoderError(f"{problem} the hub cannot be reached ({type(error).__name__})", remedy=_REMEDY) from error
    if answer.status_code in (401, 403, 404):
        raise EncoderError(f"{problem} the hub has no such checkpoint open to you", remedy="check the name")


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers' warnings and progress bars; what matters is checked and reported here."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def read_config(name: str, local: bool, kinds: Sequence[str] | None, purpose: str) -> Any:
    """Return the checkpoint's configuration.

    Args:
        name: folder or name on the hub.
        local: whether only local files may be used.
        kinds: allowed values of its `model_type`; None allows all.
        purpose: what needs it, for messages.

    Raises:
        EncoderError: it is a checkpoint of another kind, or asks for sizes that no network of its kind has.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(name, local_files_only=local)
    if kinds is not None and config.model_type not in kinds:
        raise EncoderError(
            f"{purpose}: checkpoint {name} is of the wrong kind", found=config.model_type, allowed=sorted(kinds)
        )
    for key, value in config.to_dict().items():
        most = _MOST_LAYERS if key.endswith("layers") else _LARGEST
        if isinstance(value, int) and value > most:
            raise EncoderError(
                f"{purpose}: checkpoint {name} says {key} out of range", found=value, allowed=f"to {most}"
            )
    return config


def check_weights(info: dict[str, Any], name: str, purpose: str, unused: Sequence[str] = UNUSED_WEIGHTS) -> None:
    """Refuse a checkpoint that lacks weights, which transformers would fill with random numbers.

    Args:
        info: what `from_pretrained(…, output_loading_info=True)` returned beside the model.
        name: folder or name on the hub.
        purpose: what needs it, for messages.
        unused: parts of the names of weights that may be lacking, since nothing uses them.
    """
    missing = sorted(key for key in info["missing_keys"] if not any(part in key for part in unused))
    if missing:
        raise EncoderError(
            f"{purpose}: checkpoint {name} lacks {len(missing)} weights of its own configuration", found=missing[:3]
        )


def weights_sha256(network: nn.Module, unused: Sequence[str] = UNUSED_WEIGHTS) -> str:
    """Return the SHA-256 of all weights that are used: names in order, shapes, and values as float32 bytes.

    Args:
        network: whose weights they are.
        unused: parts of the names of weights that are left out.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        if any(part in name for part in unused):
            continue
        if tensor.is_floating_point():
            tensor = tensor.detach().to(device="cpu", dtype=torch.float32)
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}\n".encode())
        digest.update(memoryview(tensor.cpu().contiguous().view(-1).numpy()).cast("B"))
    return digest.hexdigest()


def hearing_network(name: str, config: Any, local: bool, purpose: str) -> tuple[Any, Any]:
    """Load a checkpoint that hears, in float32, and its feature extractor.

    Args:
        name: folder or name of the checkpoint.
        config: of its network, as `read_config` returned it, perhaps changed.
        local: whether the hub is left alone.
        purpose: what errors call the encoder.

    Raises:
        EncoderError: it hears at another rate than 16 kHz, or weights are missing.
    """
    from transformers import AutoFeatureExtractor, AutoModel

    extractor = AutoFeatureExtractor.from_pretrained(name, local_files_only=local)
    if extractor.sampling_rate != SAMPLE_RATE:
        raise EncoderError(
            f"{purpose}: {name} wants another sampling rate", found=extractor.sampling_rate, allowed=str(SAMPLE_RATE)
        )
    network, info = AutoModel.from_pretrained(
        name, config=config, local_files_only=local, dtype=torch.float32, output_loading_info=True
    )
    check_weights(info, name, purpose)
    return network, extractor
