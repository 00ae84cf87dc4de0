"""Late fusion of one that hears and one that reads: the same numbers of a recording, a manifest and tables."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from tests.manifests import manifest_from
from tests.sounds import speech_like
from tests.systems import folders
from tests.systems.folders import CLASSES, write_folder
from tests.systems.texts import write_words
from vibespeaker.audio.files import write_audio
from vibespeaker.batch import EmotionBatch
from vibespeaker.calibration.scaling import CategoryScaling
from vibespeaker.cli.main import main
from vibespeaker.config_files import shipped_configs
from vibespeaker.ensemble.fusion import member_weights, read_fusion
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.labels import label_set
from vibespeaker.predictions import Predictions
from vibespeaker.recognizer.system import NO_WORDS_NOTE
from vibespeaker.submission.closed_condition import judge
from vibespeaker.systems import System, open_system
from vibespeaker.systems.base import Joint
from vibespeaker.systems.references import place_of

TEXTS = ["i hate this", "", "the bus is here"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of audio, a text system, a fusion of both, recordings, and their manifest."""
    folder = tmp_path_factory.mktemp("fusion")
    write_folder(folder / "voice")
    write_words(folder)
    fusion(folder)
    for number in range(3):
        write_audio(folder / f"{number}.wav", speech_like(1 + number / 2, seed=number))
    rows = {"name": ["0", "1", "2"], "text": [said or None for said in TEXTS], "split": "test", "category": "anger"}
    rows |= {"text_origin": ["human", None, "human"], "audio_sha256": [f"{n}" * 64 for n in range(3)], "duration": 1.0}
    manifest_from(rows, root=str(folder), label_set="emodb").write(folder / "manifest.parquet")
    return folder


def fusion(folder: Path, name: str = "fusion.yaml", **changes: object) -> Path:
    content = {"fusion": "weighted", "members": {"voice": "voice", "words": "words"}}
    content |= {"weights": {"text": 0.6, "audio": 0.4}, "labels": "emodb", **changes}
    (folder / name).write_text(yaml.safe_dump(content))
    return folder / name


def predicted(folder: Path, source: str, out: str) -> np.ndarray:
    task = {"class_path": "vibespeaker.tasks.SystemTask", "init_args": {"source": str(folder / source)}}
    data = {"class_path": "vibespeaker.tasks.EmotionDataModule", "init_args": {"batch_size": 2}}
    data["init_args"] |= {"manifest": str(folder / "manifest.parquet"), "cache": None}
    if source == "words":
        data["init_args"]["label_set"] = "anger,sadness,neutral"
    trainer = {"accelerator": "cpu", "devices": 1, "enable_progress_bar": False, "logger": False}
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump({"model": task, "data": data, "trainer": trainer}))
    words = ["predict", "--config", str(config), "--name", out, "--runs", str(folder / "runs")]
    assert main([*words, "--out", str(folder / f"{out}.parquet")]) == 0
    return Predictions.read(folder / f"{out}.parquet").probabilities()


