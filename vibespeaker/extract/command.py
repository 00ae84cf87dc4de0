"""The command `extract`."""

import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vibespeaker.arguments.ranges import COUNT, POSITIVE, WORKERS, Range, require
from vibespeaker.audio.augmentation import Augmentation, AugmentationRecipe, read_recipe
from vibespeaker.audio.cleaning import cleaning_of
from vibespeaker.audio.recordings import COLUMNS as RECORDING_COLUMNS
from vibespeaker.cache.merge import merge_index
from vibespeaker.cache.records import CacheRecipe, EncoderRecord, declare_encoder, declare_recipe
from vibespeaker.cache.store import EmbeddingCache
from vibespeaker.cache.verify import remove_damaged, verify_encoder
from vibespeaker.config_files.imports import trust as trust_packages
from vibespeaker.encoders.reduced import reduced_specs
from vibespeaker.encoders.specs import build_encoders, check_frozen, read_specs
from vibespeaker.encoders.transfer import resolve_device
from vibespeaker.errors import CacheError, ConfigError
from vibespeaker.extract.clips import ClipReader
from vibespeaker.extract.helping import helped, processes_for
from vibespeaker.extract.loading import LoadedEncoder, load_encoders, on_device
from vibespeaker.extract.plan import Plan, augmented_rows, expected_bytes, make_plan
from vibespeaker.extract.reading import ReadingConfig
from vibespeaker.extract.room import check_room
from vibespeaker.extract.target import Target
from vibespeaker.extract.work import Extraction
from vibespeaker.files import remove_leftovers, storage_errors
from vibespeaker.files.outputs import check_folder
from vibespeaker.manifest import Manifest
from vibespeaker.manifest.texts import text_column
from vibespeaker.prepare.balance_plan import BalancePlan
from vibespeaker.processes.claims import Claims
from vibespeaker.processes.threads import is_small_work, restored_threads, take_few_threads

log = logging.getLogger(__name__)

#: What extraction reads of a manifest.
COLUMNS = ("utterance_id", *RECORDING_COLUMNS, "audio_sha256", "duration", "text", "split")
LOCK_FILE = "extract.lock"
#: Different notes on clips that are logged, the most frequent first.
_SHOWN_NOTES = 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Job:
    """Where the clips come from, where their frames go, and how they are read.

    Args:
        manifest: the utterances, with `COLUMNS`.
        out: the cache folder.
        reading: batches, workers and device.
        augmentation: draws the views; None without.
    """

    manifest: Manifest
    out: Path
    reading: ReadingConfig
    augmentation: Augmentation | None


