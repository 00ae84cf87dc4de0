"""Names that configs, checkpoints and caches may still hold, and what they are called now.

An old class path is read as the new one. An old key is refused with a sentence that names the new one: a config that is
run again should say what it means today. Fingerprints are no names: what they hold is hashed and stays as it is.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

log = logging.getLogger(__name__)

#: Old class path → the present one.
CLASSES = {
    "vibespeaker.data.EmotionDataModule": "vibespeaker.tasks.EmotionDataModule",
    "vibespeaker.data.datamodule.EmotionDataModule": "vibespeaker.tasks.EmotionDataModule",
    "vibespeaker.data.Parts": "vibespeaker.data.Splits",
    "vibespeaker.data.parts.Parts": "vibespeaker.data.Splits",
    "vibespeaker.encoders.RandomConvolutions": "vibespeaker.encoders.Rocket",
    "vibespeaker.encoders.random_convolutions.RandomConvolutions": "vibespeaker.encoders.Rocket",
    "vibespeaker.encoders.RobertaEncoder": "vibespeaker.encoders.TextEncoder",
    "vibespeaker.encoders.roberta.RobertaEncoder": "vibespeaker.encoders.TextEncoder",
    "vibespeaker.encoders.WavLMEncoder": "vibespeaker.encoders.SpeechEncoder",
    "vibespeaker.encoders.wavlm.WavLMEncoder": "vibespeaker.encoders.SpeechEncoder",
    # one time-delay network was kept; where the other one stood, this one is refused as of another kind
    "vibespeaker.models.TDNN": "vibespeaker.models.VoiceEmbedding",
    "vibespeaker.models.frame_networks.TDNN": "vibespeaker.models.VoiceEmbedding",
    "vibespeaker.tasks.EnsembleTask": "vibespeaker.tasks.SystemTask",
    "vibespeaker.tasks.ensemble_task.EnsembleTask": "vibespeaker.tasks.SystemTask",
    "vibespeaker.tasks.live.LiveEncoders": "vibespeaker.models.live.LiveEncoders",
    **{
        f"vibespeaker.tasks.{callback}": f"vibespeaker.tasks.callbacks.{callback}"
        for callback in (
            *("checkpoints.AtomicCheckpointIO", "checkpoints.LastCheckpoint", "confusion_figure.ConfusionFigure"),
            *("cost_record.CostRecord", "prediction_writer.PredictionWriter", "random_state.RandomStates"),
            "run_record.RunRecord",
        )
    },
    # encoders may be named without their package
    "RandomConvolutions": "Rocket",
    "RobertaEncoder": "TextEncoder",
    "WavLMEncoder": "SpeechEncoder",
}
#: Old key of a training config → the present one.
KEYS = {"data.init_args.parts": "data.init_args.splits", "keep": "model.init_args.checkpoints"}
#: Key that came later → what runs before it did.
LATER = {"model.init_args.schedule.shape": "cosine"}

#: Argument of an encoder that `train` beside its class path has replaced.
UNFREEZE = "unfreeze"

#: Keys under which a class may be named without its package.
_CLASS_KEYS = ("class_path", "_class_path")
_PATHS = re.compile(r"(?<![\w.])(" + "|".join(re.escape(path) for path in CLASSES if "." in path) + r")(?![\w.])")


def class_now(path: str) -> str:
    """Return the present name of a class path, which is `path` itself unless it was moved or renamed."""
    if path not in CLASSES:
        return path
    _say_once(path, CLASSES[path])
    return CLASSES[path]


def classes_now(tree: Any) -> Any:
    """Return a tree of mappings and lists in which every old class path is the present one.

    Args:
        tree: what a config, a record or the hyper-parameters of a checkpoint hold; it is not changed.
    """
    if isinstance(tree, Mapping):
        return {
            key: class_now(value) if key in _CLASS_KEYS and isinstance(value, str) else classes_now(value)
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [classes_now(value) for value in tree]
    return class_now(tree) if isinstance(tree, str) and "." in tree else tree


def stored_now(tree: Any) -> Any:
    """Return what a record or a checkpoint holds with the present class paths, and with encoders as they are now said.

    Args:
        tree: mappings and lists; it is not changed.
    """
    return _encoders_now(classes_now(tree))


def _encoders_now(tree: Any) -> Any:
    if isinstance(tree, list):
        return [_encoders_now(value) for value in tree]
    if not isinstance(tree, Mapping):
        return tree
    found = {key: _encoders_now(value) for key, value in tree.items()}
    arguments = found.get("init_args")
    if "class_path" not in found or not isinstance(arguments, Mapping):
        return found
    inner = arguments.get("encoder")  # of an encoder that changes another one's frames
    if isinstance(inner, Mapping) and "train" in inner:
        found["train"] = inner["train"]
        found["init_args"] = {**arguments, "encoder": {key: value for key, value in inner.items() if key != "train"}}
    if UNFREEZE in arguments:
        found["init_args"] = {key: value for key, value in arguments.items() if key != UNFREEZE}
        found |= {"train": "all"} if arguments[UNFREEZE] else {}
    return found


def words_now(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with the present class paths, also within a word: `--data=…`, `{…: …}`."""
    return [_PATHS.sub(lambda found: class_now(found[0]), word) for word in words]


def keys_now(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a training config, dotted key → value, with the present keys, those that came later included."""
    present = {}
    for key, value in config.items():
        old = next((old for old in KEYS if f"{key}.".startswith(f"{old}.")), None)
        present[key if old is None else KEYS[old] + key.removeprefix(old)] = value
    sections = {key.rpartition(".")[0] for key in present}
    return {**{key: value for key, value in LATER.items() if key.rpartition(".")[0] in sections}, **present}


def key_now(key: str) -> str | None:
    """Return the present name of a key that nothing reads any more, None where it never was one.

    Args:
        key: dotted, with or without `init_args`: `data.parts`, `data.init_args.parts.train`.
    """
    for old, new in KEYS.items():
        if f"{_plain(key)}.".startswith(f"{_plain(old)}."):
            return new + _plain(key).removeprefix(_plain(old))
    return None


def _plain(key: str) -> str:
    return key.replace("init_args.", "")


@cache
def _say_once(old: str, new: str) -> None:
    log.info("%s is now called %s", old, new)
