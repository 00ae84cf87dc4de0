"""The guard of the closed condition: whether a system used only what the challenge allows.

The rules (Interspeech 2025 challenge): train on MSP-Podcast only; generic self-supervised or speech recognition models
are allowed, models tuned for emotion are not. The guard reads the provenance that every prediction table carries
(`corpora`, `encoders`, `transcripts`, and `ensemble.members` with the provenance of each) and says *kept*, *broken* or,
where something is not recorded or a checkpoint is not known, *undecided*: it never guesses in the system's favour.

An encoder is judged by what is recorded of it: whether it names a checkpoint at all, that checkpoint's name, and, where
the name is a folder, whether an encoder from the hub has the same weights, or what the user declares it to be.
A folder's config is no proof: fine-tuned models keep the name of what they started from.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vibespeaker.config_files.renamed import classes_now
from vibespeaker.labels import EMOTIONS
from vibespeaker.provenance import TUNED_FOR

Verdict = Literal["kept", "broken", "undecided"]

ALLOWED_CORPORA = ("msp-podcast",)
#: Checkpoints trained without emotion labels, as pattern of the hub's name.
GENERIC = re.compile(
    r"^(openai/whisper-[\w.-]+|microsoft/wavlm-[\w-]+|(facebook/)?hubert-[\w-]+|facebook/wav2vec2-[\w-]+"
    r"|facebook/data2vec-audio-[\w-]+|((FacebookAI|facebook)/)?(xlm-)?roberta-(base|large)"
    r"|((google-bert|bert)/)?bert-(base|large)[\w-]*|microsoft/deberta-v3-[\w]+|answerdotai/ModernBERT-\w+)$"
)
#: Words in a checkpoint's name that indicate tuning for emotion or sentiment.
EMOTIONAL = re.compile(
    r"emotion|(^|[^a-z])emo([^a-z]|$)|emoberta|sentiment|affect|iemocap|ravdess|(^|[^a-z])meld([^a-z]|$)|crema-?d|msp-dim"
    r"|(^|[^a-z])ser([^a-z]|$)|superb-er|vox-profile|arousal|valence",
    re.I,
)
#: Where this package's own encoders stand; one that names no checkpoint is computed, or trained with the system.
OWN_ENCODERS = ("vibespeaker.encoders.", "vibespeaker.systems.")
_READERS = ("TextEncoder", "HashedText")
#: Keys under which an encoder's spec may name its checkpoint.
_CHECKPOINT_KEYS = ("checkpoint", "model", "name", "pretrained", "path")


@dataclass(frozen=True)
class Finding:
    """One ingredient and what it means for the closed condition.

    Args:
        verdict: `kept`, `broken` or `undecided`.
        ingredient: what it is about, e.g. `encoder wavlm`.
        reason: one clause.
    """

    verdict: Verdict
    ingredient: str
    reason: str

    def __str__(self) -> str:
        return f"{self.ingredient}: {self.reason}"


@dataclass(frozen=True)
class ClosedCondition:
    """The guard's answer.

    Args:
        findings: every ingredient looked at, in the order of the provenance chain.
    """

    findings: tuple[Finding, ...]

    @property
    def kept(self) -> bool | None:
        """True when all ingredients are allowed, False when one is not, None when one cannot be judged."""
        verdicts = {finding.verdict for finding in self.findings}
        if "broken" in verdicts:
            return False
        return None if "undecided" in verdicts or not verdicts else True

    @property
    def verdict(self) -> Verdict:
        """The answer as a word."""
        return {True: "kept", False: "broken", None: "undecided"}[self.kept]  # type: ignore[return-value]

    @property
    def deciding(self) -> tuple[Finding, ...]:
        """The findings that make the answer what it is."""
        return tuple(finding for finding in self.findings if finding.verdict == self.verdict)

    def __str__(self) -> str:
        """Return one short line; the table of findings has the reasons."""
        if self.kept:
            return "closed condition kept"
        return f"closed condition {self.verdict} by {len(self.deciding)} of {len(self.findings)} ingredients"


@dataclass(frozen=True)
class _Origins:
    """Where folders' weights come from.

    Args:
        declared: folder or file → name on the hub, as the user says.
        hashes: hash of weights → name on the hub, as other encoders of the same system have it.
    """

    declared: Mapping[str, str]
    hashes: Mapping[str, str]


def judge(
    provenance: Mapping[str, Any], name: str = "system", declared: Mapping[str, str] | None = None
) -> ClosedCondition:
    """Judge a system by its provenance, ensemble members included.

    Args:
        provenance: `PredictionsMetadata.provenance`: `corpora` (names), `encoders` (name → spec with `class_path` and
            `init_args`), `transcripts` (origins such as `human` or `asr:<model>@<fingerprint>`), `ensemble`.
        name: what findings call the system.
        declared: folder of a checkpoint, or file of another program's predictions → the hub's name of what it comes
            from, by the user's word; findings say so.
    """
    present = classes_now(provenance)
    origins = _Origins(declared or {}, dict(_hashes(present)))
    return ClosedCondition(tuple(dict.fromkeys(_findings(present, name, origins))))


def _hashes(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield hash of weights → name, of encoders that were read from the hub."""
    for given in (provenance.get("encoders") or {}).values():
        weights, checkpoint = (given.get("fingerprint") or {}).get("weights"), _checkpoint_of(_innermost(given))
        if weights and checkpoint and GENERIC.match(checkpoint):
            yield weights, checkpoint
    for member in (provenance.get("ensemble") or {}).get("members") or ():
        yield from _hashes(member.get("provenance") or {})