def recognised(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    capsys.readouterr()
    assert main(["recognize", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_recording_a_manifest_and_tables_have_the_same_numbers(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(place / "fusion.yaml")
    answers = recognised(place, capsys, str(place / "manifest.parquet"), "--model", model)
    one = [[*answer["probabilities"].values()] for answer in answers]
    assert tuple(answers[0]["probabilities"]) == CLASSES
    for out in ("voice", "words"):
        predicted(place, out, out)
    options = ["--fusion", model, "--manifest", str(place / "manifest.parquet"), "--out", str(place / "fused.parquet")]
    assert main(["ensemble", str(place / "voice.parquet"), str(place / "words.parquet"), *options]) == 0
    np.testing.assert_allclose(predicted(place, "fusion.yaml", "task"), one, atol=1e-6)
    np.testing.assert_allclose(Predictions.read(place / "fused.parquet").probabilities(), one, atol=1e-6)
    # by hand: .6 text + .4 audio, and audio alone where nothing was said
    for number, answer in enumerate(answers):
        own = [recognised(place, capsys, str(place / f"{number}.wav"), "--model", str(place / "voice"))]
        if TEXTS[number]:
            said = ["--text", TEXTS[number], "--model", str(place / "words")]
            own.append(recognised(place, capsys, str(place / f"{number}.wav"), *said))
        weights = (0.4, 0.6) if TEXTS[number] else (1.0,)
        parts = [np.array([a["probabilities"].get(name, 0) for name in CLASSES]) for a in own]
        expected = sum(weight * part for weight, part in zip(weights, parts, strict=True))
        np.testing.assert_allclose(one[number], expected, atol=2e-6)
        assert (NO_WORDS_NOTE in answer["notes"]) == (not TEXTS[number])
        shares = {name: member["share"] for name, member in answer["members"].items()}
        assert shares == pytest.approx({"voice": 0.4, "words": 0.6} if TEXTS[number] else {"voice": 1.0, "words": 0.0})
    record = Predictions.read(place / "task.parquet").metadata.provenance
    assert record["ensemble"]["weights"] == {"voice": 0.4, "words": 0.6}
    assert judge(record).verdict == "broken"


def test_it_is_a_system_with_members_and_an_identity(place: Path) -> None:
    system = open_system(place / "fusion.yaml")
    assert isinstance(system, System)
    assert isinstance(system, Joint)
    assert system.member_classes == CLASSES
    assert system.identity == open_system(place / "fusion.yaml").identity
    others = [fusion(place, "other.yaml", weights={"text": 0.5, "audio": 0.5})]
    others.append(fusion(place, "mapped.yaml", label_maps={"words": {"sadness": None}}))
    assert len({system.identity, *(open_system(path).identity for path in others)}) == 3
    assert system.provenance.corpora == ("noise", "toy")
    with pytest.raises(CheckpointError, match=r"lacks these classes\. Found: contempt"):
        system.restrict_classes(label_set("anger,contempt"))


def test_the_shipped_model_may_be_a_member_and_fusions_members_of_fusions(place: Path) -> None:
    fusion(place, "inner.yaml", labels=None)
    path = fusion(
        place, "outer.yaml", members={"both": "inner.yaml", "emodb": "emodb"}, weights={"both": 1.0, "audio": 1}
    )
    outer = open_system(path)
    assert outer.members["both"].path == str(place / "inner.yaml")
    with pytest.raises(ConfigError, match="is a member of itself"):
        open_system(fusion(place, "itself.yaml", members={"a": "itself.yaml"}, weights=None))


def test_confidence_needs_calibrated_members(place: Path) -> None:
    with pytest.raises(ConfigError, match=r"member words of .* is weighted by its confidence.*calibrations\.words"):
        open_system(fusion(place, "sure.yaml", fusion="confidence"))
    with pytest.raises(ConfigError, match="weights for a fusion's members must not all be 0"):
        open_system(fusion(place, "nothing.yaml", weights={"text": 0, "audio": 0}))


def test_words_alone_need_words(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recognize", str(place / "0.wav"), "--model", str(place / "words")]) == 2
    assert (
        "reads words alone, and nobody says what was said. Remedy: give the words with --text"
        in capsys.readouterr().err
    )


def test_a_picture_and_faces_explain_the_answer(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["recognize", str(place / "0.wav"), "--model", str(place / "fusion.yaml"), "--text", "i hate this"]
    assert main([*words, "--explain", str(place / "why.png"), "--emoji"]) == 0
    shown = capsys.readouterr().out
    assert "😠 anger" in shown
    assert "words, which counts 60%: anger" in shown
    assert (place / "why.png").read_bytes().startswith(b"\x89PNG")
    assert main([*words, "--explain", str(place / "why.txt")]) == 2
    assert "--explain" in capsys.readouterr().err
    assert main(["recognize", *(str(place / f"{n}.wav") for n in range(2)), "--explain", str(place / "w.png")]) == 2
    assert "--explain belongs to one recording" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted((shipped_configs() / "fusion").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_fusions_are_the_published_rule(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert place_of(f"fusion/{path.stem}") == path
    file = read_fusion(path)
    assert member_weights(file, {"voice": "audio", "words": "text"}) == {"voice": 0.4, "words": 0.6}
    (tmp_path / "text-emotion").mkdir()
    assert place_of("text-emotion", path.parent) == Path("text-emotion")


def test_members_of_words_are_calibrated_like_any_system(place: Path) -> None:
    """Both members halve their logits, or a third of them; each weighs by its best calibrated probability."""
    own = [folders.calibration(2.0), replace(folders.calibration(3.0), label_set="anger,sadness,neutral")]
    classes = ("anger", "sadness", "neutral")
    scaling = CategoryScaling("temperature", (1 / 3,) * 3, (0.0,) * 3)
    own[1] = replace(own[1], classes=classes, categories=scaling, conformal=None)
    for name, one in zip(("voice", "words"), own, strict=True):
        one.write(place / f"{name}.calibration.json")
    files = {name: f"{name}.calibration.json" for name in ("voice", "words")}
    system = open_system(fusion(place, "sure.yaml", fusion="confidence", calibrations=files, weights=None, labels=None))
    system.prepare(None)
    audio = (torch.from_numpy(speech_like(1)),)
    heard = EmotionBatch.of_inputs(audio, ("i hate this",))
    voice, words = open_system(place / "voice"), open_system(place / "words")
    voice.prepare(None)
    said = dict(zip(CLASSES, (voice.answer(heard).logits[0] / 2).softmax(0).tolist(), strict=True))
    read = dict(zip(classes, (words.answer(heard).logits[0] / 3).softmax(0).tolist(), strict=True))
    sure = max(said.values()), max(read.values())
    found = dict(zip(system.member_classes, system.answer(heard).logits[0].exp().tolist(), strict=True))
    for emotion, value in found.items():
        expected = (sure[0] * said.get(emotion, 0) + sure[1] * read.get(emotion, 0)) / sum(sure)
        assert value == pytest.approx(expected, abs=1e-6)


def test_an_exported_fusion_answers_the_same_from_its_folder(place: Path, tmp_path: Path) -> None:
    changes = {"label_maps": {"words": {"neutral": None}}, "fusion": "weighted", "labels": "anger,sadness"}
    file = fusion(place, "exported.yaml", **changes)
    assert main(["export", str(file), "--out", str(tmp_path / "shared"), "--name", "someone/both"]) == 0
    before, after = open_system(file), open_system(tmp_path / "shared")
    audio = tuple(torch.from_numpy(speech_like(1 + n / 2, seed=n)) for n in range(3))
    batch = EmotionBatch.of_inputs(audio, tuple(TEXTS))
    answers = []
    for system in (before, after):
        system.prepare(None)
        answers.append(system.answer(batch).logits)
    assert before.provenance.classes == after.provenance.classes == ("anger", "sadness")
    torch.testing.assert_close(answers[0], answers[1], atol=1e-6, rtol=0)
    assert "someone/both" in (tmp_path / "shared" / "README.md").read_text(encoding="utf-8")
    assert main(["export", str(tmp_path / "shared"), "--out", str(tmp_path / "again")]) == 0
    assert open_system(tmp_path / "again").identity == after.identity


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fusion", "os.system"),
        ("weights", {"voice": 1.0}),
        ("weights", {"voice": 0.0, "words": 0.0}),
        ("member_classes", ["anger"]),
        ("sha256", "0"),
        ("gate", True),
        ("members", []),
    ],
)
def test_a_fusion_folder_that_does_not_fit_together_is_refused(
    place: Path, tmp_path: Path, key: str, value: object
) -> None:
    assert main(["export", str(place / "fusion.yaml"), "--out", str(tmp_path)]) == 0
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps({**config, key: value}), encoding="utf-8")
    with pytest.raises(CheckpointError):
        open_system(tmp_path)
