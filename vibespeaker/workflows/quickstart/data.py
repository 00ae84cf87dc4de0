"""The steps from a corpus to a cache: generate or take, prepare, transcribe, extract; and the test split's truth."""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vibespeaker.config_files import find_config
from vibespeaker.corpora import adapter
from vibespeaker.corpora.synthetic.corpus import (
    GENERATOR_VERSION,
    MARKER,
    SIMULATED_ASR,
    TRUE_TEST_LABELS,
    generate_corpus,
)
from vibespeaker.errors import ConfigError
from vibespeaker.files import file_sha256
from vibespeaker.labels import ATTRIBUTES, MSP_LETTERS
from vibespeaker.manifest import Manifest
from vibespeaker.prepare.prepare import prepare
from vibespeaker.processes.threads import small_work
from vibespeaker.processes.workers import Workers
from vibespeaker.progress import hidden_progress
from vibespeaker.workflows.steps import Chain, Step

GENERATED_FORMAT = "msp-podcast"
#: What the embedded default is extracted with: its encoders, and other voices for the training split.
EMBEDDED, VOICES, VIEWS = "encoders/embedded", "augmentation/speed", 4
#: Other voices of each training clip here, where nobody wants to wait.
FEWER_VIEWS = 1
#: Clips in a shard: several shards for each process, also of a small corpus.
SHARD_CLIPS = 64
_LABELLED = ("test", "test1", "test2", "test3", "development", "validation")


@dataclass(frozen=True)
class Source:
    """Where the speech comes from.

    Args:
        corpus: folder of a real corpus; null generates one.
        format: its format.
        seed: of the generated corpus, or of the split of one that has none.
        speakers: named speakers of the generated corpus.
        utterances: its clips.
    """

    corpus: Path | None
    format: str
    seed: int
    speakers: int
    utterances: int


@dataclass(frozen=True)
class PreparedData:
    """What training starts from.

    Args:
        manifest: the manifest.
        truth: manifest with the labels of the scored split.
        cache: the embedding cache.
        key: of the steps that made them.
        truth_key: of the step that made the truth.
        scored: the split that is scored in the end.
        fit: the split that checkpoints are chosen on.
        has_attributes: whether arousal, valence and dominance can be learned.
        challenge: whether there is a test split to submit.
        synthetic: True when the speech is generated.
        label_set: name of the label set of the categories.
    """

    manifest: Path
    truth: Path
    cache: Path
    key: str
    truth_key: str
    scored: str
    fit: str
    has_attributes: bool
    challenge: bool
    synthetic: bool
    label_set: str


def choose_source(corpus: Path | None, format: str | None, seed: int, speakers: int, utterances: int) -> Source:
    """Check the options that name the corpus.

    Raises:
        ConfigError: only one of corpus and format is given, or the folder does not exist.
        CorpusError: there is no such format.
    """
    if (corpus is None) != (format is None):
        raise ConfigError(
            "quickstart needs both --corpus and --format, or neither for a generated corpus",
            found=f"--corpus {corpus}" if format is None else f"--format {format}",
        )
    if corpus is not None and format is not None:
        adapter(format)
        if not corpus.is_dir():
            raise ConfigError(f"corpus folder {corpus} does not exist")
    return Source(corpus, format or GENERATED_FORMAT, seed, speakers, utterances)


def prepare_data(source: Source, out: Path, chain: Chain) -> PreparedData:
    """Run the steps from the corpus to the cache."""
    folder, corpus_key = _corpus(source, out, chain)
    prepared = out / "prepared.parquet"
    manifest, truth, cache = out / "manifest.parquet", out / "truth.parquet", out / "cache"
    # a corpus with official splits keeps them; the others get splits that share no speaker
    split = "official" if source.format == GENERATED_FORMAT else "speakers"

    def prepare_it() -> None:
        prepare(source.format, folder, prepared, split=split, seed=source.seed)  # type: ignore[arg-type]

    def transcribe_it() -> None:
        read = Manifest.read(prepared)
        (with_simulated_texts(read, folder) if source.corpus is None else read).write(manifest)

    def write_truth() -> None:
        read = Manifest.read(manifest)
        (with_true_test_labels(read, folder) if source.corpus is None else read).write(truth)

    configs = (find_config(EMBEDDED), find_config(VOICES))

    inputs = {"corpus": corpus_key, "format": source.format, "split": split, "seed": source.seed}
    prepared_key = chain.run(Step("prepare", "preparing the manifest", inputs, (prepared,), prepare_it))
    title = "simulating a recogniser's transcripts" if source.corpus is None else "keeping the corpus's own texts"
    text_key = chain.run(Step("transcripts", title, {"prepared": prepared_key}, (manifest,), transcribe_it))
    inputs = {"manifest": text_key, "configs": [file_sha256(path) for path in configs], "views": FEWER_VIEWS}
    key = chain.run(
        Step("extract", "extracting embeddings", inputs, (cache,), lambda: _extract(manifest, cache, chain.workers))
    )
    title = "setting the labels for the final score aside"
    truth_key = chain.run(Step("truth", title, {"manifest": text_key}, (truth,), write_truth))
    return _prepared_data(manifest, truth, cache, key, truth_key)


