"""Fine-tuning of a Whisper: loss, what a run keeps, exact resuming, adapters, five sentences learned by heart."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.checkpoints import build_whisper
from tests.manifests import manifest_of
from tests.recordings import record
from tests.sounds import speech_like
from tests.tasks.accidents import AccidentError
from tests.tasks.states import assert_equal
from vibespeaker.audio.files import examine
from vibespeaker.errors import CheckpointError, ConfigError
from vibespeaker.evaluation.words.command import wer
from vibespeaker.files.run_folder import checkpoint_path
from vibespeaker.manifest import Manifest
from vibespeaker.models.checkpoint import read_checkpoint
from vibespeaker.provenance import CHECKPOINT_KEY
from vibespeaker.trainer.cli import TrainerCLI, run_trainer
from vibespeaker.transcribe.whisper import WhisperTranscriber

Fit = Callable[..., TrainerCLI]
TEXTS = ["oh no", "yes it is", "so be it", "why", "no", "we are", "—", "too long to be heard at once", "is it so"]
SMALL = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false", "--trainer.accelerator=cpu"]
#: Linear in the gradient, so that rounding stays rounding.
SGD = "model: {init_args: {optimizer: {class_path: torch.optim.SGD, init_args: {lr: 0.05}}}}"
#: Everything that draws: dropout, masks, speeds, order.
DRAWS = """
data: {init_args: {speeds: [0.9, 1.1], splits: {validation: []}}}
model:
  init_args:
    dropout: {encoder: {0: 0.3}, decoder: {0: 0.2}}
    spec_augment: {time_share: 0.3, mel_share: 0.2}
"""


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    build_whisper(folder := tmp_path_factory.mktemp("whisper"), longest=20, **SMALL)
    return folder


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four utterances to train and three to validate; one has no word, one is said to last 31 s."""
    folder = tmp_path_factory.mktemp("speech")
    rows = [record(folder, f"clip{row}", speech_like(0.3 + 0.1 * row, row)) for row in range(len(TEXTS))]
    rows[7]["duration"] = 31.0
    splits = ["train"] * 4 + ["validation"] * 2 + ["train"] * 2 + ["validation"]
    columns = [
        {"text": text, "text_origin": "script", "split": split} for text, split in zip(TEXTS, splits, strict=True)
    ]
    path = folder / "m.parquet"
    manifest_of([one | two for one, two in zip(rows, columns, strict=True)], str(folder)).write(path)
    return path


def _runner(whisper: Path, manifest: Path, folder: Path) -> Fit:
    def fit(command: str, *options: str, name: str = "run", config: str = "") -> TrainerCLI:
        tree = {
            "data": {
                "class_path": "vibespeaker.tasks.TranscriptionDataModule",
                "init_args": {"manifest": str(manifest)},
            },
            "model": {"class_path": "vibespeaker.tasks.TranscriptionTask", "init_args": {"whisper": str(whisper)}},
        }
        (folder / "base.yaml").write_text(yaml.safe_dump(tree))
        (folder / "own.yaml").write_text(config or f"name: {name}")
        configs = [f"--config={folder / 'base.yaml'}", f"--config={folder / 'own.yaml'}"]
        return run_trainer([command, *configs, *QUIET, f"--runs={folder}", f"--name={name}", *options])

    return fit


@pytest.fixture
def run(whisper: Path, manifest: Path, tmp_path: Path) -> Fit:
    return _runner(whisper, manifest, tmp_path)


def test_the_loss_is_that_of_transformers(whisper: Path, manifest: Path) -> None:
    from transformers import AutoTokenizer, WhisperForConditionalGeneration

    from vibespeaker.encoders.training import Training
    from vibespeaker.transcribe.trainable import LayerDropout, TrainableWhisper

    ours = TrainableWhisper(str(whisper), Training("all"), LayerDropout()).eval()
    clips = [torch.from_numpy(speech_like(0.5 + row, row)) for row in range(2)]
    losses, counts = ours(clips, TEXTS[:2], ["en", "en"])
    theirs, tokenizer = WhisperForConditionalGeneration.from_pretrained(whisper), AutoTokenizer.from_pretrained(whisper)
    rows = []
    tokenizer.set_prefix_tokens(language="english", task="transcribe")
    for text in TEXTS[:2]:
        rows.append(torch.tensor(tokenizer(text).input_ids[1:]))  # the start is put in front of what is given
    labels = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
    features = ours.extractor([clip.numpy() for clip in clips], sampling_rate=16_000, return_tensors="pt")
    expected = theirs.eval()(**features, labels=labels).loss
    assert counts.tolist() == [len(row) for row in rows] == [3 + 5 + 1, 3 + 9 + 1]
    torch.testing.assert_close(losses.sum() / counts.sum(), expected, rtol=0, atol=1e-5)
    assert ours.hear(clips, ["en", "de"]) == [
        WhisperTranscriber(str(whisper))(clip.numpy(), language).text
        for clip, language in zip(clips, ("en", "de"), strict=True)
    ]


