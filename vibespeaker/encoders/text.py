"""Encoders of text: BERT, RoBERTa and their relatives one frame per token, decoder-only models one frame per text."""

import hashlib
import inspect
import json
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vibespeaker.arguments.ranges import SHARE_BELOW_ONE, Range, require
from vibespeaker.batch import Frames
from vibespeaker.encoders.checkpoints import check_weights, load, read_config
from vibespeaker.encoders.network_parts import attention_maps, stages_of
from vibespeaker.encoders.pretrained import Join, Precision, PretrainedEncoder
from vibespeaker.errors import EncoderError
from vibespeaker.provenance import Modality

logger = logging.getLogger(__name__)

#: Kinds whose positions start behind that of the padding token.
_OFFSET = ("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "camembert", "data2vec-text", "xmod")
#: Longest text where neither checkpoint nor tokenizer has a limit.
_NO_LIMIT = 512
_TOKENS = Range(1, 1 << 20, whole=True)


class TextEncoder(PretrainedEncoder):
    """Encodes text with any checkpoint of it that `AutoModel` loads, such as RoBERTa, BERT, DeBERTa, ModernBERT, Llama.

    A text's frames are its tokens, as the checkpoint's tokenizer makes them; with BERT and its relatives the special
    ones at both ends are among them, and an empty text has those only. In a decoder-only model every token has read
    those before it, so that the last real one stands for the text: its frame is the only one. Texts longer than the
    model can take are cut off, with a warning.

    Args:
        checkpoint: folder, or name on the hub.
        layer: a layer, several, or None for the last (see `PretrainedEncoder`).
        precision: type of weights and arithmetic.
        join: `mean` of several layers, or all `side_by_side` in a frame (see `PretrainedEncoder`).
        max_tokens: longest text, special tokens included; at most what the model can take, and that by default.
        dropout: of hidden layers, where the encoder is trained; None keeps the checkpoint's.

    Attributes:
        max_tokens: the longest text that is read whole, special tokens included.
        truncated: texts that were cut off so far.

    Raises:
        EncoderError: the checkpoint is missing, unreachable, no model of text, or one that is not supported.
        ConfigError: an argument is out of range.
    """

    modality: Modality = "text"
    fingerprint_class = "RobertaEncoder"
    frames_per_second = None

    def __init__(
        self,
        checkpoint: str = "FacebookAI/roberta-large",
        layer: int | list[int] | None = None,
        precision: Precision = "float32",
        join: Join = "mean",
        max_tokens: int | None = None,
        dropout: float | None = None,
    ) -> None:
        super().__init__(checkpoint, layer, precision, join)
        require(_TOKENS, max_tokens=max_tokens)
        require(SHARE_BELOW_ONE, dropout=dropout)
        network, self._tokenizer = load(checkpoint, self._purpose, partial(_load, dropout))
        self.dim = int(network.config.hidden_size)
        limit = token_limit(network.config, self._tokenizer)
        self.max_tokens = limit if max_tokens is None else min(limit, max_tokens)
        self._last_alone = _is_decoder(network.config)
        self.lora_targets = attention_maps(network)
        self.truncated = 0
        preprocessing = {"tokenizer": tokenizer_sha256(self._tokenizer), "max_tokens": self.max_tokens}
        if self._last_alone:
            preprocessing["frames"] = "last token"
        self._adopt(network, stages_of(network, checkpoint, self._purpose), preprocessing)

    def forward(self, inputs: Sequence[Tensor] | Sequence[str]) -> Frames:
        """Encode texts, each possibly empty, into one frame per token, or one in all with a decoder-only model."""
        texts = [str(text) or self._empty for text in inputs]
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
        lengths = mask.sum(dim=1, dtype=torch.int64)
        if self._last_alone:
            last = hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
            return Frames(last[:, None], torch.ones_like(lengths))
        return Frames(hidden * mask[:, :, None], lengths)

    @property
    def _empty(self) -> str:
        """What stands for an empty text where the tokenizer would make no token of it."""
        special = self._tokenizer.bos_token or self._tokenizer.eos_token or " "
        return "" if self._tokenizer("").input_ids else str(special)

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


def token_limit(config: Any, tokenizer: Any) -> int:
    """Return the longest text that a network and its tokenizer take, special tokens included."""
    positions = int(getattr(config, "max_position_embeddings", None) or _NO_LIMIT)
    if config.model_type in _OFFSET:
        positions -= int(config.pad_token_id) + 1
    return min(positions, int(tokenizer.model_max_length))


def _is_decoder(config: Any) -> bool:
    """Return whether a network is one whose tokens read those before them alone."""
    from transformers.models.auto import modeling_auto

    causal, masked = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return config.model_type in causal and config.model_type not in masked


def tokenizer_sha256(tokenizer: Any) -> str:
    """Hash the tokenizer's behaviour, without its temporary settings of padding and truncation."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state.pop("truncation", None)
    state.pop("padding", None)
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _load(dropout: float | None, name: str, local: bool) -> tuple[Any, Any]:
    """Return a checkpoint's network and tokenizer."""
    from transformers import MODEL_MAPPING, AutoModel

    purpose = TextEncoder.__name__
    config = read_config(name, local, None, purpose)
    made = MODEL_MAPPING.get(type(config), None)
    if config.is_encoder_decoder or getattr(made, "main_input_name", None) != "input_ids":
        raise EncoderError(
            f"{purpose}: {name} is of the wrong kind: no encoder of text, and no decoder-only model",
            found=config.model_type,
            remedy="choose an encoder of text such as RoBERTa, or SpeechEncoder for one of speech",
        )
    if dropout is not None:
        if not hasattr(config, "hidden_dropout_prob"):
            raise EncoderError(f"{purpose}: {name} has no dropout of hidden layers to set", found=config.model_type)
        config.hidden_dropout_prob = dropout
    tokenizer = load_tokenizer(name, local, purpose)
    without = {"add_pooling_layer": False} if "add_pooling_layer" in inspect.signature(made).parameters else {}
    network, info = AutoModel.from_pretrained(
        name, config=config, local_files_only=local, dtype=torch.float32, output_loading_info=True, **without
    )
    check_weights(info, name, purpose)
    return network, tokenizer


def load_tokenizer(name: str, local: bool, purpose: str = "TokenEmbeddings") -> Any:
    """Return a checkpoint's tokenizer, which can pad.

    Args:
        name: folder or name on the hub.
        local: whether only local files may be used.
        purpose: what needs it, for messages.

    Raises:
        EncoderError: it has no tokenizer whose behaviour could be hashed.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=local)
    if not hasattr(tokenizer, "backend_tokenizer"):
        raise EncoderError(
            f"{purpose}: the tokenizer of {name} is of a kind that is not supported",
            found=type(tokenizer).__name__,
            allowed="tokenizers with a tokenizer.json",
        )
    if tokenizer.pad_token is None:  # which decoder-only models lack; padding is masked
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer
