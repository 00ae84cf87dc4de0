"""The RoBERTa family: encoders of text, one frame per token."""

import hashlib
import json
import logging
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vibespeaker.batch import Frames
from vibespeaker.encoders.checkpoints import check_weights, load, read_config
from vibespeaker.encoders.pretrained import Join, Precision, PretrainedEncoder
from vibespeaker.encoders.training import Stage
from vibespeaker.provenance import Modality

logger = logging.getLogger(__name__)

KINDS = ("roberta", "xlm-roberta", "bert")


class TextEncoder(PretrainedEncoder):
    """Encodes text with a RoBERTa, XLM-R or BERT checkpoint.

    A text's frames are its tokens with the special ones at both ends; an empty text has those two only. Texts longer
    than the model can take are cut off, with a warning.

    Args:
        checkpoint: folder, or name on the hub.
        layer: a layer, several, or None for the last (see `PretrainedEncoder`).
        precision: type of weights and arithmetic.

    Attributes:
        max_tokens: the longest text the model can take, special tokens included.
        truncated: texts that were cut off so far.
        join: `mean` of several layers, or all `side_by_side` in a frame (see `PretrainedEncoder`).

    Raises:
        EncoderError: the checkpoint is missing, unreachable or of another kind.
        ConfigError: an argument is out of range.
    """

    modality: Modality = "text"
    fingerprint_class = "RobertaEncoder"
    frames_per_second = None
    lora_targets = ("query", "value")

    def __init__(
        self,
        checkpoint: str = "FacebookAI/roberta-large",
        layer: int | list[int] | None = None,
        precision: Precision = "float32",
        join: Join = "mean",
    ) -> None:
        super().__init__(checkpoint, layer, precision, join)
        network, self._tokenizer = load(checkpoint, self._purpose, _load)
        self.dim = int(network.config.hidden_size)
        self.max_tokens = _token_limit(network.config, self._tokenizer)
        self.truncated = 0
        preprocessing = {"tokenizer": _tokenizer_sha256(self._tokenizer), "max_tokens": self.max_tokens}
        layers = [Stage("layer", (layer,)) for layer in network.encoder.layer]
        self._adopt(network, [Stage("embedding", (network.embeddings,)), *layers], preprocessing)

    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode texts, each possibly empty, into one frame per token."""
        texts = [str(text) for text in inputs]
        self._count_truncated(texts)
        tokens = self._tokenizer(
            texts, truncation=True, max_length=self.max_tokens, padding=True, padding_side="right", return_tensors="pt"
        ).to(self._weights.device, non_blocking=True)
        mask = tokens.attention_mask
        hidden = self._hidden(
            lambda: self.network(input_ids=tokens.input_ids, attention_mask=mask).last_hidden_state,
            [] if self.mask_seeds is None else mask.sum(dim=1).tolist(),
            self.mask_seeds,
        )
        return Frames(hidden * mask[:, :, None], mask.sum(dim=1, dtype=torch.int64))

    def _count_truncated(self, texts: list[str]) -> None:
        whole = self._tokenizer(texts, verbose=False).input_ids
        longest = max(len(tokens) for tokens in whole)
        cut = sum(len(tokens) > self.max_tokens for tokens in whole)
        if cut:
            self.truncated += cut
            logger.warning(
                "%d of %d texts cut to %d tokens (longest %d; %d cut so far)",
                cut,
                len(texts),
                self.max_tokens,
                longest,
                self.truncated,
            )


def _token_limit(config: Any, tokenizer: Any) -> int:
    """Return the longest input; RoBERTa's positions start behind the padding index."""
    positions = int(config.max_position_embeddings)
    if config.model_type != "bert":
        positions -= int(config.pad_token_id) + 1
    return min(positions, int(tokenizer.model_max_length))


def _tokenizer_sha256(tokenizer: Any) -> str:
    """Hash the tokenizer's behaviour, without its temporary settings of padding and truncation."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state.pop("truncation", None)
    state.pop("padding", None)
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _load(name: str, local: bool) -> tuple[Any, Any]:
    """Return a checkpoint's network and tokenizer."""
    from transformers import AutoModel, AutoTokenizer

    purpose = TextEncoder.__name__
    read_config(name, local, KINDS, purpose)
    tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=local)
    network, info = AutoModel.from_pretrained(
        name, local_files_only=local, dtype=torch.float32, add_pooling_layer=False, output_loading_info=True
    )
    check_weights(info, name, purpose)
    return network, tokenizer
