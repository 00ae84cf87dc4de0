"""Small, randomly initialised checkpoints of the real Hugging Face classes, for the tests of every package.

They are saved with `save_pretrained`, tokenizer and feature extractor included, and load through the same code as the
hub's. `build(kind, folder)` makes one; the fixture `tiny_checkpoint` makes each kind once a session.
"""

from pathlib import Path

import torch

LANGUAGES = ("en", "de")
#: What the small Whisper can say: letters, a blank (as byte-level tokenizers write it) and the end.
_SPOKEN = {*"abcdefghijklmnopqrstuvwxyz", "Ġ", "<|endoftext|>"}


def build(kind: str, folder: Path) -> Path:
    """Write a checkpoint of `kind`, one of `BUILDERS`, into `folder` and return it."""
    torch.manual_seed(sum(kind.encode()))
    BUILDERS[kind](folder)
    return folder


def build_whisper(folder: Path, mels: int = 80, longest: int = 20, times: bool = False, **sizes: int | float) -> None:
    """A Whisper that can generate: byte-level tokenizer, two languages, 30 s windows.

    Args:
        folder: to write.
        mels: bands of its input.
        longest: most tokens that it says.
        times: whether it has tokens of times, 0 to 30 s.
        sizes: of the network, over those below.
    """
    from transformers import GenerationConfig, WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

    tokenizer = _whisper_tokenizer(times)
    token = tokenizer.convert_tokens_to_ids
    plain = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 1, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    plain |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_target_positions": 32}
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        num_mel_bins=mels,
        **{**plain, "init_std": 0.3, **sizes},
        pad_token_id=token("<|endoftext|>"),
        bos_token_id=token("<|endoftext|>"),
        eos_token_id=token("<|endoftext|>"),
        decoder_start_token_id=token("<|startoftranscript|>"),
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        max_length=longest,
        pad_token_id=config.pad_token_id,
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
        decoder_start_token_id=config.decoder_start_token_id,
        is_multilingual=True,
        lang_to_id={f"<|{language}|>": token(f"<|{language}|>") for language in LANGUAGES},
        task_to_id={"transcribe": token("<|transcribe|>"), "translate": token("<|translate|>")},
        no_timestamps_token_id=token("<|notimestamps|>"),
        prev_sot_token_id=token("<|startofprev|>"),
        suppress_tokens=[index for symbol, index in tokenizer.get_vocab().items() if symbol not in _spoken(times)],
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=mels).save_pretrained(folder)


def _times() -> list[str]:
    return [f"<|{0.02 * step:.2f}|>" for step in range(1501)]


def _spoken(times: bool) -> set[str]:
    return {*_SPOKEN, *_times()} if times else _SPOKEN


def _whisper_tokenizer(times: bool):
    from transformers import WhisperTokenizer

    specials = ["<|startoftranscript|>", *(f"<|{language}|>" for language in LANGUAGES)]
    specials += ["<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>"]
    vocab = {**{symbol: index for index, symbol in enumerate(_byte_symbols())}, "<|endoftext|>": 256}
    tokenizer = WhisperTokenizer(vocab=vocab, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": [*specials, "<|notimestamps|>"]})
    if times:
        tokenizer.add_tokens(_times())
    return tokenizer


def _byte_symbols() -> list[str]:
    from tokenizers.pre_tokenizers import ByteLevel

    return sorted(ByteLevel.alphabet())


def build_speech(folder: Path, kind: str, norm: str) -> None:
    """A WavLM, HuBERT or wav2vec 2.0; `layer` norm as in the large models, `group` norm as in the base ones."""
    import transformers

    classes = {"wavlm": "WavLM", "hubert": "Hubert", "wav2vec2": "Wav2Vec2"}
    config = getattr(transformers, f"{classes[kind]}Config")(
        hidden_size=24,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=48,
        conv_dim=(16,) * 7,
        feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer",
        conv_bias=norm == "layer",
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
        initializer_range=0.2,
    )
    getattr(transformers, f"{classes[kind]}Model")(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(
        do_normalize=norm == "layer", return_attention_mask=norm == "layer"
    ).save_pretrained(folder)


def build_ctc(folder: Path, kind: str, norm: str) -> None:
    """A wav2vec 2.0, HuBERT or WavLM with a head of letters; a frame is 20 ms."""
    import json

    import transformers

    build_speech(folder, kind, norm)
    classes = {"wavlm": "WavLM", "hubert": "Hubert", "wav2vec2": "Wav2Vec2"}
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"abcdefghij"]
    (folder / "vocab.json").write_text(json.dumps({letter: index for index, letter in enumerate(letters)}))
    transformers.Wav2Vec2CTCTokenizer(str(folder / "vocab.json")).save_pretrained(folder)
    config = transformers.AutoConfig.from_pretrained(folder, vocab_size=len(letters), pad_token_id=0)
    model = getattr(transformers, f"{classes[kind]}ForCTC")(config)
    # untrained, all frames of a clip would have one letter
    torch.nn.init.normal_(model.lm_head.weight, std=3.0)
    model.save_pretrained(folder)


def build_roberta(folder: Path, kind: str = "Roberta") -> None:
    """A RoBERTa with a byte-level tokenizer without merges: every byte is a token; 40 tokens at most."""
    import transformers

    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocab = {symbol: index for index, symbol in enumerate([*specials, *_byte_symbols()])}
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(vocab),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=42,
        type_vocab_size=1,
        initializer_range=0.2,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)
    transformers.RobertaTokenizer(vocab=vocab, merges=[], model_max_length=40).save_pretrained(folder)


