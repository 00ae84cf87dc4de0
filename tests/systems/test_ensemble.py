"""The weighted mean of systems, in float64, in the classes that all know."""

from pathlib import Path

import pytest
import torch

from tests.systems.trained import batch, write
from vibespeaker.batch import EmotionBatch, EmotionOutput
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.labels import CHALLENGE
from vibespeaker.labels.heads import HeadSpec
from vibespeaker.provenance import CHECKPOINT_KEY, EncoderProvenance, Provenance
from vibespeaker.systems import Ensemble, System
from vibespeaker.systems.opening import open_ensemble, open_system

GENDER = HeadSpec("classification", "gender", ("female", "male"))
TONE = HeadSpec("multilabel", "votes.secondary", ("tense", "warm"))
LENGTH = HeadSpec("regression", "duration")


class Says:
    """A system that says the same of everything."""

    file = None
    identity = "0" * 64

    def __init__(self, heads: dict[str, HeadSpec], said: dict[str, list[float]], **provenance: object) -> None:
        self.provenance = Provenance("four", ("anger", "sadness"), heads=heads, **provenance)
        self.said = {name: torch.tensor([values]) for name, values in said.items()}
        self.frames: object = None

    @property
    def heads(self) -> tuple[str, ...]:
        return tuple(self.said)

    def prepare(self, frames: object) -> dict:
        self.frames = frames
        return {}

    def restrict_classes(self, labels: object) -> None:
        pass

    def answer(self, batch: EmotionBatch) -> EmotionOutput:
        return EmotionOutput(
            self.said.get("categories"), None, heads={name: self.said[name] for name in self.provenance.heads}
        )

    def record(self, transcripts: object) -> dict:
        return self.provenance.record()


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("members")
    return {
        "a.eight": write(folder / "a.ckpt"),
        "b": write(folder / "b.ckpt", seed=1, labels="challenge+other", corpora=("other",)),
    }


def test_means_by_head_of_members_with_different_classes(paths: dict[str, Path]) -> None:
    ensemble = open_ensemble(paths, {"valence": {"a.eight": 1.0, "b": 3.0}, "arousal": {"b": 2.0}})
    assert isinstance(ensemble, System)
    assert ensemble.provenance.labels == CHALLENGE
    assert ensemble.provenance.corpora == ("other", "toy")
    ensemble.prepare(ensemble.provenance.encoders)
    frames = batch(ensemble.provenance.encoder_dims)
    members = [open_system(path) for path in paths.values()]
    a, b = (member.answer(frames) for member in members)
    found = ensemble.answer(frames)
    expected = (a.logits.double().softmax(1) + b.logits[:, :8].double().softmax(1)) / 2
    torch.testing.assert_close(found.logits.exp(), expected, rtol=1e-12, atol=0)
    assert found.attributes.dtype == torch.float64
    first, second = a.attributes.double(), b.attributes.double()
    torch.testing.assert_close(found.attributes[:, 0], second[:, 0], rtol=1e-12, atol=0)
    torch.testing.assert_close(found.attributes[:, 1], (first + 3 * second)[:, 1] / 4, rtol=1e-12, atol=0)
    torch.testing.assert_close(found.attributes[:, 2], (first + second)[:, 2] / 2, rtol=1e-12, atol=0)


def test_its_members_are_recorded_and_move_with_it(paths: dict[str, Path]) -> None:
    ensemble = open_ensemble(paths)
    record = ensemble.record(["asr:x@1"])["ensemble"]
    assert [member["name"] for member in record["members"]] == list(paths)
    assert record["members"][1]["provenance"]["corpora"] == ["other"]
    assert record["members"][0]["provenance"]["transcripts"] == ["asr:x@1", "human"]
    assert len(list(ensemble.parameters())) == sum(len(list(m.parameters())) for m in ensemble.members.values())


def test_wrong_weights_are_refused_before_a_member_is_read() -> None:
    with pytest.raises(ConfigError, match=r"by head and by member\. Found: c"):
        open_ensemble({"a": Path("none.ckpt")}, {"valence": {"c": 1.0}})


