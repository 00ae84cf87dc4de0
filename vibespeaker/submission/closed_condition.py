"""The guard of the closed condition: whether a system used only what the challenge allows.

The rules (Interspeech 2025 challenge): train on MSP-Podcast only; generic self-supervised or speech recognition models
are allowed, models tuned for emotion are not. The guard reads the provenance that every prediction table carries
(`corpora`, `encoders`, `transcripts`, and `ensemble.members` with the provenance of each) and says *kept*, *broken* or,
where something is not recorded or a checkpoint is not known, *undecided*: it never guesses in the system's favour.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vibespeaker.config_files.renamed import classes_now
from vibespeaker.labels import EMOTIONS

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
#: Encoders of this package that are computed, not trained.
UNTRAINED = ("AcousticDescriptors", "HashedText")
AUDIO_ENCODERS = ("AcousticDescriptors", "SpeechEncoder", "WhisperEncoder")
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

    def __str__(self) -> str:
        reasons = [str(finding) for finding in self.findings if finding.verdict == self.verdict]
        return f"closed condition {self.verdict}" + ("" if self.kept else f" ({'; '.join(reasons)})")


def judge(provenance: Mapping[str, Any], name: str = "system") -> ClosedCondition:
    """Judge a system by its provenance, ensemble members included.

    Args:
        provenance: `PredictionsMetadata.provenance`: `corpora` (names), `encoders` (name → spec with `class_path` and
            `init_args`), `transcripts` (origins such as `human` or `asr:<model>@<fingerprint>`), `ensemble`.
        name: what findings call the system.
    """
    return ClosedCondition(tuple(dict.fromkeys(_findings(classes_now(provenance), name))))


def _findings(provenance: Mapping[str, Any], name: str) -> Iterator[Finding]:
    members = (provenance.get("ensemble") or {}).get("members")
    if members:
        for member in members:
            if member.get("kind") == "challenge-csv":
                yield Finding("undecided", f"{name}, member {member['path']}", "a file without provenance")
            else:
                yield from _findings(member.get("provenance") or {}, f"{name}, member {member['path']}")
        return
    judges: dict[str, Callable[[Any, str], Iterator[Finding]]] = {
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
            yield from judge_one(provenance[key], name)


def _reads_text(encoders: Mapping[str, Any] | None) -> bool:
    """Return False only where every encoder is known to hear and not to read."""
    specs = map(_innermost, (encoders or {"unknown": {}}).values())
    return not all(str(spec.get("class_path", "")).rpartition(".")[2] in AUDIO_ENCODERS for spec in specs)


def _innermost(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the encoder's own specification, from within one that only thins its frames out."""
    while "encoder" in (spec.get("init_args") or {}):
        spec = spec["init_args"]["encoder"]
    return spec


def _corpora(corpora: list[str], name: str) -> Iterator[Finding]:
    for corpus in corpora:
        allowed = corpus in ALLOWED_CORPORA
        reason = "the challenge's own corpus" if allowed else "trained on a corpus outside the challenge"
        yield Finding("kept" if allowed else "broken", f"{name}, corpus {corpus}", reason)


def _encoders(encoders: Mapping[str, Any], name: str) -> Iterator[Finding]:
    for encoder, given in encoders.items():
        spec = _innermost(given)
        about = f"{name}, encoder {encoder}"
        class_name = str(spec.get("class_path", "")).rpartition(".")[2]
        arguments = spec.get("init_args") or {}
        checkpoint = next((str(arguments[key]) for key in _CHECKPOINT_KEYS if arguments.get(key)), None)
        if class_name in UNTRAINED:
            yield Finding("kept", about, "computed, not trained")
        elif checkpoint is None:
            yield Finding("undecided", about, "its checkpoint is not recorded")
        else:
            yield _checkpoint(checkpoint, about)


def _transcripts(origins: list[str], name: str) -> Iterator[Finding]:
    for origin in origins:
        about = f"{name}, transcripts {origin}"
        if origin in ("human", "script"):
            yield Finding("kept", about, "published with the corpus")
        elif origin.startswith("asr:"):
            yield _checkpoint(origin.removeprefix("asr:").rpartition("@")[0] or origin.removeprefix("asr:"), about)
        else:
            yield Finding("undecided", about, "unknown origin")


def _checkpoint(checkpoint: str, about: str) -> Finding:
    """Judge by the folder's own config and name where it is a folder, else by the hub's name."""
    emotions = _emotional_labels(Path(checkpoint) / "config.json")
    if emotions:
        return Finding("broken", about, f"{checkpoint} is tuned to classify {', '.join(emotions)}")
    if EMOTIONAL.search(Path(checkpoint).name if Path(checkpoint).is_dir() else checkpoint):
        return Finding("broken", about, f"{checkpoint} is tuned for emotion by its name")
    if GENERIC.match(checkpoint):
        return Finding("kept", about, f"{checkpoint} is a generic model")
    return Finding("undecided", about, f"{checkpoint} is not among the known generic models")


def _emotional_labels(config: Path) -> list[str]:
    try:
        labels = json.loads(config.read_text(encoding="utf-8")).get("id2label") or {}
    except (OSError, ValueError, AttributeError):
        return []
    stems = [emotion[:4] for emotion in EMOTIONS if emotion not in ("neutral", "other", "no_agreement", "calm")]
    stems += ["happy", "sad", "angr", "arousal", "valence"]
    return [str(label) for label in labels.values() if any(stem in str(label).lower() for stem in stems)]