def _findings(provenance: Mapping[str, Any], name: str, origins: _Origins) -> Iterator[Finding]:
    members = (provenance.get("ensemble") or {}).get("members")
    if members:
        for member in members:
            about = f"{name}, member {member['path']}"
            if member.get("kind") == "challenge-csv":
                yield _file(member["path"], about, origins)
            else:
                yield from _findings(member.get("provenance") or {}, about, origins)
        return
    judges: dict[str, Callable[[Any, str, _Origins], Iterator[Finding]]] = {
        "corpora": _corpora,
        "encoders": _encoders,
        "transcripts": _transcripts,
    }
    if not _reads_text(provenance.get("encoders")):
        del judges["transcripts"]
    for key, judge_one in judges.items():
        if provenance.get(key) is None:
            yield Finding("undecided", f"{name}, {key}", "not recorded")
        else:
            yield from judge_one(provenance[key], name, origins)


def _reads_text(encoders: Mapping[str, Any] | None) -> bool:
    """Return False only where every encoder is known to hear: by its recorded modality, or by its class."""
    given = list((encoders or {"unknown": {}}).values())
    hears = [one.get("modality") == "audio" if one.get("modality") else _hears(_innermost(one)) for one in given]
    return not all(hears)


def _hears(spec: Mapping[str, Any]) -> bool:
    """Of older tables, which record no modality: among the encoders of this package only two kinds read text."""
    class_path = str(spec.get("class_path", ""))
    return class_path.startswith(OWN_ENCODERS) and class_path.rpartition(".")[2] not in _READERS