def test_further_heads_are_averaged_as_the_usual_ones() -> None:
    a = Says(
        {"gender": GENDER, "tone": TONE, "length": LENGTH}, {"gender": [2.0, 0.0], "tone": [1.0, -3.0], "length": [2.0]}
    )
    b = Says(
        {"gender": GENDER, "tone": TONE, "length": LENGTH}, {"gender": [0.0, 1.0], "tone": [0.5, 40.0], "length": [5.0]}
    )
    found = Ensemble({"a": a, "b": b}, {"length": {"a": 2.0, "b": 1.0}}).answer(EmotionBatch.of_inputs((), ("",)))
    genders = (torch.tensor([2.0, 0.0]).softmax(0) + torch.tensor([0.0, 1.0]).softmax(0)) / 2
    torch.testing.assert_close(found.heads["gender"].softmax(1)[0].float(), genders)
    tones = (torch.tensor([1.0, -3.0]).sigmoid() + torch.tensor([0.5, 40.0]).sigmoid()) / 2
    torch.testing.assert_close(found.heads["tone"].sigmoid()[0].float(), tones)
    assert found.heads["length"].tolist() == [[3.0]]
    assert (found.logits, found.attributes) == (None, None)


def test_heads_that_members_do_not_share_are_said(caplog: pytest.LogCaptureFixture) -> None:
    other = HeadSpec("classification", "gender", ("male", "female"))
    a = Says({"gender": GENDER, "length": LENGTH}, {"gender": [2.0, 0.0], "length": [2.0]}, trained_heads=("gender",))
    b = Says({"gender": other}, {"gender": [2.0, 0.0]}, trained_heads=("categories",))
    ensemble = Ensemble({"a": a, "b": b})
    assert ensemble.heads == ("length",)
    assert ensemble.answer(EmotionBatch.of_inputs((), ("",))).heads["length"].tolist() == [[2.0]]
    assert "the head gender is left out, since members do not mean the same by it" in caplog.text
    assert "the head length is that of a alone" in caplog.text
    assert ensemble.provenance.trained_heads == ("categories", "gender")
    with pytest.raises(ConfigError, match=r"Found: gender\. Allowed: categories, arousal, valence, dominance, length"):
        Ensemble({"a": a, "b": b}, {"gender": {"a": 1.0}})


@pytest.mark.parametrize("apart", [{"fingerprint": {"weights": "other"}}, {"spec": {"text": "ctc"}}, {"trained": True}])
def test_encoders_of_one_name_that_answer_differently_stay_apart(apart: dict) -> None:
    plain = {"dim": 4, "modality": "text", "spec": {}, "fingerprint": {"weights": "w"}}
    shared, own = EncoderProvenance(**plain), EncoderProvenance(**{**plain, **apart})
    members = {
        name: Says({}, {"categories": [1.0, 0.0]}, encoders={"read": read})
        for name, read in {"a": shared, "b": EncoderProvenance(**plain), "c": own}.items()
    }
    encoders = Ensemble(members).provenance.encoders
    assert encoders == {"read": shared, "c.read": own}


def test_frames_made_of_other_texts_than_a_member_learned_from_are_refused(
    paths: dict[str, Path], tmp_path: Path
) -> None:
    """A cache holds one encoder of a name: it cannot serve both members."""

    def hears(made: dict) -> None:
        made[CHECKPOINT_KEY]["encoders"]["read"]["spec"] |= {"text": "ctc"}

    members = {"b": paths["b"], "c": write(tmp_path / "c.ckpt", hears)}
    ensemble = open_ensemble(members)
    assert {"read", "c.read"} <= set(ensemble.provenance.encoders)
    with pytest.raises(
        CheckpointError, match=r"encoder read reads other texts .* Found: the default texts\. Allowed: text: ctc"
    ):
        ensemble.prepare(open_system(paths["b"]).provenance.encoders)


def test_members_heard_audio_that_was_cleaned_in_one_way(paths: dict[str, Path], tmp_path: Path) -> None:
    cleaned = write(tmp_path / "cleaned.ckpt", lambda made: made[CHECKPOINT_KEY].update(cleaning={"trim": 1}))
    with pytest.raises(CheckpointError, match="cleaned in different ways"):
        open_ensemble({**paths, "c": cleaned})