def extract(
    manifest: Path,
    encoders: Path | None = None,
    out: Path = Path("cache"),
    views: int = 0,
    augmentation: Path | None = None,
    view_splits: tuple[str, ...] = ("train",),
    plan: Path | None = None,
    dtype: Literal["bfloat16", "float16", "float32", "int8"] = "bfloat16",
    stride: int = 1,
    statistics: list[str] | None = None,
    device: str = "auto",
    autocast: Literal["bfloat16", "float16"] | None = None,
    compile: bool = False,
    batch_seconds: float = 160.0,
    batch_clips: int = 32,
    shard_size: int = 512,
    workers: int | None = None,
    verify: bool = False,
    repair: bool = False,
    processes: int | None = None,
    trust: list[str] | None = None,
) -> int:
    """Run frozen encoders over a manifest and store their frames; what is already stored is not done again.

    Each recording is read once for all encoders.

    Several processes (shells, torchrun ranks, SLURM tasks) may run the same command on the same folder: they share the
    work, and each returns when all is done. After an interruption the same command continues.

    Args:
        manifest: table made by `vibespeaker prepare`.
        encoders: YAML file that names the encoders, name → class_path, init_args and, for text that is not the default,
            text; or a shipped one, e.g. embedded.
        out: cache folder; made when missing, added to when there.
        views: augmented views of the recordings in `view_splits`, besides the clean view.
        augmentation: YAML recipe of the views; by default noise, reverberation and gain from −5 to +5 dB.
        view_splits: splits that get augmented views.
        plan: table of `vibespeaker balance`; its utterances get the views that it lists.
        dtype: precision of the stored frames; int8 scales each frame by its largest value.
        stride: store means of so many neighbouring frames; for one encoder among several, name `Reduced` in their file.
        statistics: store one frame per clip, of `mean`, `std`, `min` or `max` of its frames; made for `MeanPooling`.
        device: where the encoders run; auto takes a GPU (that of LOCAL_RANK or SLURM_LOCALID) when there is one.
        autocast: run the networks of encoders in this precision; recorded, since it changes the frames.
        compile: let torch.compile fuse the layers of pretrained encoders; the frames stay the same up to rounding.
        batch_seconds: most seconds of audio in a batch, padding included.
        batch_clips: most clips in a batch.
        shard_size: most clips in one shard, the unit of resuming and of sharing work.
        workers: processes that decode ahead; by default none on the CPU, up to eight with a GPU.
        verify: extract nothing; check every byte that is stored, and that the manifest is complete.
        repair: with verify, remove damaged shards, so that the next extraction makes them again.
        processes: processes that share the work on this machine; by default one, or on the CPU, where the encoders are
            small and the clips are thousands, one for each core.
        trust: packages besides vibespeaker whose encoders may be run, such as your own.

    Returns:
        0 when all is stored, 1 when some clips could not be encoded or the check found damage (each is logged).

    Raises:
        CacheError: the cache was made otherwise, or cannot be written.
        ConfigError: an option is wrong.
    """
    asked = dict(locals())  # what another process is asked to do as well
    trust_packages(trust or ())
    require(COUNT, processes=processes)
    _check_options(views, batch_seconds, batch_clips, shard_size, workers, verify, repair)
    check_folder(out, inputs=[manifest, encoders, augmentation, plan], kind=CacheError)
    specs = None if encoders is None else reduced_specs(read_specs(encoders), stride, statistics or ())
    check_frozen(specs or {}, encoders)
    table = Manifest.read(manifest, _columns(specs, out if verify else None))
    augmented = augmented_rows(table, views, view_splits, None if plan is None else BalancePlan.read(plan))
    views = len(augmented)
    if verify:
        return _verify(table, out, specs, augmented, repair)
    if specs is None:
        raise ConfigError(
            "extract needs the encoders to run", remedy="give --encoders FILE.yaml, or --encoders embedded"
        )
    unusable = [name for name in specs if not _NAME.fullmatch(name)]
    if unusable:
        raise ConfigError("an encoder's name must serve as a folder's", found=unusable, allowed="letters, digits, ._-")
    recipe = None if views == 0 else AugmentationRecipe() if augmentation is None else read_recipe(augmentation)
    job = Job(
        manifest=table,
        out=out,
        reading=ReadingConfig.on(resolve_device(device), workers, batch_seconds, batch_clips),
        augmentation=None if recipe is None else Augmentation(recipe),
    )
    with Claims(out / LOCK_FILE) as claims, claims.exclusive(), storage_errors(out):
        declare_recipe(out, CacheRecipe(cleaning_of(table), None if recipe is None else recipe.identity(), views))
    loaded = load_encoders(specs, dtype, autocast, compile)
    # planned for all that take the same clips, whatever fits on the device together: processes must agree on the chunks
    plans = [make_plan(table, [one.record for one in together], augmented, shard_size) for together in loaded.values()]
    work = list(zip(plans, loaded.values(), strict=True))
    check_room(out, [(plan, one.record) for plan, ones in work for one in ones])
    encoding = [one.encoder for _, ones in work for one in ones]
    is_small = job.reading.device.type == "cpu" and is_small_work(*encoding)
    together = processes_for(max((len(plan) for plan in plans), default=0), processes, is_small)
    with helped(partial(extract, **{**asked, "processes": 1}), together - 1), restored_threads():
        if is_small:
            take_few_threads()
        failed = sum(
            extract_together(job, plan, fitting)
            for plan, ones in work
            for fitting in on_device(ones, job.reading.device)
        )
    counts = ", ".join(f"{one.record.name} {len(plan)}" for plan, ones in work for one in ones)
    log.info("wrote %s: clips by encoder: %s", out, counts)
    return 1 if failed else 0


