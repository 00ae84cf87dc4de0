"""Errors a user can act on: what is wrong, what was found, what is allowed, what to do."""

import unicodedata
from collections.abc import Iterable

#: Characters that write from right to left from here on, by which a name can look like another.
_TURNING = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def printable(text: str) -> str:
    """Return a name or message on one line that no terminal takes for commands.

    Control characters, line breaks, bytes that are no UTF-8 and turns of the writing direction become escapes.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or code in _TURNING:
        # a lone surrogate stands for a byte of a name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else character.encode("unicode_escape").decode()
    return character


class VibeSpeakerError(Exception):
    """Base of all errors caused by input, configuration or environment; the command line prints it without traceback.

    Args:
        problem: one sentence that names the file or key.
        found: the offending value.
        allowed: what would have been accepted, as text or as the list of accepted values.
        remedy: what to do now.
    """

    def __init__(
        self,
        problem: str,
        *,
        found: object | None = None,
        allowed: str | Iterable[object] | None = None,
        remedy: str | None = None,
    ) -> None:
        sentences = [problem.rstrip(".") + "."]
        if found is not None:
            sentences.append(f"Found: {found}.")
        if allowed is not None:
            listed = allowed if isinstance(allowed, str) else ", ".join(str(value) for value in allowed)
            sentences.append(f"Allowed: {listed}.")
        if remedy is not None:
            sentences.append(f"Remedy: {remedy.rstrip('.')}.")
        # a file of strangers may have said any of it
        super().__init__(printable(" ".join(sentences)))
        self.problem = printable(problem)


class AudioError(VibeSpeakerError):
    """An audio file that cannot be decoded or holds unusable samples."""


class CorpusError(VibeSpeakerError):
    """A corpus folder that does not look as published."""


class ManifestError(VibeSpeakerError):
    """A manifest with missing columns, wrong values or another schema version."""


class EncoderError(VibeSpeakerError):
    """An encoder checkpoint that is missing, unreachable or of the wrong kind."""


class CacheError(VibeSpeakerError):
    """An embedding cache that is stale, foreign, damaged or incomplete."""


class ConfigError(VibeSpeakerError):
    """A configuration with an invalid value or conflicting values."""


class TrainingError(VibeSpeakerError):
    """Training that cannot go on, since its numbers are not finite."""


class CheckpointError(VibeSpeakerError):
    """A checkpoint that is missing or does not fit the model."""


class PredictionsError(VibeSpeakerError):
    """A prediction table with missing columns, unknown utterances or undefined values."""


class SubmissionError(VibeSpeakerError):
    """A challenge submission that the organisers would refuse."""