def _innermost(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the encoder's own specification, from within one that only thins its frames out."""
    while "encoder" in (spec.get("init_args") or {}):
        spec = spec["init_args"]["encoder"]
    return spec


def _corpora(corpora: list[str], name: str, _: _Origins) -> Iterator[Finding]:
    for corpus in corpora:
        allowed = corpus in ALLOWED_CORPORA
        reason = "the challenge's own corpus" if allowed else "trained on a corpus outside the challenge"
        yield Finding("kept" if allowed else "broken", f"{name}, corpus {corpus}", reason)


def _encoders(encoders: Mapping[str, Any], name: str, origins: _Origins) -> Iterator[Finding]:
    for encoder, given in encoders.items():
        spec = _innermost(given)
        about = f"{name}, encoder {encoder}"
        checkpoint = _checkpoint_of(spec)
        if given.get(TUNED_FOR):
            yield Finding("broken", about, f"{checkpoint} is trained for emotion: it tells {given[TUNED_FOR]}")
        elif checkpoint is not None:
            yield _checkpoint(checkpoint, about, origins, (given.get("fingerprint") or {}).get("weights"))
        elif str(spec.get("class_path", "")).startswith(OWN_ENCODERS):
            how = "trained with the system" if given.get("trained") else "computed, not trained"
            yield Finding("kept", about, how)
        else:
            yield Finding("undecided", about, "its checkpoint is not recorded")


def _checkpoint_of(spec: Mapping[str, Any]) -> str | None:
    arguments = spec.get("init_args") or {}
    return next((str(arguments[key]) for key in _CHECKPOINT_KEYS if arguments.get(key)), None)


def _transcripts(transcripts: list[str], name: str, origins: _Origins) -> Iterator[Finding]:
    for origin in transcripts:
        about = f"{name}, transcripts {origin}"
        if origin in ("human", "script"):
            yield Finding("kept", about, "published with the corpus")
        elif origin.startswith("asr:"):
            model = origin.removeprefix("asr:")
            yield _checkpoint(model.rpartition("@")[0] or model, about, origins)
        else:
            yield Finding("undecided", about, "unknown origin")


def _file(path: str, about: str, origins: _Origins) -> Finding:
    declared = _declared(path, origins)
    if declared is None:
        return Finding("undecided", about, "a file without provenance")
    return _by_name(declared, about, f"declared to come from {declared}")


def _checkpoint(checkpoint: str, about: str, origins: _Origins, weights: str | None = None) -> Finding:
    """Judge by a folder's own config and name, by what it is known or declared to be, or by the hub's name."""
    emotions = _emotional_labels(Path(checkpoint) / "config.json")
    if emotions:
        return Finding("broken", about, f"{checkpoint} is tuned to classify {', '.join(emotions)}")
    if _sounds_emotional(checkpoint):
        return Finding("broken", about, f"{checkpoint} is tuned for emotion by its name")
    declared = _declared(checkpoint, origins)
    if declared is not None:
        return _by_name(declared, about, f"{checkpoint} is declared to be {declared}")
    if weights in origins.hashes and not GENERIC.match(checkpoint):
        return Finding("kept", about, f"{checkpoint} has the weights of {origins.hashes[str(weights)]}")
    return _by_name(checkpoint, about, checkpoint)


def _declared(path: str, origins: _Origins) -> str | None:
    """Return what the user says of a folder or file, however the path is spelled."""
    same = (name for place, name in origins.declared.items() if Path(place).resolve() == Path(path).resolve())
    return next(same, None)


def _by_name(checkpoint: str, about: str, said: str) -> Finding:
    which = said if said == checkpoint else f"{said}, which"
    if _sounds_emotional(checkpoint):
        return Finding("broken", about, f"{which} is tuned for emotion by its name")
    if GENERIC.match(checkpoint):
        return Finding("kept", about, f"{which} is a generic model")
    return Finding("undecided", about, f"{which} is not among the known generic models")


def _sounds_emotional(checkpoint: str) -> bool:
    """Whether a name tells of emotion: all of a hub's name, but of a folder only its own, not where it lies."""
    return bool(EMOTIONAL.search(Path(checkpoint).name if Path(checkpoint).is_dir() else checkpoint))


def _emotional_labels(config: Path) -> list[str]:
    try:
        labels = json.loads(config.read_text(encoding="utf-8")).get("id2label") or {}
    except (OSError, ValueError, AttributeError):
        return []
    if not isinstance(labels, dict):
        return []
    stems = [emotion[:4] for emotion in EMOTIONS if emotion not in ("neutral", "other", "no_agreement", "calm")]
    stems += ["happy", "sad", "angr", "arousal", "valence"]
    return [str(label) for label in labels.values() if any(stem in str(label).lower() for stem in stems)]
