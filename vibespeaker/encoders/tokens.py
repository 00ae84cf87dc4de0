"""Embeddings of tokens that are learned from nothing, by the tokenizer of a checkpoint: what `BiLSTM` reads."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vibespeaker.arguments.ranges import Range, require
from vibespeaker.batch import Frames
from vibespeaker.encoders.base import Encoder
from vibespeaker.encoders.checkpoints import load
from vibespeaker.encoders.text import load_tokenizer, tokenizer_sha256
from vibespeaker.encoders.training import Stage
from vibespeaker.provenance import Fingerprint, Modality

_DIM, _TOKENS = Range(1, 4096, whole=True), Range(1, 1 << 20, whole=True)


class TokenEmbeddings(Encoder):
    """One vector per token, of a table of random numbers that `train: all` must stand beside.

    Args:
        checkpoint: folder, or name on the hub, with the tokenizer; its weights are not read.
        dim: width of a vector.
        max_tokens: longest text, special tokens included; what is beyond is cut off.

    Raises:
        EncoderError: the checkpoint is missing, unreachable or has no such tokenizer.
        ConfigError: an argument is out of range.
    """

    modality: Modality = "text"
    frames_per_second = None
    begins_random = True

    def __init__(self, checkpoint: str = "FacebookAI/roberta-base", dim: int = 128, max_tokens: int = 128) -> None:
        super().__init__()
        require(_DIM, dim=dim)
        require(_TOKENS, max_tokens=max_tokens)
        self._tokenizer = load(checkpoint, "TokenEmbeddings", load_tokenizer)
        self.dim, self.max_tokens, self.checkpoint = dim, max_tokens, checkpoint
        self.table = nn.Embedding(len(self._tokenizer), dim, padding_idx=self._tokenizer.pad_token_id)
        self.requires_grad_(False)

    def fingerprint(self) -> Fingerprint:
        """Return class, tokenizer and settings; the weights begin at random."""
        settings = f"{self.dim} values, {self.max_tokens} tokens, {tokenizer_sha256(self._tokenizer)}"
        return Fingerprint({"class": "TokenEmbeddings", "weights": "random", "preprocessing": settings})

    def stages(self) -> tuple[Stage, ...]:
        """Return the table."""
        return (Stage("embedding", (self.table,)),)

    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode texts, each possibly empty, into one frame per token."""
        tokens = self._tokenizer(
            [str(text) or str(self._tokenizer.eos_token) for text in inputs],
            truncation=True, max_length=self.max_tokens, padding=True, padding_side="right", return_tensors="pt",
        ).to(self.table.weight.device, non_blocking=True)  # fmt: skip
        mask = tokens.attention_mask
        return Frames(self.table(tokens.input_ids) * mask[:, :, None], mask.sum(dim=1, dtype=torch.int64))