def _columns(specs: Mapping[str, Mapping[str, Any]] | None, out: Path | None) -> list[str]:
    """Return what is read of the manifest: `COLUMNS`, and the texts of the encoders, without specs of a cache's."""
    if specs is None and out is not None:
        specs = {name: record.spec for name, record in EmbeddingCache.open(out).encoders.items()}
    return list(dict.fromkeys((*COLUMNS, *(text_column(spec.get("text")) for spec in (specs or {}).values()))))


def extract_together(job: Job, plan: Plan, encoders: Sequence[LoadedEncoder]) -> int:
    """Store the frames of encoders of audio, or of the same texts, reading each clip once for all of them.

    Args:
        job: where clips come from and frames go.
        plan: the clips.
        encoders: on the device, at least one, all of one column of the manifest.

    Returns:
        How many clips could not be encoded, summed over the encoders; each is logged with its reason.

    Raises:
        CacheError: the cache knows another encoder by one of the names, or cannot be written.
    """
    reader = ClipReader(job.manifest, plan, encoders[0].record.column, job.augmentation)
    with ExitStack() as stack:
        targets = []
        for loaded in encoders:
            folder, record = job.out / loaded.record.name, loaded.record
            size = expected_bytes(plan, record) / 1e6
            log.info("encoder %s: %d clips, about %.1f MB in all", record.name, len(plan), size)
            claims = stack.enter_context(Claims(folder / LOCK_FILE))
            remove_leftovers(folder)
            with claims.exclusive(), storage_errors(folder):
                declare_encoder(folder, record)
            targets.append(Target(folder, record, loaded.encoder, plan, claims))
        extraction = Extraction(targets, plan, reader, job.reading)
        extraction.run()
        for target in targets:
            with target.claims.exclusive():
                merge_index(target.folder, target.record.identity)
    for note, count in extraction.notes.most_common(_SHOWN_NOTES):
        log.info("%d clips: %s", count, note)
    identifiers = job.manifest.table.column("utterance_id")
    for target in targets:
        for number, reason in sorted(target.problems.items()):
            log.warning("encoder %s: %s: %s", target.record.name, identifiers[int(plan.rows[number])], reason)
    return sum(len(target.problems) for target in targets)


def _verify(
    manifest: Manifest,
    out: Path,
    specs: Mapping[str, Mapping[str, Any]] | None,
    augmented: Sequence[npt.NDArray[np.int64]],
    repair: bool,
) -> int:
    """Check what is stored of the encoders in `specs`, and that those made it; without specs, of all in the cache."""
    cache = EmbeddingCache.open(out)
    found = 0
    for name in cache.encoders if specs is None else specs:
        record, folder = cache.record(name), out / name
        if specs is not None:
            encoder = build_encoders({name: specs[name]})[name]
            declare_encoder(folder, EncoderRecord.of(encoder, name, specs[name], record.dtype, record.autocast))
        damages = verify_encoder(folder, manifest, augmented)
        for damage in damages:
            log.warning("%s: %s", damage.where, damage.reason)
        found += len(damages)
        if damages and repair:
            with Claims(folder / LOCK_FILE) as claims, claims.exclusive():
                removed = remove_damaged(folder, damages)
            log.info("%s: removed %d damaged shards; extract again, without --verify, to redo them", folder, removed)
    if found and not repair:
        log.info("remove damaged shards with --verify --repair, then extract again to make them and what is missing")
    if not found:
        log.info("%s: every shard is whole and the manifest is complete", out)
    return 1 if found else 0


def _check_options(
    views: int,
    batch_seconds: float,
    batch_clips: int,
    shard_size: int,
    workers: int | None,
    verify: bool,
    repair: bool,
) -> None:
    require(Range(0, 32_767, whole=True), views=views)
    require(COUNT, batch_clips=batch_clips, shard_size=shard_size)
    require(WORKERS, workers=workers)
    require(POSITIVE, batch_seconds=batch_seconds)
    if repair and not verify:
        raise ConfigError("--repair goes with --verify")
