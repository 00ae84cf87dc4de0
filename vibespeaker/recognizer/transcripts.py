"""The transcripts that a system reads of one recording: the one that is given, or those of recognisers of speech."""

from collections.abc import Callable, Iterable, Mapping

from vibespeaker.audio.files import Waveform
from vibespeaker.transcribe.base import Transcript

#: What recognises speech, such as a `transcribe.Transcriber`.
Transcribe = Callable[[Waveform], Transcript]


def transcripts_of(
    samples: Waveform,
    text: str | None,
    names: Iterable[str | None],
    transcribers: Mapping[str | None, Transcribe],
) -> dict[str | None, str | None]:
    """Return what was said, by the name of the texts that a system reads; None where nobody knows.

    Args:
        samples: `(samples,)` at 16 kHz.
        text: the transcript where it is known: it stands for texts of every name.
        names: of the texts that are read, None for the default.
        transcribers: name of texts → its recogniser; that of None serves the names that have none of their own.
    """
    if text is not None:
        return dict.fromkeys(names, text)
    default = transcribers.get(None)
    chosen = {name: transcribers.get(name, default) for name in names}
    # one that serves several names hears the recording once
    said = {id(one): one(samples).text for one in chosen.values() if one is not None}
    return {name: None if one is None else said[id(one)] for name, one in chosen.items()}


def substitutes(names: Iterable[str | None], transcribers: Mapping[str | None, Transcribe]) -> tuple[str, ...]:
    """Say which texts come from another recogniser than that of their name."""
    missing = [name for name in names if name is not None and name not in transcribers]
    if not missing or None not in transcribers:
        return ()
    return (f"the system reads texts called {', '.join(missing)}: the transcriber at hand stands for theirs",)
