"""The command `push`: a model folder on the hub."""

import logging
import re
from pathlib import Path

from vibespeaker.errors import CheckpointError, ConfigError

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def push(
    folder: Path, name: str, private: bool = False, revision: str | None = None, message: str = "Add the model"
) -> int:
    """Put a model folder on the hub, where others name it: vibespeaker recognize --model USER/NAME FILE.

    The folder is read before, as a stranger would read it, and so is its card. Weights that learned from a corpus may
    be shared as far as its licence allows; the card names it.

    Args:
        folder: what vibespeaker export wrote.
        name: USER/NAME; made when missing.
        private: hide a new model from others.
        revision: branch to write to, in place of the main one.
        message: of the commit.

    Raises:
        CheckpointError: it is no model folder, or a damaged one.
        ConfigError: the name or the card is not as the hub wants it, or the hub refuses.
    """
    if _NAME.fullmatch(name) is None:
        raise ConfigError("a model on the hub has a name of two parts", found=name, allowed="USER/NAME")
    from vibespeaker.systems.folder import is_model_folder
    from vibespeaker.systems.opening import open_system
    from vibespeaker.systems.sharing.hub import upload

    if not is_model_folder(folder):
        raise CheckpointError(f"{folder} is no model folder", remedy=f"make one: vibespeaker export RUN --out {folder}")
    open_system(folder)
    check_card(folder / "README.md")
    address = upload(folder, name, private, revision, message)
    log.info("%s; use it: vibespeaker recognize --model %s FILE", address, name)
    return 0


def check_card(path: Path) -> None:
    """Check a card's head of metadata against the hub's schema.

    Raises:
        ConfigError: there is none, or it lacks the licence.
    """
    from huggingface_hub import ModelCard

    remedy = "make the folder again with vibespeaker export, or correct its README.md"
    try:
        data = ModelCard(path.read_text(encoding="utf-8")).data
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is no card that the hub reads", found=error, remedy=remedy) from error
    if not data.get("license"):
        raise ConfigError(f"{path} names no licence", allowed="license: … between its lines of ---", remedy=remedy)
