"""What a Whisper checkpoint's `generation_config.json` leaves out where it is old, taken from the tokenizer."""

import re
from typing import Any

_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
#: Checkpoints that know English only have tokens of all languages, too, but one entry less in their vocabulary
#: (https://github.com/openai/whisper, `Whisper.is_multilingual`).
_ENGLISH_VOCABULARY = 51_864
_TASKS = ("transcribe", "translate")


def complete_settings(settings: Any, tokens: dict[str, int], vocabulary: int) -> None:
    """Add to generation settings what says which languages and tasks there are; what they say themselves stays.

    Args:
        settings: of the model, changed in place.
        tokens: the tokenizer's vocabulary, text → index.
        vocabulary: number of the model's output tokens.
    """
    languages = {token: index for token, index in tokens.items() if _LANGUAGE.fullmatch(token)}
    tasks = {task: tokens[f"<|{task}|>"] for task in _TASKS if f"<|{task}|>" in tokens}
    if getattr(settings, "is_multilingual", None) is None:
        settings.is_multilingual = len(languages) > 1 and vocabulary != _ENGLISH_VOCABULARY
    if not getattr(settings, "lang_to_id", None) and settings.is_multilingual:
        settings.lang_to_id = languages
    if not getattr(settings, "task_to_id", None) and settings.is_multilingual:
        settings.task_to_id = tasks
    if getattr(settings, "no_timestamps_token_id", None) is None and "<|notimestamps|>" in tokens:
        settings.no_timestamps_token_id = tokens["<|notimestamps|>"]
    if getattr(settings, "forced_decoder_ids", None):
        settings.forced_decoder_ids = None  # how older settings say one language for all clips