def test_a_run_is_scored_kept_and_heard_with(run: Fit, manifest: Path, tmp_path: Path) -> None:
    before = run("validate").trainer.callback_metrics
    done = run("fit", "--trainer.max_epochs=1", "--model.init_args.optimizer.lr=0.01", "--trainer.devices=1")
    logged = done.trainer.callback_metrics
    assert {"train/loss", "val/loss", "val/wer", "val/cer"} <= set(logged)
    assert logged["val/loss"] < before["val/loss"]
    events = EventAccumulator(str(done.folder)).Reload()
    assert {"train/loss", "val/wer", "val/cer", "lr"} <= set(events.Tags()["scalars"])
    assert events.Tags()["tensors"] == ["val/worst/text_summary"]
    best = torch.load(checkpoint_path(done.folder, "best"), weights_only=True)
    assert set(best["callbacks"]["BestCheckpoint"]["saved"]) == {"val/loss", "val/wer", "val/cer"}
    kept = best[CHECKPOINT_KEY]
    assert (kept["texts"], kept["transcriber"]["dropout"]) == (["script"], {"encoder": {}, "decoder": {}})

    with pytest.raises(
        CheckpointError, match=r"recognises words, not emotions.*transcribe MANIFEST --model RUN/whisper"
    ):
        read_checkpoint(checkpoint_path(done.folder, "best"))

    table = tmp_path / "heard.parquet"
    run("predict", f"--out={table}", "--system=tuned")
    texts = Manifest.read(table).column("text.tuned")
    assert [text is None for text in texts] == [False] * len(TEXTS)
    heard = WhisperTranscriber(str(done.folder / "whisper"))
    assert texts[4] == heard(speech_like(0.7, 4), "en").text
    assert wer(["tuned"], table, split="validation", draws=0, out=tmp_path / "wer.json") == 0
    (scored,) = yaml.safe_load((tmp_path / "wer.json").read_text())["recognisers"]
    assert scored["rates"]["wer"]["value"] == pytest.approx(float(logged["val/wer"]), abs=1e-12)


