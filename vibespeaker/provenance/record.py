"""Provenance of a checkpoint: the data and encoders it was trained on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from dataclasses import fields as dataclass_fields
from typing import Any

from vibespeaker.config_files.renamed import stored_now
from vibespeaker.errors import CheckpointError
from vibespeaker.files.stored_fields import stored_as
from vibespeaker.labels import LabelSet
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.provenance.encoders import EncoderProvenance, Fingerprint, texts_called

#: Where a checkpoint keeps its provenance.
CHECKPOINT_KEY = "vibespeaker"
#: Under it: what the checkpoint of a recogniser of words says of itself, which no other has.
TRANSCRIBER_KEY = "transcriber"
#: Key of a table's record: the heads that a loss trained, now or in the run that it began from.
TRAINED_HEADS = "trained_heads"
#: What is said of any other head.
UNTRAINED = "was never trained: what it predicts is that of random weights"
_TUPLES = ("classes", "corpora", "transcripts")


@dataclass(frozen=True)
class Provenance:
    """Inputs of a training run.

    Args:
        label_set: its name.
        classes: its classes, in the order of the logits.
        encoders: name → encoder, in the order given to the model.
        manifest: SHA-256 of the manifest file.
        cache: digest of the cache, None where encoders ran live.
        corpora: corpora in the manifest.
        transcripts: origins of the texts, such as `human` or `asr:<model>@<fingerprint>`.
        synthetic: True when the speech is generated.
        cleaning: recipe of what was done to the audio before the encoders, None where nothing was.
        leaks: kind → what the splits share and were allowed to, in words; empty where nothing leaks.
        plan: SHA-256 of the balance plan, None where all of the training split was used.
        heads: further head → what it predicts, in the order of the network's heads.
        trained_heads: heads that a loss of this run, or of the one it began from, trained on labels; None where that is
            not recorded.
    """

    label_set: str
    classes: tuple[str, ...]
    encoders: Mapping[str, EncoderProvenance] = field(default_factory=dict)
    manifest: str | None = None
    cache: str | None = None
    corpora: tuple[str, ...] = ()
    transcripts: tuple[str, ...] = ()
    synthetic: bool = False
    cleaning: Mapping[str, Any] | None = None
    leaks: Mapping[str, str] = field(default_factory=dict)
    plan: str | None = None
    heads: Mapping[str, HeadSpec] = field(default_factory=dict)
    trained_heads: tuple[str, ...] | None = None

    @property
    def labels(self) -> LabelSet:
        """The label set of the logits."""
        return LabelSet(self.label_set, self.classes)

    @property
    def encoder_dims(self) -> dict[str, int]:
        """Encoder name → width of its frames."""
        return {name: encoder.dim for name, encoder in self.encoders.items()}

    def check_encoders(self, stored: "Provenance", subset: bool = False) -> None:
        """Compare the encoders at hand with those of a checkpoint.

        Args:
            stored: the checkpoint's provenance.
            subset: whether the data may provide more, in any order.

        Raises:
            CheckpointError: names or order differ, or an encoder has another fingerprint or reads other texts.
        """
        if list(self.encoders) != list(stored.encoders) and not (subset and set(stored.encoders) <= set(self.encoders)):
            raise CheckpointError(
                "the checkpoint reads other encoders than the data provides",
                found=", ".join(self.encoders),
                allowed=", ".join(stored.encoders),
                remedy="list the checkpoint's encoders, in its order, in data.init_args.encoders",
            )
        for name, encoder in stored.encoders.items():
            if encoder.trained and not self.encoders[name].trained:
                raise CheckpointError(
                    f"encoder {name} was trained with the checkpoint: frames of another copy are not its own",
                    remedy="let it run inside the model: data.init_args.cache: null",
                )
            reads, read = (one.spec.get("text") for one in (self.encoders[name], encoder))
            if reads != read:
                raise CheckpointError(
                    f"encoder {name} reads other texts than those that the checkpoint was trained with",
                    found=texts_called(reads),
                    allowed=texts_called(read),
                    remedy="extract again with the checkpoint's encoders, or give the texts that name in the manifest",
                )
            if encoder.trained:
                self.encoders[name].check_rest(encoder, name)
            ours = Fingerprint(self.encoders[name].fingerprint)
            difference = {} if encoder.trained else ours.difference(Fingerprint(encoder.fingerprint))
            if difference:
                raise CheckpointError(
                    f"encoder {name} is not the one that the checkpoint was trained with",
                    found=", ".join(f"{part} {pair[0]}" for part, pair in difference.items()),
                    allowed=", ".join(f"{part} {pair[1]}" for part, pair in difference.items()),
                    remedy="extract again with the checkpoint's encoders",
                )

    def record(self, transcripts: Iterable[str] = ()) -> dict[str, Any]:
        """Return what a prediction table keeps of a system that was trained on this, for the closed-condition guard.

        Args:
            transcripts: origins of the texts that were read beside those that were trained on.
        """
        return {
            "corpora": list(self.corpora),
            "encoders": {name: encoder.described() for name, encoder in self.encoders.items()},
            "transcripts": sorted({*self.transcripts, *transcripts}),
            "leaks": dict(self.leaks),
            **({} if self.trained_heads is None else {TRAINED_HEADS: list(self.trained_heads)}),
        }

    def check_outputs(self, stored: "Provenance") -> None:
        """Refuse to go on with a run that was trained for other classes or further heads.

        Raises:
            CheckpointError: naming both.
        """
        if stored.classes != self.classes:
            raise CheckpointError(
                "the run was trained for other classes than data.init_args.label_set",
                found=", ".join(self.classes),
                allowed=stored.classes,
                remedy="resume with the same label set, or fine-tune with model.init_args.init_from",
            )
        if stored.heads != self.heads:
            raise CheckpointError(
                "the run was trained with other further heads than data.init_args.heads gives",
                found=self.heads,
                allowed=str(dict(stored.heads)),
                remedy="resume with the same heads and manifest, or fine-tune with model.init_args.init_from",
            )

    def trained(
        self, heads: Iterable[str], earlier: "Provenance | None", encoders: "Sequence[Provenance]" = ()
    ) -> "Provenance":
        """Return the provenance of a run that trains some heads; what earlier runs learned from, it did, too.

        Args:
            heads: those that its loss trains, on utterances that have their labels.
            earlier: of the checkpoint that it begins from, None where it begins anew.
            encoders: of the checkpoints that encoders begin from.
        """
        before = () if earlier is None else earlier.trained_heads
        trained = None if before is None else tuple(sorted({*before, *heads}))
        runs = (self, *(() if earlier is None else (earlier,)), *encoders)
        corpora, transcripts = (
            tuple(dict.fromkeys(value for run in runs for value in getattr(run, name)))
            for name in ("corpora", "transcripts")
        )
        return replace(self, trained_heads=trained, corpora=corpora, transcripts=transcripts)

    def to_checkpoint(self) -> dict[str, Any]:
        """Return plain values only, so that checkpoints load with `weights_only=True`."""
        lists = {key: list(getattr(self, key)) for key in _TUPLES}
        heads = {name: spec.to_dict() for name, spec in self.heads.items()}
        trained = None if self.trained_heads is None else list(self.trained_heads)
        return {
            **asdict(self),
            **lists,
            "encoder_dims": self.encoder_dims,
            "heads": heads,
            "trained_heads": trained,
        }

    def to_config(self) -> dict[str, Any]:
        """Return what a folder's config holds, which people read: `to_checkpoint` without what the encoders say."""
        stored = self.to_checkpoint()
        del stored["encoder_dims"]
        return stored

    @staticmethod
    def from_checkpoint(checkpoint: Mapping[str, Any], source: object) -> "Provenance":
        """Read the provenance of a loaded checkpoint.

        Args:
            checkpoint: all of it.
            source: what to call it in errors.

        Raises:
            CheckpointError: another program made it, or a part of it is missing or damaged.
        """
        if CHECKPOINT_KEY not in checkpoint:
            raise CheckpointError(
                f"{source} is no VibeSpeaker checkpoint", remedy="give one that vibespeaker fit wrote"
            )
        stored, remedy = checkpoint[CHECKPOINT_KEY], "give a checkpoint as vibespeaker fit wrote it"
        if not isinstance(stored, Mapping):
            raise CheckpointError(f"the provenance in {source} is damaged", found=type(stored).__name__, remedy=remedy)
        if TRANSCRIBER_KEY in stored:
            raise CheckpointError(
                f"{source} recognises words, not emotions",
                allowed="a checkpoint of an EmotionTask",
                remedy="vibespeaker transcribe MANIFEST --model RUN/whisper",
            )
        known = {field.name for field in dataclass_fields(Provenance)}
        fields: dict[str, Any] = {name: value for name, value in stored.items() if name in known}
        for name in ("encoders", "heads"):
            parts = fields.get(name, {})
            if not isinstance(parts, Mapping) or not all(isinstance(one, Mapping) for one in parts.values()):
                raise CheckpointError(f"the provenance in {source} is damaged", found=f"{name}: {parts}", remedy=remedy)
        told = f"provenance in {source}"
        fields["encoders"] = {
            name: stored_as(
                EncoderProvenance,
                {**parts, "spec": stored_now(parts.get("spec", {}))},
                f"{told}: encoder {name}",
                CheckpointError,
                remedy,
            )
            for name, parts in fields.get("encoders", {}).items()
        }
        fields["heads"] = {
            name: HeadSpec.from_dict(spec, f"{told}: head {name}", CheckpointError)
            for name, spec in fields.get("heads", {}).items()
        }
        return stored_as(Provenance, fields, told, CheckpointError, remedy)


def never_trained(record: Mapping[str, Any], head: str) -> bool:
    """Return whether a head, of an ensemble that of every member, is recorded to have kept its first weights.

    Args:
        record: what a prediction table keeps of a system, see `Provenance.record`.
        head: its name.
    """
    members = (record.get("ensemble") or {}).get("members")
    if members:
        return all(never_trained(member.get("provenance") or {}, head) for member in members)
    heads = record.get(TRAINED_HEADS)
    return heads is not None and head not in heads
