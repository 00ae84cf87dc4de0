"""Small random classifiers of the shapes that hubs hold, in folders as transformers writes them."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from tests import checkpoints


def audio_classifier(folder: Path, labels: list[str], norm: str = "layer") -> Path:
    """A HuBERT with transformers' own head."""
    import transformers

    checkpoints.build_speech(folder, "hubert", norm)
    torch.manual_seed(3)
    config = transformers.AutoConfig.from_pretrained(
        folder, num_labels=len(labels), id2label=dict(enumerate(labels)), classifier_proj_size=8
    )
    transformers.HubertForSequenceClassification(config).save_pretrained(folder)
    return folder


def text_classifier(folder: Path, labels: list[str], **config: str) -> Path:
    """A BERT with transformers' own head."""
    import transformers

    checkpoints.build_bert(folder)
    torch.manual_seed(4)
    made = transformers.AutoConfig.from_pretrained(
        folder, num_labels=len(labels), id2label=dict(enumerate(labels)), **config
    )
    network = transformers.BertForSequenceClassification(made)
    torch.nn.init.normal_(network.classifier.weight, std=2.0)
    network.save_pretrained(folder)
    return folder


def dense_classifier(folder: Path, labels: list[str], last: str = "out_proj", named: str | None = None) -> Path:
    """A wav2vec 2.0 with a dense head, saved as its own class did.

    Args:
        folder: to write.
        labels: its outputs.
        last: name of the last layer: `out_proj` as audeering's, `output` as others'.
        named: class that its config names.
    """
    checkpoints.build_speech(folder, "wav2vec2", "layer")
    generator = torch.Generator().manual_seed(5)
    weights = {f"wav2vec2.{name}": value for name, value in load_file(folder / "model.safetensors").items()}
    for layer, size in {"dense": 24, last: len(labels)}.items():
        weights[f"classifier.{layer}.weight"] = torch.randn(size, 24, generator=generator)
        weights[f"classifier.{layer}.bias"] = torch.randn(size, generator=generator)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    change(folder, architectures=[named or "Wav2Vec2ForSpeechClassification"], id2label=dict(enumerate(labels)))
    return folder


def change(folder: Path, **fields: object) -> None:
    """Change fields of a checkpoint's config."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))


def whisper_classifier(folder: Path, labels: list[str]) -> Path:
    """A Whisper with transformers' own head: its input has one length only."""
    import transformers

    checkpoints.build_whisper(folder)
    config = transformers.AutoConfig.from_pretrained(
        folder, num_labels=len(labels), id2label=dict(enumerate(labels)), classifier_proj_size=8
    )
    transformers.WhisperForAudioClassification(config).save_pretrained(folder)
    return folder


def decoder_classifier(folder: Path, labels: list[str]) -> Path:
    """A GPT-2 with transformers' own head, whose tokenizer knows no padding."""
    import transformers

    vocab = {symbol: index for index, symbol in enumerate(["<|endoftext|>", *checkpoints._byte_symbols()])}
    sizes = {"n_embd": 24, "n_layer": 1, "n_head": 2, "n_positions": 64, "bos_token_id": 0, "eos_token_id": 0}
    config = transformers.GPT2Config(
        vocab_size=len(vocab), num_labels=len(labels), id2label=dict(enumerate(labels)), **sizes
    )
    transformers.GPT2ForSequenceClassification(config).save_pretrained(folder)
    transformers.GPT2Tokenizer(vocab=vocab, merges=[], model_max_length=64).save_pretrained(folder)
    return folder
