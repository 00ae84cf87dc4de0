"""A model's card: Markdown for people, with the head of metadata that the hub reads, from the run's own records."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from vibespeaker import __version__
from vibespeaker.calibration.store import Calibration
from vibespeaker.corpora.licences import hub_name
from vibespeaker.evaluation.scores import FEW
from vibespeaker.evaluation.uncertainty import Interval
from vibespeaker.files.markdown import plain, row
from vibespeaker.labels import ATTRIBUTES
from vibespeaker.provenance import Provenance
from vibespeaker.systems.base import System
from vibespeaker.systems.cautions import CAUTIONS
from vibespeaker.systems.facts import ModelFacts, corpora_in_words
from vibespeaker.systems.sharing.records import Records, Scored

SCORES = {"uar": "UAR", "accuracy": "WA", "macro_f1": "macro-F1"} | {
    f"ccc_{name}": f"CCC {name}" for name in ATTRIBUTES
}
#: Scores that stand in the one line that `recognize` prints.
_IN_LINE = ("UAR", "WA", "CCC arousal", "CCC valence", "CCC dominance")
BETTER = "train on speech like yours (vibespeaker train FOLDER) and name it with --model"
_USE = """```bash
pip install vibespeaker
vibespeaker recognize recording.wav --model {name}
```

```python
from vibespeaker import Recognizer

answer = Recognizer("{name}")("recording.wav")
print(answer.category, answer.confidence)
```"""


def facts_of_records(system: System, records: Records) -> ModelFacts:
    """Return what the model says of itself in one line, and of which recordings it is at home with."""
    train, corpora = records.counts.get("train"), corpora_in_words(system.provenance)
    size = "" if train is None else f": {train[0]:,} clips by {train[1]:,} speakers"
    licences = sorted({source.licence for source in records.sources} - {"not stated"})
    learned = f"{corpora}{size}" + (f" ({'; '.join(licences)})" if licences else "")
    scores: dict[str, dict[str, float]] = {}
    if records.scored is not None:
        named = {title: records.scored.scores.scores.get(name) for name, title in SCORES.items()}
        said = {
            title: round(found.value, 3) for title, found in named.items() if _is_known(found) and title in _IN_LINE
        }
        if said:
            scores[f"its {records.scored.split or 'scored'} split"] = said
    if system.provenance.synthetic:
        learned += ", SYNTHETIC speech"
    return ModelFacts(learned, scores, BETTER, records.heard)


def card(
    name: str,
    system: System,
    records: Records,
    facts: ModelFacts,
    calibration: Calibration | None,
    licence: str | None = None,
) -> str:
    """Return the card.

    Args:
        name: what people write behind `--model`.
        system: in all its classes.
        records: of the run.
        facts: see `facts_of_records`.
        calibration: fitted for the system; null for none.
        licence: of the model, as its owner wants it.
    """
    sections = {
        "What it does": _does(system),
        "What it learned from": _data(system.provenance, records),
        "How well": _how_well(records.scored),
        "Calibration": _calibration(calibration, records.scored),
        "By group": _slices(records.scored),
        "Limits": _limits(system.provenance, facts, records),
        "Caution": "\n\n".join(CAUTIONS),
        "How to use it": _USE.format(name=name),
    }
    text = "\n\n".join(f"## {title}\n\n{content}" for title, content in sections.items() if content)
    return f"---\n{_metadata(name, system, records, licence)}\n---\n\n# {plain(name)}\n\n{text}\n"


def _does(system: System) -> str:
    classes, heads = system.provenance.classes, system.heads
    told = []
    if "categories" in heads:
        told.append(f"Tells {', '.join(map(plain, classes[:-1]))} and {plain(classes[-1])} apart.")
    told.append(
        "Says arousal, valence and dominance on a scale of 1–7."
        if "attributes" in heads
        else "It has no head for arousal, valence and dominance."
    )
    rows = [row(("encoder", "class", "checkpoint", "hash")), "|---|---|---|---|"]
    for name, encoder in system.provenance.encoders.items():
        arguments = encoder.spec.get("init_args") or {}
        kind = str(encoder.spec.get("class_path", "")).rpartition(".")[2]
        checkpoint = arguments.get("checkpoint", "none, computed") if isinstance(arguments, Mapping) else ""
        digest = str(encoder.fingerprint.get("weights", "no weights"))[:12]
        told_of = f"{checkpoint}, trained further" if encoder.trained else str(checkpoint)
        rows.append(row(map(plain, (name, kind, told_of, digest))))
    made = f"Made with VibeSpeaker {__version__}; the code is under Apache-2.0."
    return "\n".join([*told, made, "", *rows])


def _data(provenance: Provenance, records: Records) -> str:
    if not records.sources:
        return f"Corpora: {', '.join(map(plain, provenance.corpora)) or 'not recorded'}. Nothing more is recorded."
    told = [
        f"- {plain(one.corpus)}; licence: {plain(one.licence)}; to be cited: {plain(one.citation)}"
        for one in records.sources
    ]
    counts = [row(("split", "utterances", "speakers")), "|---|---|---|"]
    counts += [row((plain(split), f"{clips:,}", f"{who:,}")) for split, (clips, who) in records.counts.items()]
    further = [f"Languages: {', '.join(map(plain, records.languages))}."] if records.languages else []
    if provenance.transcripts and any(one.modality == "text" for one in provenance.encoders.values()):
        further.append(f"It reads words, from: {', '.join(map(plain, provenance.transcripts))}.")
    if provenance.synthetic:
        further.append("The speech is SYNTHETIC: scores say nothing about people.")
    return "\n".join([*told, "", *counts, "", *further])


def _how_well(scored: Scored | None) -> str:
    if scored is None:
        return "No scores are recorded."
    own = scored.scores
    names = {name: title for name, title in SCORES.items() if _is_known(own.scores.get(name))}
    table = [row(("score", "value", "95 % interval over speakers")), "|---|---|---|"]
    for name, title in names.items():
        found = own.scores[name]
        interval = "" if found.low != found.low else f"{found.low:.3f} to {found.high:.3f}"
        table.append(row((title, f"{found.value:.3f}", interval)))
    guess = f" Guessing gives a UAR of {1 / len(own.classes):.3f}." if own.classes else ""
    split = "all rows" if scored.split is None else f"split {plain(scored.split)}"
    told = f"On {split}: {own.utterances:,} utterances by {own.speakers:,} speakers.{guess}"
    notes = [f"- {plain(note)}" for note in scored.notes]
    return "\n".join([told, "", *table, *([""] if notes else []), *notes])


def _calibration(calibration: Calibration | None, scored: Scored | None) -> str:
    if calibration is None:
        return "Probabilities are not calibrated: they are no measure of how often the model is right."
    fitted = calibration.fitted_on
    told = f"Fitted on {fitted.utterances:,} utterances by {fitted.speakers:,} speakers ({plain(fitted.split)})."
    if scored is not None and scored.measures is not None and "ece" in scored.measures:
        told += f" Expected calibration error where it is scored: {scored.measures['ece']:.3f}."
    if calibration.conformal is not None and calibration.conformal.categories is not None:
        level = calibration.conformal.level
        told += f" Prediction sets are made to hold the true class in {level:.0%} of cases like these."
    return told


def _slices(scored: Scored | None) -> str:
    if scored is None or not scored.slices:
        return ""
    names = [name for name in ("uar", "ccc_mean") if any(name in one.scores for one in scored.slices)]
    table = [row(("by", "group", "clips", "speakers", *(name.replace("_", " ") for name in names)))]
    table.append("|---" * (4 + len(names)) + "|")
    for one in scored.slices:
        cells = [str(one.scores[name]) if name in one.scores else "" for name in names]
        group = plain(one.group) + (f" ({FEW})" if one.is_small else "")
        table.append(row((plain(one.by), group, f"{one.utterances:,}", f"{one.speakers:,}", *cells)))
    return "\n".join(table)


def _limits(provenance: Provenance, facts: ModelFacts, records: Records) -> str:
    told = ["Expect less where language, people, microphones and rooms are others than those learned from."]
    told += [f"Its splits share what they should not: {plain(text)}." for text in provenance.leaks.values()]
    if facts.heard:
        told += ["Recordings outside of these ranges get a note:", ""]
    told += [f"- {found}" for found in facts.ranges()]
    return "\n".join(told)


def _metadata(name: str, system: System, records: Records, licence: str | None) -> str:
    """Return the head in the hub's schema, YAML."""
    from huggingface_hub import EvalResult, ModelCardData

    own = None if records.scored is None else records.scored.scores.scores
    dataset = ", ".join(system.provenance.corpora) or "own data"
    results = [
        EvalResult(
            task_type="audio-classification",
            dataset_type=_slug(dataset),
            dataset_name=dataset,
            dataset_split=records.scored.split if records.scored else None,
            metric_type=key,
            metric_name=title,
            metric_value=round(own[key].value, 4),
        )
        for key, title in SCORES.items()
        if own is not None and _is_known(own.get(key))
    ]
    settled: dict[str, Any] = {} if not results else {"model_name": name, "eval_results": results}
    given = licence or _common_licence([source.licence for source in records.sources])
    known = hub_name(given)
    named: dict[str, Any] = {"license": known} if known else {"license": "other", "license_name": _slug(given)}
    data = ModelCardData(
        language=list(records.languages) or None,
        library_name="vibespeaker",
        pipeline_tag="audio-classification",
        tags=["speech-emotion-recognition", "audio-classification", "vibespeaker"],
        **named,
        **settled,
    )
    return str(data.to_yaml()).strip()


def _common_licence(licences: Sequence[str]) -> str:
    different = sorted(set(licences) - {"not stated"})
    return different[0] if len(different) == 1 and "not stated" not in licences else "see the card"


def _slug(text: str) -> str:
    words = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text.lower())
    return "-".join(word for word in words.split("-") if word)[:60] or "other"


def _is_known(found: Interval | None) -> TypeGuard[Interval]:
    return found is not None and found.value == found.value
