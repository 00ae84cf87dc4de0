"""Checkpoints of a hub as systems, on small random folders of the same shapes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from tests.sounds import speech_like
from tests.systems.hubs import (
    audio_classifier,
    change,
    decoder_classifier,
    dense_classifier,
    text_classifier,
    whisper_classifier,
)
from vibespeaker.audio.files import write_audio
from vibespeaker.batch import EmotionBatch
from vibespeaker.cli.main import main
from vibespeaker.config_files import shipped_configs
from vibespeaker.config_files.typed import read_as
from vibespeaker.errors import CheckpointError, ConfigError, EncoderError
from vibespeaker.labels import EMOTIONS, label_set
from vibespeaker.submission.closed_condition import judge
from vibespeaker.systems import System, open_system
from vibespeaker.systems.hub import HubFile, is_hub_name

SUPERB, DISTIL = ["neu", "hap", "ang", "sad"], ["anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    audio_classifier(folder / "superb", SUPERB)
    text_classifier(folder / "distil", DISTIL)
    dense_classifier(folder / "dim", ["arousal", "dominance", "valence"])
    write_audio(folder / "clip.wav", speech_like(1.2))
    return folder


def batch(*seconds: float, texts: tuple[str, ...] | None = None) -> EmotionBatch:
    audio = tuple(torch.from_numpy(speech_like(one, seed=number)) for number, one in enumerate(seconds))
    return EmotionBatch.of_inputs(audio, texts or ("",) * len(audio))


def test_audio_classifiers_answer_as_transformers_does(place: Path) -> None:
    import transformers

    system = open_system(place / "superb")
    assert isinstance(system, System)
    assert system.provenance.classes == ("anger", "sadness", "happiness", "neutral") == label_set("four").classes
    three = batch(1.0, 0.6, 1.0)
    found = system.answer(three).logits.softmax(1)
    network = transformers.AutoModelForAudioClassification.from_pretrained(place / "superb").eval()
    reader = transformers.AutoFeatureExtractor.from_pretrained(place / "superb")
    for row, waveform in enumerate(three.audio):
        with torch.no_grad():
            own = network(**reader(waveform.numpy(), sampling_rate=16000, return_tensors="pt")).logits.softmax(1)[0]
        expected = dict(zip(SUPERB, own.tolist(), strict=True))
        wanted = [expected[name] for name in ("ang", "sad", "hap", "neu")]
        np.testing.assert_allclose(found[row], wanted, atol=1e-5)
    system.restrict_classes(label_set("neutral,anger"))
    np.testing.assert_allclose(
        system.answer(three).logits.softmax(1)[:, 1], found[:, 0] / (found[:, 0] + found[:, 3]), atol=1e-5
    )


def test_text_classifiers_answer_as_transformers_does(place: Path) -> None:
    import transformers

    system = open_system(place / "distil")
    assert system.provenance.labels == label_set("basic")
    texts = ("i hate it", "", "what a lovely day it is, and how long this text has become by now")
    found = system.answer(batch(0.1, 0.1, 0.1, texts=texts)).logits.softmax(1)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(place / "distil").eval()
    tokens = transformers.AutoTokenizer.from_pretrained(place / "distil")
    for row, text in enumerate(texts):
        with torch.no_grad():
            inputs = tokens(text, return_tensors="pt", truncation=True, max_length=40)
            expected = network(**inputs).logits.softmax(1)[0]
        np.testing.assert_allclose(found[row, 2], expected[3], atol=1e-5)  # joy is happiness
        np.testing.assert_allclose(found[row].sum(), 1, atol=1e-5)


def by_hand(folder: Path, waveform: torch.Tensor, last: str) -> torch.Tensor:
    import transformers

    trunk = transformers.Wav2Vec2Model.from_pretrained(folder).eval()
    weights = load_file(folder / "model.safetensors")
    normal = (waveform - waveform.mean()) / (waveform.var(unbiased=False) + 1e-7).sqrt()
    with torch.no_grad():
        hidden = trunk(normal[None]).last_hidden_state.mean(dim=1)
        dense = torch.tanh(hidden @ weights["classifier.dense.weight"].T + weights["classifier.dense.bias"])
        return (dense @ weights[f"classifier.{last}.weight"].T + weights[f"classifier.{last}.bias"])[0]


def test_regressors_of_attributes_keep_their_head_and_become_1_to_7(place: Path) -> None:
    system = open_system(place / "dim")
    assert system.heads == ("attributes",)
    clip = batch(1.0)
    arousal, dominance, valence = by_hand(place / "dim", clip.audio[0], "out_proj").clamp(0, 1).tolist()
    expected = [1 + 6 * value for value in (arousal, valence, dominance)]
    answer = system.answer(clip)
    assert answer.logits is None
    np.testing.assert_allclose(answer.attributes[0], expected, atol=1e-4)
    wide = place / "wide.yaml"
    names = {"arousal": "arousal", "dominance": "dominance", "valence": "valence"}
    wide.write_text(yaml.safe_dump({"checkpoint": "dim", "attributes": names, "range": [-10, 10]}))
    raw = by_hand(place / "dim", clip.audio[0], "out_proj")[[0, 2, 1]]
    np.testing.assert_allclose(open_system(wide).answer(clip).attributes[0], 1 + 6 * (raw + 10) / 20, atol=1e-4)


def test_a_head_saved_under_other_names_is_not_left_at_random(tmp_path: Path) -> None:
    """What the config names would fit the trunk alone, and answer at random."""
    folder = dense_classifier(tmp_path / "x", ["angry", "calm", "sad"], "output", "Wav2Vec2ForSequenceClassification")
    clip = batch(1.0)
    found = open_system(folder).answer(clip).logits.softmax(1)[0]
    expected = by_hand(folder, clip.audio[0], "output").softmax(0)
    np.testing.assert_allclose(found, expected[[0, 2, 1]], atol=1e-5)  # anger, sadness, calm


def test_recognize_prints_the_licence_and_the_guard_names_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = place / "superb.yaml"
    content = {"checkpoint": "superb", "labels": {"neu": "neutral", "hap": "happiness", "ang": "anger", "sad": None}}
    file.write_text(yaml.safe_dump({**content, "licence": "none to sell", "corpora": ["iemocap"]}))
    assert main(["recognize", str(place / "clip.wav"), "--model", str(file)]) == 0
    shown = capsys.readouterr().out
    assert "licence: none to sell" in " ".join(shown.split())
    assert "sadness" not in shown
    verdict = judge(open_system(place / "distil").record([]))
    assert (verdict.verdict, "is trained for emotion: it tells anger" in str(verdict.deciding[0])) == ("broken", True)
    assert open_system(file).identity != open_system(place / "superb").identity


def test_it_fuses_with_others(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    members = {"audio": "superb", "text": "distil", "values": "dim"}
    (place / "fused.yaml").write_text(
        yaml.safe_dump({"fusion": "weighted", "members": members, "weights": {"text": 0.6, "audio": 0.4, "values": 1}})
    )
    words = ["recognize", str(place / "clip.wav"), "--model", str(place / "fused.yaml"), "--text", "so", "--json"]
    assert main(words) == 0
    answer = json.loads(capsys.readouterr().out)
    assert set(answer["probabilities"]) == set(label_set("basic").classes)
    said = {name: member["probabilities"] for name, member in answer["members"].items()}
    for name, value in answer["probabilities"].items():
        assert value == pytest.approx(0.4 * said["audio"][name] + 0.6 * said["text"][name], abs=2e-6)
    assert set(answer["attributes"]) == {"arousal", "valence", "dominance"}


@pytest.mark.parametrize("build", [whisper_classifier, decoder_classifier, audio_classifier])
def test_batches_answer_as_single_clips_do(build, tmp_path: Path) -> None:
    options = {"norm": "group"} if build is audio_classifier else {}
    system = open_system(build(tmp_path / "x", ["sad", "happy"], **options))
    texts = ("so", "what a lovely day")
    both = system.answer(batch(0.5, 0.3, texts=texts)).logits
    first = system.answer(batch(0.5, texts=texts[:1])).logits
    np.testing.assert_allclose(both[:1], first, atol=1e-5)
    assert not np.allclose(both[0], both[1], atol=1e-4)


def test_several_labels_of_one_text_become_shares(tmp_path: Path) -> None:
    folder = text_classifier(tmp_path / "go", ["love", "anger", "joy"], problem_type="multi_label_classification")
    file = tmp_path / "go.yaml"
    labels = {"love": "happiness", "joy": "happiness", "anger": "anger"}
    file.write_text(yaml.safe_dump({"checkpoint": "go", "labels": labels}))
    import transformers

    network = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokens = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        own = network(**tokens("so", return_tensors="pt")).logits.sigmoid()[0]
    found = open_system(file).answer(batch(0.1, texts=("so",))).logits.softmax(1)[0]
    np.testing.assert_allclose(found, torch.stack([own[1], own[0] + own[2]]) / own.sum(), atol=1e-5)


def test_code_of_a_repository_is_never_run(place: Path, tmp_path: Path) -> None:
    folder = audio_classifier(tmp_path / "x", SUPERB)
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Mine: pass\n")
    change(folder, model_type="mine", auto_map={"AutoConfig": "mine.Mine", "AutoModel": "mine.Mine"})
    with pytest.raises(EncoderError, match=r"needs code of its own, which is never run\. Found: model_type mine"):
        open_system(folder)
    # where transformers knows the kind, its own class answers
    change(folder, model_type="hubert")
    open_system(folder).answer(batch(0.5))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, r"nobody says what the labels of .* mean\. Found: LABEL_0, LABEL_1.*labels, {LABEL: EMOTION"),
        (
            {"labels": {"LABEL_0": "anger"}},
            r"labels of .* are not those of its config\. Found: LABEL_0\. Allowed: LABEL",
        ),
        ({"labels": {"LABEL_0": "anger", "LABEL_1": "spleen"}}, r"count for no emotion\. Found: spleen"),
        ({"labels": {"LABEL_0": None, "LABEL_1": None}}, "leaves out all"),
        ({"attributes": {"LABEL_0": "arousal"}}, "must name each once"),
        ({"attributes": {}, "range": [1, 0]}, "must name each once|must rise"),
        ({"labels": {"a": "anger"}, "attributes": {"b": "arousal"}}, "has labels or attributes"),
        ({"lables": {}}, r"unknown keys\. Found: lables"),
    ],
)
def test_labels_that_nobody_explains_are_refused(tmp_path_factory, content: dict, message: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "unnamed"
    if not folder.exists():
        text_classifier(folder, ["LABEL_0", "LABEL_1"])
    file = folder.with_suffix(".yaml")
    file.write_text(yaml.safe_dump({"checkpoint": folder.name, **content}))
    with pytest.raises(ConfigError, match=message):
        open_system(file)


def test_a_hub_that_cannot_be_reached_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EncoderError, match=r"no folder superb/hubert-large-superb-er, and the hub may not be asked"):
        open_system("superb/hubert-large-superb-er")
    with pytest.raises(EncoderError, match="audeering/"):
        open_system("hub/wav2vec2-msp-dim")
    assert not [name for name in ("runs/a/b", "best.ckpt", "runs/best.ckpt", "../a", "a") if is_hub_name(name)]
    with pytest.raises(CheckpointError, match=r"runs/none\.ckpt does not exist"):
        open_system("runs/none.ckpt")


@pytest.mark.parametrize("path", sorted((shipped_configs() / "hub").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_files_map_to_emotions(path: Path) -> None:
    file = read_as(path, HubFile)
    assert file.licence
    assert set((file.labels or {}).values()) <= set(EMOTIONS)
    assert is_hub_name(file.checkpoint)
