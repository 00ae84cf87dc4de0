"""Late fusion of prediction tables: unions of classes, words that are missing, and what is learned by speaker."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.ensemble.example import table
from tests.manifests import manifest_from
from vibespeaker.ensemble import ensemble
from vibespeaker.ensemble.combiners import Weighted
from vibespeaker.ensemble.fusion import FusionFile, mapped_classes, member_weights, only, read_fusion, union, widened
from vibespeaker.ensemble.gate import Gate, fit_gate, read_gate
from vibespeaker.ensemble.learned import learned_weights
from vibespeaker.ensemble.stack import Stack
from vibespeaker.errors import ConfigError, PredictionsError
from vibespeaker.labels import LabelSet, label_set
from vibespeaker.predictions import Predictions

VOICE, WORDS = label_set("anger,neutral,boredom"), label_set("anger,happiness,neutral")
READS = {"encoders": {"read": {"modality": "text"}}, "corpora": ["meld"], "transcripts": []}
HEARS = {"encoders": {"hear": {"modality": "audio"}}, "corpora": ["emodb"]}


def probabilities(shares):
    return np.log(np.asarray(shares, float))


@pytest.fixture
def place(tmp_path):
    """A member that hears, one that reads, and nothing said in the third utterance."""
    heard = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.2, 0.2, 0.6]]
    read = [[0.1, 0.6, 0.3], [0.5, 0.25, 0.25], [0.98, 0.01, 0.01], [0.2, 0.2, 0.6]]
    table(probabilities(heard), labels=VOICE, provenance=HEARS).write(tmp_path / "voice.parquet")
    table(probabilities(read), labels=WORDS, provenance=READS).write(tmp_path / "words.parquet")
    rows = {"corpus": "c", "name": ["0", "1", "2", "3"], "text": ["so", "it", " ", "is"], "text_origin": "human"}
    manifest_from(rows, label_set="basic").write(tmp_path / "manifest.parquet")
    write(tmp_path)
    return tmp_path, np.array(heard), np.array(read)


def write(folder, **changes):
    content = {"fusion": "weighted", "members": {"voice": "emodb", "words": "my-words"}}
    content |= {"weights": {"text": 0.6, "audio": 0.4}, **changes}
    (folder / "fusion.yaml").write_text(yaml.safe_dump(content))
    return folder / "fusion.yaml"


def fuse(folder, **options):
    paths = [folder / "words.parquet", folder / "voice.parquet"]
    options = {"manifest": folder / "manifest.parquet", "fusion": folder / "fusion.yaml", **options}
    assert ensemble(paths, folder / "fused.parquet", **options) == 0
    return Predictions.read(folder / "fused.parquet")


def test_the_published_rule_over_the_union_of_classes(place):
    """.6 text + .4 audio; where nothing was said, the audio alone."""
    folder, heard, read = place
    fused = fuse(folder)
    assert fused.labels.classes == ("anger", "happiness", "neutral", "boredom")
    zero = np.zeros(4)
    voice = np.stack([heard[:, 0], zero, heard[:, 1], heard[:, 2]], axis=1)
    words = np.stack([read[:, 0], read[:, 1], read[:, 2], zero], axis=1)
    expected = 0.6 * words + 0.4 * voice
    expected[2] = voice[2]
    np.testing.assert_allclose(fused.probabilities(), expected, atol=1e-6)
    members = fused.metadata.provenance["ensemble"]["members"]
    assert [member["provenance"]["corpora"] for member in members] == [["emodb"], ["meld"]]


def test_other_classes_are_left_out_after_the_mean_and_the_rest_adds_up_to_one(place):
    folder, heard, read = place
    write(folder, labels="anger,neutral", label_maps={"words": {"happiness": "neutral"}, "voice": {"boredom": None}})
    fused = fuse(folder).probabilities()
    voice = heard[:, :2] / heard[:, :2].sum(axis=1, keepdims=True)
    words = np.stack([read[:, 0], read[:, 1] + read[:, 2]], axis=1)
    expected = 0.6 * words + 0.4 * voice
    expected[2] = voice[2]
    np.testing.assert_allclose(fused, expected, atol=1e-6)


def test_weighted_by_confidence(place):
    folder, heard, read = place
    calibrated = {"calibration": {"categories": "temperature"}}
    table(probabilities(heard), labels=VOICE, provenance=HEARS | calibrated).write(folder / "voice.parquet")
    write(folder, fusion="confidence")
    with pytest.raises(PredictionsError, match=r"words is weighted by its confidence, but its table is not calibrated"):
        fuse(folder)
    table(probabilities(read), labels=WORDS, provenance=READS | calibrated).write(folder / "words.parquet")
    fused = fuse(folder).probabilities()
    text, audio = 0.6 * 0.6, 0.4 * 0.7  # of the first utterance
    expected = text * np.array([0.1, 0.6, 0.3, 0.0]) + audio * np.array([0.7, 0.0, 0.2, 0.1])
    np.testing.assert_allclose(fused[0], expected / (text + audio), atol=1e-6)


def informative(size=240, seed=0):
    """The first member is right where the second is unsure, and the other way round; truths of four classes."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, 4, size)
    sure = generator.random(size) < 0.5
    said = np.full((2, size, 4), 0.25)
    for member, knows in enumerate((sure, ~sure)):
        said[member, knows] = 0.02
        said[member, knows, truth[knows]] = 0.94
        wrong = (truth + 1 + generator.integers(0, 3, size)) % 4
        said[member, ~knows] = 0.2
        said[member, ~knows, wrong[~knows]] = 0.4
    return Stack(("a", "b"), said, np.full((2, size, 3), np.nan)), truth.astype(float), np.arange(size) % 12