def build_xlm_roberta(folder: Path) -> None:
    """An XLM-R with a small unigram tokenizer of letters."""
    import transformers

    pieces = [*("<s>", "<pad>", "</s>", "<unk>"), "▁", *"abcdefghijklmnopqrstuvwxyzäöü", "<mask>"]
    config = transformers.XLMRobertaConfig(
        vocab_size=len(pieces),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=42,
        type_vocab_size=1,
        initializer_range=0.2,
        pad_token_id=1,
    )
    transformers.XLMRobertaModel(config).save_pretrained(folder)
    vocab = [(piece, 0.0 if piece.startswith("<") else -2.0) for piece in pieces]
    transformers.XLMRobertaTokenizer(vocab=vocab, model_max_length=40).save_pretrained(folder)


def build_bert(folder: Path) -> None:
    """A BERT with a word-piece tokenizer of letters; 40 tokens at most."""
    import transformers

    letters = "abcdefghijklmnopqrstuvwxyz.,!?'"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    config = transformers.BertConfig(
        vocab_size=len(pieces),
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=40,
        initializer_range=0.2,
        pad_token_id=0,
    )
    transformers.BertModel(config).save_pretrained(folder)
    vocab = {piece: index for index, piece in enumerate(pieces)}
    transformers.BertTokenizer(vocab=vocab, model_max_length=512).save_pretrained(folder)


#: Sizes of a small transformer, as most configs call them.
_SMALL = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}


def build_text(folder: Path, kind: str, **more: object) -> None:
    """Another network of text, with BERT's tokenizer of letters; 40 tokens at most.

    Args:
        folder: to write.
        kind: what its classes' names begin with.
        more: of its config.
    """
    import transformers

    build_bert(folder)
    size = len(transformers.AutoTokenizer.from_pretrained(folder))
    sizes = {**_SMALL, "vocab_size": size, "max_position_embeddings": 40, "pad_token_id": 0, "initializer_range": 0.2}
    config = getattr(transformers, f"{kind}Config")(**{**sizes, **more})
    getattr(transformers, f"{kind}Model")(config).save_pretrained(folder)


def build_gpt2(folder: Path) -> None:
    """A decoder-only model whose tokenizer has no padding, and makes no token of an empty text."""
    import transformers

    vocab = {symbol: index for index, symbol in enumerate([*_byte_symbols(), "<|endoftext|>"])}
    config = transformers.GPT2Config(
        vocab_size=len(vocab), n_positions=40, n_embd=24, n_layer=2, n_head=2, bos_token_id=256, eos_token_id=256
    )
    transformers.GPT2Model(config).save_pretrained(folder)
    transformers.GPT2Tokenizer(vocab=vocab, merges=[], model_max_length=40).save_pretrained(folder)


def build_wav2vec2_bert(folder: Path) -> None:
    """A wav2vec2-BERT, which reads log-mel frames of 20 ms."""
    import transformers

    config = transformers.Wav2Vec2BertConfig(**_SMALL, conv_depthwise_kernel_size=5, initializer_range=0.2)
    transformers.Wav2Vec2BertModel(config).save_pretrained(folder)
    transformers.SeamlessM4TFeatureExtractor().save_pretrained(folder)


def build_resnet(folder: Path) -> None:
    """A ResNet of two stages."""
    import transformers

    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", num_labels=3
    )
    transformers.ResNetModel(config).save_pretrained(folder)


def build_mobilenet(folder: Path) -> None:
    """A MobileNetV2 at a fifth of its widths."""
    import transformers

    config = transformers.MobileNetV2Config(depth_multiplier=0.2, finegrained_output=False)
    transformers.MobileNetV2Model(config).save_pretrained(folder)


def build_data2vec(folder: Path) -> None:
    """A data2vec encoder of audio, which reads waveforms."""
    import transformers

    config = transformers.Data2VecAudioConfig(
        **_SMALL, conv_dim=(16,) * 7, num_conv_pos_embeddings=2, conv_pos_kernel_size=3, num_conv_pos_embedding_groups=2
    )
    transformers.Data2VecAudioModel(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)


BUILDERS = {
    "whisper": build_whisper,
    "whisper-times": lambda folder: build_whisper(folder, times=True),
    "whisper-128": lambda folder: build_whisper(folder, mels=128),
    "wavlm": lambda folder: build_speech(folder, "wavlm", "layer"),
    "wavlm-base": lambda folder: build_speech(folder, "wavlm", "group"),
    "hubert": lambda folder: build_speech(folder, "hubert", "layer"),
    "wav2vec2": lambda folder: build_speech(folder, "wav2vec2", "layer"),
    "wav2vec2-base": lambda folder: build_speech(folder, "wav2vec2", "group"),
    "wav2vec2-ctc": lambda folder: build_ctc(folder, "wav2vec2", "layer"),
    "hubert-ctc": lambda folder: build_ctc(folder, "hubert", "group"),
    "roberta": build_roberta,
    "xlm-roberta": build_xlm_roberta,
    "bert": build_bert,
    "deberta": lambda folder: build_text(
        folder, "DebertaV2", relative_attention=True, position_buckets=8, pos_att_type=["p2c", "c2p"]
    ),
    "modernbert": lambda folder: build_text(folder, "ModernBert", global_attn_every_n_layers=2, local_attention=8),
    "llama": lambda folder: build_text(folder, "Llama"),
    "t5": lambda folder: build_text(folder, "T5", d_model=24, d_kv=12, d_ff=48, num_layers=1, num_heads=2),
    "gpt2": build_gpt2,
    "resnet": build_resnet,
    "mobilenet": build_mobilenet,
    "wav2vec2-bert": build_wav2vec2_bert,
    "data2vec": build_data2vec,
    "hubert-base": lambda folder: build_speech(folder, "hubert", "group"),
}
