"""Classifiers of a hub as transformers loads them: which class, which head, and the same numbers alone as in batches.

Code that a repository brings is never run. Heads are transformers' own, or, where a checkpoint's weights are named so,
a dense layer, tanh and a linear layer over the mean of the frames: what audeering's regressor of attributes has, and
what checkpoints of the same descent were saved with whose configs name transformers' own class, which would leave their
heads at random.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vibespeaker.encoders.checkpoints import check_weights, load, read_config, weights_sha256
from vibespeaker.encoders.text import token_limit
from vibespeaker.errors import EncoderError
from vibespeaker.provenance import Modality
from vibespeaker.utterance import SAMPLE_RATE

PURPOSE = "a classifier"
#: Shortest waveform that networks take, samples; shorter ones get silence behind them.
_SHORTEST = 1600
_DENSE = "classifier.dense.weight"


@dataclass(frozen=True, eq=False)
class HubNetwork:
    """A loaded classifier.

    Args:
        network: in evaluation mode; its output has `logits` `(batch, labels)`.
        reader: its feature extractor, or its tokenizer.
        modality: `audio` or `text`.
        labels: what its outputs are called, in order.
        is_multilabel: whether each output is a probability by itself.
        width: of its hidden states.
        longest: most tokens of a text.
        sha256: of its weights.
    """

    network: nn.Module
    reader: Any
    modality: Modality
    labels: tuple[str, ...]
    is_multilabel: bool
    width: int
    longest: int
    sha256: str

    @torch.inference_mode()
    def of_audio(self, audio: Sequence[Tensor]) -> Tensor:
        """Return `(batch, labels)` outputs; waveforms of one length are answered together, so that none is padded."""
        device = next(self.network.parameters()).device
        found: dict[int, Tensor] = {}
        lengths: dict[int, list[int]] = {}
        for place, waveform in enumerate(audio):
            lengths.setdefault(len(waveform), []).append(place)
        for places in lengths.values():
            waveforms = [audio[place].float().cpu() for place in places]
            padded = [nn.functional.pad(one, (0, max(0, _SHORTEST - len(one)))).numpy() for one in waveforms]
            inputs = self.reader(padded, sampling_rate=SAMPLE_RATE, return_tensors="pt")
            logits = self.network(**{name: values.to(device) for name, values in inputs.items()}).logits
            found |= dict(zip(places, logits.float(), strict=True))
        return torch.stack([found[place] for place in range(len(audio))])

    @torch.inference_mode()
    def of_texts(self, texts: Sequence[str]) -> Tensor:
        """Return `(batch, labels)` outputs; what is too long is cut off."""
        device = next(self.network.parameters()).device
        inputs = self.reader(list(texts), padding=True, truncation=True, max_length=self.longest, return_tensors="pt")
        outputs: Tensor = self.network(**{name: values.to(device) for name, values in inputs.items()}).logits
        return outputs.float()


def load_hub_network(checkpoint: str) -> HubNetwork:
    """Load a classifier from a folder or from the hub.

    Raises:
        EncoderError: it is missing, unreachable, damaged, no classifier of audio or text, or nothing without code of
            its own.
    """
    return load(checkpoint, PURPOSE, _load)


def _load(name: str, local: bool) -> HubNetwork:
    from transformers import AutoFeatureExtractor, AutoTokenizer
    from transformers.models.auto import modeling_auto as known

    audio = known.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES
    text = known.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES
    _refuse_code(name, local)
    config = read_config(name, local, [*audio, *text], PURPOSE)
    modality: Modality = "audio" if config.model_type in audio else "text"
    network = _audio_network(name, local, config) if modality == "audio" else _text_network(name, local, config)
    kind = AutoFeatureExtractor if modality == "audio" else AutoTokenizer
    reader = kind.from_pretrained(name, local_files_only=local, trust_remote_code=False)
    if modality == "audio" and reader.sampling_rate != SAMPLE_RATE:
        raise EncoderError(
            f"{PURPOSE}: checkpoint {name} hears another sampling rate",
            found=f"{reader.sampling_rate} Hz",
            allowed=f"{SAMPLE_RATE} Hz",
        )
    if modality == "text" and reader.pad_token is None:  # what a decoder-only model lacks
        reader.pad_token = reader.eos_token
        own: Any = network.config  # a copy
        own.pad_token_id = reader.pad_token_id
    labels = tuple(str(config.id2label[place]) for place in range(config.num_labels))
    return HubNetwork(
        network.eval().requires_grad_(False),
        reader,
        modality,
        labels,
        config.problem_type == "multi_label_classification",
        int(config.hidden_size if hasattr(config, "hidden_size") else config.d_model),
        token_limit(config, reader) if modality == "text" else 0,
        weights_sha256(network),
    )


def _refuse_code(name: str, local: bool) -> None:
    """Refuse a checkpoint that nothing can load without running what its repository brings."""
    from transformers import PretrainedConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    written, _ = PretrainedConfig.get_config_dict(name, local_files_only=local)
    kind = written.get("model_type")
    if written.get("auto_map") and kind not in CONFIG_MAPPING_NAMES:
        raise EncoderError(
            f"{PURPOSE}: checkpoint {name} needs code of its own, which is never run",
            found=f"model_type {kind}, auto_map {', '.join(map(str, written['auto_map']))}",
            remedy="take a checkpoint of a class of transformers",
        )


def _text_network(name: str, local: bool, config: Any) -> nn.Module:
    from transformers import AutoModelForSequenceClassification

    network, info = AutoModelForSequenceClassification.from_pretrained(
        name, config=config, local_files_only=local, output_loading_info=True, trust_remote_code=False
    )
    check_weights(info, name, PURPOSE, unused=("position_ids",))
    return network


def _audio_network(name: str, local: bool, config: Any) -> nn.Module:
    from transformers import AutoModelForAudioClassification

    options = {"config": config, "local_files_only": local, "output_loading_info": True, "trust_remote_code": False}
    network, info = AutoModelForAudioClassification.from_pretrained(name, **options)
    if _DENSE in info["unexpected_keys"]:
        last = "output" if "classifier.output.weight" in info["unexpected_keys"] else "out_proj"
        del options["trust_remote_code"]
        network, info = dense_class(config, last).from_pretrained(name, **options)
    check_weights(info, name, PURPOSE, unused=("masked_spec_embed",))
    return network


def dense_class(config: Any, last: str) -> Any:
    """Return the class of a network with a dense layer, tanh and a linear layer over the mean of its frames.

    Args:
        config: of a network whose trunk transformers knows.
        last: what the last layer is called in the checkpoint.
    """
    from transformers import AutoModel
    from transformers.modeling_outputs import SequenceClassifierOutput

    trunk = AutoModel._model_mapping[type(config)]
    parent = next(one for one in trunk.__mro__[1:] if one.__name__.endswith("PreTrainedModel"))
    prefix = trunk.base_model_prefix

    class DenseHeadModel(parent):  # type: ignore[valid-type, misc]
        """A trunk and a dense head."""

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            setattr(self, prefix, trunk(config))
            layers = {
                "dense": nn.Linear(config.hidden_size, config.hidden_size),
                last: nn.Linear(config.hidden_size, config.num_labels),
            }
            self.classifier = nn.ModuleDict(layers)
            self.post_init()

        def forward(self, input_values: Tensor, attention_mask: Tensor | None = None) -> Any:
            states = getattr(self, prefix)(input_values, attention_mask=attention_mask).last_hidden_state
            hidden = torch.tanh(self.classifier["dense"](states.mean(dim=1)))
            return SequenceClassifierOutput(logits=self.classifier[last](hidden))

    return DenseHeadModel
