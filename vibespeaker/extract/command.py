"""The command `extract`."""

import logging
import os
import re
from pathlib import Path
from typing import Any, Literal

import torch

from vibespeaker.cache.merge import merge_index
from vibespeaker.cache.records import CacheRecipe, EncoderRecord, declare_encoder, declare_recipe
from vibespeaker.cache.shards import storage_errors
from vibespeaker.encoders.specs import build_encoders, read_specs
from vibespeaker.errors import ConfigError
from vibespeaker.extract.claims import Claims
from vibespeaker.extract.clips import ClipReader
from vibespeaker.extract.plan import expected_bytes, make_plan
from vibespeaker.extract.work import Extraction, Feeding
from vibespeaker.manifest import Manifest

log = logging.getLogger(__name__)

COLUMNS = ("utterance_id", "audio", "audio_sha256", "duration", "text", "split")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def extract(
    manifest: Path,
    encoders: Path | None = None,
    out: Path = Path("cache"),
    dtype: Literal["bfloat16", "float16", "float32"] = "bfloat16",
    device: str = "auto",
    autocast: Literal["bfloat16", "float16"] | None = None,
    batch_seconds: float = 160.0,
    batch_clips: int = 32,
    shard_size: int = 512,
    workers: int | None = None,
) -> int:
    """Run frozen encoders over a manifest and store their frames; what is already stored is not done again.

    Several processes (shells, torchrun ranks, SLURM tasks) may run the same command on the same folder: they share the
    work, and each returns when all is done. After an interruption the same command continues.

    Args:
        manifest: table made by `vibespeaker prepare`.
        encoders: YAML file that names the encoders: name → class_path and init_args.
        out: cache folder; made when missing, added to when there.
        dtype: precision of the stored frames.
        device: where the encoders run; auto takes a GPU (that of LOCAL_RANK or SLURM_LOCALID) when there is one.
        autocast: run the encoders in this precision; recorded, since it changes the frames.
        batch_seconds: most seconds of audio in a batch, padding included.
        batch_clips: most clips in a batch.
        shard_size: most clips in one shard, the unit of resuming and of sharing work.
        workers: processes that decode ahead; by default none on the CPU, up to eight with a GPU.

    Returns:
        0 when all is stored, 1 when some clips could not be encoded (each is logged with its reason).
    """
    if encoders is None:
        raise ConfigError("extract needs the encoders to run", remedy="give --encoders FILE.yaml")
    table = Manifest.read(manifest, COLUMNS)
    target = resolve_device(device)
    if workers is None:
        workers = 0 if target.type == "cpu" else min(8, os.cpu_count() or 1)
    feeding = Feeding(target, workers, batch_seconds, batch_clips)
    with Claims(out / "extract.lock") as claims, claims.exclusive(), storage_errors(out):
        declare_recipe(out, CacheRecipe())
    failures = 0
    for name, spec in read_specs(encoders).items():
        failures += extract_encoder(table, name, spec, out, dtype, autocast, shard_size, feeding)
    return 1 if failures else 0


def extract_encoder(
    manifest: Manifest,
    name: str,
    spec: dict[str, Any],
    out: Path,
    dtype: str,
    autocast: str | None,
    shard_size: int,
    feeding: Feeding,
) -> int:
    """Store the frames of one encoder and return how many clips could not be encoded."""
    if not _NAME.fullmatch(name):
        raise ConfigError("an encoder's name must serve as a folder's", found=name, allowed="letters, digits, . _ -")
    encoder = build_encoders({name: spec})[name].to(feeding.device).eval()
    record = EncoderRecord(
        name=name,
        modality=encoder.modality,
        dim=encoder.dim,
        frames_per_second=encoder.frames_per_second,
        dtype=dtype,
        fingerprint=encoder.fingerprint(),
        spec=spec,
        autocast=autocast,
    )
    folder = out / name
    plan = make_plan(manifest, record, 0, ("train",), shard_size)
    reader = ClipReader(manifest, plan, record.modality)
    log.info("encoder %s: %d clips, about %.1f MB", name, len(plan), expected_bytes(plan, record) / 1e6)
    with Claims(folder / "extract.lock") as claims:
        with claims.exclusive(), storage_errors(folder):
            declare_encoder(folder, record)
        work = Extraction(folder, record, encoder, plan, reader, feeding, claims)
        work.run()
        with claims.exclusive():
            merge_index(folder, record.identity)
    identifiers = manifest.table.column("utterance_id")
    for number, reason in sorted(work.problems.items()):
        log.warning("encoder %s: %s: %s", name, identifiers[int(plan.rows[number])], reason)
    return len(work.problems)


def resolve_device(device: str) -> torch.device:
    """Return the device that `device` names; auto is this process's GPU, or the CPU where there is none."""
    if device != "auto":
        return torch.device(device)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    local = int(os.environ.get("LOCAL_RANK", os.environ.get("SLURM_LOCALID", "0")))
    return torch.device("cuda", local % torch.cuda.device_count())