def test_learned_weights_are_those_of_the_likeliest_mixture():
    stack, truth, _ = informative()
    noise = np.full_like(stack.probabilities[0], 0.25)
    three = Stack(("a", "b", "noise"), np.concatenate([stack.probabilities, noise[None]]), np.full((3, 240, 3), np.nan))
    weights = np.array(learned_weights("categories", three, truth).weights)
    assert weights.sum() == pytest.approx(1)
    classes = truth.astype(int)
    balance = 1 / np.bincount(classes)[classes]
    of_truth = three.probabilities[:, np.arange(240), classes]
    best = (balance * np.log(weights @ of_truth)).sum()
    generator = np.random.default_rng(1)
    for _ in range(200):
        moved = np.abs(weights + 0.05 * generator.normal(size=3))
        assert (balance * np.log(moved / moved.sum() @ of_truth)).sum() <= best + 1e-6
    # attributes: two thirds of one and a third of the other, and nothing of what is wrong
    values = np.stack([truth + 1, truth - 2, -truth])
    of_values = Stack(("a", "b", "c"), np.full((3, 240, 2), np.nan), np.repeat(values[:, :, None], 3, axis=2))
    assert learned_weights("valence", of_values, truth).weights == pytest.approx((2 / 3, 1 / 3, 0), abs=1e-4)


def test_silent_utterances_do_not_decide_about_weights():
    stack, truth, _ = informative()
    silent = np.zeros((2, 240), bool)
    silent[1, 100:] = True
    spoken = Stack(stack.names, stack.probabilities, stack.attributes, silent=silent)
    first = stack.take(np.arange(100))
    assert learned_weights("categories", spoken, truth) == learned_weights("categories", first, truth[:100])
    shares = Weighted("categories", ("a", "b"), (0.4, 0.6)).shares(spoken)
    np.testing.assert_allclose(shares[:, [0, 120]], [[0.4, 1.0], [0.6, 0.0]])


def test_a_gate_follows_whoever_knows(tmp_path):
    stack, truth, groups = informative()
    gate = fit_gate(stack, truth, groups)
    new, true, _ = informative(seed=5)
    mean = new.probabilities.mean(axis=0)[np.arange(240), true.astype(int)].mean()
    assert gate.apply(new)[np.arange(240), true.astype(int)].mean() > mean + 0.25
    gate.write(tmp_path / "gate.json")
    assert Gate.read(tmp_path / "gate.json") == gate
    turned = Stack(("b", "a"), new.probabilities[::-1], new.attributes)
    np.testing.assert_allclose(gate.apply(turned), gate.apply(new), rtol=1e-12)
    with pytest.raises(PredictionsError, match=r"made for another fusion\. Found: a, b, 4 classes"):
        read_gate(tmp_path / "gate.json", {"a": "a", "c": "c"}, 4)
    (tmp_path / "gate.json").write_text('{"kind": "gate", "members": ["a"]}')
    with pytest.raises(PredictionsError, match=r"gate\.json"):
        Gate.read(tmp_path / "gate.json")