@pytest.fixture(scope="module")
def undisturbed(whisper: Path, manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of two epochs that nothing cut off."""
    run = _runner(whisper, manifest, tmp_path_factory.mktemp("undisturbed"))
    return Path(run("fit", "--trainer.max_epochs=2", name="whole", config=DRAWS).folder)


def test_resuming_is_exact(run: Fit, undisturbed: Path) -> None:
    run("fit", "--trainer.max_epochs=1", name="halves", config=DRAWS)
    resumed = run("fit", "--trainer.max_epochs=2", "--ckpt_path=last", name="halves", config=DRAWS)
    assert resumed.trainer.global_step == 4
    _assert_same_state(resumed.folder, undisturbed)


def _assert_same_state(folder: Path, other: Path, *more: str) -> None:
    ours, theirs = (torch.load(checkpoint_path(one, "last"), weights_only=True) for one in (folder, other))
    for key in ("state_dict", "optimizer_states", "lr_schedulers", *more):
        assert_equal(ours[key], theirs[key], key)
    assert_equal(ours["callbacks"]["RandomStates"], theirs["callbacks"]["RandomStates"], "random")


def test_resuming_in_the_middle_of_an_epoch_is_exact(run: Fit, undisturbed: Path, tmp_path: Path) -> None:
    accident = "--trainer.callbacks+={class_path: tests.tasks.accidents.StopsAt, init_args: {step: 3}}"
    often = "--model.init_args.checkpoints.every_batches=1"
    with pytest.raises(AccidentError):
        run("fit", "--trainer.max_epochs=2", accident, often, name="cut", config=DRAWS)
    folder = tmp_path / "cut"
    assert torch.load(checkpoint_path(folder, "last"), weights_only=True)["global_step"] == 3  # of four, two an epoch
    resumed = run("fit", "--trainer.max_epochs=2", "--ckpt_path=last", often, name="cut", config=DRAWS)
    _assert_same_state(resumed.folder, undisturbed, "loops")


@pytest.mark.slow
def test_two_processes_train_and_score_as_one(run: Fit) -> None:
    forked = ["--trainer.devices=2", "--trainer.strategy=ddp_fork"]
    one = run("fit", "--trainer.max_epochs=2", name="one", config=SGD)
    two = run("fit", "--trainer.max_epochs=2", *forked, name="two", config=SGD)
    ours, theirs = (torch.load(checkpoint_path(done.folder, "last"), weights_only=True) for done in (two, one))
    assert ours["global_step"] == theirs["global_step"] == 4
    for name, value in theirs["state_dict"].items():
        torch.testing.assert_close(ours["state_dict"][name], value, rtol=1e-4, atol=1e-6)
    # three utterances on two processes: one is heard twice, and counts once
    scores = [run("validate", "--ckpt_path=best", *more, name="one", config=SGD) for more in ([], forked)]
    alone, shared = (done.trainer.callback_metrics for done in scores)
    assert {name: float(shared[name]) for name in ("val/wer", "val/cer")} == {
        name: float(alone[name]) for name in ("val/wer", "val/cer")
    }
    torch.testing.assert_close(shared["val/loss"], alone["val/loss"], rtol=1e-6, atol=0)
    assert two.trainer.callback_metrics["val/wer"] == one.trainer.callback_metrics["val/wer"]


def test_adapters_alone_are_kept_and_joined_into_the_folder(run: Fit, whisper: Path, tmp_path: Path) -> None:
    lora = ["--model.init_args.train={lora: {rank: 2}}", "--model.init_args.optimizer.lr=0.1", "--trainer.max_epochs=1"]
    done = run("fit", *lora, "--data.init_args.splits.validation=[]")
    state = torch.load(checkpoint_path(done.folder, "last"), weights_only=True)["state_dict"]
    assert len(state) == 2 * 2 * 3  # A and B of queries and values; the decoder attends twice
    assert all("lora_" in name for name in state)
    clip = speech_like(0.5)
    joined = WhisperTranscriber(str(done.folder / "whisper"))
    speech = done.model.speech.eval()
    assert joined(clip, "en").text == speech.hear([torch.from_numpy(clip)], ["en"])[0]
    features = speech._features([torch.from_numpy(clip)])
    start = torch.tensor([[1, 2, 3]])
    expected = speech.network(features, decoder_input_ids=start).logits
    torch.testing.assert_close(joined.network(features, decoder_input_ids=start).logits, expected, atol=1e-4, rtol=0)
    build_whisper(other := tmp_path / "other", longest=20, **SMALL)
    with pytest.raises(CheckpointError, match=r"trained on top of other weights\. Found: .*other\. Allowed: .*whisper"):
        run("predict", *lora[:2], f"--model.init_args.whisper={other}", "--out=" + str(tmp_path / "x.parquet"))


def test_mistakes_are_refused_before_training(run: Fit) -> None:
    for option, said in {
        "language=fr": r"does not know the language of toy/clip0\. Found: fr\. Allowed: de, en",
        "dropout.encoder={1: 0.1}": r"dropout\.encoder names layers.*Found: 1\. Allowed: 0 to 0",
        "dropout.decoder={0: 1.0}": r"dropout\.decoder\.0 is out of range\. Found: 1\.0",
        "dropout.encoder={0: -0.1}": r"dropout\.encoder\.0 is out of range\. Found: -0\.1",
        "dropout.encoder={0: 0.1, '0': 0.2}": r"has the key 0 twice\. Found: line 1\. Remedy: give it once",
        "dropout.encoder={0: 0.1, 0: 0.2}": r"has the key 0 twice\. Found: line 1\. Remedy: give it once",
        "train={top: 3}": r"counts layers that the output depends on\. Found: 3\. Allowed: 1 to 2",
    }.items():
        with pytest.raises(ConfigError, match=said):
            run("fit", f"--model.init_args.{option}", "--trainer.max_epochs=1")


@pytest.mark.slow
def test_five_sentences_are_learned_by_heart(shared_data: Path, tmp_path: Path) -> None:
    """A Whisper without meaning, of random weights, through the whole loop: WER 0 proves wiring, not quality."""
    folder = shared_data / "asr" / "sense_and_sensibility"
    with open(folder / "transcripts.tsv", encoding="utf-8") as file:
        said = list(csv.DictReader(file, delimiter="\t"))
    rows = [
        {"name": Path(one["path"]).stem, "audio": one["path"], "text": one["sentence"], "text_origin": "script"}
        | {"split": "train", "speaker": "toy/reader", "duration": (facts := examine(folder / one["path"])).duration}
        | {"audio_sha256": facts.sha256}
        for one in said
    ]
    manifest_of(rows, str(folder)).write(tmp_path / "m.parquet")
    torch.manual_seed(0)
    sizes = {"d_model": 64, "encoder_layers": 0, "decoder_layers": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 128}
    heads = {"encoder_attention_heads": 1, "decoder_attention_heads": 2}
    build_whisper(tmp_path / "whisper", longest=140, max_target_positions=160, init_std=0.1, **sizes, **heads)
    options = ["--data.init_args.batch_size=5", "--data.init_args.splits.validation=[train]"]
    options += ["--data.init_args.allow_leaks=[speaker,audio]", "--trainer.check_val_every_n_epoch=60"]
    options += ["--model.init_args.optimizer.lr=0.005", "--trainer.gradient_clip_val=1", "--trainer.max_epochs=60"]
    done = _runner(tmp_path / "whisper", tmp_path / "m.parquet", tmp_path)("fit", *options)
    assert float(done.trainer.callback_metrics["val/wer"]) == 0
    assert float(done.trainer.callback_metrics["val/cer"]) == 0
    heard = WhisperTranscriber(str(done.folder / "whisper"), batch_size=5)
    from vibespeaker.audio.files import read_audio

    clips = [read_audio(folder / one["path"]) for one in said[:2]]
    assert [one.text for one in heard.transcribe(clips, "en")] == [one["sentence"] for one in said[:2]]