def extract_embedded(manifest: Path, cache: Path, **options: Any) -> None:
    """Extract what the embedded default reads: its encoders' frames, of other voices too for the training split.

    Args:
        manifest: the utterances.
        cache: where the frames go.
        options: further or other ones of `extract`.
    """
    from vibespeaker.extract import extract  # seconds, where nothing is left to be extracted

    options = {"views": VIEWS, "augmentation": find_config(VOICES), **options}
    extract(manifest, find_config(EMBEDDED), cache, **options)


def _extract(manifest: Path, cache: Path, workers: Workers) -> None:
    """Extract in all workers at once: they share the shards, which are small enough for all to have some."""
    if workers.pool is None:
        _extract_share(manifest, cache, False)
        return
    shares = [workers.pool.submit(_extract_share, manifest, cache, number > 0) for number in range(workers.count)]
    for share in shares:
        share.result()


def _extract_share(manifest: Path, cache: Path, is_hidden: bool) -> None:
    """Extract beside others; one of them shows the progress of all."""
    with small_work(), hidden_progress() if is_hidden else nullcontext():
        extract_embedded(manifest, cache, views=FEWER_VIEWS, shard_size=SHARD_CLIPS, processes=1)


def _corpus(source: Source, out: Path, chain: Chain) -> tuple[Path, str]:
    """Return the corpus folder and a key of its content."""
    if source.corpus is not None:
        folder = Path(os.path.abspath(source.corpus))
        return folder, listing(folder)
    folder = out / "corpus"
    sizes = {"seed": source.seed, "speakers": source.speakers, "utterances": source.utterances}

    def generate() -> None:
        if (folder / MARKER).is_file():
            shutil.rmtree(folder)
        generate_corpus(folder, **sizes, workers=chain.workers)

    inputs = {**sizes, "generator": GENERATOR_VERSION}
    return folder, chain.run(Step("generate", "generating a corpus", inputs, (folder, folder / MARKER), generate))


def listing(folder: Path) -> str:
    """Return a hash of names, sizes and times of all files, which changes when the corpus does."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    facts = [(str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return hashlib.sha256(json.dumps([str(folder), facts]).encode()).hexdigest()


def with_simulated_texts(manifest: Manifest, corpus: Path) -> Manifest:
    """Replace all texts by the generated corpus's simulated recognition, test clips included: all splits are alike."""
    with open(corpus / SIMULATED_ASR, encoding="utf-8", newline="") as file:
        heard = {row["FileName"]: row["Text"] for row in csv.DictReader(file)}
    names = manifest.column("file_name")
    origin = f"asr:simulated@{file_sha256(corpus / SIMULATED_ASR)[:12]}"
    columns: dict[str, Sequence[Any]] = {"text": [heard[name] for name in names], "text_origin": [origin] * len(names)}
    return manifest.with_columns(columns, {"step": "transcribe", "model": "simulated", "all": True})


def with_true_test_labels(manifest: Manifest, corpus: Path) -> Manifest:
    """Add the hidden labels of the generated test split, for the final score and for nothing else."""
    with open(corpus / TRUE_TEST_LABELS, encoding="utf-8", newline="") as file:
        labels = {row["FileName"]: row for row in csv.DictReader(file)}
    columns: dict[str, list[Any]] = {name: manifest.column(name) for name in ("category", *ATTRIBUTES)}
    for row, name in enumerate(manifest.column("file_name")):
        if name in labels:
            columns["category"][row] = MSP_LETTERS[labels[name]["EmoClass"]]
            for attribute, column in zip(ATTRIBUTES, ("EmoAct", "EmoVal", "EmoDom"), strict=True):
                columns[attribute][row] = float(labels[name][column])
    return manifest.with_columns({**columns}, {"step": "true test labels"})


def _prepared_data(manifest: Path, truth: Path, cache: Path, key: str, truth_key: str) -> PreparedData:
    columns = ("split", "category", *ATTRIBUTES)
    read, known = Manifest.read(manifest, columns), Manifest.read(truth, columns)
    splits = known.column("split")
    labelled = {split for split, category in zip(splits, known.column("category"), strict=True) if category}
    fit = "validation" if "validation" in splits else "development"
    return PreparedData(
        manifest=manifest,
        truth=truth,
        cache=cache,
        key=key,
        truth_key=truth_key,
        scored=next(split for split in _LABELLED if split in labelled),
        fit=fit,
        has_attributes=any(value is not None for value in read.column("arousal")),
        challenge="test3" in splits,
        synthetic=read.metadata.synthetic,
        label_set=read.metadata.label_set,
    )