@pytest.mark.parametrize("method", ["learned", "gate"])
def test_what_is_learned_is_scored_on_unheard_speakers_and_written_as_a_fusion(tmp_path, method, capsys):
    stack, truth, groups = informative()
    labels = LabelSet("four", label_set("four").classes)
    ids = [f"c/{number}" for number in range(len(truth))]
    for name, record, said in (("voice", HEARS, 0), ("words", READS, 1)):
        made = table(np.log(stack.probabilities[said]), None, ids, "validation", labels, provenance=record)
        made.write(tmp_path / f"{name}.parquet")
    rows = {"corpus": "c", "name": [str(number) for number in range(len(truth))], "text": "said", "split": "validation"}
    rows |= {"text_origin": "human", "speaker": [f"c/{group}" for group in groups]}
    rows["category"] = [labels.classes[int(one)] for one in truth]
    manifest_from(rows, label_set="four").write(tmp_path / "manifest.parquet")
    write(tmp_path)
    recipe = {"recipe": Path("fusion-gate")} if method == "gate" else {"method": method, "fit_split": "validation"}
    scores = fuse(tmp_path, **recipe).metadata.provenance["ensemble"]["scores"]
    assert scores["categories"]["ensemble"] > 0.7
    assert "ensemble, cross-fitted" in capsys.readouterr().out
    written = read_fusion(tmp_path / "fused.fusion.yaml")
    assert written.members == {"voice": "emodb", "words": "my-words"}
    if method == "learned":
        assert written.weights == pytest.approx({"voice": 0.5, "words": 0.5}, abs=0.15)
    else:
        gate = Gate.read(tmp_path / "fused.gate.json")
        assert (gate.members, written.gate, written.weights) == (("voice", "words"), "fused.gate.json", None)
        # what was learned combines tables as it is
        fused = fuse(tmp_path, fusion=tmp_path / "fused.fusion.yaml").probabilities()
        np.testing.assert_allclose(
            fused, gate.apply(Stack(gate.members, stack.probabilities, stack.attributes)), atol=1e-6
        )


def test_weights_go_by_member_or_by_modality():
    file = FusionFile({"a": "a", "b": "b", "c": "c"}, weights={"a": 1.0, "text": 0.5})
    assert member_weights(file, {"a": "audio", "b": "text", "c": "text"}) == {"a": 1.0, "b": 0.25, "c": 0.25}
    with pytest.raises(ConfigError, match=r"member c of the fusion has no weight.*weights\.c, or weights\.audio"):
        member_weights(file, {"a": "audio", "b": "text", "c": "audio"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": {"text": 0.0, "audio": 0.0}}, "weights for a fusion's members must not all be 0"),
        ({"weights": {"text": -1.0}}, "out of range"),
        ({"weights": {"smell": 1.0}}, r"go by member or by modality\. Found: smell"),
        ({"label_maps": {"voice": {"joy": "happiness"}}}, r"of member voice names other classes\. Found: joy"),
        ({"label_maps": {"taste": {}}}, r"label_maps of a fusion go by member\. Found: taste"),
        ({"fusion": "loud"}, "loud"),
        ({"labels": "unheard"}, r"unknown label set\. Found: unheard"),
        ({"labels": "ravdess"}, r"has no such class\. Found: sadness"),
        ({"members": {"voice": "emodb", "other": "x"}}, r"the tables are not those of the members.*other\.parquet"),
    ],
)
def test_what_cannot_be_fused_is_said(place, changes, message):
    folder, _, _ = place
    write(folder, **changes)
    with pytest.raises((ConfigError, PredictionsError), match=message):
        fuse(folder)


def test_words_that_are_no_emotions_need_a_map_and_texts_a_manifest(place):
    folder, _, read = place
    own = LabelSet("own:anger,love,neutral", ("anger", "love", "neutral"))
    table(probabilities(read), labels=own, provenance=READS).write(folder / "words.parquet")
    with pytest.raises(
        ConfigError, match=r"words of the fusion has classes that are no emotions.*Found: love.*{love: "
    ):
        fuse(folder)
    write(folder, label_maps={"words": {"love": "happiness"}})
    assert fuse(folder).labels.classes == ("anger", "happiness", "neutral", "boredom")
    with pytest.raises(ConfigError, match=r"nobody says where words were missing.*--manifest"):
        fuse(folder, manifest=None)
    with pytest.raises(ConfigError, match=r"a late fusion does not go by this method\. Found: greedy"):
        fuse(folder, method="greedy")


def test_widening_keeps_probability():
    called = mapped_classes("m", WORDS, {"happiness": None})
    np.testing.assert_allclose(
        widened(np.array([[0.2, 0.5, 0.3], [0, 1, 0]]), called, VOICE), [[0.4, 0.6, 0], [0.5, 0.5, 0]]
    )
    assert union({"a": label_set("emodb"), "b": label_set("basic")}, {"a": {"boredom": "neutral"}}) == label_set(
        "basic"
    )
    np.testing.assert_allclose(only(np.array([[0.2, 0.3, 0.5]]), VOICE, label_set("neutral,anger")), [[0.6, 0.4]])
